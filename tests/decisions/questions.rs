//! Random questions and who asks them, aimed at the records of a world so that measures apply.

use crate::naive::law::{Row, words};
use crate::naive::question::{Asked, Client, Question};
use crate::people::some_numbers;
use crate::worlds::Maker;
use hecha::identifier::kind::IdType;
use hecha::model::decision::{AuthorisationKind, ExemptionKind};
use hecha::model::entry::ListRecord;
use hecha::model::subject::{ClientKind, Role, SubjectKind};
use std::collections::BTreeMap;

/// What a question is after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// A measure that reaches holders of roles in a listed organisation.
    Holder,
    /// A measure that reaches the people of the applicant.
    Applicant,
    /// A block or a limit.
    Restriction,
    Limit,
    Any,
}

impl Maker<'_> {
    pub fn client(&mut self, question: &Question) -> Client {
        let of_scenario = self
            .law
            .measures
            .iter()
            .filter(|measure| measure["scenario"] == question.scenario);
        let adopts = of_scenario
            .filter(|_| self.dice.chance(35))
            .map(|measure| measure["id"].clone())
            .collect();
        Client {
            kind: self
                .dice
                .pick(&[ClientKind::Enterprise, ClientKind::Authority]),
            adopts,
            masked_id_blocks: self.dice.chance(40),
        }
    }

    pub fn question(&mut self, records: &[ListRecord]) -> Question {
        let record = self.dice.pick(records);
        let aim = self.aim();
        let measure = self.measure_of(&record, aim);
        let kind = match (aim, &*measure["subject"]) {
            (Aim::Holder, _) | (Aim::Any, "person") => SubjectKind::Person,
            (Aim::Applicant, _) | (Aim::Any, "organisation") => SubjectKind::Organisation,
            _ if self.dice.chance(75) => record.subject.kind,
            _ => SubjectKind::Person,
        };
        let authorisation = match self.dice.below(4) {
            0 => Some(AuthorisationKind::Consent),
            1 => Some(AuthorisationKind::Approval),
            _ => None,
        };
        Question {
            scenario: measure["scenario"].clone(),
            attributes: self.attributes(&measure),
            subject: self.asked(kind),
            related: self.related(aim),
            exemption: self.exemption(&measure),
            authorisation,
        }
    }

    fn exemption(&mut self, measure: &Row) -> Option<ExemptionKind> {
        match self.dice.below(6) {
            0 => Some(self.dice.pick(&ExemptionKind::ALL[..])),
            1 => Some(ExemptionKind::CourtPermit),
            2 => ExemptionKind::parse(&measure["exemption"]),
            _ => None,
        }
    }

    fn aim(&mut self) -> Aim {
        match self.dice.below(10) {
            0 | 1 => Aim::Holder,
            2 => Aim::Applicant,
            3 | 4 => Aim::Restriction,
            5 => Aim::Limit,
            _ => Aim::Any,
        }
    }

    /// A measure of the list, where there is one of that kind.
    fn measure_of(&mut self, record: &ListRecord, aim: Aim) -> Row {
        let law = self.law;
        let reckless = self.dice.chance(20);
        let fits = |measure: &&Row| match aim {
            Aim::Holder => !measure["extends_to"].is_empty(),
            Aim::Applicant => !measure["applicant_roles"].is_empty(),
            Aim::Restriction => matches!(&*measure["disposition"], "block" | "limit"),
            Aim::Limit => measure["disposition"] == "limit",
            Aim::Any => true,
        };
        let of_list = law
            .measures
            .iter()
            .filter(|measure| measure["list"] == *record.list)
            .filter(|measure| is_for_grade(measure, record) || reckless);
        let mut fitting: Vec<&Row> = of_list.clone().filter(fits).collect();
        if fitting.is_empty() {
            fitting = of_list.collect();
        }
        if fitting.is_empty() || self.dice.chance(3) {
            fitting = law.measures.iter().collect();
        }
        self.dice.pick(&fitting).clone()
    }

    fn related(&mut self, aim: Aim) -> Vec<Asked> {
        let most = if aim == Aim::Applicant { 4 } else { 2 };
        let count = (self.dice.below(6)).saturating_sub(5 - most);
        (0..count)
            .map(|_| {
                let kind = match self.dice.chance(75) {
                    true => SubjectKind::Person,
                    false => SubjectKind::Organisation,
                };
                let mut party = self.asked(kind);
                if self.dice.chance(80) {
                    party.role = Some(self.dice.pick(&Role::ALL[..]));
                }
                party
            })
            .collect()
    }

    fn asked(&mut self, kind: SubjectKind) -> Asked {
        let pool = match kind {
            SubjectKind::Person => &self.persons,
            SubjectKind::Organisation => &self.organisations,
        };
        let somebody = self.dice.pick(pool);
        let least = usize::from(self.dice.chance(85));
        let ids = some_numbers(&mut self.dice, &somebody, least);
        let has_citizen = ids.iter().any(|(id_type, _)| *id_type == IdType::CitizenId);
        let birth_date = match self.dice.below(4) {
            0 => None,
            1 if !has_citizen && kind == SubjectKind::Person => self.dice.pick(&self.persons).birth,
            _ => somebody.birth,
        };
        Asked {
            kind,
            name: self.name_of(&somebody).to_string(),
            ids,
            birth_date,
            role: None,
        }
    }

    /// Mostly so that the condition of `measure` holds; optional ones may be absent.
    fn attributes(&mut self, measure: &Row) -> BTreeMap<String, String> {
        let scenario = &self.law.scenarios[&measure["scenario"]];
        let required: Vec<&str> = words(&scenario["required"]).collect();
        let mut attributes = BTreeMap::new();
        for spec in scenario["attributes"].split(';').map(str::trim) {
            let mut parts = spec.splitn(3, ':');
            let (Some(name), Some(kind)) = (parts.next(), parts.next()) else {
                continue;
            };
            let values = parts.next().unwrap_or("");
            if !required.contains(&name) && self.dice.chance(30) {
                continue;
            }
            let wanted = wanted_value(&measure["condition"], name);
            let value = match (wanted, kind) {
                (Some(wanted), _) if self.dice.chance(93) => {
                    let wanted: Vec<&str> = words(&wanted).collect();
                    self.dice.pick(&wanted).to_string()
                }
                (_, "enum") => {
                    let values: Vec<&str> = values.split('/').collect();
                    self.dice.pick(&values).to_string()
                }
                (_, "int") => self.dice.below(6).to_string(),
                (_, "bool") => self.dice.chance(50).to_string(),
                _ => "text".to_string(),
            };
            attributes.insert(name.to_string(), value);
        }
        attributes
    }
}

/// Whether the condition allows the grade of the record.
fn is_for_grade(measure: &Row, record: &ListRecord) -> bool {
    match (
        wanted_value(&measure["condition"], "entry.grade"),
        &record.grade,
    ) {
        (None, _) => true,
        (Some(wanted), Some(grade)) => words(&wanted).any(|word| word == &**grade),
        (Some(_), None) => false,
    }
}

/// Values of `name` for which its clause is true, separated by commas.
fn wanted_value(condition: &str, name: &str) -> Option<String> {
    let mut clauses = condition.split('&').map(str::trim);
    let clause = clauses.find(|clause| clause.split(' ').next() == Some(name))?;
    let value = clause.rsplit(' ').next()?;
    Some(value.trim_matches(['[', ']']).to_string())
}
