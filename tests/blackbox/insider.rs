//! F9: an insider who holds every key of the log rewrites it, and everybody who kept something of
//! it proves that.
//!
//! A real gateway and a real witness write the honest log; three people keep a receipt or a
//! checkpoint at different times. Each manipulation edits, drops, reorders, dates back or adds a
//! record, gives all frames their numbers and checksums, builds the tree anew with the project's
//! own code and signs it with the log's own key. Then the real commands and the witness are asked.

use crate::harness::{Server, hecha, other_number, run, ticket, ticket_of};
use crate::http::Request;
use crate::witnessed::Witnessed;
use hecha::decision_log::record::KIND_CHECK;
use hecha::decision_log::segment::{self, Header};
use hecha::decision_log::shards;
use hecha::seal::sign::SigningKey;
use hecha::storage::append;
use hecha::storage::disk::RealDisk;
use hecha::tree::levels::{Levels, hashes_in};
use hecha::tree::merkle::{Frontier, Hashes, leaf_hash};
use hecha::tree::note::Checkpoint;
use hecha::tree::submission::Submission;
use serde_json::Value;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Manipulations of one run; `HECHA_MANIPULATIONS` says another number, 500 is the whole run.
const MANIPULATIONS: u64 = 20;
/// Offset of the check_id's milliseconds in a frame's payload: it begins with them.
const MILLISECONDS_BYTES: usize = 6;

#[derive(Clone)]
struct Frame {
    kind: u8,
    synced_through: u64,
    payload: Vec<u8>,
}

/// What somebody keeps: a file, and how many records it speaks for.
struct Kept {
    file: PathBuf,
    size: u64,
}

struct Rng(u64);

impl Rng {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) % sides as u64) as usize
    }
}

fn read_frames(log: &Path) -> Vec<Frame> {
    let bytes = std::fs::read(log.join(segment::file_name(1))).unwrap();
    let mut frames = Vec::new();
    let read = append::scan(&bytes, Some(1), |frame| {
        frames.push(Frame {
            kind: frame.kind,
            synced_through: frame.synced_through,
            payload: frame.payload.to_vec(),
        });
        Ok::<(), Infallible>(())
    });
    read.unwrap();
    frames
}

/// The whole log anew, with its tree, signed. What a witness is to be sent after `seen` records.
fn rewrite(frames: &[Frame], key: &SigningKey, folder: &Path, seen: u64) -> Submission {
    let header = Header::read(&frames[0].payload).unwrap();
    let mut bytes = Vec::new();
    let (mut edge, mut index) = (Frontier::default(), 0);
    let tree = shards::tree_folder(folder, &header.month);
    std::fs::create_dir_all(&tree).unwrap();
    let mut levels = Levels::open(Arc::new(RealDisk), &tree).unwrap();
    for frame in frames {
        index += 1;
        let (from, through) = (bytes.len(), frame.synced_through.min(index - 1));
        let filled = append::encode(&mut bytes, frame.kind, index, through, |out| {
            out.extend_from_slice(&frame.payload);
        });
        filled.unwrap();
        let to = from + append::HEADER_BYTES + frame.payload.len();
        let mut new = Vec::new();
        edge.append(leaf_hash(&bytes[from..to]), |level, hash| {
            new.push((level, hash))
        });
        for (level, hash) in new {
            let first = hashes_in(level, edge.size()) - 1;
            levels.write(level, first, &[hash]).unwrap();
        }
    }
    bytes.resize(header.segment_bytes as usize, 0);
    std::fs::write(folder.join(segment::file_name(1)), bytes).unwrap();
    let checkpoint = Checkpoint {
        origin: shards::origin(&header.salt, &header.month),
        size: edge.size(),
        root: edge.root(),
    };
    let note = checkpoint.sign(key);
    let path = shards::checkpoint_path(folder, &header.month);
    std::fs::write(path, note.to_string()).unwrap();
    let read = |level, first, into: &mut [_]| levels.read(level, first, into);
    Submission {
        old: seen,
        proof: Hashes::new(&read)
            .consistency_proof(seen, edge.size())
            .unwrap(),
        note,
    }
}

/// Changes one check so that one of the first `below` frames differs; what was done, and the first
/// frame that differs.
fn manipulate(
    frames: &mut Vec<Frame>,
    kind: u64,
    below: u64,
    rng: &mut Rng,
) -> (&'static str, u64) {
    // Not the last: a copy behind it leaves all of them as they were.
    let checks: Vec<usize> = (0..below as usize - 1)
        .filter(|place| frames[*place].kind == KIND_CHECK)
        .collect();
    let place = checks[rng.roll(checks.len())];
    match kind {
        0 => {
            let bits = 8 * frames[place].payload.len();
            let bit = rng.roll(bits);
            frames[place].payload[bit / 8] ^= 1 << (bit % 8);
            ("edited", place as u64)
        }
        1 => {
            frames.remove(place);
            ("dropped", place as u64)
        }
        2 => {
            let other = checks[rng.roll(checks.len())];
            let other = if other == place { place - 1 } else { other };
            frames.swap(place, other);
            ("reordered", place.min(other) as u64)
        }
        3 => {
            let mut whole = [0; 8];
            whole[2..].copy_from_slice(&frames[place].payload[..MILLISECONDS_BYTES]);
            let earlier = u64::from_be_bytes(whole) - 3_600_000;
            let earlier = &earlier.to_be_bytes()[2..];
            frames[place].payload[..MILLISECONDS_BYTES].copy_from_slice(earlier);
            ("dated back", place as u64)
        }
        _ => {
            let copy = frames[place].clone();
            frames.insert(place, copy);
            ("added", place as u64 + 1)
        }
    }
}

/// Asks `times` questions; the check_id of the last answer.
fn ask(world: &Witnessed, server: &Server, times: usize) -> String {
    let mut last = String::new();
    for n in 0..times {
        let question = match n % 3 {
            0 => ticket(),
            _ => ticket_of("王五", &other_number()),
        };
        last = server.ask(&world.installation.token, &question).check_id();
    }
    last
}

/// What the operators' listener gives, kept in a file.
fn keep(world: &Witnessed, server: &Server, path: &str, name: &str) -> PathBuf {
    world.wait_until_cosigned(server);
    let answer = Request::get(path)
        .token(&world.installation.token)
        .send(server.ops);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let file = world.installation.path(name);
    std::fs::write(&file, &answer.body).unwrap();
    file
}

fn size_of(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let note = match text.starts_with('{') {
        true => {
            let receipt: Value = serde_json::from_str(&text).unwrap();
            receipt["checkpoint"].as_str().unwrap().to_owned()
        }
        false => text,
    };
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// Exit code and findings of `hecha log verify` with everything that was kept.
fn verify(world: &Witnessed, log: &Path, kept: &[Kept]) -> (i32, Vec<String>) {
    let mut command = hecha();
    command.args(["log", "verify", "--json"]).arg(log);
    command
        .arg("--log-key")
        .arg(world.installation.path("log-sign.key.pub"));
    for one in kept {
        command.arg("--checkpoint").arg(&one.file);
    }
    let (code, output) = run(&mut command);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = found["findings"].as_array().unwrap().iter();
    let files = files.map(|one| one["file"].as_str().unwrap().to_owned());
    (code, files.collect())
}

/// Exit code of `hecha log proof`, and where it wrote one, whether it verifies.
fn proves(world: &Witnessed, log: &Path, kept: &Kept) -> (i32, bool) {
    let proof = world.installation.path("proof");
    let _ = std::fs::remove_file(&proof);
    let mut command = hecha();
    command.args(["log", "proof"]).arg(log);
    command
        .arg("--from")
        .arg(&kept.file)
        .arg("--out")
        .arg(&proof);
    let (made, _) = run(&mut command);
    let mut command = hecha();
    command.args(["log", "verify-proof"]).arg(&proof);
    command.arg("--checkpoint").arg(&kept.file);
    command
        .arg("--log-key")
        .arg(world.installation.path("log-sign.key.pub"));
    (made, made == 0 && run(&mut command).0 == 0)
}

#[test]
fn whoever_kept_a_receipt_or_a_checkpoint_and_the_witness_prove_every_manipulation() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    let mut kept = Vec::new();
    for name in ["first receipt", "second receipt", "checkpoint"] {
        let check_id = ask(&world, &server, 25);
        world.wait_until_cosigned(&server);
        let path = match name {
            "checkpoint" => "/v1/log/checkpoint".to_owned(),
            _ => format!("/v1/log/receipt/{check_id}"),
        };
        let file = keep(&world, &server, &path, name);
        let size = size_of(&file);
        kept.push(Kept { file, size });
    }
    ask(&world, &server, 25);
    world.wait_until_cosigned(&server);
    assert!(server.stop().success());
    let seen = world.cosigned().unwrap();
    let key = SigningKey::load(&world.installation.path("log-sign.key")).unwrap();
    let honest = read_frames(&world.log());
    let forged = world.installation.path("forged");

    // Written anew as it was, it is the same log to everybody.
    let submission = rewrite(&honest, &key, &forged, seen.size);
    assert_eq!(verify(&world, &forged, &kept), (0, Vec::new()));
    for one in &kept {
        assert_eq!(proves(&world, &forged, one), (0, true), "{:?}", one.file);
    }
    assert_eq!(world.witness.send(&submission).status, 200);
    let seen = submission.note.checkpoint(&[key.public()]).unwrap();

    let manipulations = std::env::var("HECHA_MANIPULATIONS").ok();
    let manipulations = manipulations.map_or(MANIPULATIONS, |text| text.parse().unwrap());
    let mut rng = Rng(11);
    let (mut by_keepers, mut by_witness, mut silent) = (0, 0, 0);
    for manipulation in 0..manipulations {
        let mut frames = honest.clone();
        // Somebody who kept something covers each record up to here.
        let below = kept.last().unwrap().size;
        let (what, first) = manipulate(&mut frames, manipulation % 5, below, &mut rng);
        std::fs::remove_dir_all(&forged).unwrap();
        let submission = rewrite(&frames, &key, &forged, seen.size);
        let told = format!("{manipulation}: {what} at {first}");
        let (code, files) = verify(&world, &forged, &kept);
        let is_kept = |file: &String| kept.iter().any(|one| one.file.ends_with(file));
        silent += u64::from(files.iter().all(is_kept));
        assert_eq!(code, 1, "{told}");
        for one in &kept {
            let is_covered = first < one.size;
            let name = one.file.display().to_string();
            assert_eq!(files.contains(&name), is_covered, "{told}: {name}");
        }
        let one = &kept[rng.roll(kept.len())];
        let expected = match first < one.size {
            true => (1, false),
            false => (0, true),
        };
        assert_eq!(proves(&world, &forged, one), expected, "{told}");
        by_keepers += u64::from(kept.iter().any(|one| first < one.size));
        let refused = world.witness.send(&submission).status;
        assert!((400..500).contains(&refused), "{told}: {refused}");
        by_witness += 1;
    }
    let remembered = world.witness.get("/logs").text();
    assert_eq!(remembered, format!("{} {}\n", seen.size, seen.origin));
    assert_eq!((by_keepers, by_witness), (manipulations, manipulations));
    println!(
        "{manipulations} manipulations, signed with the log's own key: {by_keepers} proved by \
         whoever kept a receipt or checkpoint, {by_witness} by the witness; {silent} look whole to \
         whoever kept nothing"
    );
}
