//! `hecha inspect`: what a snapshot file is, and whether it is whole.
//!
//! In: a path, public keys. Out: manifest, signatures, sections and sizes as a table or as JSON.
//! Exit codes: 0 sound, 2 no snapshot, damaged, a signature that does not verify, or rows that make
//! no sense (`--deep`).

use crate::identifier::kind::IdType;
use crate::index::deep;
use crate::seal::sign::PublicKey;
use crate::snapshot::container::Section;
use crate::snapshot::manifest::{Manifest, to_hex};
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::scan_sections::SCAN_SECTIONS;
use crate::snapshot::sections::{REQUIRED_COUNT, SECTIONS, SectionId};
use crate::snapshot::signature::{Signature, SignatureFile, signature_path};
use crate::snapshot::statement::Statement;
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
    /// Verify the signatures of this key, a FILE.pub; may be given several times.
    #[arg(long, value_name = "KEY.pub")]
    pub trust: Vec<PathBuf>,
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
    let signatures = match signatures(&args, &snapshot) {
        Ok(signatures) => signatures,
        Err(fault) => {
            writeln!(io::stderr(), "hecha: {fault:#}")?;
            return Ok(2);
        }
    };
    let mut findings: Vec<String> = Vec::new();
    if args.deep {
        let deep = deep::inspect(&snapshot);
        findings.extend(deep.iter().map(ToString::to_string));
    }
    let mut out = io::stdout().lock();
    if args.json {
        let mut value = as_json(&snapshot);
        value["signatures"] = signatures.iter().map(SignatureLine::json).collect();
        if args.deep {
            value["findings"] = json!(findings);
        }
        writeln!(out, "{value:#}")?;
    } else {
        write_table(&mut out, &args.file, &snapshot)?;
        write_signatures(&mut out, &signatures)?;
        if args.deep && findings.is_empty() {
            writeln!(out, "\nall rows make sense")?;
        }
    }
    for line in signatures.iter().filter(|line| line.is_wrong()) {
        let key = &line.key;
        findings.push(format!("the signature of {key} does not verify"));
    }
    for finding in &findings {
        writeln!(io::stderr(), "hecha: {}: {finding}", args.file.display())?;
    }
    Ok(if findings.is_empty() { 0 } else { 2 })
}

/// One signature, and what the keys given say of it.
struct SignatureLine {
    role: &'static str,
    key: String,
    /// `None` where the key was not given.
    verifies: Option<bool>,
    /// Whether what is signed is this file.
    is_of_file: bool,
}

impl SignatureLine {
    fn is_wrong(&self) -> bool {
        self.verifies == Some(false) || !self.is_of_file
    }

    fn verdict(&self) -> &'static str {
        match (self.is_of_file, self.verifies) {
            (false, _) => "of another file",
            (true, Some(true)) => "verifies",
            (true, Some(false)) => "does not verify",
            (true, None) => "not verified: give its key with --trust",
        }
    }

    fn json(&self) -> Value {
        json!({
            "role": self.role,
            "key": self.key,
            "of_this_file": self.is_of_file,
            "verifies": self.verifies.map(|verifies| verifies && self.is_of_file),
        })
    }
}

fn signatures(args: &InspectArgs, snapshot: &Snapshot) -> anyhow::Result<Vec<SignatureLine>> {
    let keys: Result<Vec<PublicKey>, _> = args.trust.iter().map(|p| PublicKey::load(p)).collect();
    let keys = keys?;
    let Some(signed) = SignatureFile::read(&signature_path(&args.file))? else {
        return Ok(Vec::new());
    };
    let is_of_file = Statement::of(snapshot).as_ref() == Some(&signed.what);
    let line = |one: &Signature| SignatureLine {
        role: one.role.name(),
        key: one.key.to_string(),
        verifies: keys
            .iter()
            .find_map(|key| {
                let mut verdicts = signed.verdicts(key).into_iter();
                verdicts.find(|(role, _)| *role == one.role && key.id() == one.key)
            })
            .map(|(_, verifies)| verifies),
        is_of_file,
    };
    Ok(signed.signatures.iter().map(line).collect())
}

fn write_signatures(out: &mut dyn Write, signatures: &[SignatureLine]) -> io::Result<()> {
    if signatures.is_empty() {
        return writeln!(out, "\nsigned by nobody");
    }
    writeln!(out, "\n{:<12} {:<18} signature", "signed as", "key")?;
    for line in signatures {
        writeln!(out, "{:<12} {:<18} {}", line.role, line.key, line.verdict())?;
    }
    Ok(())
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
            format!(
                "{bytes} ({} an entry, {} of them index)",
                an_entry(bytes, manifest),
                an_entry(index_bytes(snapshot), manifest)
            ),
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
        "index_bytes_per_entry": an_entry(index_bytes(snapshot), manifest),
        "similar_names": snapshot.has_similar_names(),
        "manifest": text,
        "sections": sections,
    })
}

/// Bytes of what serves to find entries: by number, name, similar name, entry_id and text; not what
/// entries are.
fn index_bytes(snapshot: &Snapshot) -> u64 {
    let of_index = |section: &&Section| {
        let place = SECTIONS.iter().position(|kind| kind.name == section.name);
        let tables = SectionId::IdentifierLines as usize..=SectionId::EntryIdLines as usize;
        let scans = SCAN_SECTIONS.iter().any(|kind| kind.name == section.name);
        scans || place.is_some_and(|place| tables.contains(&place) || place >= REQUIRED_COUNT)
    };
    let found = snapshot.sections().iter().filter(of_index);
    found.map(|section| section.range.len() as u64).sum()
}

fn an_entry(bytes: u64, manifest: &Manifest) -> u64 {
    bytes
        .checked_div(u64::from(manifest.entries))
        .unwrap_or(bytes)
}
