//! Choosing a snapshot, going back, and what is said of the one that serves.
//!
//! In: bodies, a snapshot with what the gateway knows of it. Out: what was asked for, or the first
//! fault with its field; JSON. Off the hot path.

use super::json::Node;
use super::ops::required_text;
use super::problem::Problem;
use super::request::no_unknown_field;
use crate::index::binding::Binding;
use crate::model::term::Moment;
use crate::snapshot::open::Snapshot;
use crate::snapshot::signature::OrderFile;
use crate::snapshot::trust::Signer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Body of `POST /v1/snapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotChoice {
    /// Bare name of a file inside the snapshot folder.
    pub file: String,
    /// What activators have signed, for an older version.
    pub order: Option<OrderFile>,
}

impl SnapshotChoice {
    /// From the bytes of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &["file", "order"], &"")?;
        let file = required_text(&members, "file")?;
        let is_bare = !file.contains(['/', '\\', '\0']) && file != "." && file != "..";
        if !is_bare {
            let detail = "must be the bare name of a file inside the snapshot folder";
            return Err(Problem::invalid("file", detail));
        }
        let order = parse_order(body)?;
        Ok(Self { file, order })
    }
}

/// Body of `POST /v1/snapshot/rollback`: empty, or `{"order": ...}`.
pub fn parse_rollback(body: &[u8]) -> Result<Option<OrderFile>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    no_unknown_field(&Node::parse_object(body)?, &["order"], &"")?;
    parse_order(body)
}

/// `order`: the very JSON that `hecha sign --rollback-to` wrote.
fn parse_order(body: &[u8]) -> Result<Option<OrderFile>, Problem> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        order: Option<&'a RawValue>,
    }
    let wrong = |what: String| Problem::invalid("order", format!("no rollback order: {what}"));
    let body: Body<'_> = serde_json::from_slice(body).map_err(|fault| wrong(fault.to_string()))?;
    let Some(order) = body.order.filter(|order| order.get() != "null") else {
        return Ok(None);
    };
    let read = OrderFile::from_json(order.get().as_bytes()).map_err(wrong)?;
    Ok(Some(read))
}

/// What is said of the snapshot that serves, besides its manifest.
#[derive(Debug, Clone)]
pub struct Serving<'a> {
    /// Bare name of its file; absent for one built into memory.
    pub file: Option<&'a str>,
    /// Whether a rollback or a choice keeps it against `current.json`.
    pub pinned: bool,
    /// Acts that count.
    pub overlay_sequence: u64,
    /// Entries that count today.
    pub standing_count: u64,
    /// Who has signed it, as far as the keys of this gateway say.
    pub signers: &'a [Signer],
    /// Whether these are as many as configured.
    pub is_signed: bool,
    /// Whether they are required.
    pub signatures_required: bool,
    /// The highest version ever activated here.
    pub highest_version: u64,
    /// Its lists as the catalogue sees them.
    pub binding: &'a Binding,
    /// The moment it is.
    pub now: Moment,
}

#[derive(Serialize)]
struct SnapshotText<'a> {
    id: String,
    file: Option<&'a str>,
    environment: &'a str,
    version: u64,
    highest_version: u64,
    created: String,
    expires: Option<String>,
    expired: bool,
    as_of: Option<String>,
    entries: u32,
    standing: u64,
    bytes: usize,
    key_id: String,
    signed: bool,
    signatures_required: bool,
    signers: Vec<SignerText>,
    lists: Vec<SnapshotListText<'a>>,
    overlay_sequence: u64,
    pinned: bool,
}

#[derive(Serialize)]
struct SignerText {
    role: &'static str,
    key: String,
}

#[derive(Serialize)]
struct SnapshotListText<'a> {
    id: &'a str,
    as_of: String,
    entries: u32,
    age_seconds: i64,
    fresh_until: String,
    stale: bool,
}

/// `GET /v1/snapshot`, and the answer of a swap.
pub fn snapshot(snapshot: &Snapshot, serving: &Serving<'_>) -> Vec<u8> {
    let manifest = snapshot.manifest();
    let text = |moment: Moment| moment.to_string();
    // INVARIANT: a binding has the lists of its manifest, in their order.
    let lists = manifest.lists.iter().zip(serving.binding.lists());
    let lists = lists.map(|(list, bound)| SnapshotListText {
        id: &list.id,
        as_of: text(list.as_of),
        entries: list.entries,
        age_seconds: (serving.now.0 - list.as_of.0).div_euclid(1_000_000),
        fresh_until: text(bound.fresh_until),
        stale: bound.is_stale(serving.now),
    });
    let signers = serving.signers.iter().map(|signer| SignerText {
        role: signer.role.name(),
        key: signer.key.to_string(),
    });
    let text = SnapshotText {
        id: snapshot.id().to_string(),
        file: serving.file,
        environment: &manifest.environment,
        version: manifest.version,
        highest_version: serving.highest_version,
        created: text(manifest.created),
        expires: manifest.expires.map(text),
        expired: manifest.expires.is_some_and(|end| end <= serving.now),
        as_of: manifest.as_of().map(text),
        entries: manifest.entries,
        standing: serving.standing_count,
        bytes: snapshot.bytes().len(),
        key_id: manifest.key_id.to_string(),
        signed: serving.is_signed,
        signatures_required: serving.signatures_required,
        signers: signers.collect(),
        lists: lists.collect(),
        overlay_sequence: serving.overlay_sequence,
        pinned: serving.pinned,
    };
    // INVARIANT: this shape has text keys only, so writing it cannot fail.
    serde_json::to_vec(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::sign::SigningKey;
    use crate::snapshot::rollback_order::RollbackOrder;
    use crate::snapshot::statement::Role;

    #[test]
    fn a_snapshot_is_chosen_by_its_bare_name() {
        for (name, wanted) in [
            ("a.snapshot", true),
            ("../a", false),
            ("/a", false),
            ("a/b", false),
            ("..", false),
            (" ", false),
        ] {
            let body = format!("{{\"file\":\"{name}\"}}");
            let chosen = SnapshotChoice::parse(body.as_bytes());
            assert_eq!(chosen.is_ok(), wanted, "{name}");
        }
    }

    #[test]
    fn an_order_is_taken_as_it_was_written() {
        let mut order = OrderFile::new(RollbackOrder {
            environment: "test".into(),
            from: 2,
            to: 1,
            issued: Moment(1),
            expires: Moment(2),
            reason: "a bad delivery".into(),
        });
        assert!(order.sign(&SigningKey::from_bytes(&[1; 32]), Role::Activator));
        let json = String::from_utf8(order.to_json()).unwrap();
        let body = format!("{{\"order\":{json}}}");
        assert_eq!(parse_rollback(body.as_bytes()).unwrap(), Some(order));
        for empty in ["", "{}", "{\"order\":null}"] {
            assert_eq!(parse_rollback(empty.as_bytes()).unwrap(), None);
        }
        for wrong in ["{\"order\":1}", "{\"order\":{}}", "{\"other\":1}"] {
            let problem = parse_rollback(wrong.as_bytes()).unwrap_err();
            assert_eq!(problem.status(), 422, "{wrong}");
        }
    }
}
