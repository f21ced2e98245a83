//! `hecha inspect`: what a snapshot file is, and whether it is whole.
//!
//! In: a path. Out: manifest, sections and sizes as a table or as JSON. Exit codes: 0 sound, 2 no
//! snapshot, damaged, or rows that make no sense (`--deep`).

use crate::identifier::kind::IdType;
use crate::index::deep;
use crate::snapshot::manifest::{Manifest, to_hex};
use crate::snapshot::open::{OpenOptions, Snapshot};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Show what a snapshot file holds; every checksum is verified.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// The snapshot file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Check also that all rows make sense: order, ranges, groups, look-ups.
    #[arg(long)]
    pub deep: bool,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command; returns the exit code.
///
/// Errors: writing to standard output.
pub fn run(args: InspectArgs) -> anyhow::Result<u8> {
    let snapshot = match Snapshot::open_file(&args.file, &OpenOptions::default()) {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {}: {fault}", args.file.display())?;
            return Ok(2);
        }
    };
    let findings = if args.deep {
        deep::inspect(&snapshot)
    } else {
        Vec::new()
    };
    let mut out = io::stdout().lock();
    if args.json {
        let mut value = as_json(&snapshot);
        if args.deep {
            let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
            value["findings"] = json!(texts);
        }
        writeln!(out, "{value:#}")?;
    } else {
        write_table(&mut out, &args.file, &snapshot)?;
        if args.deep && findings.is_empty() {
            writeln!(out, "\nall rows make sense")?;
        }
    }
    for finding in &findings {
        writeln!(io::stderr(), "hecha: {}: {finding}", args.file.display())?;
    }
    Ok(if findings.is_empty() { 0 } else { 2 })
}

fn write_table(out: &mut dyn Write, file: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let manifest = snapshot.manifest();
    let bytes = snapshot.bytes().len() as u64;
    let rows = [
        ("file", file.display().to_string()),
        ("id", snapshot.id().to_string()),
        ("environment", manifest.environment.to_string()),
        ("version", manifest.version.to_string()),
        ("created", manifest.created.to_string()),
        (
            "expires",
            manifest
                .expires
                .map_or("-".to_owned(), |moment| moment.to_string()),
        ),
        ("entries", manifest.entries.to_string()),
        ("left out", manifest.quarantined.to_string()),
        (
            "bytes",
            format!("{bytes} ({} an entry)", an_entry(bytes, manifest)),
        ),
        ("key", manifest.key_id.to_string()),
        ("engine", manifest.engine_version.to_string()),
        ("name tables", manifest.fold_version.to_string()),
        ("name keys", name_keys(snapshot)),
        ("Unicode", manifest.unicode_version.to_string()),
        ("catalogue", to_hex(&manifest.catalogue_hash[..8])),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<12} {value}")?;
    }
    writeln!(out, "\n{:<28} {:>10}  as of", "list", "entries")?;
    for list in &manifest.lists {
        writeln!(out, "{:<28} {:>10}  {}", list.id, list.entries, list.as_of)?;
    }
    for id_type in IdType::ALL {
        let patterns = manifest.patterns_of(id_type);
        if !patterns.is_empty() {
            let texts: Vec<String> = patterns.iter().map(|pattern| pattern.text()).collect();
            writeln!(out, "\nmasks of {}: {}", id_type.name(), texts.join(" "))?;
        }
    }
    writeln!(
        out,
        "\n{:<24} {:>12} {:>14} {:>9}",
        "section", "items", "bytes", "an entry"
    )?;
    for section in snapshot.sections() {
        let length = section.range.len() as u64;
        let items = length / u64::from(section.item_bytes.max(1));
        let share = length as f64 / f64::from(manifest.entries.max(1));
        writeln!(
            out,
            "{:<24} {items:>12} {length:>14} {share:>9.1}",
            section.name
        )?;
    }
    Ok(())
}

/// Version of the keys of similar names, and whether this program finds names by them.
fn name_keys(snapshot: &Snapshot) -> String {
    match (
        &*snapshot.manifest().name_keys_version,
        snapshot.has_similar_names(),
    ) {
        ("", _) => "none: only equal names are found".to_owned(),
        (version, true) => version.to_owned(),
        (version, false) => format!("{version}, not of this program: only equal names are found"),
    }
}

fn as_json(snapshot: &Snapshot) -> Value {
    let manifest = snapshot.manifest();
    let text: Value = serde_json::from_slice(&manifest.to_json()).unwrap_or(Value::Null);
    let bytes = snapshot.bytes().len() as u64;
    let sections: Vec<Value> = snapshot
        .sections()
        .iter()
        .map(|section| {
            json!({
                "name": section.name,
                "version": section.version,
                "required": section.required,
                "item_bytes": section.item_bytes,
                "offset": section.range.start,
                "bytes": section.range.len(),
                "xxh3": format!("{:016x}", section.xxh3),
            })
        })
        .collect();
    json!({
        "id": snapshot.id().to_string(),
        "blake3": to_hex(snapshot.hash()),
        "bytes": bytes,
        "bytes_per_entry": an_entry(bytes, manifest),
        "similar_names": snapshot.has_similar_names(),
        "manifest": text,
        "sections": sections,
    })
}

fn an_entry(bytes: u64, manifest: &Manifest) -> u64 {
    bytes
        .checked_div(u64::from(manifest.entries))
        .unwrap_or(bytes)
}
