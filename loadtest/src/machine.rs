//! Where and when a figure was measured: the head of every record.
//!
//! In: this machine, its clock, the source tree the run stands in. Out: JSON.

use anyhow::{Context, Result};
use hecha::model::term::{Day, Moment};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub fn now() -> Result<Moment> {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    Ok(Moment(i64::try_from(micros)?))
}

/// The day it is in Shanghai.
pub fn today() -> Result<Day> {
    Ok(now()?.day())
}

/// What was asked of which snapshot, by which commit, on which machine, when.
pub fn head(mix: &Path, snapshot: Option<Snapshot>) -> Result<Value> {
    let snapshot = snapshot.map(
        |Snapshot { id, entries, bytes }| json!({"id": id, "entries": entries, "bytes": bytes}),
    );
    Ok(json!({
        "machine": machine(),
        "date": now()?.to_string(),
        "commit": commit(),
        "mix": mix.file_name().map(|name| name.to_string_lossy()),
        "snapshot": snapshot,
    }))
}

/// Writes a record, the folder too where it is missing.
pub fn keep(path: &Path, record: &Value) -> Result<()> {
    let named = || path.display().to_string();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(named)?;
    }
    fs::write(path, format!("{record:#}\n")).with_context(named)
}

/// What a snapshot is.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// As answers name it.
    pub id: String,
    /// Entries in it.
    pub entries: u64,
    /// Bytes of its file.
    pub bytes: u64,
}

/// What `hecha inspect` says of a file.
pub fn inspect(program: &Path, file: &Path) -> Result<Snapshot> {
    let output = Command::new(program)
        .args(["inspect", "--json"])
        .arg(file)
        .output()
        .with_context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let shown: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{}: not inspected: {}", file.display(), text.trim()))?;
    let read = || {
        Some(Snapshot {
            id: shown["id"].as_str()?.to_owned(),
            entries: shown["manifest"]["entries"].as_u64()?,
            bytes: shown["bytes"].as_u64()?,
        })
    };
    read().with_context(|| format!("{}: inspected, but not as known", file.display()))
}

/// The same of the snapshot that `current.json` of a folder names.
pub fn inspect_current(program: &Path, snapshot_dir: &Path) -> Result<Snapshot> {
    let path = snapshot_dir.join("current.json");
    let named = || path.display().to_string();
    let pointer: Value = serde_json::from_slice(&fs::read(&path).with_context(named)?)?;
    let file = pointer["file"].as_str().with_context(named)?;
    inspect(program, &snapshot_dir.join(file))
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let memory = read("/proc/meminfo");
    json!({
        "processor": field(&info, "model name"),
        "cores": std::thread::available_parallelism().map(usize::from).unwrap_or(0),
        "memory": field(&memory, "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

/// Of the tree in whose folder the run stands, `-dirty` where files of it were changed.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The first value of `name: value` lines.
pub fn field(text: &str, name: &str) -> Option<String> {
    let of_line = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_where_and_when() {
        let head = head(Path::new("a/mix.ndjson"), None).unwrap();
        assert!(head["machine"]["cores"].as_u64() > Some(0));
        assert!(head["date"].as_str().unwrap().ends_with("+08:00"));
        assert_eq!(
            (&head["snapshot"], &head["mix"]),
            (&Value::Null, &json!("mix.ndjson"))
        );
        assert_eq!(
            field("a\t: x\nb: y z\n", "b").as_deref(),
            Some("y z"),
            "the value is all that follows"
        );
        assert_eq!(field("ab: x", "a"), None);
    }
}
