//! FollowTheMoney entities as records: sanctions data as OpenSanctions publishes it.
//!
//! In: lines of JSON, nested or flat, and a profile with the constants that such data lacks. Out:
//! one record an entity of a schema that can be listed. Sanctions, passports and identifications
//! stand inside the entity or on lines of their own; the latter are gathered first, from the whole
//! file. Of several sanctions the earliest begins the term, and the term ends when the last does.
//! A number of no type of the contract is left out, with a warning; a birth date is taken where
//! there is exactly one whole one.

use super::blocks::Cutter;
use super::cell::Cell;
use super::dates;
use super::fault::{Fault, FaultCode, Warning, WarningCode};
use super::field::{Fact, Field, PartyFact};
use super::node::Node;
use super::numbers::NUMBERS_MAX;
use super::party::{ALIASES_MAX, NAME_CHARS_MAX};
use super::profile::Profile;
use super::validate::{Rejected, Validated, showable, validate};
use super::words;
use super::written::{OwnParty, OwnRecord};
use crate::catalogue::measure::Catalogue;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::term::{Day, Moment};
use std::collections::HashMap;
use std::io::{self, Read};

/// Entities that can be listed, and of what kind they are; `None`: the profile says.
const SUBJECTS: [(&str, Option<&str>); 5] = [
    ("Person", Some("person")),
    ("Organization", Some("organisation")),
    ("Company", Some("organisation")),
    ("PublicBody", Some("organisation")),
    ("LegalEntity", None),
];
/// Entities that say something of another one.
const SATELLITES: [&str; 3] = ["Sanction", "Passport", "Identification"];
/// Properties that name the other one.
const HOLDERS: [&str; 2] = ["entity", "holder"];
/// Bytes of a block while satellites are gathered.
const BLOCK_BYTES: usize = 4 << 20;
/// Bytes of all satellites at most: 1 GiB.
const SATELLITE_BYTES_MAX: usize = 1 << 30;

/// Texts of the properties of one entity.
#[derive(Default)]
struct Properties {
    texts: HashMap<String, Vec<String>>,
}

impl Properties {
    fn of(node: &Node<'_>) -> Self {
        let mut texts: HashMap<String, Vec<String>> = HashMap::new();
        if let Some(Node::Object(fields)) = node.get("properties") {
            for (key, value) in fields {
                let members = match value {
                    Node::List(members) => members.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let found = members.iter().filter_map(Node::text);
                let found = found.map(str::trim).filter(|text| !text.is_empty());
                texts
                    .entry(key.to_string())
                    .or_default()
                    .extend(found.map(str::to_owned));
            }
        }
        Self { texts }
    }

    fn all<'p>(&'p self, key: &str) -> impl Iterator<Item = &'p str> + use<'p> {
        self.texts
            .get(key)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    fn first<'p>(&'p self, keys: &[&str]) -> Option<&'p str> {
        keys.iter().find_map(|key| self.all(key).next())
    }

    fn days(&self, keys: &[&str]) -> Vec<Day> {
        let texts = keys.iter().flat_map(|key| self.all(key));
        texts
            .filter_map(|text| dates::day(&Cell::text(text)))
            .collect()
    }
}

/// A sanction or a document of somebody.
struct Satellite {
    schema: String,
    properties: Properties,
}

/// All satellites on lines of their own, by the id of their holder.
#[derive(Default)]
pub struct Satellites {
    by_holder: HashMap<String, Vec<Satellite>>,
}

impl Satellites {
    /// Gathers them from a whole file; lines that are none are for the second reading.
    pub fn read(reader: Box<dyn Read + '_>) -> io::Result<Self> {
        let mut cutter = Cutter::new(reader, BLOCK_BYTES);
        let mut found = Self::default();
        let mut bytes = 0;
        let mut buffer = Vec::new();
        while let Some(block) = cutter.next_block(std::mem::take(&mut buffer))? {
            for line in block.bytes.split(|byte| *byte == b'\n') {
                if let Ok(text) = std::str::from_utf8(line)
                    && SATELLITES.iter().any(|schema| text.contains(schema))
                    && let Ok(node) = Node::parse(text)
                {
                    bytes += found.add(&node, line.len());
                }
            }
            if bytes > SATELLITE_BYTES_MAX {
                let what = "more than 1 GiB of sanctions and documents; split the file";
                return Err(io::Error::other(what));
            }
            buffer = block.bytes;
        }
        Ok(found)
    }

    fn add(&mut self, node: &Node<'_>, bytes: usize) -> usize {
        let Some(schema) = node.get("schema").and_then(Node::text) else {
            return 0;
        };
        if !SATELLITES.contains(&schema) {
            return 0;
        }
        let properties = Properties::of(node);
        let holders = HOLDERS.iter().flat_map(|key| properties.all(key));
        let Some(holder) = holders.map(str::to_owned).next() else {
            return 0;
        };
        let schema = schema.to_owned();
        let satellite = Satellite { schema, properties };
        self.by_holder.entry(holder).or_default().push(satellite);
        bytes
    }
}

/// The record of one line; `None` where the line is of a schema that cannot be listed.
pub fn entity(
    line: &[u8],
    profile: &Profile,
    satellites: &Satellites,
    catalogue: &Catalogue,
) -> Option<Result<Validated, Rejected>> {
    let nameless = |fault| Rejected {
        entry_id: None,
        fault,
    };
    let Ok(text) = std::str::from_utf8(line) else {
        let reason = "not UTF-8; convert the file";
        return Some(Err(nameless(Fault::new(FaultCode::NotUtf8, "", reason))));
    };
    let node = match Node::parse(text) {
        Ok(node) => node,
        Err(fault) => return Some(Err(nameless(fault))),
    };
    let Some(schema) = node.get("schema").and_then(Node::text) else {
        let reason = "no FollowTheMoney entity: `schema` is absent; give each line one";
        return Some(Err(nameless(Fault::new(
            FaultCode::MissingField,
            "schema",
            reason,
        ))));
    };
    let (_, kind) = SUBJECTS.into_iter().find(|(known, _)| *known == schema)?;
    let mut warnings = Vec::new();
    let record = Entity::new(&node, satellites).record(kind, profile, &mut warnings);
    let validated = validate(&record.written(), catalogue);
    Some(match validated {
        Ok(mut validated) => {
            validated.warnings.extend(warnings);
            Ok(validated)
        }
        Err(fault) => Err(Rejected {
            entry_id: record.fact(Fact::EntryId).and_then(showable),
            fault,
        }),
    })
}

/// One entity with all that is said of it.
struct Entity<'a> {
    node: &'a Node<'a>,
    id: &'a str,
    own: Properties,
    nested: Vec<Satellite>,
    flat: &'a [Satellite],
}

impl<'a> Entity<'a> {
    fn new(node: &'a Node<'a>, satellites: &'a Satellites) -> Self {
        let id = node
            .get("id")
            .and_then(Node::text)
            .unwrap_or_default()
            .trim();
        let flat = satellites.by_holder.get(id);
        Self {
            node,
            id,
            own: Properties::of(node),
            nested: nested(node),
            flat: flat.map_or(&[], Vec::as_slice),
        }
    }

    fn of<'s>(&'s self, schema: &'s str) -> impl Iterator<Item = &'s Properties> + 's {
        let all = self.nested.iter().chain(self.flat);
        all.filter(move |satellite| satellite.schema == schema)
            .map(|satellite| &satellite.properties)
    }

    fn record(
        &self,
        kind: Option<&str>,
        profile: &Profile,
        warnings: &mut Vec<Warning>,
    ) -> OwnRecord {
        let constant = |field: Field| profile.constants.get(&field).cloned();
        let mut record = OwnRecord::default();
        let sanctions: Vec<&Properties> = self.of("Sanction").collect();
        let said = |keys: &[&str]| sanctions.iter().find_map(|sanction| sanction.first(keys));
        let text = |text: Option<&str>| text.map(str::to_owned);
        if !self.id.is_empty() {
            let prefix = &profile.entry_id_prefix;
            let separator = if prefix.is_empty() { "" } else { "-" };
            record.set(
                Fact::EntryId,
                Some(format!("{prefix}{separator}{}", self.id)),
            );
        }
        record.set(Fact::Authority, text(said(&["authority", "publisher"])));
        let case = said(&["recordId", "authorityId", "unscId", "programId", "program"]);
        record.set(Fact::CaseNo, text(case.or(Some(self.id))));
        let reason = said(&["reason", "summary"]).or_else(|| self.own.first(&["summary", "notes"]));
        record.set(Fact::Conduct, text(reason));
        let day = |day: Option<Day>| day.map(|day| day.to_string());
        let begun = |keys: &[&str]| {
            let days = sanctions.iter().flat_map(|sanction| sanction.days(keys));
            days.min()
        };
        let from = begun(&["startDate", "listingDate"])
            .or_else(|| self.moment("first_seen").map(Moment::day));
        record.set(Fact::InForceFrom, day(from));
        record.set(Fact::Published, day(begun(&["listingDate"])));
        record.set(Fact::InForceUntil, day(self.until(&sanctions)));
        let submitted = ["last_change", "last_seen", "first_seen"];
        let submitted = submitted.iter().find_map(|key| self.moment(key));
        record.set(
            Fact::SubmittedAt,
            submitted.map(|moment| moment.to_string()),
        );
        for (fact, _) in super::field::FACTS {
            if record.fact(fact).is_none() {
                record.set(fact, constant(Field::Fact(fact)));
            }
        }
        record.subject = self.subject(warnings);
        let kind = kind.map(str::to_owned);
        record.subject.kind = kind.or_else(|| constant(Field::Subject(PartyFact::Kind)));
        record
    }

    /// The last day, where every sanction has one.
    fn until(&self, sanctions: &[&Properties]) -> Option<Day> {
        let ends = sanctions
            .iter()
            .map(|sanction| sanction.days(&["endDate"]).into_iter().max());
        let ends: Option<Vec<Day>> = ends.collect();
        ends?.into_iter().max()
    }

    /// A moment beside the properties; without an offset it is UTC.
    fn moment(&self, key: &str) -> Option<Moment> {
        let text = self.node.get(key).and_then(Node::text)?.trim();
        Moment::parse(text)
            .or_else(|| Moment::parse(&format!("{text}Z")))
            .or_else(|| dates::moment(&Cell::text(text)))
    }

    fn subject(&self, warnings: &mut Vec<Warning>) -> OwnParty {
        let mut names: Vec<&str> = Vec::new();
        for key in ["name", "alias", "previousName"] {
            let all = self
                .own
                .all(key)
                .filter(|name| name.chars().count() <= NAME_CHARS_MAX);
            for name in all {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        if names.len() > ALIASES_MAX + 1 {
            names.truncate(ALIASES_MAX + 1);
            warnings.push(odd(WarningCode::UnusedName, "subject.aliases"));
        }
        let mut names = names.into_iter().map(str::to_owned);
        let only = |mut all: Vec<String>| {
            all.sort();
            all.dedup();
            (all.len() == 1).then(|| all.remove(0))
        };
        let births = self.own.days(&["birthDate"]).into_iter();
        let gender = |word: &str| {
            let field = Field::Subject(PartyFact::Gender);
            let word = word.to_lowercase();
            let known = matches!(word.as_str(), "male" | "female");
            let meaning = words::meaning(field, &word).map(str::to_owned);
            meaning.or_else(|| known.then_some(word))
        };
        OwnParty {
            kind: None,
            name: names.next(),
            aliases: names.collect(),
            ids: self.numbers(warnings),
            birth_date: only(births.map(|day| day.to_string()).collect()),
            gender: only(self.own.all("gender").filter_map(gender).collect()),
            role: None,
        }
    }

    fn numbers(&self, warnings: &mut Vec<Warning>) -> Vec<(Option<IdType>, String)> {
        const OWN: [&str; 5] = [
            "idNumber",
            "uscCode",
            "registrationNumber",
            "taxNumber",
            "innCode",
        ];
        let passports = self
            .of("Passport")
            .flat_map(|passport| passport.all("number"));
        let passports = self.own.all("passportNumber").chain(passports);
        let passports = passports.map(|number| (Some(IdType::Passport), number));
        let others = self
            .of("Identification")
            .flat_map(|document| document.all("number"));
        let others = OWN.iter().flat_map(|key| self.own.all(key)).chain(others);
        let others = others.map(|number| (type_of(number), number));
        let mut ids: Vec<(Option<IdType>, String)> = Vec::new();
        let mut unused = false;
        for (id_type, number) in passports.chain(others) {
            let fits = id_type.is_some_and(|id_type| FullNumber::parse(id_type, number).is_ok());
            unused |= !fits || ids.len() == NUMBERS_MAX;
            let known = ids.iter().any(|(_, earlier)| earlier == number);
            if fits && !known && ids.len() < NUMBERS_MAX {
                ids.push((id_type, number.to_owned()));
            }
        }
        if unused {
            warnings.push(odd(WarningCode::UnusedNumber, "subject.ids"));
        }
        ids
    }
}

/// Types whose check characters say what a number is.
fn type_of(number: &str) -> Option<IdType> {
    let types = [IdType::CitizenId, IdType::CreditCode, IdType::OrgCode];
    types
        .into_iter()
        .find(|id_type| FullNumber::parse(*id_type, number).is_ok())
}

fn odd(code: WarningCode, field: &str) -> Warning {
    Warning {
        code,
        field: field.to_owned(),
    }
}

/// Entities inside the properties of another.
fn nested(node: &Node<'_>) -> Vec<Satellite> {
    let Some(Node::Object(fields)) = node.get("properties") else {
        return Vec::new();
    };
    let lists = fields.iter().filter_map(|(_, value)| match value {
        Node::List(members) => Some(members),
        _ => None,
    });
    let members = lists.flatten().filter_map(|member| {
        let schema = member.get("schema").and_then(Node::text)?;
        Some(Satellite {
            schema: schema.to_owned(),
            properties: Properties::of(member),
        })
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load::built_in;
    use crate::identifier::synthetic;
    use serde_json::json;

    fn read(line: &serde_json::Value, file: &str) -> Option<Result<Validated, Rejected>> {
        let profile = Profile::built_in("follow-the-money").unwrap().unwrap();
        let satellites = Satellites::read(Box::new(file.as_bytes())).unwrap();
        let catalogue = built_in().unwrap();
        entity(
            line.to_string().as_bytes(),
            &profile,
            &satellites,
            &catalogue,
        )
    }

    fn person() -> serde_json::Value {
        json!({"id": "NK-1", "schema": "Person", "first_seen": "2023-04-20T10:31:23",
            "last_change": "2024-05-01T12:00:02", "properties": {
                "name": ["Ivan Example", "Иван Пример"], "alias": ["Ivan E."],
                "birthDate": ["1980-03-07"], "gender": ["male"], "passportNumber": ["E12345678"],
                "taxNumber": ["12"],
                "sanctions": [{"id": "s", "schema": "Sanction", "properties": {
                    "authority": ["Office of Examples"], "listingDate": ["2023-05-02"],
                    "startDate": ["2023-05-01"], "recordId": ["EX-7"]}}]}})
    }

    #[test]
    fn a_nested_entity_is_a_record() {
        let validated = read(&person(), "").unwrap().unwrap();
        let record = validated.record;
        assert_eq!(record.entry_id.as_str(), "ftm-NK-1");
        assert_eq!(&*record.subject.name, "Ivan Example");
        assert_eq!(record.subject.aliases.len(), 2);
        assert_eq!(record.subject.ids.len(), 1);
        assert_eq!(&*record.authority, "Office of Examples");
        assert_eq!(&*record.case_no, "EX-7");
        assert_eq!(record.in_force_from.to_string(), "2023-05-01");
        assert_eq!(record.submitted_at.to_string(), "2024-05-01T20:00:02+08:00");
        assert_eq!(validated.warnings.len(), 1);
        assert_eq!(validated.warnings[0].code, WarningCode::UnusedNumber);
    }

    #[test]
    fn satellites_on_lines_of_their_own_are_found_wherever_they_stand() {
        let code = synthetic::credit_code("91", 990_105, "MA7K3P2X");
        let company = json!({"id": "C-1", "schema": "Company", "last_seen": "2024-05-01",
            "properties": {"name": ["测试建材有限公司"], "registrationNumber": [code]}});
        let sanction = json!({"id": "s", "schema": "Sanction", "properties": {
            "entity": ["C-1"], "authority": ["测试机关"], "startDate": ["2024-01-05"],
            "endDate": ["2030-01-05"], "program": ["P"]}});
        let file = format!("{company}\n{sanction}\n");
        let record = read(&company, &file).unwrap().unwrap().record;
        assert_eq!(record.subject.ids.len(), 1);
        assert_eq!(record.in_force_until.unwrap().to_string(), "2030-01-05");
        assert!(read(&sanction, &file).is_none(), "no listing by itself");
    }

    #[test]
    fn what_lacks_an_identity_or_an_authority_is_left_out_with_the_reason() {
        let mut nobody = person();
        nobody["properties"]["passportNumber"] = json!([]);
        nobody["properties"]["birthDate"] = json!(["1980"]);
        let rejected = read(&nobody, "").unwrap().unwrap_err();
        assert_eq!(rejected.fault.code, FaultCode::NoIdentity);
        assert_eq!(rejected.entry_id.as_deref(), Some("ftm-NK-1"));
        let mut unlisted = person();
        unlisted["properties"]["sanctions"] = json!([]);
        let rejected = read(&unlisted, "").unwrap().unwrap_err();
        assert_eq!(rejected.fault.field, "authority");
        let vessel = json!({"id": "v", "schema": "Vessel", "properties": {}});
        assert!(read(&vessel, "").is_none());
        assert!(read(&json!({"id": "x"}), "").unwrap().is_err());
    }
}
