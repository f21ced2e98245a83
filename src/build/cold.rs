//! What answers show of entries: records, and the dictionary of texts and templates they refer to.
//!
//! In: the store, in order. Out: the four sections of it. The most frequent texts come first, so
//! that most references are a byte. A template is made where a sample of the entries, the same
//! whatever the threads, has it more than once: as many lists number their entries and cases as
//! there are courts, but keys that are random have each a template of its own.

use super::store::Store;
use crate::snapshot::cold::{ColdReferences, ColdWriter};
use crate::snapshot::digits;
use std::cmp::Reverse;
use std::collections::HashMap;
use zerocopy::little_endian::U32;

/// Entries whose texts are looked at for templates.
const SAMPLE: usize = 1 << 16;

/// The sections.
pub struct Cold {
    /// Where each record starts, and the end of the last.
    pub offsets: Vec<U32>,
    /// Records.
    pub records: Vec<u8>,
    /// Where each text of the dictionary starts, and the end of the last.
    pub text_offsets: Vec<U32>,
    /// Texts of the dictionary.
    pub texts: String,
}

impl Cold {
    /// Of all built entries.
    pub fn of(store: &Store) -> Self {
        let templates = templates(store);
        let dictionary = Dictionary::of(store, &templates);
        let places = &dictionary.places;
        let templates = dictionary.templates.iter();
        let mut writer = ColdWriter::new(templates.map(|(text, place)| (*text, *place)).collect());
        let mut records = Vec::with_capacity(store.texts.len());
        let mut offsets = Vec::with_capacity(store.entries.len() + 1);
        for (entry, stored) in (0..).zip(&store.entries) {
            offsets.push(U32::new(records.len() as u32));
            let references = moved(stored.references, places);
            writer.write(references, store.own_texts(entry), &mut records);
        }
        offsets.push(U32::new(records.len() as u32));
        let mut texts = String::new();
        let mut text_offsets = vec![U32::ZERO];
        for text in &dictionary.texts {
            texts.push_str(text);
            text_offsets.push(U32::new(texts.len() as u32));
        }
        Self {
            offsets,
            records,
            text_offsets,
            texts,
        }
    }
}

/// Texts in their order, and where they are.
struct Dictionary<'a> {
    texts: Vec<&'a str>,
    /// By arrival in the store.
    places: Vec<u32>,
    templates: HashMap<&'a str, u32>,
}

impl<'a> Dictionary<'a> {
    /// The texts that built entries refer to, and templates with how often they occur, about.
    fn of(store: &'a Store, templates: &'a HashMap<String, u64>) -> Self {
        let mut counts = vec![0; store.dictionary.len() as usize];
        for stored in &store.entries {
            let references = stored.references.all();
            for reference in references.into_iter().filter_map(|r| r.checked_sub(1)) {
                counts[reference as usize] += 1;
            }
        }
        let mut all: HashMap<&str, u64> = HashMap::new();
        let used = (0..).zip(&counts).filter(|(_, count)| **count > 0);
        for (text, count) in used {
            all.insert(store.dictionary.get(text), *count);
        }
        for (template, count) in templates {
            *all.entry(template).or_default() += count;
        }
        let mut texts: Vec<(&str, u64)> = all.into_iter().collect();
        texts.sort_unstable_by_key(|(text, count)| (Reverse(*count), *text));
        let place_of: HashMap<&str, u32> = texts.iter().map(|(text, _)| *text).zip(0..).collect();
        let place = |text| place_of.get(store.dictionary.get(text)).copied();
        let places = (0..store.dictionary.len()).map(|text| place(text).unwrap_or(0));
        let of_template = |text: &'a String| Some((text.as_str(), *place_of.get(text.as_str())?));
        Self {
            places: places.collect(),
            templates: templates.keys().filter_map(of_template).collect(),
            texts: texts.into_iter().map(|(text, _)| text).collect(),
        }
    }
}

/// Templates that occur more than once in the sample, and how often in all entries, about.
fn templates(store: &Store) -> HashMap<String, u64> {
    let step = store.entries.len().div_ceil(SAMPLE).max(1);
    let mut counts: HashMap<String, u64> = HashMap::new();
    let (mut template, mut digits) = (String::new(), Vec::new());
    for entry in (0..store.entries.len() as u32).step_by(step) {
        for text in store.own_texts(entry).all() {
            if digits::take_apart(text, &mut template, &mut digits) {
                match counts.get_mut(&template) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(template.clone(), 1)),
                }
            }
        }
    }
    counts.retain(|_, count| *count > 1);
    counts.values_mut().for_each(|count| *count *= step as u64);
    counts
}

fn moved(references: ColdReferences, places: &[u32]) -> ColdReferences {
    references.map(|reference| match reference.checked_sub(1) {
        None => 0,
        Some(arrival) => places[arrival as usize] + 1,
    })
}

#[cfg(test)]
mod tests {
    use crate::build::build_records;
    use crate::build::inputs::BuildInputs;
    use crate::catalogue::load::built_in;
    use crate::intake::validate::parse_record;
    use crate::model::entry::EntryIndex;
    use crate::model::term::Moment;
    use crate::seal::keys::MasterKey;
    use crate::snapshot::open::Snapshot;

    fn snapshot_of(ids_and_cases: &[(&str, &str)]) -> Snapshot {
        let catalogue = built_in().unwrap();
        let record = |(id, case): &(&str, &str)| {
            let record = serde_json::json!({
                "entry_id": id, "list": "court-defaulter", "case_no": case, "authority": "a 1",
                "supplier": "s", "submitted_at": "2026-01-01T00:00:00+08:00",
                "disclosure": "public", "status": "in_force", "in_force_from": "2026-01-01",
                "subject": {"kind": "person", "name": "张三", "ids": [], "birth_date": "1980-03-07"},
            });
            parse_record(&record.to_string(), &catalogue).unwrap()
        };
        let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
        let master = MasterKey::from_bytes([5; 32]);
        let inputs = BuildInputs::new("test", master, &catalogue, [9; 32], created);
        let bytes = build_records(ids_and_cases.iter().map(record).collect(), &inputs).unwrap();
        Snapshot::from_bytes(bytes).unwrap()
    }

    fn texts(snapshot: &Snapshot) -> Vec<(String, String)> {
        let of = |entry| snapshot.cold(EntryIndex(entry));
        let both = |entry| {
            (
                of(entry).entry_id.to_string(),
                of(entry).case_no.to_string(),
            )
        };
        (0..snapshot.entry_count()).map(both).collect()
    }

    fn dictionary(snapshot: &Snapshot) -> Vec<&str> {
        (1..)
            .map_while(|place| snapshot.dictionary(place))
            .collect()
    }

    #[test]
    fn what_is_alike_but_for_its_digits_is_kept_once_and_the_most_frequent_first() {
        let own = [
            ("P0001", "（2016）闽0102执1234号"),
            ("P0002", "（2017）闽0102执1号"),
            ("P0003", "（2018）闽0102执9876号"),
            ("Q-0004", "判决"),
        ];
        let snapshot = snapshot_of(&own);
        let own = own.map(|(id, case)| (id.to_owned(), case.to_owned()));
        assert_eq!(texts(&snapshot), own);
        let of_cases = "（0000）闽0000执0000号";
        let expected = ["a 1", "s", "P0000", of_cases];
        assert_eq!(
            dictionary(&snapshot),
            expected,
            "a single text has no template"
        );
    }

    #[test]
    fn keys_without_a_pattern_make_no_templates() {
        let id = |place: u64| blake3::hash(&place.to_le_bytes()).to_hex()[..24].to_owned();
        let ids: Vec<String> = (0..500).map(id).collect();
        let own: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "c")).collect();
        let snapshot = snapshot_of(&own);
        let mut expected = ids.clone();
        expected.sort();
        let mut found: Vec<String> = texts(&snapshot).into_iter().map(|(id, _)| id).collect();
        found.sort();
        assert_eq!(found, expected);
        assert!(dictionary(&snapshot).len() < 10);
    }
}
