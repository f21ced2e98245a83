//! The request as the sealed part of its record keeps it: all that a replay needs, and little
//! more than its characters.
//!
//! In: a question that passed. Out: bytes, to be encrypted at once. Format 1, all lengths and
//! whole numbers as LEB128:
//! `1`, attributes (count; place, kind, value), parties (count; flags, name, numbers (count; type,
//! text), stated birth day), exemption (0 or 1 + kind, reference), authorisation (the same),
//! reference. Flags of a party: bit 0 organisation, bit 1 birth day follows, bits 2 to 4 role + 1.
//! Format 2 is that of a scan: `2`, what follows (0 the text, 1 its length in bytes and its
//! BLAKE3, of a text too long to be kept), attributes, reference.
//! Formats 3 and 4 are 1 and 2 behind the operator, where the request names one: `3` or `4`, the
//! operator, then what follows the first byte of format 1 or 2.
//! Places are those of the catalogue whose hash the record names. A citizen number inside free
//! text is masked. Contract, section 7.

use super::request::{Asked, AttributeTexts};
use super::scan::ScanAsked;
use crate::catalogue::scenario::{AttributeValue, AttributeValues};
use crate::check::request::Party;
use crate::decision_log::codec::Fields;
use crate::identifier::document::FullNumber;
use crate::identifier::free_text::mask_citizen_ids;
use crate::identifier::kind::IdType;
use crate::model::subject::SubjectKind;

/// First byte of a request.
pub const FORMAT: u8 = 1;
/// First byte of a scan.
pub const SCAN_FORMAT: u8 = 2;
/// First byte of a request that names its operator.
pub const OPERATOR_FORMAT: u8 = 3;
/// First byte of a scan that names its operator.
pub const OPERATOR_SCAN_FORMAT: u8 = 4;

/// Which of the two, and who at the unit has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening<'a> {
    /// `FORMAT` or `SCAN_FORMAT`.
    pub format: u8,
    /// The operator, citizen numbers masked.
    pub operator: Option<&'a str>,
}

impl<'a> Opening<'a> {
    /// Reads what stands before the formats' own fields; `None` for a format not known.
    pub fn read(fields: &mut Fields<'a>) -> Option<Self> {
        let (format, has_operator) = match fields.byte()? {
            format @ (FORMAT | SCAN_FORMAT) => (format, false),
            OPERATOR_FORMAT => (FORMAT, true),
            OPERATOR_SCAN_FORMAT => (SCAN_FORMAT, true),
            _ => return None,
        };
        let operator = match has_operator {
            true => Some(fields.text()?),
            false => None,
        };
        Some(Self { format, operator })
    }

    fn write(self, out: &mut Vec<u8>) {
        match (self.operator, self.format) {
            (None, format) => out.push(format),
            (Some(operator), format) => {
                let of_request = format == FORMAT;
                out.push(if of_request {
                    OPERATOR_FORMAT
                } else {
                    OPERATOR_SCAN_FORMAT
                });
                write_free_text(out, Some(operator));
            }
        }
    }
}

/// Who at the unit has asked, where the request named one.
pub fn operator(normalised: &[u8]) -> Option<&str> {
    Opening::read(&mut Fields::new(normalised))?.operator
}

/// Whether a number is one of the subject's, not only of a related party; `None` where the bytes
/// are no request.
pub fn names_subject(normalised: &[u8], number: &FullNumber) -> Option<bool> {
    let mut fields = Fields::new(normalised);
    if Opening::read(&mut fields)?.format != FORMAT {
        return None;
    }
    skip_attributes(&mut fields)?;
    fields.number()?;
    let _flags = fields.byte()?;
    fields.text()?;
    for _ in 0..fields.number()? {
        let id_type = fields.byte()?;
        let text = fields.text()?;
        if id_type == number.id_type() as u8 && text.as_bytes() == number.as_bytes() {
            return Some(true);
        }
    }
    Some(false)
}

/// Appends the normalised request.
pub fn write(out: &mut Vec<u8>, asked: &Asked<'_>, operator: Option<&str>) {
    let format = FORMAT;
    Opening { format, operator }.write(out);
    write_attributes(out, &asked.request.attributes, &asked.text_attributes);
    let request = &asked.request;
    write_number(out, 1 + request.related.len() as u64);
    let parties = std::iter::once(&request.subject).chain(&request.related);
    for (party, name) in parties.zip(&asked.names) {
        write_party(out, party, name);
    }
    match request.exemption {
        Some(kind) => out.push(1 + kind as u8),
        None => out.push(0),
    }
    write_free_text(out, asked.exemption_reference);
    match request.authorisation {
        Some(kind) => out.push(1 + kind as u8),
        None => out.push(0),
    }
    write_free_text(out, asked.authorisation_reference);
    write_free_text(out, asked.reference);
}

/// The reference of a request or scan as it was written; `None` where it has none, or where the
/// bytes are of another format.
pub fn reference(normalised: &[u8]) -> Option<String> {
    let mut fields = Fields::new(normalised);
    match Opening::read(&mut fields)?.format {
        FORMAT => skip_request(&mut fields)?,
        _ => {
            match fields.byte()? {
                0 => drop(fields.text()?),
                _ => drop((fields.number()?, fields.array::<32>()?)),
            }
            skip_attributes(&mut fields)?;
        }
    }
    let text = fields.text()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Passes over all of a request that stands before its reference.
fn skip_request(fields: &mut Fields<'_>) -> Option<()> {
    skip_attributes(fields)?;
    for _ in 0..fields.number()? {
        let flags = fields.byte()?;
        fields.text()?;
        for _ in 0..fields.number()? {
            fields.byte()?;
            fields.text()?;
        }
        if flags & 2 != 0 {
            fields.array::<4>()?;
        }
    }
    // Exemption, then authorisation: a kind and a reference each.
    for _ in 0..2 {
        fields.byte()?;
        fields.text()?;
    }
    Some(())
}

fn skip_attributes(fields: &mut Fields<'_>) -> Option<()> {
    for _ in 0..fields.number()? {
        fields.byte()?;
        match fields.byte()? {
            0 | 2 => drop(fields.byte()?),
            1 => drop(fields.number()?),
            3 => drop(fields.text()?),
            _ => return None,
        }
    }
    Some(())
}

/// Bytes of the longest text that is kept; of a longer one its hash is.
pub const SCAN_TEXT_BYTES_MAX: usize = 65_536;

/// Appends what a scan was asked.
pub fn write_scan(out: &mut Vec<u8>, asked: &ScanAsked<'_>, operator: Option<&str>) {
    let (text, format) = (asked.text, SCAN_FORMAT);
    Opening { format, operator }.write(out);
    if text.len() <= SCAN_TEXT_BYTES_MAX {
        out.push(0);
        write_free_text(out, Some(text));
    } else {
        out.push(1);
        write_number(out, text.len() as u64);
        out.extend_from_slice(blake3::hash(text.as_bytes()).as_bytes());
    }
    write_attributes(out, &asked.attributes, &asked.text_attributes);
    write_free_text(out, asked.reference);
}

fn write_attributes(out: &mut Vec<u8>, values: &AttributeValues, texts: &AttributeTexts<'_>) {
    write_number(out, values.iter().flatten().count() as u64);
    for (place, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        out.push(place as u8);
        match value {
            AttributeValue::Enum(value) => out.extend_from_slice(&[0, *value]),
            AttributeValue::Int(value) => {
                out.push(1);
                write_number(out, value.unsigned_abs());
            }
            AttributeValue::Bool(value) => out.extend_from_slice(&[2, u8::from(*value)]),
            AttributeValue::Text => {
                out.push(3);
                let text = texts.iter().find(|(of, _)| usize::from(*of) == place);
                write_free_text(out, text.map(|(_, text)| *text));
            }
        }
    }
}

fn write_party(out: &mut Vec<u8>, party: &Party, name: &str) {
    let has_citizen_id = party
        .numbers
        .iter()
        .any(|number| number.id_type() == IdType::CitizenId);
    let stated_birth = party.birth.filter(|_| !has_citizen_id);
    let role = party.role.map_or(0, |role| 1 + role as u8);
    let flags = u8::from(party.kind == SubjectKind::Organisation)
        | u8::from(stated_birth.is_some()) << 1
        | role << 2;
    out.push(flags);
    write_bytes(out, name.trim().as_bytes());
    write_number(out, party.numbers.len() as u64);
    for number in &party.numbers {
        out.push(number.id_type() as u8);
        write_bytes(out, number.as_bytes());
    }
    if let Some(birth) = stated_birth {
        out.extend_from_slice(&birth.0.to_le_bytes());
    }
}

fn write_free_text(out: &mut Vec<u8>, text: Option<&str>) {
    write_bytes(out, mask_citizen_ids(text.unwrap_or("")).as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::super::request::Question;
    use super::*;

    fn normalised(body: &str, operator: Option<&str>) -> Vec<u8> {
        let catalogue = crate::catalogue::load::built_in().unwrap();
        let question = Question::parse(body.as_bytes()).unwrap();
        let scenario = question.scenario(&catalogue).unwrap();
        let asked = question.complete(&catalogue, scenario).unwrap();
        let mut out = Vec::new();
        write(&mut out, &asked, operator);
        out
    }

    #[test]
    fn a_plain_ticket_request_takes_little_more_than_its_characters() {
        let bytes = normalised(
            r#"{"scenario":"rail.ticket",
                "attributes":{"train_class":"G","seat_class":"second"},
                "subject":{"kind":"person","name":"张三丰",
                           "ids":[{"type":"citizen_id","number":"990102 198003071239"}]},
                "reference":"order 123"}"#,
            None,
        );
        assert_eq!(operator(&bytes), None);
        assert!(bytes.len() <= 60, "{} bytes", bytes.len());
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(contains("张三丰".as_bytes()));
        assert!(contains(b"990102198003071239"));
        assert!(contains(b"order 123"));
        assert_eq!(reference(&bytes).as_deref(), Some("order 123"));
        for cut in 0..bytes.len() {
            assert_eq!(reference(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_scan_keeps_its_text_masked_and_of_a_long_one_the_hash() {
        let scanned = |text: &str| {
            let mut out = Vec::new();
            let asked = ScanAsked {
                text,
                attributes: AttributeValues::new(),
                text_attributes: AttributeTexts::new(),
                purpose: None,
                reference: Some("lot 7"),
            };
            write_scan(&mut out, &asked, None);
            assert_eq!(reference(&out).as_deref(), Some("lot 7"));
            let mut by_somebody = Vec::new();
            write_scan(&mut by_somebody, &asked, Some("窗口 3"));
            assert_eq!(operator(&by_somebody), Some("窗口 3"));
            assert_eq!(reference(&by_somebody).as_deref(), Some("lot 7"));
            String::from_utf8_lossy(&out).into_owned()
        };
        let short = scanned("标书 990102198003071239");
        assert!(short.contains("标书 **************1239") && short.contains("lot 7"));
        let long = "标".repeat(SCAN_TEXT_BYTES_MAX / 3);
        assert!(scanned(&long).contains(&long));
        assert!(scanned(&(long + "书书")).len() < 100);
    }

    #[test]
    fn a_number_in_free_text_is_masked() {
        let bytes = normalised(
            r#"{"scenario":"rail.ticket",
                "attributes":{"train_class":"G","seat_class":"second",
                              "necessity_ref":"for 990102198003071239"},
                "subject":{"kind":"person","name":"张三丰"},
                "exemption":{"kind":"court_permit","reference":"990102198003071239"},
                "reference":"id 990102198003071239"}"#,
            Some("990102198003071239"),
        );
        assert_eq!(operator(&bytes), Some("**************1239"));
        let kept = reference(&bytes).unwrap();
        assert!(kept.starts_with("id *"), "{kept}");
        let number = b"990102198003071239";
        assert!(!bytes.windows(number.len()).any(|window| window == number));
    }
}
