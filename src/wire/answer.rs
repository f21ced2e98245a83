//! The answer of a check, written straight into a buffer in the field order of the contract.
//!
//! In: an outcome, the snapshot and law it rests on, a language. Out: JSON. The check_id and the
//! record's place in the log come first and have fixed places, so that they are patched in after
//! the record is written, and the record can hold a hash of all that follows them. The place is a
//! number behind which spaces fill up its width. Contract, section 5.
//!
//! HOT: no allocation but the buffer.

use super::explanation;
use super::fields::{Field, Fields};
use super::sayings::{self, Adverse};
use super::text::{
    write_bool, write_moment, write_number, write_optional_day, write_optional_text, write_text,
};
use crate::catalogue::list::List;
use crate::catalogue::measure::{Catalogue, Measure};
use crate::catalogue::scenario::Scenario;
use crate::check::outcome::{Basis, MATCHES_SHOWN_MAX, Match, MatchedMeasure, NameBasis, Outcome};
use crate::decision_log::record::CHECK_ID_CHARS;
use crate::index::binding::Binding;
use crate::model::decision::{Decision, ExemptionKind, Level};
use crate::model::entry::EntryIndex;
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::snapshot::cold::Cold;
use crate::snapshot::open::Snapshot;

const OPENING: &[u8] = b"{\"check_id\":\"";
const NO_CHECK_ID: &[u8; CHECK_ID_CHARS] = b"00000000-0000-0000-0000-000000000000";
const LOG_INDEX: &[u8] = b"\",\"log_index\":";
/// Digits of the highest place that a record can have.
const LOG_INDEX_CHARS: usize = 20;

/// Where the check_id stands, counted from the first byte of an answer.
pub const CHECK_ID_AT: usize = OPENING.len();
/// Where the record's place in the log stands.
pub const LOG_INDEX_AT: usize = CHECK_ID_AT + CHECK_ID_CHARS + LOG_INDEX.len();
/// What the record's hash of the answer covers begins here.
pub const HASHED_FROM: usize = LOG_INDEX_AT + LOG_INDEX_CHARS;

/// What an answer shows besides the outcome.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The entries.
    pub snapshot: &'a Snapshot,
    /// Its identity as text.
    pub snapshot_id: &'a str,
    /// The oldest `list_as_of`.
    pub as_of: Option<Moment>,
    /// The law.
    pub catalogue: &'a Catalogue,
    /// How the two fit together.
    pub binding: &'a Binding,
    /// What was asked about.
    pub scenario: &'a Scenario,
    /// Language of the messages.
    pub language: Language,
    /// Fields of a match that the unit may see.
    pub fields: Fields,
    /// Version of the program that decides.
    pub engine: &'a str,
}

/// Appends the answer, with zeros where check_id and place in the log will stand.
pub fn write(out: &mut Vec<u8>, ground: &Ground<'_>, outcome: &Outcome, level: Level) {
    write_opening(out);
    out.extend_from_slice(b",\"decision\":");
    write_text(out, outcome.decision.name());
    write_reasons(out, ground, outcome);
    if outcome.matches.len() > 1 {
        let matches = outcome.matches.iter();
        ground.snapshot.fetch_cold(matches.map(|found| found.entry));
    }
    write_messages(out, ground, outcome);
    out.extend_from_slice(b",\"level\":");
    write_text(out, level.name());
    out.extend_from_slice(b",\"valid_until\":");
    write_moment(out, outcome.valid_until);
    out.extend_from_slice(b",\"match_count\":");
    write_number(out, u64::from(outcome.match_count));
    out.extend_from_slice(b",\"name_count\":");
    write_number(out, u64::from(outcome.name_count));
    out.extend_from_slice(b",\"matches\":[");
    for (place, found) in outcome.matches.iter().enumerate() {
        comma(out, place);
        write_match(out, ground, found);
    }
    out.extend_from_slice(b"],\"incentives\":[");
    for (place, incentive) in outcome.incentives.iter().enumerate() {
        comma(out, place);
        out.push(b'{');
        if ground.fields.shows(Field::EntryId, Decision::Clear) {
            out.extend_from_slice(b"\"entry_id\":");
            write_text(out, &ground.snapshot.entry_id(incentive.entry));
            out.push(b',');
        }
        out.extend_from_slice(b"\"measure\":");
        write_text(out, &ground.catalogue.measure(incentive.measure).id);
        out.push(b'}');
    }
    out.push(b']');
    write_grounds(out, ground);
    out.push(b'}');
}

/// Appends the beginning of an answer, up to what the record's hash covers.
pub(super) fn write_opening(out: &mut Vec<u8>) {
    out.extend_from_slice(OPENING);
    out.extend_from_slice(NO_CHECK_ID);
    out.extend_from_slice(LOG_INDEX);
    out.extend_from_slice(&log_index_text(0));
}

/// Appends which snapshot, catalogue and program the answer rests on.
pub(super) fn write_grounds(out: &mut Vec<u8>, ground: &Ground<'_>) {
    out.extend_from_slice(b",\"snapshot\":{\"id\":");
    write_text(out, ground.snapshot_id);
    out.extend_from_slice(b",\"as_of\":");
    match ground.as_of {
        Some(as_of) => write_moment(out, as_of),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b"},\"catalogue\":\"");
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(&ground.catalogue.hash) {
        pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
        pair[1] = HEX_DIGITS[usize::from(byte & 15)];
    }
    out.extend_from_slice(&digits);
    out.extend_from_slice(b"\",\"engine\":");
    write_text(out, ground.engine);
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Puts check_id and place in the log into the answer that begins at the first byte of `answer`.
pub fn patch_record(answer: &mut [u8], check_id: &[u8; CHECK_ID_CHARS], log_index: u64) {
    if let Some(place) = answer.get_mut(CHECK_ID_AT..CHECK_ID_AT + CHECK_ID_CHARS) {
        place.copy_from_slice(check_id);
    }
    if let Some(place) = answer.get_mut(LOG_INDEX_AT..HASHED_FROM) {
        place.copy_from_slice(&log_index_text(log_index));
    }
}

/// A number and spaces behind it.
fn log_index_text(log_index: u64) -> [u8; LOG_INDEX_CHARS] {
    let mut text = [b' '; LOG_INDEX_CHARS];
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(log_index).as_bytes();
    for (place, digit) in text.iter_mut().zip(digits) {
        *place = *digit;
    }
    text
}

pub(super) fn write_reasons(out: &mut Vec<u8>, ground: &Ground<'_>, outcome: &Outcome) {
    out.extend_from_slice(b",\"reasons\":[");
    let mut place = 0;
    for reason in outcome.reasons.iter() {
        comma(out, place);
        write_text(out, reason.code());
        place += 1;
    }
    for attribute in missing_attributes(ground, outcome) {
        comma(out, place);
        out.extend_from_slice(b"\"missing_attribute:");
        super::text::write_escaped(out, attribute);
        out.push(b'"');
        place += 1;
    }
    out.push(b']');
}

pub(super) fn write_messages(out: &mut Vec<u8>, ground: &Ground<'_>, outcome: &Outcome) {
    let language = ground.language;
    out.extend_from_slice(b",\"messages\":[");
    let mut place = 0;
    for found in outcome.matches.iter().take(MATCHES_SHOWN_MAX) {
        if let Some(adverse) = adverse(ground, found) {
            comma(out, place);
            sayings::write_adverse(out, language, adverse);
            place += 1;
        }
    }
    if place == 0 {
        write_text(
            out,
            sayings::without_effect(language, outcome.match_count > 0),
        );
    }
    for reason in outcome.reasons.iter() {
        out.push(b',');
        write_text(out, sayings::reason(language, reason));
    }
    for attribute in missing_attributes(ground, outcome) {
        out.push(b',');
        sayings::write_missing_attribute(out, language, attribute);
    }
    out.push(b']');
}

/// What the strongest applied measure of a match says; `None` where none has an effect.
fn adverse<'a>(ground: &Ground<'a>, found: &Match) -> Option<Adverse<'a>> {
    let applied = found.measures.iter().filter(|measure| measure.applied);
    let strongest = applied
        .filter(|measure| measure.effect > Decision::Clear)
        .max_by_key(|measure| measure.effect)?;
    let measure = ground.catalogue.measure(strongest.measure);
    let list = list_of(ground, found.entry)?;
    let cold = ground.snapshot.cold(found.entry);
    let (measure_title, list_title) = match ground.language {
        Language::Zh => (&measure.title_zh, &list.title_zh),
        Language::En => (&measure.title_en, &list.title_en),
    };
    Some(Adverse {
        effect: strongest.effect,
        measure: measure_title,
        legal_basis: &measure.legal_basis,
        list: list_title,
        authority: cold.authority,
        case_no: cold.case_no.clone(),
        recourse: cold.recourse.unwrap_or(&list.default_recourse),
    })
}

fn write_match(out: &mut Vec<u8>, ground: &Ground<'_>, found: &Match) {
    let opening = out.len();
    let cold = ground.snapshot.cold(found.entry);
    write_whose(out, ground, found, &cold);
    let shows = |field| ground.fields.shows(field, found.effect);
    if shows(Field::Identity) {
        out.extend_from_slice(b",\"identity\":");
        write_text(out, found.identity.name());
    }
    if shows(Field::Basis) {
        write_basis(out, found.basis);
    }
    if shows(Field::Score) {
        out.extend_from_slice(b",\"score\":");
        write_score(out, found.score());
    }
    if shows(Field::BearersPerMillion) {
        out.extend_from_slice(b",\"bearers_per_million\":");
        match found.bearers_per_million {
            Some(bearers) => write_bearers(out, bearers),
            None => out.extend_from_slice(b"null"),
        }
    }
    if shows(Field::Explanation) {
        explanation::write(out, found);
    }
    if shows(Field::Roles) {
        out.extend_from_slice(b",\"roles\":[");
        for (place, role) in found.roles.iter().enumerate() {
            comma(out, place);
            write_text(out, role.name());
        }
        out.push(b']');
    }
    if shows(Field::Via) {
        write_via(out, found.via);
    }
    write_listing(out, ground, found, &cold);
    close(out, opening);
}

/// Appends which listing it is, each member with a comma before it: its key, its list and the
/// name it has there.
pub(super) fn write_whose(out: &mut Vec<u8>, ground: &Ground<'_>, found: &Match, cold: &Cold<'_>) {
    let shows = |field| ground.fields.shows(field, found.effect);
    if shows(Field::EntryId) {
        out.extend_from_slice(b",\"entry_id\":");
        write_text(out, &cold.entry_id);
    }
    if shows(Field::List) {
        out.extend_from_slice(b",\"list\":");
        let list = list_of(ground, found.entry);
        write_text(out, list.map_or("", |list| &list.id));
    }
    if shows(Field::ListedName) {
        out.extend_from_slice(b",\"listed_name\":");
        write_text(out, &cold.listed_name);
    }
}

/// Appends who listed the party, until when, how to object, and what follows; each member with a
/// comma before it.
pub(super) fn write_listing(
    out: &mut Vec<u8>,
    ground: &Ground<'_>,
    found: &Match,
    cold: &Cold<'_>,
) {
    let facts = ground.snapshot.facts(found.entry);
    let shows = |field| ground.fields.shows(field, found.effect);
    if shows(Field::CaseNo) {
        out.extend_from_slice(b",\"case_no\":");
        write_text(out, &cold.case_no);
    }
    if shows(Field::Authority) {
        out.extend_from_slice(b",\"authority\":");
        write_text(out, cold.authority);
    }
    if shows(Field::Published) {
        out.extend_from_slice(b",\"published\":");
        write_optional_day(out, facts.published());
    }
    if shows(Field::InForceUntil) {
        out.extend_from_slice(b",\"in_force_until\":");
        write_optional_day(out, facts.in_force_until());
    }
    if shows(Field::Recourse) {
        out.extend_from_slice(b",\"recourse\":");
        let default = list_of(ground, found.entry).map(|list| &*list.default_recourse);
        write_optional_text(out, cold.recourse.or(default));
    }
    if shows(Field::Measures) {
        out.extend_from_slice(b",\"measures\":[");
        for (place, matched) in found.measures.iter().enumerate() {
            comma(out, place);
            write_measure(out, ground.catalogue.measure(matched.measure), *matched);
        }
        out.push(b']');
    }
}

/// Makes an object of the members that stand after `opening`, each with a comma before it.
pub(super) fn close(out: &mut Vec<u8>, opening: usize) {
    match out.get_mut(opening) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

fn write_via(out: &mut Vec<u8>, via: Option<u8>) {
    out.extend_from_slice(b",\"via\":");
    match via {
        Some(place) => {
            out.extend_from_slice(b"\"related[");
            write_number(out, u64::from(place));
            out.extend_from_slice(b"]\"");
        }
        None => out.extend_from_slice(b"null"),
    }
}

pub(super) fn write_measure(out: &mut Vec<u8>, measure: &Measure, matched: MatchedMeasure) {
    out.extend_from_slice(b"{\"id\":");
    write_text(out, &measure.id);
    out.extend_from_slice(b",\"disposition\":");
    write_text(out, measure.disposition.name());
    out.extend_from_slice(b",\"force\":");
    write_text(out, measure.force.name());
    out.extend_from_slice(b",\"effect\":");
    write_text(out, matched.effect.name());
    out.extend_from_slice(b",\"applied\":");
    write_bool(out, matched.applied);
    out.extend_from_slice(b",\"exemption\":");
    write_optional_text(out, measure.exemption.map(ExemptionKind::name));
    out.extend_from_slice(b",\"legal_basis\":");
    write_text(out, &measure.legal_basis);
    out.push(b'}');
}

fn write_basis(out: &mut Vec<u8>, basis: Basis) {
    out.extend_from_slice(b",\"basis\":[");
    let mut place = 0;
    let mut word = |out: &mut Vec<u8>, word: &str, ending: &str| {
        comma(out, place);
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(ending.as_bytes());
        out.push(b'"');
        place += 1;
    };
    for id_type in basis.full() {
        word(out, id_type.name(), "");
    }
    for id_type in basis.masked() {
        word(out, id_type.name(), "_masked");
    }
    if basis.birth_date {
        word(out, "birth_date", "");
    }
    match basis.name {
        NameBasis::Name => word(out, "name", ""),
        NameBasis::Alias => word(out, "alias", ""),
        NameBasis::None => (),
    }
    out.push(b']');
}

/// How many bear a name in a million, to the hundredth.
fn write_bearers(out: &mut Vec<u8>, bearers: f32) {
    let hundredths = (f64::from(bearers.clamp(0.0, 1_000_000.0)) * 100.0).round() as u64;
    write_number(out, hundredths / 100);
    out.push(b'.');
    out.push(b'0' + (hundredths % 100 / 10) as u8);
    if !hundredths.is_multiple_of(10) {
        out.push(b'0' + (hundredths % 10) as u8);
    }
}

/// At most three decimals, at least one.
fn write_score(out: &mut Vec<u8>, score: f32) {
    let thousandths = (score.clamp(0.0, 1.0) * 1_000.0).round() as u32;
    out.push(b'0' + (thousandths / 1_000) as u8);
    out.push(b'.');
    let mut rest = thousandths % 1_000;
    out.push(b'0' + (rest / 100) as u8);
    rest %= 100;
    if rest != 0 {
        out.push(b'0' + (rest / 10) as u8);
        if !rest.is_multiple_of(10) {
            out.push(b'0' + (rest % 10) as u8);
        }
    }
}

pub(super) fn list_of<'a>(ground: &Ground<'a>, entry: EntryIndex) -> Option<&'a List> {
    let bound = ground.binding.list_of(ground.snapshot.facts(entry))?;
    Some(ground.catalogue.list(bound.list))
}

fn missing_attributes<'a>(ground: &Ground<'a>, outcome: &Outcome) -> impl Iterator<Item = &'a str> {
    let missing = outcome.missing_attributes;
    let attributes = ground.scenario.attributes.iter().enumerate();
    attributes
        .filter(move |(place, _)| *place < 64 && missing & (1 << place) != 0)
        .map(|(_, attribute)| &*attribute.name)
}

pub(super) fn comma(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_one_to_three_decimals() {
        for (score, wanted) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (0.5, "0.5"),
            (0.25, "0.25"),
            (0.9994, "0.999"),
            (0.9996, "1.0"),
            (0.007, "0.007"),
            (f32::NAN, "0.0"),
        ] {
            let mut out = Vec::new();
            write_score(&mut out, score);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }

    #[test]
    fn check_id_and_place_in_the_log_are_patched_and_nothing_behind_them_moves() {
        for index in [0, 7, 20_261_122, u64::MAX] {
            let mut answer = Vec::new();
            write_opening(&mut answer);
            assert_eq!(answer.len(), HASHED_FROM);
            answer.extend_from_slice(b",\"decision\":\"clear\"}");
            patch_record(&mut answer, b"0192f0c1-0000-7000-8000-000000000001", index);
            let read: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            let wanted = serde_json::json!({
                "check_id": "0192f0c1-0000-7000-8000-000000000001",
                "log_index": index,
                "decision": "clear",
            });
            assert_eq!(read, wanted);
            assert!(answer[HASHED_FROM..].starts_with(b",\"decision\""));
        }
        patch_record(&mut [0; 10], NO_CHECK_ID, 1);
    }
}
