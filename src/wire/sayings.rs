//! What decisions and reasons are called when they are said to people, in Chinese and English.
//!
//! Every adverse decision is said with its ground, who listed, the document and the way to object
//! (safeguard S17). Words only: nothing is decided here.

use super::text::write_escaped;
use crate::model::decision::{Decision, Reason};
use crate::model::language::Language;
use crate::snapshot::digits::ColdText;

/// What one message says of one listing.
#[derive(Debug, Clone)]
pub struct Adverse<'a> {
    /// What follows.
    pub effect: Decision,
    /// The measure, in the language.
    pub measure: &'a str,
    /// Document and article.
    pub legal_basis: &'a str,
    /// The list, in the language.
    pub list: &'a str,
    /// Who listed.
    pub authority: &'a str,
    /// Number of the final legal document.
    pub case_no: ColdText<'a>,
    /// Where to object.
    pub recourse: &'a str,
}

/// Appends the message of one listing as a JSON string.
pub fn write_adverse(out: &mut Vec<u8>, language: Language, adverse: Adverse<'_>) {
    let pieces = match language {
        Language::Zh => [
            "：",
            "。依据：",
            "。名单：",
            "，列入机关：",
            "，文书号：",
            "。异议途径：",
            "。",
        ],
        Language::En => [
            ": ",
            ". Legal basis: ",
            ". List: ",
            ", listed by ",
            ", document ",
            ". To object: ",
            ".",
        ],
    };
    let values = [
        adverse.measure,
        adverse.legal_basis,
        adverse.list,
        adverse.authority,
        &adverse.case_no,
        adverse.recourse,
    ];
    out.push(b'"');
    write_escaped(out, decision(language, adverse.effect));
    for (piece, value) in pieces.iter().zip(values) {
        write_escaped(out, piece);
        write_escaped(out, value);
    }
    write_escaped(out, pieces[values.len()]);
    out.push(b'"');
}

/// Appends the message of a missing attribute as a JSON string.
pub fn write_missing_attribute(out: &mut Vec<u8>, language: Language, attribute: &str) {
    let (before, after) = match language {
        Language::Zh => ("缺少属性 ", "，有关措施是否适用无法判断。"),
        Language::En => (
            "The attribute ",
            " is missing: whether a measure applies is undecided.",
        ),
    };
    out.push(b'"');
    write_escaped(out, before);
    write_escaped(out, attribute);
    write_escaped(out, after);
    out.push(b'"');
}

/// What a decision is called.
fn decision(language: Language, decision: Decision) -> &'static str {
    match (language, decision) {
        (Language::Zh, Decision::Block) => "禁止",
        (Language::Zh, Decision::Limit) => "限制",
        (Language::Zh, Decision::Review) => "须人工核查",
        (Language::Zh, Decision::Advise) => "供参考",
        (Language::Zh, Decision::Clear) => "无限制",
        (Language::En, Decision::Block) => "Not allowed",
        (Language::En, Decision::Limit) => "Allowed within limits only",
        (Language::En, Decision::Review) => "A person must look at it",
        (Language::En, Decision::Advise) => "To be taken into account",
        (Language::En, Decision::Clear) => "Nothing stands against it",
    }
}

/// The message of an answer in which no measure has an effect.
pub fn without_effect(language: Language, is_listed: bool) -> &'static str {
    match (language, is_listed) {
        (Language::Zh, false) => "名单中没有对此不利的记录。",
        (Language::Zh, true) => "名单中有记录，但没有措施适用于此事项。",
        (Language::En, false) => "No listing stands against it.",
        (Language::En, true) => "There is a listing, but no measure applies to this matter.",
    }
}

/// The message of a reason.
pub fn reason(language: Language, reason: Reason) -> &'static str {
    match (language, reason) {
        (Language::Zh, Reason::StaleList) => "名单数据已超过最长更新期限，不得据此直接限制。",
        (Language::Zh, Reason::Exemption) => "请求附有该措施所允许的豁免，须人工核查其证明。",
        (Language::Zh, Reason::Minor) => "当事人未满十八周岁，不得直接限制。",
        (Language::Zh, Reason::NoEndDate) => "该名单应载明期限而记录未载明，不得直接限制。",
        (Language::Zh, Reason::IdentityPossible) => {
            "仅姓名或名称相符，或者证件号码相同而姓名不符，不能确认为同一主体。"
        }
        (Language::Zh, Reason::IdentityProbable) => {
            "名单仅显示部分证件号码，须核实是否为同一主体。"
        }
        (Language::Zh, Reason::ForceUnstated) => "该措施的约束力未明示，本单位未采用，须人工核查。",
        (Language::Zh, Reason::NotAdopted) => "该措施属建议性质，本单位未采用，仅供参考。",
        (Language::Zh, Reason::NameSearchLimit) => {
            "近似名称的检索已达上限，可能还有其他近似名称，请提供证件号码。"
        }
        (Language::En, Reason::StaleList) => {
            "The list is older than its limit: nobody is restricted by it without a review."
        }
        (Language::En, Reason::Exemption) => {
            "The request carries an exemption that the measure allows: its proof must be examined."
        }
        (Language::En, Reason::Minor) => {
            "The party is under 18: nobody under 18 is restricted without a review."
        }
        (Language::En, Reason::NoEndDate) => {
            "The list owes an end date and the record gives none: review only."
        }
        (Language::En, Reason::IdentityPossible) => {
            "Only the name matches, or the number is equal and the names differ: it may be \
             somebody else."
        }
        (Language::En, Reason::IdentityProbable) => {
            "The list shows only part of the number: whether it is the same party must be verified."
        }
        (Language::En, Reason::ForceUnstated) => {
            "The text does not say how binding the measure is, and the unit has not adopted it."
        }
        (Language::En, Reason::NotAdopted) => {
            "The measure is recommended, and the unit has not adopted it."
        }
        (Language::En, Reason::NameSearchLimit) => {
            "The search for similar names stopped at its limit: others may be similar too; ask for \
             a number."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adverse_message_names_ground_authority_document_and_way_to_object() {
        for language in [Language::Zh, Language::En] {
            let adverse = Adverse {
                effect: Decision::Block,
                measure: "m",
                legal_basis: "FJ-2016 二(七)1",
                list: "court list",
                authority: "福州\"法院",
                case_no: ColdText::Whole("(2016)闽0102执1234号"),
                recourse: "apply to the court",
            };
            let mut json = Vec::new();
            write_adverse(&mut json, language, adverse.clone());
            let text: String = serde_json::from_slice(&json).unwrap();
            for part in [
                decision(language, Decision::Block),
                adverse.legal_basis,
                adverse.authority,
                &adverse.case_no,
                adverse.recourse,
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
    }

    #[test]
    fn every_reason_has_its_own_words_in_both_languages() {
        for language in [Language::Zh, Language::En] {
            for (place, one) in Reason::ALL.into_iter().enumerate() {
                for other in &Reason::ALL[..place] {
                    assert_ne!(reason(language, one), reason(language, *other));
                }
            }
        }
    }
}
