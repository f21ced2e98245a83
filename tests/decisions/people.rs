//! A handful of persons and organisations whose names and numbers collide on purpose.
//!
//! Only synthetic numbers: division codes 99.

use crate::dice::Dice;
use hecha::identifier::citizen_id;
use hecha::identifier::credit_code;
use hecha::identifier::kind::IdType;
use hecha::model::term::Day;

/// One who can be listed or asked about.
#[derive(Debug, Clone)]
pub struct Somebody {
    /// Ways to write the names; the first is the usual one.
    pub names: Vec<&'static str>,
    /// Numbers he, she or it has.
    pub numbers: Vec<(IdType, String)>,
    /// Of persons.
    pub birth: Option<Day>,
}

/// Persons, seen from the day of the check.
pub fn persons(today: Day) -> Vec<Somebody> {
    let zhang = &["张伟", "張偉", "张 伟", "张·伟"][..];
    let li = &["李娜", "李 娜"][..];
    let wang = &["王芳", "张伟"][..];
    let born = |text: &str| Day::parse(text).unwrap();
    let first = citizen("990102", born("1980-03-07"), 123);
    // Same visible characters as the first under `vvvvvvvvvv****vvvv`, another birth date.
    let twin = twin_of(&first);
    vec![
        person(
            zhang,
            Some(first),
            born("1980-03-07"),
            ["E99550071", "E99550072"],
        ),
        person(zhang, Some(twin.0), twin.1, ["E99550073", "E99550074"]),
        // Same division and birth date as the first, another sequence.
        citizen_only(zhang, "990102", born("1980-03-07"), 456),
        // Adult from today on; adult from tomorrow on; nearly born on a leap day.
        citizen_only(li, "990103", today.plus_years(-18), 11),
        citizen_only(li, "990103", today.next().plus_years(-18), 12),
        citizen_only(wang, "990104", born("2008-02-29"), 21),
        // Foreigners: a passport and its successor, no citizen number.
        person(wang, None, born("1975-06-01"), ["E99550071", "E99550075"]),
        person(li, None, born("1975-06-02"), ["E99550076", "E99550077"]),
    ]
}

/// Organisations.
pub fn organisations() -> Vec<Somebody> {
    let luck = &["福州好運電梯有限公司", "福州好运电梯有限公司"][..];
    let green = &["宁德绿叶环保公司", "福州好运电梯有限公司"][..];
    vec![
        organisation(luck, Some("990102"), "MA2XK7P3", "990102000000011"),
        organisation(luck, Some("990102"), "MA2XK7P4", "990102000000012"),
        // The organisation code of the first inside another credit code.
        organisation(green, Some("990103"), "MA2XK7P3", "990102000000013"),
        organisation(green, None, "50368507", "990102000000011"),
        organisation(green, Some("990104"), "50368508", "990102000000014"),
    ]
}

/// Masks in use for a type, `v` for visible; the last of each has too few visible characters. The
/// short one of citizen numbers is of the old ones of 15 digits.
pub fn masks(id_type: IdType) -> &'static [&'static str] {
    match id_type {
        IdType::CitizenId => &[
            "vvvvvvvvvv****vvvv",
            "vvvvvv********vvvv",
            "vvvvvvvvvvvvvv****",
            "******vvvvvvvv****",
            "vvvvvvvvvv****v***",
            "vvv*vv*******vv*v*",
            "vvvvvv******vvv",
            "vvvvvv***********v",
        ],
        IdType::CreditCode => &[
            "vvvvvvvv******vvvv",
            "vvvvvvvvvvvvvvv***",
            "vvvv***********vvv",
        ],
        IdType::RegistrationNo => &["vvvvvv*****vvvv", "vv*********vvvv"],
        IdType::OrgCode => &["vvvvvvvv*", "vvvvvvv**"],
        _ => &["vvvvvvvv*", "vvvv****v"],
    }
}

/// The number with `*` where the mask has it.
pub fn under_mask(number: &str, mask: &str) -> String {
    // Only who was born in the 20th century had a number of 15 digits.
    let (number, mask) = match (number.len(), mask.len()) {
        (18, 15) if &number[6..8] == "19" => (format!("{}{}", &number[..6], &number[8..17]), mask),
        (18, 15) => (number.to_string(), "vvvvvv******vvvvvv"),
        _ => (number.to_string(), mask),
    };
    let chars = number.chars().zip(mask.chars());
    chars.map(|(c, m)| if m == 'v' { c } else { '*' }).collect()
}

/// Some of the numbers of somebody, at least `least` where there are as many.
pub fn some_numbers(dice: &mut Dice, of: &Somebody, least: usize) -> Vec<(IdType, String)> {
    let mut numbers: Vec<_> = of
        .numbers
        .iter()
        .filter(|_| dice.chance(45))
        .cloned()
        .collect();
    if numbers.len() < least {
        numbers = vec![dice.pick(&of.numbers)];
    }
    numbers
}

fn person(
    names: &[&'static str],
    citizen: Option<String>,
    birth: Day,
    passports: [&str; 2],
) -> Somebody {
    let mut numbers: Vec<_> = citizen
        .into_iter()
        .map(|number| (IdType::CitizenId, number))
        .collect();
    numbers.extend(passports.map(|number| (IdType::Passport, number.to_string())));
    Somebody {
        names: names.to_vec(),
        numbers,
        birth: Some(birth),
    }
}

fn citizen_only(names: &[&'static str], division: &str, birth: Day, sequence: u32) -> Somebody {
    Somebody {
        names: names.to_vec(),
        numbers: vec![(IdType::CitizenId, citizen(division, birth, sequence))],
        birth: Some(birth),
    }
}

fn organisation(
    names: &[&'static str],
    division: Option<&str>,
    org: &str,
    registration: &str,
) -> Somebody {
    let check = credit_code::org_check_character(org.as_bytes()).unwrap();
    let org = format!("{org}{}", char::from(check));
    let mut numbers = Vec::new();
    if let Some(division) = division {
        let body = format!("91{division}{org}");
        let check = credit_code::check_character(body.as_bytes()).unwrap();
        numbers.push((IdType::CreditCode, format!("{body}{}", char::from(check))));
    }
    numbers.push((IdType::OrgCode, org));
    numbers.push((IdType::RegistrationNo, registration.to_string()));
    Somebody {
        names: names.to_vec(),
        numbers,
        birth: None,
    }
}

fn citizen(division: &str, birth: Day, sequence: u32) -> String {
    let birth = birth.to_string().replace('-', "");
    let body = format!("{division}{birth}{sequence:03}");
    let check = citizen_id::check_character(body.as_bytes());
    format!("{body}{}", char::from(check))
}

/// A number with the first 10 and last 4 characters of `first` and another day of that year.
fn twin_of(first: &str) -> (String, Day) {
    let year: i16 = first[6..10].parse().unwrap();
    let sequence = first[14..17].parse().unwrap();
    (1..=12)
        .flat_map(|month| (1..=28).map(move |day| Day::from_date(year, month, day).unwrap()))
        .map(|birth| (citizen(&first[..6], birth, sequence), birth))
        .find(|(number, _)| number != first && number[14..] == first[14..])
        .unwrap()
}
