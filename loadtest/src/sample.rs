//! Subjects of a list file, evenly from all of it, without reading all of it.
//!
//! In: a list file as `gen` writes it, how many lines to look at, the day. Out: those who are
//! listed there and count today, each line at most once.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes read at a place; lines of `gen` with three holders have some 900.
const CHUNK_BYTES: usize = 8 << 10;

/// A subject of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As listed.
    pub name: String,
    /// Or else an organisation.
    pub is_person: bool,
    /// Full number of a person whose entry of court-defaulter blocks.
    pub number: Option<String>,
}

/// Looks at `places` places of the list at equal distances and returns who stands there.
pub fn listed(list: &Path, places: u64, today: &str) -> Result<Vec<Listed>> {
    let named = || list.display().to_string();
    let file = File::open(list).with_context(named)?;
    let bytes = file.metadata().with_context(named)?.len();
    let mut found = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    // Where the last line that was looked at begins, and the next may begin.
    let mut last = None;
    for place in 0..places {
        let offset = u64::try_from(u128::from(bytes) * u128::from(place) / u128::from(places))?;
        let read = fill(&file, &mut chunk, offset).with_context(named)?;
        let Some((start, line)) = first_line(&chunk[..read], offset) else {
            continue;
        };
        if last.replace(start) == Some(start) {
            continue;
        }
        let record: Value = serde_json::from_slice(line)
            .with_context(|| format!("{}: at byte {start}", named()))?;
        found.extend(subject(&record, today));
    }
    Ok(found)
}

fn fill(file: &File, chunk: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read_at(&mut chunk[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The first whole line that begins in a chunk, and where it begins in the file.
fn first_line(chunk: &[u8], offset: u64) -> Option<(u64, &[u8])> {
    let end_of_line = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n');
    let start = match offset {
        0 => 0,
        _ => end_of_line(chunk)? + 1,
    };
    let end = start + end_of_line(&chunk[start..])?;
    Some((offset + start as u64, &chunk[start..end]))
}

/// The subject of a record that counts on `today` and may be shown to everybody.
fn subject(record: &Value, today: &str) -> Option<Listed> {
    let subject = record.get("subject")?;
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let counts = text(record, "disclosure")? == "public"
        && text(record, "status").is_none_or(|status| status == "in_force")
        && text(record, "in_force_from")?.as_str() <= today
        && text(record, "in_force_until").is_none_or(|until| until.as_str() > today);
    let is_person = text(subject, "kind")? == "person";
    let full = subject.get("ids")?.as_array()?.iter().find_map(|id| {
        let number = text(id, "number")?;
        (text(id, "type")? == "citizen_id" && !number.contains('*')).then_some(number)
    });
    let blocks = text(record, "list")? == "court-defaulter";
    counts.then(|| Listed {
        name: text(subject, "name").unwrap_or_default(),
        is_person,
        number: full.filter(|_| blocks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Shape, block};
    use crate::names::Names;

    #[test]
    fn subjects_come_from_the_whole_list_each_line_once() {
        let text = block(&Shape::of_tests(1), &Names::new(), 0, 5_000);
        let path = std::env::temp_dir().join(format!("loadtest-sample-{}", std::process::id()));
        std::fs::write(&path, &text).unwrap();
        let found = listed(&path, 1_000, "2026-07-01").unwrap();
        assert!((500..=1_000).contains(&found.len()), "{}", found.len());
        let last = text.find(&found[found.len() - 1].name).unwrap();
        assert!(last > text.len() / 2, "also of the end");
        let full: Vec<&Listed> = found.iter().filter(|one| one.number.is_some()).collect();
        assert!(full.len() > 50 && full.iter().all(|one| one.is_person));
        // More places than lines.
        let all = listed(&path, 50_000, "2026-07-01").unwrap();
        assert!((2_000..3_500).contains(&all.len()), "{}", all.len());
        assert!(listed(&path, 1_000, "2010-01-01").unwrap().is_empty());
        std::fs::write(&path, "{\n").unwrap();
        assert!(listed(&path, 10, "2026-07-01").is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
