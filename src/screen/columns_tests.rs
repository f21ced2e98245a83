//! Headers understood and refused, rows and lines become bodies.

use super::*;
use crate::catalogue::load::built_in;
use proptest::prelude::*;

fn given() -> Given {
    Given {
        scenario: "rail.ticket".into(),
        attributes: vec![
            ("train_class".into(), "G".into()),
            ("seat_class".into(), "second".into()),
        ],
        kind: Some("person".into()),
        ..Given::default()
    }
}

fn rail() -> Scenario {
    let catalogue = built_in().unwrap();
    let place = catalogue.find_scenario("rail.ticket").unwrap();
    catalogue.scenario(place).clone()
}

fn understand(header: &[&str], naming: &Naming) -> Result<Columns, HeaderFault> {
    let header: Vec<Box<str>> = header.iter().map(|name| (*name).into()).collect();
    Columns::understand(&header, naming, &rail(), &given())
}

fn body(asking: Asking) -> Value {
    serde_json::from_slice(&asking.body.unwrap()).unwrap()
}

#[test]
fn a_row_becomes_the_body_that_http_would_carry() {
    let header = [
        "name",
        "citizen_id",
        "passport",
        "reference",
        "seat_class",
        "authorisation",
    ];
    let columns = understand(&header, &Naming::default()).unwrap();
    let asking = columns.ask(
        &given(),
        &["张三", " 9901 ", "", "order 1", "first", "consent:C 1"],
    );
    assert_eq!(asking.reference.as_deref(), Some("order 1"));
    assert_eq!(
        body(asking),
        serde_json::json!({
            "scenario": "rail.ticket",
            "attributes": {"train_class": "G", "seat_class": "first"},
            "subject": {"kind": "person", "name": "张三",
                        "ids": [{"type": "citizen_id", "number": "9901"}]},
            "reference": "order 1",
            "authorisation": {"kind": "consent", "reference": "C 1"},
        })
    );
}

#[test]
fn a_column_nobody_knows_is_refused_until_it_is_named_or_passed_over() {
    let error = understand(&["name", "citzen_id"], &Naming::default()).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "there is no meaning for the column `citzen_id`; give it one with `--columns \
             FIELD=citzen_id`, or pass it over with `--ignore citzen_id` (known fields: name, "
        ),
        "{error}"
    );
    let naming = |renamed: &[(&str, &str)], passed_over: &[&str]| Naming {
        renamed: renamed
            .iter()
            .map(|(one, other)| ((*one).into(), (*other).into()))
            .collect(),
        passed_over: passed_over.iter().map(|name| (*name).into()).collect(),
    };
    let renamed = naming(&[("citizen_id", "身份证"), ("name", "姓名")], &[]);
    assert!(understand(&["姓名", "身份证"], &renamed).is_ok());
    assert!(understand(&["name", "phone"], &naming(&[], &["phone"])).is_ok());
    assert!(understand(&["name", "phone", ""], &naming(&[], &["*"])).is_ok());
    for (header, naming, said) in [
        (
            vec!["name"],
            naming(&[], &["phone"]),
            "has no column `phone`, which `--ignore`",
        ),
        (
            vec!["name"],
            naming(&[("name", "x")], &[]),
            "has no column `x`, which `--columns`",
        ),
        (
            vec!["name"],
            naming(&[("colour", "name")], &[]),
            "`--columns colour=...`: there is no",
        ),
        (
            vec!["name", "name"],
            naming(&[], &[]),
            "two columns stand for `name`",
        ),
        (
            vec!["citizen_id"],
            naming(&[], &[]),
            "no column holds the name",
        ),
    ] {
        let error = understand(&header, &naming).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_fault_is_said_of_the_column_that_holds_it() {
    let header = ["passport", "name", "citizen_id", "seat_class"];
    let columns = understand(&header, &Naming::default()).unwrap();
    let cells = ["", "a", "1", "x"];
    for (field, wanted) in [
        ("subject.ids[0].number", Some("citizen_id")),
        ("subject.ids[1].number", None),
        ("subject.name", Some("name")),
        ("attributes.seat_class", Some("seat_class")),
        ("attributes.train_class", None),
        ("scenario", None),
    ] {
        assert_eq!(columns.column_at_fault(field, &cells), wanted, "{field}");
    }
    let short = columns.ask(&given(), &["", "a"]);
    let problem = short.body.unwrap_err();
    assert_eq!(
        problem.detail,
        "the row has 2 cells, the header 4; correct the row"
    );
}

#[test]
fn a_line_is_a_body_or_has_its_facts_at_the_top() {
    let line = |text: &str| ask_line(&given(), &rail(), text.as_bytes());
    let wanted = serde_json::json!({
        "scenario": "rail.ticket",
        "attributes": {"train_class": "G", "seat_class": "first"},
        "subject": {"kind": "person", "name": "张三",
                    "ids": [{"type": "passport", "number": "E1"}]},
        "reference": "7",
    });
    let flat = r#"{"name":"张三","passport":"E1","reference":"7","seat_class":"first"}"#;
    assert_eq!(body(line(flat)), wanted);
    let ids = r#"{"name":"张三","ids":[{"type":"passport","number":"E1"}],"reference":"7",
                 "attributes":{"seat_class":"first"},"purpose":null}"#;
    assert_eq!(body(line(ids)), wanted);
    let whole = r#"{"subject":{"kind":"person","name":"张三","ids":[{"type":"passport",
        "number":"E1"}]},"reference":"7","attributes":{"seat_class":"first"}}"#;
    assert_eq!(body(line(whole)), wanted);
    for (text, field) in [
        (r#"{"name":"a","name":"b"}"#, None),
        ("[1]", None),
        ("{", None),
        (r#"{"scenario":"air.ticket","name":"b"}"#, Some("scenario")),
    ] {
        let problem = line(text).body.unwrap_err();
        assert_eq!(problem.field.as_deref(), field, "{text}");
    }
    let unknown = body(line(r#"{"name":"a","colour":"red"}"#));
    assert_eq!(unknown["colour"], "red", "refused later, by name");
}

proptest! {
    #[test]
    fn no_line_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ask_line(&given(), &rail_kept(), &bytes);
    }

    #[test]
    fn no_cut_or_flip_of_a_good_line_panics(place in 0usize..100, byte: u8) {
        let mut line = br#"{"name":"a","ids":[{"type":"passport","number":"E1"}],"kind":"person",
            "attributes":{"seat_class":"first"},"reference":"x"}"#.to_vec();
        line[place] = byte;
        let _ = ask_line(&given(), &rail_kept(), &line);
        line.truncate(place);
        let _ = ask_line(&given(), &rail_kept(), &line);
    }
}

fn rail_kept() -> Scenario {
    use std::sync::OnceLock;
    static RAIL: OnceLock<Scenario> = OnceLock::new();
    RAIL.get_or_init(rail).clone()
}
