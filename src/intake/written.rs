//! A record put together from cells or entities: texts of its own, in the contract's words.
//!
//! In: texts that a table or a FollowTheMoney entity gave. Out: `WrittenRecord`, which borrows from
//! it and is validated like any other; an entry_id where none was given. Debug is not derived:
//! numbers are in clear.

use super::field::Fact;
use super::record::{WrittenId, WrittenParty, WrittenRecord};
use crate::identifier::kind::IdType;
use crate::model::subject::{Role, SubjectKind};

const FACTS: usize = Fact::Publishable as usize + 1;

/// A record that owns its texts.
#[derive(Default)]
pub struct OwnRecord {
    facts: [Option<String>; FACTS],
    /// Who is listed.
    pub subject: OwnParty,
    /// Holders of roles.
    pub related: Vec<OwnParty>,
}

/// Subject or holder.
#[derive(Default)]
pub struct OwnParty {
    /// Person or organisation, or what stood there.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// Numbers and their types, where known.
    pub ids: Vec<(Option<IdType>, String)>,
    /// Birth date.
    pub birth_date: Option<String>,
    /// Gender.
    pub gender: Option<String>,
    /// Role; holders only.
    pub role: Option<Role>,
}

impl OwnRecord {
    /// The text of a fact.
    pub fn fact(&self, fact: Fact) -> Option<&str> {
        self.facts[fact as usize].as_deref()
    }

    /// Sets the text of a fact.
    pub fn set(&mut self, fact: Fact, text: Option<String>) {
        self.facts[fact as usize] = text.filter(|text| !text.trim().is_empty());
    }

    /// As a record to validate.
    pub fn written(&self) -> WrittenRecord<'_> {
        let fact = |fact| self.fact(fact).map(str::trim);
        WrittenRecord {
            entry_id: fact(Fact::EntryId),
            list: fact(Fact::List),
            subject: Some(self.subject.written()),
            related: self.related.iter().map(OwnParty::written).collect(),
            grade: fact(Fact::Grade),
            conduct: fact(Fact::Conduct),
            conduct_ended: fact(Fact::ConductEnded),
            able_but_refuses: fact(Fact::AbleButRefuses).map(|word| word == "true"),
            case_no: fact(Fact::CaseNo),
            authority: fact(Fact::Authority),
            region: fact(Fact::Region),
            supplier: fact(Fact::Supplier),
            submitted_at: fact(Fact::SubmittedAt),
            published: fact(Fact::Published),
            in_force_from: fact(Fact::InForceFrom),
            in_force_until: fact(Fact::InForceUntil),
            retained_basis: fact(Fact::RetainedBasis),
            disclosure: fact(Fact::Disclosure),
            status: fact(Fact::Status),
            recourse: fact(Fact::Recourse),
            publishable: fact(Fact::Publishable).map(|word| word == "true"),
        }
    }
}

impl OwnParty {
    fn written(&self) -> WrittenParty<'_> {
        let ids = self.ids.iter().map(|(id_type, number)| WrittenId {
            id_type: id_type.map(IdType::name),
            number: Some(number),
        });
        WrittenParty {
            kind: self.kind.as_deref(),
            name: self.name.as_deref().map(str::trim),
            aliases: self.aliases.iter().map(String::as_str).collect(),
            ids: ids.collect(),
            birth_date: self.birth_date.as_deref(),
            gender: self.gender.as_deref(),
            role: self.role.map(Role::name),
        }
    }

    /// Person or organisation, by numbers, facts of birth and the form of the name; numbers of an
    /// organisation's name are its own.
    pub fn inferred_kind(&self) -> Option<SubjectKind> {
        let by_name = self.name.as_deref().and_then(kind_of_name);
        if by_name == Some(SubjectKind::Organisation) {
            return by_name;
        }
        let mut types = self.ids.iter().filter_map(|(id_type, _)| *id_type);
        match types.next() {
            Some(id_type) if id_type.of_person() => Some(SubjectKind::Person),
            Some(_) => Some(SubjectKind::Organisation),
            None if self.birth_date.is_some() || self.gender.is_some() => Some(SubjectKind::Person),
            None => by_name,
        }
    }
}

/// Ends of names that no person has.
const ORGANISATION_ENDS: [&str; 38] = [
    "公司",
    "集团",
    "工厂",
    "厂",
    "合作社",
    "事务所",
    "医院",
    "学校",
    "学院",
    "大学",
    "幼儿园",
    "委员会",
    "经营部",
    "商行",
    "商店",
    "超市",
    "酒店",
    "饭店",
    "餐厅",
    "中心",
    "协会",
    "学会",
    "银行",
    "分行",
    "支行",
    "企业",
    "工作室",
    "合伙",
    "研究院",
    "研究所",
    "门市部",
    "分公司",
    "服务部",
    "加工部",
    "农场",
    "商会",
    "基金会",
    "项目部",
];
const ORGANISATION_WORDS: [&str; 12] = [
    " co", " ltd", " inc", " llc", " corp", " gmbh", " company", " limited", " bank", " group",
    " plc", " jsc",
];

/// What the form of a name tells for sure; nothing where it does not.
pub fn kind_of_name(name: &str) -> Option<SubjectKind> {
    let trimmed = name.trim();
    let bare = trimmed.strip_suffix(['）', ')']).map_or(trimmed, |inner| {
        inner
            .rsplit_once(['（', '('])
            .map_or(inner, |(front, _)| front)
    });
    let lower = format!(" {}", bare.to_lowercase());
    let words = |words: &str| {
        let at = lower.find(words);
        at.is_some_and(|at| {
            let behind = lower[at + words.len()..].chars().next();
            behind.is_none_or(|c| !c.is_alphabetic())
        })
    };
    if ORGANISATION_ENDS.iter().any(|end| bare.ends_with(end)) && trimmed.chars().count() > 3
        || ORGANISATION_WORDS.iter().any(|word| words(word))
    {
        return Some(SubjectKind::Organisation);
    }
    let han = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c) || c >= '\u{20000}';
    let short = bare.chars().count() <= 4 && bare.chars().all(han);
    let dotted = bare.contains(['·', '•', '・']);
    (short || dotted).then_some(SubjectKind::Person)
}

/// A key made from facts, always the same for the same ones: letters only, so that it never looks
/// like a number of anybody.
pub fn made_entry_id(prefix: &str, parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        let part: String = super::profile::folded(part);
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let mut made = String::from(prefix);
    if !made.is_empty() {
        made.push('-');
    }
    for byte in &hash.as_bytes()[..12] {
        made.push(char::from(b'a' + (byte >> 4)));
        made.push(char::from(b'a' + (byte & 15)));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tell_their_kind() {
        for name in [
            "测试建材有限公司",
            "Example Trading Co., Ltd",
            "福州某某经营部",
            "某厂(普通合伙)",
            "第一机床厂",
        ] {
            assert_eq!(
                kind_of_name(name),
                Some(SubjectKind::Organisation),
                "{name}"
            );
        }
        for name in ["张三丰", "买买提·艾力", "欧阳修竹"] {
            assert_eq!(kind_of_name(name), Some(SubjectKind::Person), "{name}");
        }
        for name in ["John Smith", "某某某某某某"] {
            assert_eq!(kind_of_name(name), None, "{name}");
        }
    }

    #[test]
    fn made_keys_depend_on_every_part_and_hold_no_digit() {
        let a = made_entry_id("court", &["ab", "c"]);
        assert_eq!(a, made_entry_id("court", &[" AB", "c"]));
        assert_ne!(a, made_entry_id("court", &["a", "bc"]));
        assert!(a.starts_with("court-") && !a.bytes().any(|b| b.is_ascii_digit()));
    }
}
