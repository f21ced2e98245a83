//! A subject on every list in every grade, asked under every measure: S06 and S17 over a thousand
//! answers, and what else must hold of all.

use crate::cases::{Answered, Case, answers_under};
use crate::catalogue::{Row, changed, fitting, table, with_cell};
use crate::harness::Installation;
use crate::people::{day, organisation, person, question, record, with, with_consent};
use crate::workshop::refuses_to_serve;
use crate::world::world;
use hecha::identifier::synthetic;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// A list, a grade of it or none, a kind of subject it may hold.
fn places() -> Vec<(String, Option<String>, &'static str)> {
    let mut places = Vec::new();
    for list in table("lists.tsv") {
        let mut grades: Vec<Option<String>> = vec![None];
        let written = list["grades"].split(',').filter(|grade| !grade.is_empty());
        grades.extend(written.map(|grade| Some(grade.to_owned())));
        for grade in grades {
            for kind in ["person", "organisation"] {
                if list["subjects"] == "any" || list["subjects"] == kind {
                    places.push((list["id"].clone(), grade.clone(), kind));
                }
            }
        }
    }
    places
}

fn subject_of(list: &str, grade: Option<&str>, kind: &str) -> (usize, Value) {
    let all = places();
    let place = all
        .iter()
        .position(|(of, in_grade, its)| of == list && in_grade.as_deref() == grade && *its == kind);
    let place = place.unwrap_or_else(|| panic!("no {kind} on {list} in {grade:?}"));
    let sequence = u16::try_from(place).unwrap();
    let subject = match kind {
        "person" => {
            let number = synthetic::citizen_id(990_104, (1979, 5, 6), sequence);
            person(&format!("令狐{}", digits(place)), &number)
        }
        _ => {
            let code = synthetic::credit_code("91", 990_106, &format!("MA6{place:05}"));
            organisation(&format!("测试{}号实业有限公司", digits(place)), &code)
        }
    };
    (place, subject)
}

/// A number in Chinese digits: names that are apart.
fn digits(number: usize) -> String {
    let digit = |c: char| {
        "零壹贰叁肆伍陆柒捌玖"
            .chars()
            .nth(c.to_digit(10).unwrap() as usize)
    };
    number.to_string().chars().filter_map(digit).collect()
}

pub fn records() -> Vec<Value> {
    let record_of = |(list, grade, kind): (String, Option<String>, &str)| {
        let (place, subject) = subject_of(&list, grade.as_deref(), kind);
        let more = json!({
            "grade": grade, "able_but_refuses": true, "conduct_ended": day(-400),
            "in_force_until": day(200)
        });
        record(&format!("all-{place}"), &list, subject, more)
    };
    places().into_iter().map(record_of).collect()
}

/// Each measure with a question under which it is due; one for each kind of subject it reaches.
pub fn due() -> Vec<(Row, Value)> {
    let (measures, scenarios) = (table("measures.tsv"), table("scenarios.tsv"));
    let mut due = Vec::new();
    for measure in measures {
        let Some(fitting) = fitting(&measure, &scenarios) else {
            continue;
        };
        for kind in ["person", "organisation"] {
            let reached = measure["subject"] == "any" || measure["subject"] == kind;
            if !reached
                || fitting
                    .applicant
                    .as_deref()
                    .is_some_and(|wanted| wanted != kind)
            {
                continue;
            }
            let known = places().iter().any(|(list, grade, its)| {
                *list == measure["list"] && *grade == fitting.grade && *its == kind
            });
            if known {
                let (_, subject) = subject_of(&measure["list"], fitting.grade.as_deref(), kind);
                let asked = question(&measure["scenario"], fitting.attributes.clone(), subject);
                due.push((measure.clone(), with_consent(asked)));
            }
        }
    }
    due
}

/// More than a thousand answers of the running gateway, each measure due in some.
fn many_answers() -> Vec<Answered> {
    let world = world();
    let questions: Vec<Value> = due().into_iter().map(|(_, question)| question).collect();
    let exempted: Vec<Value> = questions
        .iter()
        .map(|question| {
            let claim = json!({"kind": "necessary_for_life_or_work", "reference": "proof 1"});
            with(question.clone(), json!({"exemption": claim}))
        })
        .collect();
    let mut answers = Vec::new();
    for token in [&world.everybody, &world.adopter, &world.authority] {
        answers.extend(world.ask_all(token, &questions));
        answers.extend(world.ask_all(token, &exempted));
    }
    assert!(answers.len() >= 1_000, "{} answers", answers.len());
    answers
}

fn serve_under(law: &Path) -> (i32, String) {
    let mut installation = Installation::new();
    installation.more_config = format!("catalogue_dir = \"{}\"\n", law.display());
    refuses_to_serve(&installation.config())
}

#[test]
fn s06_there_is_no_measure_without_legal_basis() {
    for column in ["source_doc", "article"] {
        let law = changed("measures.tsv", |text| {
            with_cell(&text, "rail-g-all-seats", column, "")
        });
        let (exit, said) = serve_under(law.path());
        assert_eq!(exit, 2, "{said}");
        for word in ["measures.tsv", column, "no basis, no restriction"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    let mut seen = BTreeSet::new();
    for answer in many_answers() {
        for measure in answer.applied() {
            let basis = measure["legal_basis"].as_str().unwrap();
            let (document, article) = basis.split_once(' ').unwrap();
            assert!(!document.is_empty() && !article.is_empty(), "{measure}");
            seen.insert(measure["id"].as_str().unwrap().to_owned());
        }
    }
    assert!(
        seen.len() > 100,
        "measures that were applied: {}",
        seen.len()
    );
}

#[test]
fn s07_reference_is_not_refusal() {
    let world = world();
    let reference: Vec<_> = due()
        .into_iter()
        .filter(|(measure, _)| measure["disposition"] == "reference")
        .collect();
    assert!(reference.len() > 40, "{}", reference.len());
    let questions: Vec<Value> = reference
        .iter()
        .map(|(_, question)| question.clone())
        .collect();
    let mut applied = 0;
    for (answer, (measure, _)) in world
        .ask_all(&world.adopter, &questions)
        .iter()
        .zip(&reference)
    {
        if let Some(effect) = answer.effect(&measure["id"]) {
            assert_eq!(effect, "advise", "{}", answer.body);
            applied += 1;
        }
    }
    assert!(applied > 20, "{applied}");
    // On each list, whatever its kind: the same measure, on a law in which every list is complete.
    let law = changed("lists.tsv", |text| with_cell(&text, "*", "complete", "yes"));
    let measures = law.path().join("measures.tsv");
    let mut text = std::fs::read_to_string(&measures).unwrap();
    let model = text
        .lines()
        .find(|line| line.starts_with("bank-establish-reference"))
        .unwrap();
    let model = model.to_owned();
    let lists: BTreeSet<String> = table("lists.tsv")
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    for list in &lists {
        let id = format!("refer-{list}");
        text.push_str(&model.replacen("bank-establish-reference", &id, 1));
        text.push('\n');
        let cells = [
            ("list", list.as_str()),
            ("scenario", "other.use"),
            ("condition", ""),
        ];
        for (column, value) in cells {
            text = with_cell(&text, &id, column, value);
        }
    }
    std::fs::write(&measures, &text).unwrap();
    let ids: Vec<String> = lists.iter().map(|list| format!("refer-{list}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let today = format!("{}T12:00:00+08:00", day(0));
    let mut cases = Vec::new();
    for (place, list) in places()
        .iter()
        .filter(|(_, grade, _)| grade.is_none())
        .enumerate()
    {
        let (_, subject) = subject_of(&list.0, None, list.2);
        let entry = record(&format!("r-{place}"), &list.0, subject.clone(), json!({}));
        let asked = with_consent(question(
            "other.use",
            json!({"purpose": "as stated"}),
            subject,
        ));
        cases.push(Case::new(&[entry], asked).adopting(&ids).at(&today));
    }
    for answer in answers_under(law.path(), &cases) {
        assert_eq!(answer.decision(), "advise", "{}", answer.body);
    }
}

#[test]
fn s17_every_adverse_answer_names_the_way_to_object() {
    let mut seen = BTreeSet::new();
    for answer in many_answers() {
        let decision = answer.decision().to_owned();
        if !["block", "limit", "review"].contains(&decision.as_str()) {
            continue;
        }
        let said = answer.body["messages"].to_string();
        for found in answer.matches() {
            let with_effect = found["measures"]
                .as_array()
                .unwrap()
                .iter()
                .any(|measure| measure["applied"] == true && measure["effect"] != "clear");
            for field in ["authority", "case_no", "recourse"] {
                let text = found[field].as_str().unwrap();
                assert!(!text.trim().is_empty(), "{field}: {}", answer.body);
                assert!(
                    !with_effect || said.contains(text),
                    "{field} {text} is not said: {said}"
                );
            }
        }
        assert!(!answer.applied().is_empty(), "{}", answer.body);
        seen.insert(decision);
    }
    assert_eq!(seen.len(), 3, "block, limit and review were seen: {seen:?}");
}
