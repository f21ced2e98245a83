//! What differs between two snapshot files, for commands that print it.
//!
//! In: two opened snapshots, the law, a moment. Out: figures, people newly and no longer
//! restricted, limits exceeded; as a table for people or as JSON. Never a name or number of
//! anybody: lists, authorities, counts, and entry_ids where they are asked for.

use crate::catalogue::measure::Catalogue;
use crate::changes::compare::{self, Changes, Compared, Comparison, Tally};
use crate::changes::facts::{self, Entry};
use crate::changes::gates::{self, Evidence, Exceeded, Limits};
use crate::changes::subjects::{self, Side, SubjectCounts};
use crate::model::entry::EntryIndex;
use crate::model::term::Moment;
use crate::snapshot::open::{OpenOptions, Snapshot};
use crate::snapshot::tables::OpenError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Authorities in the table: those with the most changes.
const AUTHORITIES_SHOWN_MAX: usize = 20;

/// All that is said of two snapshots.
pub struct Differences<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    /// Places of what differs.
    pub changes: Changes,
    /// Figures of it.
    pub comparison: Comparison,
    /// What differs, by authority.
    pub authorities: BTreeMap<Box<str>, Tally>,
    /// `None` where names were folded by other tables, or a list is not in the catalogue.
    pub subjects: Option<SubjectCounts>,
    /// Limits that the new one exceeds.
    pub exceeded: Vec<Exceeded>,
}

/// Opens a snapshot file whatever tables its names were folded by.
///
/// Errors: as `Snapshot::open_file`.
pub fn open(path: &Path) -> Result<Snapshot, OpenError> {
    match Snapshot::open_file(path, &OpenOptions::default()) {
        Err(OpenError::Fold { found, .. }) => {
            let options = OpenOptions {
                fold_version: found,
                ..OpenOptions::default()
            };
            Snapshot::open_file(path, &options)
        }
        opened => opened,
    }
}

impl<'a> Differences<'a> {
    /// Compares two snapshots as of `now`.
    pub fn find(
        old: &'a Snapshot,
        new: &'a Snapshot,
        catalogue: &Catalogue,
        limits: &Limits,
        now: Moment,
    ) -> Self {
        let changes = compare::changes(old, new);
        let comparison = compare::tally(old, new, &changes);
        let evidence = Evidence {
            previous: old.manifest(),
            next: new.manifest(),
            comparison: &comparison,
            canaries: &[],
            replay: None,
            now,
        };
        Self {
            exceeded: gates::judge(evidence, limits),
            subjects: count_subjects(old, new, &changes, catalogue, now),
            old,
            new,
            authorities: compare::by_authority(old, new, &changes),
            changes,
            comparison,
        }
    }

    /// The table for people.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.first_column();
        writeln!(
            out,
            "old  version {:<6} {}  created {}\nnew  version {:<6} {}  created {}",
            self.old.manifest().version,
            self.old.id(),
            self.old.manifest().created,
            self.new.manifest().version,
            self.new.id(),
            self.new.manifest().created,
        )?;
        if self.comparison.compared == Compared::Facts {
            writeln!(
                out,
                "built under different master keys: compared by what both files show; \
                 a change of a number's hidden digits is not seen"
            )?;
        }
        write_head(out, "list", width)?;
        for (list, tally) in &self.comparison.lists {
            write_row(out, list, tally, width)?;
        }
        write_row(out, "all lists", &self.comparison.total, width)?;
        let (shown, hidden) = self.busiest_authorities();
        if !shown.is_empty() {
            write_head(out, "authority", width)?;
            for (authority, tally) in shown {
                write_row(out, authority, tally, width)?;
            }
            if hidden > 0 {
                writeln!(
                    out,
                    "{hidden} more authorities with changes; --json has all"
                )?;
            }
        }
        match self.subjects {
            Some(SubjectCounts { newly, no_longer }) => writeln!(
                out,
                "\npeople and organisations: {newly} newly restricted, {no_longer} no longer"
            )?,
            None => writeln!(
                out,
                "\npeople and organisations: not counted, because the two files do not fold names \
                 alike or the catalogue lacks a list"
            )?,
        }
        for exceeded in &self.exceeded {
            writeln!(out, "outside the limits: {exceeded}")?;
        }
        Ok(())
    }

    /// Changed entries by entry_id: what happened, and on which list.
    pub fn entries(&self) -> BTreeMap<String, (&'static str, &str)> {
        let id = |snapshot: &'a Snapshot, entry: EntryIndex| snapshot.entry_id(entry).to_string();
        let list = |snapshot: &'a Snapshot, index| facts::list_of(Entry { snapshot, index });
        let mut entries = BTreeMap::new();
        for entry in &self.changes.added {
            entries.insert(id(self.new, *entry), ("added", list(self.new, *entry)));
        }
        for (_, entry) in &self.changes.changed {
            entries.insert(id(self.new, *entry), ("changed", list(self.new, *entry)));
        }
        for entry in &self.changes.removed {
            entries.insert(id(self.old, *entry), ("removed", list(self.old, *entry)));
        }
        entries
    }

    /// All of it but the entries.
    pub fn as_json(&self) -> Value {
        let with_moments = |list: &str, tally: &Tally| {
            let mut row = tally_json("list", list, tally);
            row["as_of_before"] = as_of(self.old, list);
            row["as_of_after"] = as_of(self.new, list);
            row
        };
        let lists: Vec<Value> = self
            .comparison
            .lists
            .iter()
            .map(|(list, tally)| with_moments(list, tally))
            .collect();
        let authorities = self.authorities.iter();
        let authorities: Vec<Value> = authorities
            .map(|(authority, tally)| tally_json("authority", authority, tally))
            .collect();
        json!({
            "old": about(self.old),
            "new": about(self.new),
            "compared": self.comparison.compared.name(),
            "total": tally_json("of", "all", &self.comparison.total),
            "subjects": self.subjects.map(|counts| json!({
                "newly_restricted": counts.newly,
                "no_longer_restricted": counts.no_longer,
            })),
            "lists": lists,
            "authorities": authorities,
            "exceeded": exceeded_json(&self.exceeded),
        })
    }

    fn first_column(&self) -> usize {
        let names = self
            .comparison
            .lists
            .keys()
            .map(|list| list.chars().count());
        names.max().unwrap_or(0).max("all lists".len())
    }

    fn busiest_authorities(&self) -> (Vec<(&str, &Tally)>, usize) {
        let moved = |tally: &Tally| tally.added + tally.changed + tally.removed;
        let all = self.authorities.iter();
        let mut busy: Vec<(&str, &Tally)> = all
            .map(|(authority, tally)| (&**authority, tally))
            .filter(|(_, tally)| moved(tally) > 0)
            .collect();
        busy.sort_by_key(|(_, tally)| std::cmp::Reverse(moved(tally)));
        let hidden = busy.len().saturating_sub(AUTHORITIES_SHOWN_MAX);
        busy.truncate(AUTHORITIES_SHOWN_MAX);
        (busy, hidden)
    }
}

/// Limits exceeded, each with a word for programs and a sentence for people.
pub fn exceeded_json(exceeded: &[Exceeded]) -> Value {
    exceeded
        .iter()
        .map(|one| json!({"code": one.code(), "detail": one.to_string()}))
        .collect()
}

fn count_subjects(
    old: &Snapshot,
    new: &Snapshot,
    changes: &Changes,
    catalogue: &Catalogue,
    now: Moment,
) -> Option<SubjectCounts> {
    if old.manifest().fold_version != new.manifest().fold_version {
        return None;
    }
    let before = Side::new(old, catalogue, now.day()).ok()?;
    let after = Side::new(new, catalogue, now.day()).ok()?;
    Some(subjects::count(&before, &after, changes))
}

fn write_head(out: &mut dyn Write, what: &str, width: usize) -> io::Result<()> {
    writeln!(
        out,
        "\n{what:<width$} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "before", "added", "changed", "removed", "after"
    )
}

fn write_row(out: &mut dyn Write, name: &str, tally: &Tally, width: usize) -> io::Result<()> {
    let Tally {
        before,
        after,
        added,
        changed,
        removed,
    } = tally;
    writeln!(
        out,
        "{name:<width$} {before:>10} {added:>10} {changed:>10} {removed:>10} {after:>10}"
    )
}

fn tally_json(key: &str, name: &str, tally: &Tally) -> Value {
    json!({
        key: name,
        "before": tally.before,
        "after": tally.after,
        "added": tally.added,
        "changed": tally.changed,
        "removed": tally.removed,
    })
}

fn as_of(snapshot: &Snapshot, list: &str) -> Value {
    let manifest = snapshot.manifest();
    let found = manifest.lists.iter().find(|named| *named.id == *list);
    found.map_or(Value::Null, |named| json!(named.as_of.to_string()))
}

fn about(snapshot: &Snapshot) -> Value {
    let manifest = snapshot.manifest();
    json!({
        "id": snapshot.id().to_string(),
        "version": manifest.version,
        "created": manifest.created.to_string(),
        "environment": manifest.environment,
        "entries": manifest.entries,
        "quarantined": manifest.quarantined,
    })
}
