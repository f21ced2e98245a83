//! What the words of offices mean where a profile does not say: kind, gender, status, yes and no.
//!
//! In: a field and a word. Out: the word of the contract, or nothing. A word that is not
//! here stays as it is, and is refused where records are validated.

use super::field::{Fact, Field, PartyFact};
use super::profile::folded;

type Words = &'static [(&'static str, &'static str)];

const KINDS: Words = &[
    ("自然人", "person"),
    ("个人", "person"),
    ("公民", "person"),
    ("自然人类", "person"),
    ("individual", "person"),
    ("法人", "organisation"),
    ("企业", "organisation"),
    ("单位", "organisation"),
    ("机构", "organisation"),
    ("法人或其他组织", "organisation"),
    ("法人及其他组织", "organisation"),
    ("法人和其他组织", "organisation"),
    ("法人或者其他组织", "organisation"),
    ("非法人组织", "organisation"),
    ("其他组织", "organisation"),
    ("企业法人", "organisation"),
    ("法人和非法人组织", "organisation"),
    ("organization", "organisation"),
    ("company", "organisation"),
];

const GENDERS: Words = &[
    ("男", "male"),
    ("男性", "male"),
    ("m", "male"),
    ("女", "female"),
    ("女性", "female"),
    ("f", "female"),
];

const STATUSES: Words = &[
    ("有效", "in_force"),
    ("生效", "in_force"),
    ("生效中", "in_force"),
    ("在册", "in_force"),
    ("正常", "in_force"),
    ("公布中", "in_force"),
    ("公示中", "in_force"),
    ("发布", "in_force"),
    ("已发布", "in_force"),
    ("已列入", "in_force"),
    ("列入", "in_force"),
    ("inforce", "in_force"),
    ("屏蔽", "held"),
    ("已屏蔽", "held"),
    ("屏蔽中", "held"),
    ("异议", "held"),
    ("异议中", "held"),
    ("异议处理中", "held"),
    ("暂停", "held"),
    ("暂停公示", "held"),
    ("撤销", "withdrawn"),
    ("已撤销", "withdrawn"),
    ("撤回", "withdrawn"),
    ("已撤回", "withdrawn"),
    ("移出", "withdrawn"),
    ("已移出", "withdrawn"),
    ("删除", "withdrawn"),
    ("已删除", "withdrawn"),
    ("失效", "withdrawn"),
    ("已失效", "withdrawn"),
    ("解除", "withdrawn"),
    ("已解除", "withdrawn"),
    ("修复", "repaired"),
    ("已修复", "repaired"),
    ("信用修复", "repaired"),
    ("已完成信用修复", "repaired"),
];

const DISCLOSURES: Words = &[
    ("公开", "public"),
    ("社会公开", "public"),
    ("依法公开", "public"),
    ("授权查询", "authorised"),
    ("授权公开", "authorised"),
    ("政务共享", "government"),
    ("政府内部共享", "government"),
];

const TRUTHS: Words = &[
    ("是", "true"),
    ("有", "true"),
    ("yes", "true"),
    ("y", "true"),
    ("1", "true"),
    ("否", "false"),
    ("无", "false"),
    ("no", "false"),
    ("n", "false"),
    ("0", "false"),
    ("不公开", "false"),
];

/// Ends that say there is none.
const ENDLESS: Words = &[
    ("长期", ""),
    ("永久", ""),
    ("无", ""),
    ("无固定期限", ""),
    ("至今", ""),
    ("长期有效", ""),
];

/// The word of the contract for a word; an empty one stands for nothing.
pub fn meaning(field: Field, word: &str) -> Option<&'static str> {
    let words = match field {
        Field::Subject(fact) | Field::Holder(_, fact) => match fact {
            PartyFact::Kind => KINDS,
            PartyFact::Gender => GENDERS,
            _ => return None,
        },
        Field::Fact(fact) => match fact {
            Fact::Status => STATUSES,
            Fact::Disclosure => DISCLOSURES,
            Fact::AbleButRefuses | Fact::Publishable => TRUTHS,
            Fact::InForceUntil => ENDLESS,
            _ => return None,
        },
    };
    let folded = folded(word);
    let found = words.iter().find(|(known, _)| *known == folded);
    found.map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_offices_mean_those_of_the_contract() {
        for (field, word, expected) in [
            (Field::Subject(PartyFact::Kind), "自然人", Some("person")),
            (Field::Fact(Fact::Status), "已屏蔽", Some("held")),
            (Field::Fact(Fact::Status), "撤销", Some("withdrawn")),
            (Field::Fact(Fact::Status), "修复", Some("repaired")),
            (Field::Fact(Fact::InForceUntil), "长期", Some("")),
            (Field::Fact(Fact::Status), "held", None),
            (Field::Fact(Fact::CaseNo), "有效", None),
        ] {
            assert_eq!(meaning(field, word), expected, "{word}");
        }
    }
}
