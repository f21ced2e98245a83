//! Whole records with one thing wrong each, against the code and the field that must be named.

use super::fault::{Fault, FaultCode};
use super::validate::{parse_line, parse_record};
use crate::catalogue::load::built_in;
use crate::model::entry::{Disclosure, ListRecord, Status};
use crate::model::subject::Role;
use crate::model::term::Day;
use serde_json::{Value, json};

/// The example of the contract, with a holder.
fn example() -> Value {
    json!({
        "entry_id": "fz-court-000001", "list": "court-defaulter",
        "subject": {"kind": "person", "name": "张三丰", "aliases": ["張三豐"],
            "ids": [{"type": "citizen_id", "number": "990102198003071239"}],
            "birth_date": "1980-03-07", "gender": "male"},
        "related": [{"role": "legal_representative", "kind": "person", "name": "李四",
            "ids": [{"type": "citizen_id", "number": "990***********1239"}]}],
        "grade": null, "conduct": "...", "conduct_ended": null, "able_but_refuses": null,
        "case_no": "(2016)闽0102执1234号", "authority": "福州市鼓楼区人民法院",
        "region": "350102", "supplier": "福建省高级人民法院",
        "submitted_at": "2016-12-28T09:00:00+08:00", "published": "2016-12-28",
        "in_force_from": "2016-12-28", "in_force_until": null, "retained_basis": null,
        "disclosure": "public", "status": "in_force",
        "recourse": "apply to the issuing court for correction",
    })
}

fn read(record: &Value) -> Result<ListRecord, Fault> {
    parse_record(&record.to_string(), &built_in().unwrap())
}

/// The example with the value at `pointer` replaced, or added.
fn with(pointer: &str, value: Value) -> Value {
    let mut record = example();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    record.pointer_mut(parent).unwrap()[key] = value;
    record
}

#[track_caller]
fn refused(pointer: &str, value: Value, code: FaultCode, field: &str) {
    let record = with(pointer, value);
    let fault = read(&record).unwrap_err();
    assert_eq!(
        (fault.code, fault.field.as_str()),
        (code, field),
        "{pointer}: {fault}"
    );
    assert!(!fault.to_string().contains("990102198003071239"), "{fault}");
}

#[test]
fn the_example_of_the_contract_is_read_in_full() {
    let record = read(&example()).unwrap();
    assert_eq!(record.entry_id.as_str(), "fz-court-000001");
    assert_eq!(&*record.list, "court-defaulter");
    assert_eq!(&*record.subject.name, "张三丰");
    assert_eq!(record.subject.aliases, [Box::from("張三豐")]);
    assert_eq!(record.subject.ids.len(), 1);
    assert_eq!(record.subject.birth_date, Day::parse("1980-03-07"));
    assert_eq!(record.related[0].role, Some(Role::LegalRepresentative));
    assert!(
        record.related[0].ids.is_empty(),
        "seven visible characters are none"
    );
    assert_eq!(record.grade, None);
    assert_eq!(record.conduct.as_deref(), Some("..."));
    assert_eq!(&*record.case_no, "(2016)闽0102执1234号");
    assert_eq!(&*record.authority, "福州市鼓楼区人民法院");
    assert_eq!(record.region.as_deref(), Some("350102"));
    assert_eq!(&*record.supplier, "福建省高级人民法院");
    assert_eq!(record.submitted_at.to_string(), "2016-12-28T09:00:00+08:00");
    assert_eq!(record.published, Day::parse("2016-12-28"));
    assert_eq!(Some(record.in_force_from), Day::parse("2016-12-28"));
    assert_eq!(
        (record.in_force_until, &record.retained_basis),
        (None, &None)
    );
    assert_eq!(record.disclosure, Disclosure::Public);
    assert_eq!(record.status, Status::InForce);
    let recourse = "apply to the issuing court for correction";
    assert_eq!(record.recourse.as_deref(), Some(recourse));
}

#[test]
fn every_required_field_is_missed_absent_null_or_blank() {
    let required = [
        "entry_id",
        "list",
        "subject",
        "authority",
        "case_no",
        "supplier",
        "submitted_at",
        "disclosure",
        "in_force_from",
    ];
    for field in required {
        let mut record = example();
        record.as_object_mut().unwrap().remove(field);
        let fault = read(&record).unwrap_err();
        assert_eq!(
            (fault.code, fault.field.as_str()),
            (FaultCode::MissingField, field)
        );
        let pointer = format!("/{field}");
        refused(&pointer, Value::Null, FaultCode::MissingField, field);
        if field != "subject" {
            refused(&pointer, json!("  "), FaultCode::MissingField, field);
        }
    }
    refused(
        "/subject/kind",
        Value::Null,
        FaultCode::MissingField,
        "subject.kind",
    );
    refused(
        "/subject/name",
        Value::Null,
        FaultCode::MissingField,
        "subject.name",
    );
}

#[test]
fn one_fault_is_named_by_code_and_field() {
    use FaultCode as F;
    let id = "990102198003071239";
    let cases = [
        ("/list", json!("nobody"), F::UnknownList, "list"),
        ("/list", json!(7), F::WrongType, "list"),
        ("/subject", json!("张三丰"), F::WrongType, "subject"),
        ("/related", json!({}), F::WrongType, "related"),
        (
            "/able_but_refuses",
            json!("yes"),
            F::WrongType,
            "able_but_refuses",
        ),
        (
            "/list",
            json!("bad-supplier"),
            F::Contradiction,
            "subject.kind",
        ),
        ("/grade", json!("red"), F::Grade, "grade"),
        ("/status", json!("gone"), F::UnknownValue, "status"),
        (
            "/disclosure",
            json!("secret"),
            F::UnknownValue,
            "disclosure",
        ),
        (
            "/in_force_from",
            json!("2016-02-30"),
            F::BadDate,
            "in_force_from",
        ),
        (
            "/in_force_until",
            json!("2017/01/01"),
            F::BadDate,
            "in_force_until",
        ),
        (
            "/in_force_until",
            json!("2016-12-27"),
            F::TermReversed,
            "in_force_until",
        ),
        ("/published", json!("28.12.2016"), F::BadDate, "published"),
        (
            "/conduct_ended",
            json!("2016-13-01"),
            F::BadDate,
            "conduct_ended",
        ),
        (
            "/submitted_at",
            json!("2016-12-28"),
            F::BadDate,
            "submitted_at",
        ),
        (
            "/retained_basis",
            json!("law"),
            F::RetainedBasis,
            "retained_basis",
        ),
        (
            "/publishable",
            json!(false),
            F::NotPublishable,
            "publishable",
        ),
        (
            "/entry_id",
            json!(format!("x-{id}")),
            F::CitizenIdInText,
            "entry_id",
        ),
        (
            "/case_no",
            json!(format!("案{id}号")),
            F::CitizenIdInText,
            "case_no",
        ),
        ("/entry_id", json!("a\nb"), F::BadCharacter, "entry_id"),
        ("/entry_id", json!("a".repeat(201)), F::TooLong, "entry_id"),
        (
            "/authority",
            json!("院".repeat(501)),
            F::TooLong,
            "authority",
        ),
        (
            "/conduct",
            json!("因".repeat(20_001)),
            F::TooLong,
            "conduct",
        ),
        ("/colour", json!(id), F::UnknownField, "colour"),
        (
            "/subject/role",
            json!("director"),
            F::UnknownField,
            "subject.role",
        ),
        (
            "/subject/ids/0/valid",
            json!(true),
            F::UnknownField,
            "subject.ids[0].valid",
        ),
        ("/990102198003071239", json!(1), F::UnknownField, "?"),
        (
            "/related/0/role",
            json!("owner"),
            F::UnknownValue,
            "related[0].role",
        ),
    ];
    for (pointer, value, code, field) in cases {
        refused(pointer, value, code, field);
    }
}

#[test]
fn forbidden_fields_are_named_at_any_depth_and_their_values_nowhere() {
    let names = [
        "religion",
        "genes",
        "fingerprint",
        "blood_type",
        "disease",
        "medical_history",
        "income",
        "deposits",
        "securities",
        "insurance",
        "real_estate",
        "tax_amount",
        "reporter",
        "reporter_name",
        "informant",
        "whistleblower",
        "bloodType",
    ];
    let catalogue = built_in().unwrap();
    for name in names {
        for (parent, shown) in [
            ("", ""),
            ("/subject", "subject."),
            ("/subject/ids/0", "subject.ids[0]."),
        ] {
            let field = format!("{shown}{name}");
            let record = with(&format!("{parent}/{name}"), json!("MARKER"));
            let rejected = parse_line(record.to_string().as_bytes(), &catalogue).unwrap_err();
            assert_eq!(rejected.fault.code, FaultCode::ForbiddenField, "{field}");
            assert_eq!(rejected.fault.field, field);
            assert!(!format!("{rejected:?}").contains("MARKER"));
            assert_eq!(rejected.entry_id.as_deref(), Some("fz-court-000001"));
        }
    }
    let nested = json!({"list": [{"Religion": "MARKER"}]});
    refused(
        "/extra",
        nested,
        FaultCode::ForbiddenField,
        "extra.list[0].Religion",
    );
    refused("/血型", json!("O"), FaultCode::ForbiddenField, "血型");
}

#[test]
fn a_repeated_key_is_refused_even_with_the_same_value() {
    let text = example()
        .to_string()
        .replacen('{', r#"{"list":"court-defaulter","#, 1);
    let fault = parse_record(&text, &built_in().unwrap()).unwrap_err();
    assert_eq!(
        (fault.code, fault.field.as_str()),
        (FaultCode::RepeatedKey, "list")
    );
}

#[test]
fn a_person_known_by_name_alone_is_not_listed() {
    let mut record = example();
    let subject = record["subject"].as_object_mut().unwrap();
    subject.remove("birth_date");
    subject.insert(
        "ids".into(),
        json!([{"type": "citizen_id", "number": "990***********1239"}]),
    );
    let fault = read(&record).unwrap_err();
    assert_eq!(
        (fault.code, fault.field.as_str()),
        (FaultCode::NoIdentity, "subject")
    );
    for known in [
        json!([{"type": "passport", "number": "E99120034"}]),
        json!([{"type": "citizen_id", "number": "9901021980****1239"}]),
    ] {
        record["subject"]["ids"] = known;
        assert!(read(&record).is_ok());
    }
    record["subject"]["ids"] = json!([]);
    record["subject"]["birth_date"] = json!("1980-03-07");
    assert!(read(&record).is_ok());
}

#[test]
fn absent_fields_take_their_defaults_and_grades_those_of_the_list() {
    let mut record = example();
    for field in [
        "status",
        "related",
        "grade",
        "published",
        "region",
        "recourse",
        "conduct",
    ] {
        record.as_object_mut().unwrap().remove(field);
    }
    let read_back = read(&record).unwrap();
    assert_eq!(read_back.status, Status::InForce);
    assert_eq!((read_back.published, read_back.recourse), (None, None));
    record["list"] = json!("fj-public-credit-record");
    record["grade"] = json!("warning");
    assert_eq!(read(&record).unwrap().grade.as_deref(), Some("warning"));
    record["retained_basis"] = json!("law");
    record["in_force_until"] = json!("2020-01-01");
    record["submitted_at"] = json!("2010-01-01T00:00:00Z");
    assert!(
        read(&record).is_ok(),
        "submitted earlier than published is no fault"
    );
}

#[test]
fn a_citizen_id_in_free_text_is_masked() {
    let conduct = json!("与990102198003071239串通");
    let record = read(&with("/conduct", conduct)).unwrap();
    assert_eq!(record.conduct.as_deref(), Some("与**************1239串通"));
    let recourse = json!("990102198003071239");
    assert_eq!(
        read(&with("/recourse", recourse))
            .unwrap()
            .recourse
            .as_deref(),
        Some("**************1239")
    );
}

#[test]
fn unknown_division_codes_warn_and_pass() {
    let catalogue = built_in().unwrap();
    for (region, expected) in [("350102", 0), ("990102", 0), ("380102", 1), ("35", 1)] {
        let line = with("/region", json!(region)).to_string();
        let validated = parse_line(line.as_bytes(), &catalogue).unwrap();
        let fields: Vec<&str> = validated.warnings.iter().map(|w| &*w.field).collect();
        assert_eq!(fields, ["region"][..expected], "{region}");
    }
    let mut record = example();
    record["related"][0]["ids"][0]["number"] = json!("3801021980****1239");
    let validated = parse_line(record.to_string().as_bytes(), &catalogue).unwrap();
    assert_eq!(validated.warnings[0].field, "related[0].ids[0].number");
}

#[test]
fn no_debug_output_holds_a_number() {
    let validated = parse_line(example().to_string().as_bytes(), &built_in().unwrap());
    let shown = format!("{validated:?}");
    assert!(
        !shown.contains("990102198003071239") && !shown.contains("19800307"),
        "{shown}"
    );
}
