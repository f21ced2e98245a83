//! The body of a scan, and its answer: which listed names stand in a text, and where.
//!
//! In: a body; hits with what follows from them. Out: the text to be scanned, or the first fault;
//! JSON. Places are counted in characters (Unicode scalar values) of the text as sent, from 0, the
//! end behind the last. Contract, section 5.

use super::answer::{self, Ground};
use super::fields::Field;
use super::json::member;
use super::problem::Problem;
use super::request::{AttributeTexts, Question, free_text, no_unknown_field};
use super::text::{write_moment, write_number, write_text};
use crate::catalogue::scenario::{Attribute, AttributeValues};
use crate::check::outcome::{Match, NameBasis, Outcome};
use crate::model::decision::Level;
use std::ops::Range;

/// Bytes of the body of a scan at most: escapes may take more room than the text.
pub const SCAN_BYTES_MAX: usize = 4 << 20;
/// Bytes of a text at most.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Hits shown at most.
pub const HITS_SHOWN_MAX: usize = 1_000;
/// Entries shown in full at most, over all hits.
pub const ENTRIES_SHOWN_MAX: usize = 1_000;

const FIELDS: [&str; 5] = ["scenario", "text", "attributes", "purpose", "reference"];

/// A scan that passed.
#[derive(Debug)]
pub struct ScanAsked<'q> {
    /// The text as sent.
    pub text: &'q str,
    /// Facts of the transaction, as far as they are stated.
    pub attributes: AttributeValues,
    /// Text attributes.
    pub text_attributes: AttributeTexts<'q>,
    /// Why the unit asks.
    pub purpose: Option<&'q str>,
    /// The unit's own reference.
    pub reference: Option<&'q str>,
}

/// The rest of a scan's body, once the unit is known to be allowed to ask. `known` are the
/// attributes of the scenario; none needs to be stated.
///
/// Errors: 422 an unknown field, no text, an empty one (a document without text was not read, and
/// to call it clear would be wrong), one of more than `TEXT_BYTES_MAX`.
pub fn complete<'q>(
    question: &'q Question<'_>,
    known: &[Attribute],
) -> Result<ScanAsked<'q>, Problem> {
    let members = &question.members;
    no_unknown_field(members, &FIELDS, &"")?;
    let (attributes, text_attributes) = question.stated_attributes(known)?;
    let text = member(members, "text")
        .ok_or_else(|| Problem::invalid("text", "the text is missing"))?
        .as_text()
        .ok_or_else(|| Problem::invalid("text", "must be a string"))?;
    if text.len() > TEXT_BYTES_MAX {
        let detail = format!("at most {TEXT_BYTES_MAX} bytes of UTF-8; send it in parts");
        return Err(Problem::invalid("text", detail));
    }
    if text.trim().is_empty() {
        return Err(Problem::invalid("text", "the text is empty"));
    }
    Ok(ScanAsked {
        text,
        attributes,
        text_attributes,
        purpose: free_text(members, "purpose", "purpose")?,
        reference: free_text(members, "reference", "reference")?,
    })
}

/// One place at which a listed name stands.
#[derive(Debug)]
pub struct HitShown<'a> {
    /// Where, in characters of the text.
    pub places: Range<u32>,
    /// What stands there, as sent.
    pub text: &'a str,
    /// Whether it is the brand in a name only.
    pub is_brand: bool,
    /// What follows from it.
    pub outcome: &'a Outcome,
    /// Entries of it that are shown in full; fewer where another hit has shown them already.
    pub entries: &'a [Match],
    /// The hit of the same name that shows its entries, by its place in the answer.
    pub same_as: Option<usize>,
}

/// Appends the answer, with zeros where check_id and place in the log will stand. `all` is the sum
/// of all hits: its `match_count` counts places, shown or not; its messages say of the strongest
/// matches why.
pub fn write(
    out: &mut Vec<u8>,
    ground: &Ground<'_>,
    all: &Outcome,
    hits: &[HitShown<'_>],
    level: Level,
) {
    answer::write_opening(out);
    out.extend_from_slice(b",\"scenario\":");
    write_text(out, &ground.scenario.id);
    out.extend_from_slice(b",\"decision\":");
    write_text(out, all.decision.name());
    answer::write_reasons(out, ground, all);
    answer::write_messages(out, ground, all);
    out.extend_from_slice(b",\"level\":");
    write_text(out, level.name());
    out.extend_from_slice(b",\"valid_until\":");
    write_moment(out, all.valid_until);
    out.extend_from_slice(b",\"match_count\":");
    write_number(out, u64::from(all.match_count));
    out.extend_from_slice(b",\"name_count\":");
    write_number(out, u64::from(all.name_count));
    out.extend_from_slice(b",\"matches\":[");
    for (place, hit) in hits.iter().enumerate() {
        answer::comma(out, place);
        write_hit(out, ground, hit);
    }
    out.push(b']');
    answer::write_grounds(out, ground);
    out.push(b'}');
}

fn write_hit(out: &mut Vec<u8>, ground: &Ground<'_>, hit: &HitShown<'_>) {
    let strongest = hit.outcome.matches.first();
    let kind = match strongest.map(|found| found.basis.name) {
        _ if hit.is_brand => "brand",
        Some(NameBasis::Alias) => "alias",
        _ => "name",
    };
    out.extend_from_slice(b"{\"start\":");
    write_number(out, u64::from(hit.places.start));
    out.extend_from_slice(b",\"end\":");
    write_number(out, u64::from(hit.places.end));
    out.extend_from_slice(b",\"text\":");
    write_text(out, hit.text);
    out.extend_from_slice(b",\"kind\":");
    write_text(out, kind);
    out.extend_from_slice(b",\"decision\":");
    write_text(out, hit.outcome.decision.name());
    if let Some(found) = strongest {
        let cold = ground.snapshot.cold(found.entry);
        answer::write_whose(out, ground, found, &cold);
    }
    out.extend_from_slice(b",\"entry_count\":");
    write_number(out, u64::from(hit.outcome.match_count));
    if let Some(place) = hit.same_as {
        out.extend_from_slice(b",\"same_as\":");
        write_number(out, place as u64);
    }
    out.extend_from_slice(b",\"entries\":[");
    for (place, found) in hit.entries.iter().enumerate() {
        answer::comma(out, place);
        write_entry(out, ground, found);
    }
    out.extend_from_slice(b"]}");
}

fn write_entry(out: &mut Vec<u8>, ground: &Ground<'_>, found: &Match) {
    let opening = out.len();
    let shows = |field| ground.fields.shows(field, found.effect);
    let cold = ground.snapshot.cold(found.entry);
    answer::write_whose(out, ground, found, &cold);
    if shows(Field::Identity) {
        out.extend_from_slice(b",\"identity\":");
        write_text(out, found.identity.name());
    }
    if shows(Field::Basis) {
        out.extend_from_slice(b",\"basis\":");
        out.extend_from_slice(match found.basis.name {
            NameBasis::Alias => b"[\"alias\"]",
            _ => b"[\"name\"]",
        });
    }
    out.extend_from_slice(b",\"decision\":");
    write_text(out, found.effect.name());
    answer::write_listing(out, ground, found, &cold);
    answer::close(out, opening);
}
