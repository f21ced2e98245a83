//! Whether the rows of a verified snapshot make sense: what opening leaves to `inspect --deep`.
//!
//! In: a snapshot. Out: what does not fit, at most `FINDINGS_MAX`; empty for every file that a
//! build wrote. Order of rows, ranges, ranks, groups, and that everything is found again through
//! the hash tables. Never panics, whatever the file holds. What it cannot see without the key:
//! whether a digest belongs to the number it was made of.

use super::scan::{Found, Scanner};
use super::{entry_ids, identifiers, name_check, names};
use crate::identifier::kind::IdType;
use crate::model::entry::EntryIndex;
use crate::name::passage::Passage;
use crate::snapshot::entries::{BirthDigits, Facts, NameNumber, PartyRow, RowNumber};
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use zerocopy::little_endian::U32;

/// Findings kept; a damaged file would have one a row.
pub const FINDINGS_MAX: usize = 20;

/// Something that no build of ours writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub section: SectionId,
    /// Place in the section, from 0.
    pub place: u32,
    /// What does not fit.
    pub what: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.section.kind().name;
        write!(f, "section `{name}`, row {}: {}", self.place, self.what)
    }
}

/// Checks every row.
pub fn inspect(snapshot: &Snapshot) -> Vec<Finding> {
    let mut check = Check {
        snapshot,
        findings: Vec::new(),
    };
    check.entries();
    check.ranks();
    check.parties();
    check.identifiers();
    check.identifier_lines();
    check.names();
    check.aliases();
    check.scan();
    check.cold();
    check.dictionary();
    check.groups(SectionId::SubjectGroups, Facts::subject_group);
    check.groups(SectionId::CaseGroups, Facts::case_group);
    check.cases_inside_subjects();
    name_check::check(snapshot, &mut |section, place, what| {
        check.expect(false, section, place, what);
    });
    check.findings
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn expect(&mut self, fits: bool, section: SectionId, place: u32, what: &'static str) {
        if !fits && self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding {
                section,
                place,
                what,
            });
        }
    }

    fn own_name(&self, entry: u32) -> Option<NameNumber> {
        let subject = self.snapshot.parties(EntryIndex(entry)).first()?;
        self.snapshot.party_names(subject).next()
    }

    fn entries(&mut self) {
        let snapshot = self.snapshot;
        let lists = &snapshot.manifest().lists;
        let mut counts = vec![0u32; lists.len()];
        let mut party_first = 0;
        let mut before = None;
        for (place, facts) in (0..).zip(snapshot.all_facts()) {
            let section = SectionId::Facts;
            match lists.get(usize::from(facts.list())) {
                None => self.expect(false, section, place, "names a list that is not there"),
                Some(list) => {
                    counts[usize::from(facts.list())] += 1;
                    let fits = facts
                        .grade()
                        .is_none_or(|g| usize::from(g) < list.grades.len());
                    self.expect(fits, section, place, "names a grade that is not there");
                }
            }
            let parties = snapshot.parties(EntryIndex(place));
            let follows = facts.party_first() == party_first && !parties.is_empty();
            self.expect(
                follows,
                section,
                place,
                "its parties do not follow those before",
            );
            party_first = party_first.wrapping_add(parties.len() as u32);
            if let Some(subject) = parties.first() {
                let same = subject.kind() == facts.kind()
                    && subject.birth() == facts.birth()
                    && subject.birth_known() == facts.birth_known();
                self.expect(same, section, place, "differs from its subject");
            }
            let order = (self.own_name(place), facts.number_class(), facts.rank());
            let rises = before.is_none_or(|before| before < order);
            self.expect(rises, section, place, "is out of order");
            before = Some(order);
        }
        let parties = snapshot.count(SectionId::Parties);
        self.expect(
            party_first == parties,
            SectionId::Parties,
            parties,
            "parties of no entry",
        );
        for (place, (list, count)) in (0..).zip(lists.iter().zip(counts)) {
            let fits = list.entries == count;
            self.expect(
                fits,
                SectionId::Facts,
                place,
                "the manifest counts a list otherwise",
            );
        }
    }

    /// Ranks are a permutation in byte order of the entry_ids, and each is found by its entry_id.
    fn ranks(&mut self) {
        let snapshot = self.snapshot;
        let count = snapshot.entry_count();
        let mut by_rank = vec![None; count as usize];
        for (place, facts) in (0..).zip(snapshot.all_facts()) {
            let slot = by_rank.get_mut(facts.rank() as usize);
            let fresh = slot.is_some_and(|slot| slot.replace(place).is_none());
            self.expect(fresh, SectionId::Facts, place, "its rank is not its own");
            let found = entry_ids::find(snapshot, &snapshot.entry_id(EntryIndex(place)));
            let fits = found == Some(EntryIndex(place));
            self.expect(
                fits,
                SectionId::EntryIdLines,
                place,
                "is not found by its entry_id",
            );
        }
        for pair in by_rank.windows(2) {
            if let [Some(low), Some(high)] = pair {
                let id = |entry: &u32| snapshot.entry_id(EntryIndex(*entry));
                let rises = *id(low) < *id(high);
                self.expect(rises, SectionId::Facts, *high, "its rank is out of order");
            }
        }
        self.slots(SectionId::EntryIdLines, count);
    }

    fn parties(&mut self) {
        let snapshot = self.snapshot;
        let (mut names_first, mut numbers_first) = (0u32, 0u32);
        let mut place = 0;
        for entry in 0..snapshot.entry_count() {
            for (number, party) in (0..).zip(snapshot.parties(EntryIndex(entry))) {
                let follows = party.names().0 == names_first && party.numbers().0 == numbers_first;
                let section = SectionId::Parties;
                self.expect(follows, section, place, "does not follow the row before");
                self.expect(party.names().1 > 0, section, place, "has no name");
                self.expect(
                    is_birth(party.birth()),
                    section,
                    place,
                    "has no such birth date",
                );
                names_first = names_first.wrapping_add(party.names().1);
                numbers_first = numbers_first.wrapping_add(party.numbers().1);
                self.party(entry, number, party, place);
                place += 1;
            }
        }
        let fits = names_first == snapshot.count(SectionId::PartyNames);
        self.expect(
            fits,
            SectionId::PartyNames,
            names_first,
            "names of no party",
        );
        let fits = numbers_first == snapshot.count(SectionId::Numbers);
        self.expect(
            fits,
            SectionId::Numbers,
            numbers_first,
            "numbers of no party",
        );
    }

    fn party(&mut self, entry: u32, party: u16, row: &PartyRow, place: u32) {
        let snapshot = self.snapshot;
        for name in snapshot.party_names(row) {
            let fits = name.0 < snapshot.name_count();
            self.expect(fits, SectionId::PartyNames, place, "names no name");
        }
        for number in snapshot.numbers(row) {
            let stored = snapshot.identifier_row(number.row());
            let alike = stored.is_some_and(|(stored, _)| {
                number.id_type() == IdType::from_u8(stored.id_type())
                    && number.pattern() == stored.pattern().checked_sub(1)
            });
            self.expect(
                alike,
                SectionId::Numbers,
                place,
                "differs from its identifier",
            );
            let posted = identifiers::postings(snapshot, number.row())
                .binary_search_by_key(&(entry, party), |p| (p.entry().0, p.party()));
            self.expect(
                posted.is_ok(),
                SectionId::Numbers,
                place,
                "is not among the postings",
            );
        }
    }

    fn identifiers(&mut self) {
        let snapshot = self.snapshot;
        let section = SectionId::IdentifierRows;
        for place in 0..snapshot.identifier_count() {
            if let Some((row, _)) = snapshot.identifier_row(RowNumber(place)) {
                let patterns = IdType::from_u8(row.id_type())
                    .map(|id_type| snapshot.manifest().patterns_of(id_type).len());
                let fits = patterns.is_some_and(|count| usize::from(row.pattern()) <= count);
                self.expect(fits, section, place, "is of no such type and pattern");
            }
            let postings = identifiers::postings(snapshot, RowNumber(place));
            self.expect(!postings.is_empty(), section, place, "occurs nowhere");
            let rises =
                postings.is_sorted_by(|a, b| (a.entry(), a.party()) < (b.entry(), b.party()));
            self.expect(
                rises,
                SectionId::Postings,
                place,
                "postings are out of order",
            );
            let inside = postings.iter().all(|posting| {
                usize::from(posting.party()) < snapshot.parties(posting.entry()).len()
            });
            self.expect(
                inside,
                SectionId::Postings,
                place,
                "a posting leads nowhere",
            );
        }
        // Each number has a posting of its own (`party`); so there are no others.
        let same = snapshot.count(SectionId::Postings) == snapshot.count(SectionId::Numbers);
        self.expect(same, SectionId::Postings, 0, "not one posting a number");
    }

    fn identifier_lines(&mut self) {
        self.slots(SectionId::IdentifierLines, self.snapshot.identifier_count());
    }

    /// Every value below `count` stands in exactly one slot.
    fn slots(&mut self, section: SectionId, count: u32) {
        let mut seen = vec![false; count as usize];
        for (place, line) in (0..).zip(self.snapshot.lines(section)) {
            let values = line
                .values
                .iter()
                .filter_map(|value| value.get().checked_sub(1));
            for value in values {
                let slot = seen.get_mut(value as usize);
                let fresh = slot.is_some_and(|seen| !std::mem::replace(seen, true));
                self.expect(fresh, section, place, "holds a value twice or out of range");
            }
        }
        let missing = seen.iter().position(|seen| !seen);
        let place = missing.unwrap_or(0) as u32;
        self.expect(missing.is_none(), section, place, "lacks a value");
    }

    fn names(&mut self) {
        let snapshot = self.snapshot;
        let section = SectionId::Names;
        let mut entry = 0;
        for place in 0..snapshot.name_count() {
            let name = NameNumber(place);
            let text = snapshot.name_text(name);
            self.expect(!text.is_empty(), section, place, "has no text");
            let before = place
                .checked_sub(1)
                .map(|p| snapshot.name_text(NameNumber(p)));
            let rises = before.is_none_or(|before| before < text);
            self.expect(rises, section, place, "is out of order");
            let found = names::find(snapshot, text);
            self.expect(
                found == Some(name),
                SectionId::NameLines,
                place,
                "is not found",
            );
            let entries = names::entries(snapshot, name);
            let follows = entries.start == entry || entries.is_empty();
            self.expect(
                follows,
                section,
                place,
                "its entries do not follow those before",
            );
            entry = entry.max(entries.end);
            for entry in entries {
                let own = self.own_name(entry) == Some(name);
                self.expect(own, section, place, "an entry of it has another name");
            }
        }
        let all = entry == snapshot.entry_count();
        self.expect(all, section, entry, "entries of no name");
        self.slots(SectionId::NameLines, snapshot.name_count());
    }

    fn aliases(&mut self) {
        let snapshot = self.snapshot;
        let section = SectionId::AliasEntries;
        let aliases_of = |entry: EntryIndex| {
            let subject = snapshot.parties(entry).first();
            subject
                .into_iter()
                .flat_map(|party| snapshot.party_names(party))
                .skip(1)
        };
        let stated: usize = (0..snapshot.entry_count())
            .map(|entry| aliases_of(EntryIndex(entry)).count())
            .sum();
        let fits = stated == snapshot.count(section) as usize;
        self.expect(fits, section, stated as u32, "not one row an alias");
        for place in 0..snapshot.name_count() {
            let entries: Vec<_> = names::alias_entries(snapshot, NameNumber(place)).collect();
            let rises = entries.is_sorted_by(|a, b| a < b);
            self.expect(rises, section, place, "entries of a name are out of order");
            let own = |entry: &EntryIndex| aliases_of(*entry).any(|alias| alias.0 == place);
            let fits = entries.iter().all(own);
            self.expect(fits, section, place, "an entry does not bear the name");
        }
    }

    /// Each name of an organisation is found in its own text, and each row is a part of its name.
    fn scan(&mut self) {
        let snapshot = self.snapshot;
        let section = SectionId::NameText;
        let Some(tables) = snapshot.scan_tables() else {
            return;
        };
        let salt = &snapshot.manifest().salt;
        let Some(scanner) = Scanner::new(tables, salt) else {
            self.expect(false, section, 0, "no scan can read the tables of scans");
            return;
        };
        for (place, (row, text)) in (0..).zip(tables.texts()) {
            let name = snapshot.name_text(NameNumber(row.name()));
            let fits = match row.is_brand() {
                true => !text.is_empty() && name.contains(text),
                false => name == text,
            };
            self.expect(fits, section, place, "a row of the scan is of another name");
            let is_it = |found: Found| (found.row_first..found.row_last).contains(&place);
            let fits = !scanner.scan(&Passage::new(text), is_it).is_empty();
            self.expect(
                fits,
                section,
                place,
                "a scan does not find the text of a row",
            );
        }
    }

    fn cold(&mut self) {
        let snapshot = self.snapshot;
        let texts = snapshot
            .count(SectionId::DictionaryOffsets)
            .saturating_sub(1);
        for entry in 0..snapshot.entry_count() {
            match snapshot.cold_record(EntryIndex(entry)) {
                None => self.expect(false, SectionId::Cold, entry, "cannot be read"),
                Some(record) => {
                    let fits = record.references.all().iter().all(|r| *r <= texts);
                    self.expect(fits, SectionId::Cold, entry, "refers to no text");
                    let fits = !record.entry_id.is_empty();
                    self.expect(fits, SectionId::Cold, entry, "has no entry_id");
                }
            }
        }
    }

    fn dictionary(&mut self) {
        let snapshot = self.snapshot;
        let texts = snapshot
            .count(SectionId::DictionaryOffsets)
            .saturating_sub(1);
        let mut before = HashSet::new();
        for place in 0..texts {
            let text = snapshot.dictionary(place + 1);
            let is_new = text.is_some_and(|text| before.insert(text));
            let what = "stands there twice or is no text";
            self.expect(is_new, SectionId::Dictionary, place, what);
        }
    }

    /// Groups have at least two members, in order, of one list, and their members know them.
    fn groups(&mut self, section: SectionId, group_of: fn(&Facts) -> Option<u32>) {
        let snapshot = self.snapshot;
        let groups: Vec<&[U32]> = match section {
            SectionId::SubjectGroups => snapshot.subject_groups().collect(),
            _ => snapshot.case_groups().collect(),
        };
        let mut members = 0;
        for (number, group) in (0..).zip(&groups) {
            members += group.len();
            self.expect(
                group.len() > 1,
                section,
                number,
                "has less than two members",
            );
            let facts = |entry: &U32| snapshot.facts(EntryIndex(entry.get()));
            let known = group
                .iter()
                .all(|entry| group_of(facts(entry)) == Some(number));
            self.expect(known, section, number, "a member is of another group");
            let order = |entry: &U32| {
                let facts = facts(entry);
                (Reverse(facts.submitted_at()), facts.rank())
            };
            let sorted = group.is_sorted_by(|a, b| order(a) < order(b));
            self.expect(sorted, section, number, "its members are out of order");
            let one_list = group
                .windows(2)
                .all(|p| facts(&p[0]).list() == facts(&p[1]).list());
            self.expect(one_list, section, number, "its members are of two lists");
        }
        let stated = snapshot
            .all_facts()
            .iter()
            .filter(|f| group_of(f).is_some())
            .count();
        self.expect(
            stated == members,
            section,
            0,
            "an entry names a group that lacks it",
        );
    }

    fn cases_inside_subjects(&mut self) {
        let snapshot = self.snapshot;
        for (number, group) in (0..).zip(snapshot.case_groups()) {
            let subject = |entry: &U32| snapshot.facts(EntryIndex(entry.get())).subject_group();
            let fits = group.windows(2).all(|p| subject(&p[0]) == subject(&p[1]));
            self.expect(
                fits,
                SectionId::CaseGroups,
                number,
                "its members are of two subjects",
            );
        }
    }
}

/// Eight digits, each known or not.
fn is_birth(birth: BirthDigits) -> bool {
    (0..8).all(|place| matches!(birth.0 >> (4 * place) & 0xf, 0..=9 | 0xf))
}
