//! Subject or holder of a record: names, numbers, and facts that contradict each other.
//!
//! In: a party as written. Out: a `ListedParty` with parsed numbers, or the first fault. Contract,
//! section 3; decision rules 1.3 and 2.7. Not here: whether a person is known well enough
//! (`validate`).

use super::fault::{
    Fault, FaultCode, Warning, citizen_id_in_text, required, too_many, unknown_value,
};
use super::numbers::{birth_date, check_gender, parse_all};
use super::record::WrittenParty;
use crate::identifier::free_text::contains_citizen_id;
use crate::model::entry::ListedParty;
use crate::model::subject::{Role, SubjectKind};
use crate::name::fold::fold;

/// Characters of a name at most.
pub const NAME_CHARS_MAX: usize = 200;
/// Other names of one party at most.
pub const ALIASES_MAX: usize = 50;

/// Validates a party. Faults name fields inside it.
pub fn validate(
    written: &WrittenParty<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<ListedParty, Fault> {
    let kind = required(written.kind, "kind")?;
    let kind = SubjectKind::parse(kind)
        .ok_or_else(|| unknown_value("kind", "`person` or `organisation`"))?;
    let name =
        checked_name(required(written.name, "name")?).map_err(|fault| fault.within("name"))?;
    if written.aliases.len() > ALIASES_MAX {
        return Err(too_many(ALIASES_MAX).within("aliases"));
    }
    let mut aliases: Vec<Box<str>> = Vec::with_capacity(written.aliases.len());
    for (place, alias) in written.aliases.iter().enumerate() {
        let alias =
            checked_name(alias).map_err(|fault| fault.within_member(place).within("aliases"))?;
        if alias != name && !aliases.contains(&alias) {
            aliases.push(alias);
        }
    }
    let numbers = parse_all(kind, &written.ids, warnings)?;
    let birth_date = birth_date(kind, written.birth_date, &numbers)?;
    check_gender(kind, written.gender, &numbers)?;
    let role = written.role.map(role).transpose()?;
    Ok(ListedParty {
        kind,
        name,
        aliases,
        ids: numbers.into_iter().map(|placed| placed.number).collect(),
        birth_date,
        role,
    })
}

fn checked_name(name: &str) -> Result<Box<str>, Fault> {
    if name.chars().count() > NAME_CHARS_MAX {
        let reason = format!("longer than {NAME_CHARS_MAX} characters; shorten it");
        return Err(Fault::new(FaultCode::TooLong, "", reason));
    }
    // Folding never drops these characters, so that it runs here for odd names only.
    let stays = |c: char| c.is_ascii_alphanumeric() || ('\u{4e00}'..='\u{9fff}').contains(&c);
    if !name.contains(stays) && fold(name).is_empty() {
        let reason = "nothing remains of the name without spaces and dots; correct it";
        return Err(Fault::new(FaultCode::EmptyName, "", reason));
    }
    if contains_citizen_id(name) {
        return Err(citizen_id_in_text(""));
    }
    Ok(name.into())
}

fn role(role: &str) -> Result<Role, Fault> {
    Role::parse(role).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.into_iter().map(Role::name).collect();
        unknown_value("role", &words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::node::Node;
    use crate::intake::numbers::NUMBERS_MAX;
    use crate::intake::record::read;
    use crate::model::term::Day;

    fn holder(json: &str) -> Result<ListedParty, Fault> {
        let line = format!(r#"{{"related":[{json}]}}"#);
        let root = Node::parse(&line).unwrap();
        let written = read(&root)?;
        validate(&written.related[0], &mut Vec::new())
    }

    #[track_caller]
    fn refused(json: &str, code: FaultCode, field: &str) {
        let fault = holder(json).unwrap_err();
        let shown = fault.field.strip_prefix("related[0].");
        let shown = shown.unwrap_or(&fault.field);
        assert_eq!((fault.code, shown), (code, field), "{json}: {fault}");
    }

    /// A person with these members, besides kind and name.
    fn person(members: &str) -> String {
        format!(r#"{{"kind":"person","name":"张三丰",{members}}}"#)
    }

    fn person_ids(numbers: &[(&str, &str)]) -> String {
        person(&ids(numbers))
    }

    fn organisation_ids(numbers: &[(&str, &str)]) -> String {
        format!(
            r#"{{"kind":"organisation","name":"示例公司",{}}}"#,
            ids(numbers)
        )
    }

    fn ids(numbers: &[(&str, &str)]) -> String {
        let members: Vec<String> = numbers
            .iter()
            .map(|(id_type, number)| format!(r#"{{"type":"{id_type}","number":"{number}"}}"#))
            .collect();
        format!(r#""ids":[{}]"#, members.join(","))
    }

    const FULL: (&str, &str) = ("citizen_id", "990102198003071239");
    const MASKED: (&str, &str) = ("citizen_id", "9901021980****1239");
    const CODE: (&str, &str) = ("credit_code", "91990102MA2XK7P323");

    #[test]
    fn a_bad_number_is_named_by_its_fault_and_place() {
        let cases = [
            ("99010219800307123", FaultCode::BadLength),
            ("9901021980030712AA", FaultCode::BadCharacter),
            ("990102198002301239", FaultCode::BadDate),
            ("990102198003071238", FaultCode::BadCheckCharacter),
            ("9901021980****123", FaultCode::BadLength),
            ("- -", FaultCode::MissingField),
        ];
        for (number, code) in cases {
            let json = person_ids(&[("passport", "E99120034"), ("citizen_id", number)]);
            refused(&json, code, "ids[1].number");
        }
        refused(
            &organisation_ids(&[("credit_code", "91990102MA2XK7P322")]),
            FaultCode::BadCheckCharacter,
            "ids[0].number",
        );
        refused(
            &person_ids(&[CODE]),
            FaultCode::IdTypeOfOtherKind,
            "ids[0].type",
        );
        refused(
            &organisation_ids(&[FULL]),
            FaultCode::IdTypeOfOtherKind,
            "ids[0].type",
        );
        refused(
            &person_ids(&[("shoe_size", "42")]),
            FaultCode::UnknownValue,
            "ids[0].type",
        );
        refused(
            &person(r#""ids":[{"type":"passport"}]"#),
            FaultCode::MissingField,
            "ids[0].number",
        );
        refused(
            &person(r#""ids":[null]"#),
            FaultCode::MissingField,
            "ids[0]",
        );
    }

    #[test]
    fn numbers_that_cannot_both_be_right_are_a_contradiction() {
        let cases = [
            person_ids(&[FULL, ("citizen_id", "990211198405172130")]),
            person_ids(&[FULL, ("citizen_id", "9902111984****2130")]),
            person_ids(&[MASKED, ("citizen_id", "990211198405172130")]),
            person_ids(&[MASKED, ("citizen_id", "990102********1238")]),
            person_ids(&[FULL, ("citizen_id", "9901028003***24")]),
            organisation_ids(&[CODE, ("credit_code", "12990702489330274Y")]),
            organisation_ids(&[CODE, ("org_code", "48933027-4")]),
            organisation_ids(&[("org_code", "48933027-4"), CODE]),
            organisation_ids(&[
                ("credit_code", "91990102MA2XK****3"),
                ("org_code", "489330274"),
            ]),
        ];
        for json in cases {
            refused(&json, FaultCode::Contradiction, "ids[1].number");
        }
    }

    #[test]
    fn numbers_that_agree_stand_together_and_once() {
        let kept = |json: &str| holder(json).unwrap().ids.len();
        assert_eq!(kept(&person_ids(&[FULL, MASKED])), 2);
        assert_eq!(
            kept(&person_ids(&[FULL, ("citizen_id", "990102 800307 123")])),
            1
        );
        assert_eq!(
            kept(&person_ids(&[FULL, ("citizen_id", "990102800307***")])),
            2
        );
        assert_eq!(
            kept(&person_ids(&[
                ("passport", "E99120034"),
                ("passport", "E99550071")
            ])),
            2
        );
        assert_eq!(
            kept(&organisation_ids(&[CODE, ("org_code", "MA2XK7P3-2")])),
            2
        );
        assert_eq!(
            kept(&person_ids(&[("citizen_id", "990***********1239")])),
            0,
            "seven visible characters count as absent"
        );
    }

    #[test]
    fn birth_date_and_gender_must_agree_with_the_number() {
        let with = |number: (&str, &str), rest: &str| person(&format!("{},{rest}", ids(&[number])));
        for number in [FULL, MASKED] {
            let json = with(number, r#""birth_date":"1981-03-07""#);
            refused(&json, FaultCode::Contradiction, "birth_date");
            let json = with(number, r#""gender":"female""#);
            refused(&json, FaultCode::Contradiction, "gender");
            let json = with(number, r#""birth_date":"1980-03-07","gender":"male""#);
            assert_eq!(holder(&json).unwrap().birth_date, Day::parse("1980-03-07"));
        }
        refused(
            &person(r#""birth_date":"1980-02-30""#),
            FaultCode::BadDate,
            "birth_date",
        );
        refused(
            &person(r#""birth_date":"1080-02-03""#),
            FaultCode::BadDate,
            "birth_date",
        );
        refused(
            &person(r#""gender":"m""#),
            FaultCode::UnknownValue,
            "gender",
        );
        let organisation =
            |rest: &str| format!(r#"{{"kind":"organisation","name":"示例公司",{rest}}}"#);
        let json = organisation(r#""birth_date":"1980-03-07""#);
        refused(&json, FaultCode::Contradiction, "birth_date");
        refused(
            &organisation(r#""gender":"male""#),
            FaultCode::Contradiction,
            "gender",
        );
        let born = holder(&person_ids(&[FULL])).unwrap().birth_date;
        assert_eq!(born, Day::parse("1980-03-07"));
        let hidden = with(
            ("citizen_id", "990102********1239"),
            r#""birth_date":"1971-01-01""#,
        );
        assert_eq!(
            holder(&hidden).unwrap().birth_date,
            Day::parse("1971-01-01")
        );
    }

    #[test]
    fn names_are_bounded_and_never_empty() {
        let named = |name: &str| format!(r#"{{"kind":"person","name":"{name}"}}"#);
        assert!(holder(&named(&"张".repeat(200))).is_ok());
        refused(&named(&"张".repeat(201)), FaultCode::TooLong, "name");
        refused(&named("·・"), FaultCode::EmptyName, "name");
        refused(&named("  "), FaultCode::MissingField, "name");
        refused(
            &named("张三丰990102198003071239"),
            FaultCode::CitizenIdInText,
            "name",
        );
        refused(
            &person(r#""aliases":["张三","·"]"#),
            FaultCode::EmptyName,
            "aliases[1]",
        );
        refused(
            &person(r#""aliases":[7]"#),
            FaultCode::WrongType,
            "aliases[0]",
        );
        let party = holder(&person(r#""aliases":["張三豐","张三丰","張三豐"]"#)).unwrap();
        assert_eq!(party.aliases, [Box::from("張三豐")]);
    }

    #[test]
    fn kinds_and_roles_are_words_of_the_contract() {
        refused(r#"{"name":"李四"}"#, FaultCode::MissingField, "kind");
        refused(
            r#"{"kind":"firm","name":"李四"}"#,
            FaultCode::UnknownValue,
            "kind",
        );
        refused(
            &person(r#""role":"shareholder""#),
            FaultCode::UnknownValue,
            "role",
        );
        let director = holder(&person(r#""role":"director""#)).unwrap();
        assert_eq!(director.role, Some(Role::Director));
        assert_eq!(holder(&person(r#""role":null"#)).unwrap().role, None);
    }

    #[test]
    fn members_have_a_bound() {
        let many = vec![r#"{"type":"passport","number":"E1"}"#; NUMBERS_MAX + 1].join(",");
        refused(
            &person(&format!(r#""ids":[{many}]"#)),
            FaultCode::TooMany,
            "ids",
        );
        let many = vec![r#""a""#; ALIASES_MAX + 1].join(",");
        refused(
            &person(&format!(r#""aliases":[{many}]"#)),
            FaultCode::TooMany,
            "aliases",
        );
    }
}
