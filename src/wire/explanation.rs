//! Why we think that it is the listed party, feature by feature: the answer's `explanation`.
//!
//! In: a match. Out: JSON, one object a feature: numbers and dates that agree, then the name, equal
//! or with each of its differences, the characters asked about before the listed ones. Decides
//! nothing. HOT: no allocation but the buffer.

use super::text::write_escaped;
use crate::check::outcome::{Basis, Match, NameBasis, NameDifference};
use crate::identifier::kind::IdType;
use crate::name::similarity::DifferenceKind;

/// Appends the member `explanation` with a comma before it.
pub fn write(out: &mut Vec<u8>, found: &Match) {
    out.extend_from_slice(b",\"explanation\":[");
    let mut features = Features { out, place: 0 };
    write_numbers(&mut features, found.basis);
    let name = match found.basis.name {
        NameBasis::Name => "name",
        NameBasis::Alias => "alias",
        NameBasis::None => {
            features.add("name", &["different"]);
            out.push(b']');
            return;
        }
    };
    if found.score() >= 1.0 {
        features.add(name, &["equal after folding"]);
    } else if found.differences.is_empty() {
        features.add(name, &["similar"]);
    }
    for difference in &found.differences {
        write_difference(&mut features, name, difference);
    }
    out.push(b']');
}

struct Features<'a> {
    out: &'a mut Vec<u8>,
    place: usize,
}

impl Features<'_> {
    fn add(&mut self, feature: &str, detail: &[&str]) {
        if self.place > 0 {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"feature\":\"");
        self.out.extend_from_slice(feature.as_bytes());
        self.out.extend_from_slice(b"\",\"detail\":\"");
        for part in detail {
            write_escaped(self.out, part);
        }
        self.out.extend_from_slice(b"\"}");
        self.place += 1;
    }
}

fn write_numbers(features: &mut Features<'_>, basis: Basis) {
    let full: [bool; IdType::ALL.len()] =
        std::array::from_fn(|place| basis.full().any(|id_type| id_type as usize == place));
    for id_type in IdType::ALL {
        if full[id_type as usize] {
            features.add(id_type.name(), &["equal"]);
        }
    }
    for id_type in basis.masked() {
        features.add(id_type.name(), &["every visible character agrees"]);
    }
    if basis.birth_date {
        features.add("birth_date", &["equal"]);
    }
}

fn write_difference(features: &mut Features<'_>, name: &str, difference: &NameDifference) {
    let way = way(difference.kind);
    match (&*difference.asked, &*difference.listed) {
        ("", "") => features.add(name, &[way]),
        (asked, "") => features.add(name, &[way, ": ", asked, ", not listed"]),
        ("", listed) => features.add(name, &[way, ": ", listed, " is listed"]),
        (asked, listed) => features.add(name, &[way, ": ", asked, " for ", listed]),
    }
}

/// The way in which names differ, as answers say it.
fn way(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Variant => "variant character",
        DifferenceKind::Homophone => "homophone",
        DifferenceKind::NearHomophone => "similar sound",
        DifferenceKind::Shape => "similar shape",
        DifferenceKind::Keyboard => "slip in typed pinyin",
        DifferenceKind::OtherCharacter => "other character",
        DifferenceKind::Missing => "missing character",
        DifferenceKind::Extra => "extra character",
        DifferenceKind::Swapped => "exchanged characters",
        DifferenceKind::Order => "other order",
        DifferenceKind::Placeholder => "placeholder",
        DifferenceKind::PrivateUse => "private-use character",
        DifferenceKind::Romanised => "romanised",
        DifferenceKind::Transliteration => "other transliteration",
        DifferenceKind::Truncated => "cut at the end",
        DifferenceKind::Title => "form of address",
        DifferenceKind::Region => "region",
        DifferenceKind::LegalForm => "legal form",
        DifferenceKind::Trade => "trade",
        DifferenceKind::Brand => "brand",
        DifferenceKind::Branch => "branch",
        DifferenceKind::Group => "group",
        DifferenceKind::Abbreviation => "short form",
        DifferenceKind::FormerName => "former name",
        DifferenceKind::Serial => "serial",
        DifferenceKind::Noise => "stray signs",
        DifferenceKind::Unrelated => "unrelated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(kind: DifferenceKind, asked: &str, listed: &str, expected: &str) {
        let mut out = Vec::new();
        let mut features = Features {
            out: &mut out,
            place: 0,
        };
        let difference = NameDifference {
            kind,
            asked: asked.into(),
            listed: listed.into(),
        };
        write_difference(&mut features, "name", &difference);
        let wanted = format!(r#"{{"feature":"name","detail":"{expected}"}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn a_difference_names_its_way_and_the_characters() {
        says(
            DifferenceKind::Homophone,
            "围",
            "伟",
            "homophone: 围 for 伟",
        );
        says(
            DifferenceKind::Extra,
            "先生",
            "",
            "extra character: 先生, not listed",
        );
        says(
            DifferenceKind::Region,
            "",
            "福州市",
            "region: 福州市 is listed",
        );
        says(DifferenceKind::Noise, "", "", "stray signs");
        says(
            DifferenceKind::Shape,
            "\"",
            "\\",
            r#"similar shape: \" for \\"#,
        );
    }
}
