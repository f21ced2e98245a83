//! Acts that need two persons: what one has asked for waits here until another agrees.
//!
//! In: an act as it was sent, byte by byte; who sent it. Out: the act to be done, once, as soon as
//! another unit, and where operators are named another one, agrees to these very bytes. Kept in a
//! file, sealed, because a reason is free text; replaced as a whole, so that a restart changes
//! nothing. An approval is spent before the act is done: a cut in between loses the act, it never
//! does it twice. What takes an entry out because somebody objects is no such act: it never waits.

use crate::model::term::Moment;
use crate::seal::aead::SealKey;
use crate::seal::derive::derive;
use crate::seal::entropy::Entropy;
use crate::seal::keys::MasterKey;
use crate::storage::disk::{self, Storage};
use crate::storage::replace;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where they are kept, in the state folder.
pub const APPROVALS_FILE: &str = "approvals.sealed";
/// Acts that may need two persons.
pub const ACTS: [&str; 6] = [
    "withdraw",
    "repair",
    "hold_outcome",
    "snapshot",
    "rollback",
    "release",
];
/// Acts that wait at most.
pub const WAITING_MAX: usize = 1_000;
/// How long what was decided or has expired is still known, in hours.
const KNOWN_HOURS: i64 = 7 * 24;

const MAGIC: &[u8; 8] = b"HAPPROV1";

/// Which acts need two persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalOptions {
    /// Of `ACTS`. Default none.
    pub acts: Vec<&'static str>,
    /// Hours that an act waits. Default 24; 1 to 720.
    pub hours: u64,
}

/// Somebody who sends an act or agrees to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The unit.
    pub unit: String,
    /// Who there.
    pub operator: Option<String>,
}

impl Person {
    /// Whether the two are one and the same as far as is known: the same unit, the same operator,
    /// or one that does not say who he is beside one that does.
    fn may_be(&self, other: &Self) -> bool {
        let same_operator = match (&self.operator, &other.operator) {
            (None, None) => false,
            (Some(one), Some(two)) => folded(one) == folded(two),
            _ => true,
        };
        self.unit == other.unit || same_operator
    }
}

fn folded(name: &str) -> String {
    crate::name::fold::fold(name)
}

/// An act that waits, or has found its second person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number.
    pub id: String,
    /// Which act.
    pub act: String,
    /// The path it was sent to.
    pub path: String,
    /// The entry or unit that the path names.
    pub target: String,
    /// The body as it was sent.
    pub body: String,
    /// Hex digits of its SHA-256.
    pub sha256: String,
    /// Who sent it.
    pub by: Person,
    proposed_us: i64,
    expires_us: i64,
    /// Who agreed.
    pub approved_by: Option<Person>,
}

impl Proposal {
    /// When it was sent.
    pub fn proposed(&self) -> Moment {
        Moment(self.proposed_us)
    }

    /// Until when it waits.
    pub fn expires(&self) -> Moment {
        Moment(self.expires_us)
    }

    /// How far it is.
    pub fn state(&self, now: Moment) -> &'static str {
        match &self.approved_by {
            Some(_) => "approved",
            None if self.expires() <= now => "expired",
            None => "waiting",
        }
    }
}

/// What is sent to be done.
pub struct Sent<'a> {
    /// Which act.
    pub act: &'static str,
    /// The path.
    pub path: &'a str,
    /// The entry or unit that the path names.
    pub target: &'a str,
    /// The body.
    pub body: &'a str,
    /// Who sends it.
    pub by: Person,
}

/// Why there is no approval.
#[derive(Debug, thiserror::Error)]
pub enum NotApproved {
    /// No such number.
    #[error("there is no such approval")]
    Unknown,
    /// It was given.
    #[error("it was approved already; an act is done once")]
    Spent,
    /// Too late.
    #[error("it has expired; send the act again")]
    Expired,
    /// Of other bytes.
    #[error("the hash is not that of the request as it was sent; nothing was approved")]
    OtherBytes,
    /// By the first person.
    #[error(
        "another person must agree: another unit, and where one names an operator, another one"
    )]
    SamePerson,
    /// Too many wait.
    #[error("{WAITING_MAX} acts wait for a second person; approve some, or let them expire")]
    TooMany,
    /// Not durable.
    #[error("approvals cannot be kept ({0}); nothing was done")]
    Io(#[from] io::Error),
}

/// All that wait.
pub struct Approvals {
    options: ApprovalOptions,
    storage: Arc<dyn Storage>,
    path: PathBuf,
    key: SealKey,
    entropy: Arc<dyn Entropy>,
    known: Mutex<Vec<Proposal>>,
}

impl Approvals {
    /// Reads what waited before. `master` is that of the log.
    ///
    /// Errors: the file cannot be read, or was sealed with another key.
    pub fn open(
        options: ApprovalOptions,
        storage: Arc<dyn Storage>,
        path: &Path,
        master: &MasterKey,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Self> {
        let key = SealKey::new(&derive(master, b"approvals", "approvals of acts"));
        let known = match storage.open_to_read(path) {
            Ok(file) => unsealed(&key, &disk::read_all(&*file)?)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            options,
            storage,
            path: path.to_owned(),
            key,
            entropy,
            known: Mutex::new(known),
        })
    }

    /// Whether an act needs two persons.
    pub fn needs(&self, act: &str) -> bool {
        self.options.acts.contains(&act)
    }

    /// Lets an act wait. The same act of the same person that waits already stays the one it is.
    pub fn propose(&self, sent: &Sent<'_>, now: Moment) -> Result<Proposal, NotApproved> {
        let mut known = self.lock();
        let sha256 = sha256(sent.body.as_bytes());
        let same = known.iter().find(|one| {
            let is_same = one.by == sent.by && one.path == sent.path && one.sha256 == sha256;
            is_same && one.state(now) == "waiting"
        });
        if let Some(same) = same {
            return Ok(same.clone());
        }
        let waiting = known.iter().filter(|one| one.state(now) == "waiting");
        if waiting.count() >= WAITING_MAX {
            return Err(NotApproved::TooMany);
        }
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let hours = i64::try_from(self.options.hours).unwrap_or(i64::MAX);
        let proposal = Proposal {
            id: hex(&random),
            act: sent.act.to_owned(),
            path: sent.path.to_owned(),
            target: sent.target.to_owned(),
            body: sent.body.to_owned(),
            sha256,
            by: sent.by.clone(),
            proposed_us: now.0,
            expires_us: now.plus_hours(hours).0,
            approved_by: None,
        };
        let mut next = known.clone();
        next.retain(|one| one.expires().plus_hours(KNOWN_HOURS) > now);
        next.push(proposal.clone());
        self.keep(&next)?;
        *known = next;
        Ok(proposal)
    }

    /// The second person agrees: the act to be done now, and never again.
    pub fn approve(
        &self,
        id: &str,
        by: &Person,
        sha256: &str,
        now: Moment,
    ) -> Result<Proposal, NotApproved> {
        let mut known = self.lock();
        let mut next = known.clone();
        let found = next.iter_mut().find(|one| one.id == id);
        let found = found.ok_or(NotApproved::Unknown)?;
        match found.state(now) {
            "approved" => return Err(NotApproved::Spent),
            "expired" => return Err(NotApproved::Expired),
            _ => (),
        }
        if found.by.may_be(by) {
            return Err(NotApproved::SamePerson);
        }
        if !found.sha256.eq_ignore_ascii_case(sha256) {
            return Err(NotApproved::OtherBytes);
        }
        found.approved_by = Some(by.clone());
        let approved = found.clone();
        self.keep(&next)?;
        *known = next;
        Ok(approved)
    }

    /// One of them.
    pub fn find(&self, id: &str) -> Option<Proposal> {
        self.lock().iter().find(|one| one.id == id).cloned()
    }

    /// All that are known, the latest last.
    pub fn all(&self) -> Vec<Proposal> {
        self.lock().clone()
    }

    fn keep(&self, known: &[Proposal]) -> io::Result<()> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(known)?);
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let mut bytes = Vec::with_capacity(plain.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&random);
        self.key.seal(&random, MAGIC, &plain, &mut bytes);
        replace::write(&*self.storage, &self.path, &bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Proposal>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsealed(key: &SealKey, bytes: &[u8]) -> io::Result<Vec<Proposal>> {
    let foreign = || {
        let what = "no file of approvals, changed, or sealed with another log key";
        io::Error::new(io::ErrorKind::InvalidData, what)
    };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
    let (random, sealed) = rest.split_first_chunk::<16>().ok_or_else(foreign)?;
    let plain = key.open(random, MAGIC, sealed).map_err(|_| foreign())?;
    Ok(serde_json::from_slice(&zeroize::Zeroizing::new(plain))?)
}

/// Hex digits of the SHA-256 of a body.
pub fn sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::entropy::SeededEntropy;
    use crate::storage::disk::RealDisk;

    fn noon() -> Moment {
        Moment::parse("2026-11-28T12:00:00+08:00").unwrap()
    }

    fn open(folder: &Path) -> Approvals {
        let options = ApprovalOptions {
            acts: vec!["withdraw"],
            hours: 24,
        };
        Approvals::open(
            options,
            Arc::new(RealDisk),
            &folder.join(APPROVALS_FILE),
            &MasterKey::from_bytes([7; 32]),
            Arc::new(SeededEntropy::new(1)),
        )
        .unwrap()
    }

    fn person(unit: &str, operator: Option<&str>) -> Person {
        Person {
            unit: unit.into(),
            operator: operator.map(Into::into),
        }
    }

    const BODY: &str = "{\"reason\":\"990102198003071239\",\"reference\":\"r\"}";

    fn propose(approvals: &Approvals, by: Person) -> Proposal {
        let sent = Sent {
            act: "withdraw",
            path: "/v1/entries/e-1/withdraw",
            target: "e-1",
            body: BODY,
            by,
        };
        approvals
            .propose(&sent, noon())
            .unwrap_or_else(|_| panic!())
    }

    #[track_caller]
    fn refuses(approved: Result<Proposal, NotApproved>, wanted: &str) {
        match approved {
            Ok(_) => panic!("approved"),
            Err(error) => assert!(error.to_string().contains(wanted), "{error}"),
        }
    }

    #[test]
    fn another_person_approves_these_bytes_once() {
        let dir = tempfile::tempdir().unwrap();
        let approvals = open(dir.path());
        let one = propose(&approvals, person("a", Some("Li")));
        assert_eq!(
            propose(&approvals, person("a", Some("Li"))).id,
            one.id,
            "the same act"
        );
        let (other, hash) = (person("b", Some("Wang")), sha256(BODY.as_bytes()));
        refuses(approvals.approve("x", &other, &hash, noon()), "no such");
        let same_unit = person("a", Some("Wang"));
        refuses(
            approvals.approve(&one.id, &same_unit, &hash, noon()),
            "another person",
        );
        let same_operator = person("b", Some(" LI"));
        refuses(
            approvals.approve(&one.id, &same_operator, &hash, noon()),
            "another person",
        );
        let unnamed = person("b", None);
        refuses(
            approvals.approve(&one.id, &unnamed, &hash, noon()),
            "another person",
        );
        let others = sha256(b"{}");
        refuses(
            approvals.approve(&one.id, &other, &others, noon()),
            "not that of",
        );
        let late = noon().plus_hours(24);
        refuses(approvals.approve(&one.id, &other, &hash, late), "expired");
        let approved = approvals.approve(&one.id, &other, &hash, noon());
        assert!(approved.is_ok_and(|one| one.body == BODY));
        refuses(approvals.approve(&one.id, &other, &hash, noon()), "already");
    }

    #[test]
    fn a_restart_changes_nothing_and_the_file_shows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let one = propose(&open(dir.path()), person("a", None));
        let bytes = std::fs::read(dir.path().join(APPROVALS_FILE)).unwrap();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(!shown.contains("9901") && !shown.contains("e-1"));
        let approvals = open(dir.path());
        let (other, hash) = (person("b", None), sha256(BODY.as_bytes()));
        refuses(
            approvals.approve(&one.id, &person("a", None), &hash, noon()),
            "another person",
        );
        assert!(approvals.approve(&one.id, &other, &hash, noon()).is_ok());
        refuses(
            open(dir.path()).approve(&one.id, &other, &hash, noon()),
            "already",
        );
    }

    #[test]
    fn a_file_of_another_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        propose(&open(dir.path()), person("a", None));
        let path = dir.path().join(APPROVALS_FILE);
        let opened = Approvals::open(
            ApprovalOptions {
                acts: Vec::new(),
                hours: 1,
            },
            Arc::new(RealDisk),
            &path,
            &MasterKey::from_bytes([8; 32]),
            Arc::new(SeededEntropy::new(1)),
        );
        assert!(opened.is_err());
    }
}
