//! S27 to S33 and S25: terms begin and end by the clock, in Shanghai days.
//!
//! All moments of one test are asked of one process, whose machine stands in UTC; S27 also of
//! processes in other zones.

use crate::cases::{Answered, Case, NOON, answers};
use crate::harness::Installation;
use crate::people::with_consent;
use crate::people::{citizen, code, court, g_train, organisation, person, question, record, with};
use crate::workshop::Workshop;
use serde_json::{Value, json};

fn firm(n: u32) -> Value {
    organisation("测试晋安机电有限公司", &code(n))
}

/// A record of a firm with these fields.
fn listed(list: &str, more: Value) -> Value {
    let base = json!({"published": null, "submitted_at": "2024-01-01T09:00:00+08:00"});
    record("t-1", list, firm(27), with(base, more))
}

#[track_caller]
fn decisions(cases: &[Case], wanted: &[&str]) -> Vec<Answered> {
    let answers = answers(cases);
    let found: Vec<&str> = answers.iter().map(Answered::decision).collect();
    let moments: Vec<&String> = cases.iter().map(|case| &case.now).collect();
    assert_eq!(found, wanted, "at {moments:?}");
    for (answer, decision) in answers.iter().zip(wanted) {
        if *decision == "clear" {
            answer.is_clear(&["t-1", "t-2"]);
        }
    }
    answers
}

/// One entry at several moments.
#[track_caller]
fn at(entry: &Value, asked: &Value, moments: &[(&str, &str)]) {
    let case = |(moment, _): &(&str, &str)| {
        Case::new(std::slice::from_ref(entry), asked.clone()).at(moment)
    };
    let cases: Vec<Case> = moments.iter().map(case).collect();
    let wanted: Vec<&str> = moments.iter().map(|(_, wanted)| *wanted).collect();
    decisions(&cases, &wanted);
}

fn elevator_upgrade() -> Value {
    question(
        "licence.elevator_maintenance",
        json!({"application_kind": "upgrade"}),
        firm(27),
    )
}

fn inspection() -> Value {
    question(
        "supervision.inspection",
        json!({"kind": "routine"}),
        firm(27),
    )
}

#[test]
fn s25_a_measure_kept_after_exit_needs_its_own_basis_and_an_end() {
    let kept = |until: Value| {
        let more = json!({"retained_basis": "测试法第9条", "in_force_until": until,
                          "in_force_from": "2025-03-10", "published": "2025-03-10",
                          "submitted_at": "2025-03-11T09:00:00+08:00"});
        with(court("s25-kept", person("司空见素", &citizen(25))), more)
    };
    let endless = Workshop::build(&[kept(Value::Null)], NOON);
    assert_eq!(endless.exit, 3, "{}", endless.said);
    assert!(
        endless.quarantine().contains("s25-kept,retained_basis,"),
        "{}",
        endless.quarantine()
    );
    let asked = g_train(person("司空见素", &citizen(25)));
    endless.check(&asked, NOON, "UTC").is_clear(&["s25-kept"]);
    let ended = Workshop::build(&[kept(json!("2026-11-22"))], NOON);
    assert_eq!(ended.exit, 0, "{}", ended.said);
    let last = ended.check(&asked, "2026-11-22T23:59:59+08:00", "UTC");
    assert_eq!(last.decision(), "block");
    ended
        .check(&asked, "2026-11-23T00:00:00+08:00", "UTC")
        .is_clear(&["s25-kept"]);
}

#[test]
fn s27_a_term_ends_by_the_clock_without_a_new_snapshot() {
    let until = |day: &str| {
        let more = json!({"in_force_until": day, "in_force_from": "2019-03-10",
                          "published": "2019-03-10", "submitted_at": "2019-03-11T09:00:00+08:00"});
        with(court("t-1", person("钟离望舒", &citizen(27))), more)
    };
    let asked = g_train(person("钟离望舒", &citizen(27)));
    for (last, before, after) in [
        (
            "2026-11-22",
            "2026-11-22T23:59:59+08:00",
            "2026-11-23T00:00:00+08:00",
        ),
        (
            "2028-02-28",
            "2028-02-28T23:59:59+08:00",
            "2028-02-29T00:00:00+08:00",
        ),
        (
            "2028-02-29",
            "2028-02-29T23:59:59+08:00",
            "2028-03-01T00:00:00+08:00",
        ),
        ("2026-12-31", "2026-12-31T15:59:59Z", "2026-12-31T16:00:00Z"),
    ] {
        at(&until(last), &asked, &[(before, "block"), (after, "clear")]);
    }
    // The clock of the machine may stand in any zone.
    let list = Workshop::build(&[until("2026-11-22")], "2026-11-22T00:00:00+08:00");
    assert_eq!(list.exit, 0, "{}", list.said);
    for zone in ["UTC", "Asia/Shanghai", "America/Los_Angeles", "UTC+14"] {
        let last = list.check(&asked, "2026-11-22T15:59:59Z", zone);
        assert_eq!(last.decision(), "block", "{zone}");
        list.check(&asked, "2026-11-22T16:00:00Z", zone)
            .is_clear(&["t-1"]);
    }
}

#[test]
fn s27_a_running_gateway_goes_by_shanghai_days_on_a_machine_in_utc() {
    let installation = Installation::new();
    let yesterday = crate::people::day(-1);
    let today = crate::people::day(0);
    let ended = |entry: &str, name: &str, n: u16, until: &str| {
        with(
            court(entry, person(name, &citizen(n))),
            json!({ "in_force_until": until }),
        )
    };
    installation.publish(vec![
        ended("s27-over", "钟离望舒", 127, &yesterday),
        ended("s27-last", "轩辕采薇", 128, &today),
    ]);
    let config = installation.config();
    let mut command = crate::harness::hecha();
    command
        .env("TZ", "UTC+11")
        .arg("serve")
        .arg("--config")
        .arg(config);
    let server = crate::harness::Server::start(&mut command);
    let ask = |name: &str, n: u16| {
        let answer = server.ask(&installation.token, &g_train(person(name, &citizen(n))));
        crate::world::answered(&answer)
    };
    ask("钟离望舒", 127).is_clear(&["s27-over"]);
    let last = ask("轩辕采薇", 128);
    // At midnight the day itself may have changed under the test.
    if crate::people::day(0) == today {
        assert_eq!(last.decision(), "block");
    }
}

#[test]
fn s28_warning_records_count_at_most_five_years_from_the_end_of_the_conduct() {
    let warning = |grade: &str, ended: &str| {
        listed(
            "fj-public-credit-record",
            json!({"grade": grade, "conduct_ended": ended, "in_force_from": "2025-12-01"}),
        )
    };
    let asked = question(
        "licence.administrative",
        json!({"matter": "permit"}),
        firm(27),
    );
    let noon = |grade: &str, ended: &str, wanted: &str| {
        at(&warning(grade, ended), &asked, &[(NOON, wanted)]);
    };
    noon("warning", "2021-11-21", "clear");
    noon("warning", "2021-11-22", "advise"); // The last day still belongs to the term.
    noon("caution", "2021-11-21", "clear");
    noon("basic", "2021-11-21", "advise");
    // A list of another law keeps its own terms.
    let blacklist = listed(
        "fj-blacklist",
        json!({"conduct_ended": "2021-11-21", "in_force_from": "2025-12-01",
               "in_force_until": "2027-01-01"}),
    );
    let asked = question(
        "joint.response",
        json!({"direction": "punishment"}),
        firm(27),
    );
    at(&blacklist, &asked, &[(NOON, "advise")]);
}

#[test]
fn s29_elevator_lists_count_one_year_or_the_longer_term_that_they_carry() {
    let bad_record = listed(
        "elevator-bad-record",
        json!({"grade": "county", "in_force_from": "2025-11-22", "published": "2025-11-25"}),
    );
    at(
        &bad_record,
        &inspection(),
        &[
            ("2026-11-22T23:59:59+08:00", "advise"),
            ("2026-11-23T00:00:00+08:00", "clear"),
        ],
    );
    let black = |more: Value| listed("elevator-blacklist", with(json!({"grade": "county"}), more));
    let dates = json!({"in_force_from": "2025-11-20", "published": "2025-11-22"});
    at(
        &black(dates.clone()),
        &elevator_upgrade(),
        &[
            ("2026-11-22T23:59:59+08:00", "review"),
            ("2026-11-23T00:00:00+08:00", "clear"),
        ],
    );
    for (years, last) in [(2, "2027-11-22"), (3, "2028-11-22"), (4, "2029-11-22")] {
        let longer = with(dates.clone(), json!({ "in_force_until": last }));
        let (before, after) = (format!("{last}T23:59:59+08:00"), last.replace("-22", "-23"));
        let after = format!("{after}T00:00:00+08:00");
        let moments = [(before.as_str(), "review"), (after.as_str(), "clear")];
        assert!(years > 1);
        at(&black(longer), &elevator_upgrade(), &moments);
    }
}

#[test]
fn s30_an_elevator_entry_goes_on_only_by_an_explicit_prolonging_record() {
    let first = listed(
        "elevator-blacklist",
        json!({"grade": "county", "case_no": "闽质监〔2025〕7号", "in_force_from": "2025-11-22",
               "published": "2025-11-22", "submitted_at": "2025-11-23T09:00:00+08:00"}),
    );
    let prolonging = with(
        first.clone(),
        json!({"entry_id": "t-2", "submitted_at": "2026-11-20T09:00:00+08:00",
               "in_force_until": "2027-05-31"}),
    );
    let case = |entries: &[Value], moment: &str| Case::new(entries, elevator_upgrade()).at(moment);
    decisions(
        &[
            case(std::slice::from_ref(&first), "2026-11-23T00:00:00+08:00"),
            case(
                &[first.clone(), prolonging.clone()],
                "2026-11-23T00:00:00+08:00",
            ),
            case(
                &[first.clone(), prolonging.clone()],
                "2027-05-31T23:59:59+08:00",
            ),
            case(&[first, prolonging], "2027-06-01T00:00:00+08:00"),
        ],
        &["clear", "review", "review", "clear"],
    );
}

#[test]
fn s31_nothing_acts_before_its_start() {
    let tomorrow = with(
        court("t-1", person("钟离望舒", &citizen(31))),
        json!({"in_force_from": "2026-11-23", "published": null}),
    );
    at(
        &tomorrow,
        &g_train(person("钟离望舒", &citizen(31))),
        &[
            (NOON, "clear"),
            ("2026-11-22T23:59:59+08:00", "clear"),
            ("2026-11-23T00:00:00+08:00", "block"),
        ],
    );
    let noticed = listed(
        "elevator-blacklist",
        json!({"grade": "city", "in_force_from": "2026-11-23", "published": "2026-11-16"}),
    );
    at(
        &noticed,
        &elevator_upgrade(),
        &[
            ("2026-11-22T23:59:59+08:00", "clear"),
            ("2026-11-23T00:00:00+08:00", "review"),
        ],
    );
    let published_colour = listed(
        "env-credit-rating",
        json!({"grade": "yellow", "in_force_from": "2026-11-23", "published": "2026-11-08"}),
    );
    at(
        &published_colour,
        &inspection(),
        &[
            ("2026-11-22T23:59:59+08:00", "clear"),
            ("2026-11-23T00:00:00+08:00", "advise"),
        ],
    );
}

#[test]
fn s32_the_newest_rating_replaces_the_older_and_benefits_end_with_their_validity() {
    let rated = |entry: &str, grade: &str, from: &str| {
        let base = json!({"entry_id": entry, "grade": grade, "in_force_from": from});
        listed("env-credit-rating", base)
    };
    let red = rated("t-1", "red", "2026-03-01");
    let blue = rated("t-2", "blue", "2026-09-01");
    let funds = question(
        "subsidy.apply",
        json!({"fund_kind": "environmental_special_fund"}),
        firm(27),
    );
    let case = |entries: &[Value], moment: &str| {
        Case::new(entries, funds.clone())
            .at(moment)
            .adopting(&["env-red-funds"])
    };
    let both = [red.clone(), blue.clone()];
    let seen = answers(&[
        case(&both, "2026-08-31T23:59:59+08:00"),
        case(&both, "2026-09-01T00:00:00+08:00"),
        case(
            &[red.clone(), with(blue, json!({"status": "withdrawn"}))],
            NOON,
        ),
    ]);
    assert_eq!(seen[0].decision(), "block");
    assert_eq!(seen[1].decision(), "clear");
    let ids: Vec<&Value> = seen[1]
        .matches()
        .iter()
        .map(|one| &one["entry_id"])
        .collect();
    assert_eq!(ids, ["t-2"], "only blue is there");
    seen[2].is_clear(&["t-1", "t-2"]); // What was replaced stays replaced.
    let benefit = listed(
        "fj-redlist",
        json!({"in_force_from": "2026-01-01", "in_force_until": "2026-11-22"}),
    );
    let attributes = json!({"matter": "permit", "green_channel": true});
    let asked = question("licence.administrative", attributes, firm(27));
    let case = |moment: &str| Case::new(std::slice::from_ref(&benefit), asked.clone()).at(moment);
    let seen = answers(&[
        case("2026-11-22T23:59:59+08:00"),
        case("2026-11-23T00:00:00+08:00"),
    ]);
    let incentives = |seen: &Answered| seen.body["incentives"].as_array().unwrap().len();
    assert!(incentives(&seen[0]) > 0, "{}", seen[0].body);
    assert_eq!(incentives(&seen[1]), 0);
    seen[1].is_clear(&["t-1"]);
}

#[test]
fn s33_rating_based_bars_end_after_one_or_three_years() {
    for (grade, last, after) in [
        (
            "generally_dishonest",
            "2026-02-28T23:59:59+08:00",
            "2026-03-01T00:00:00+08:00",
        ),
        (
            "seriously_dishonest",
            "2028-02-28T23:59:59+08:00",
            "2028-02-29T00:00:00+08:00",
        ),
    ] {
        let rating = |subject: &Value| {
            record(
                "t-1",
                "fj-comprehensive-rating",
                subject.clone(),
                json!({
                    "grade": grade, "in_force_from": "2025-02-28", "published": null,
                    "submitted_at": "2025-03-01T09:00:00+08:00"
                }),
            )
        };
        let attributes = json!({"award_kind": "general", "authority_level": "county_plus",
                                "stage": "evaluate"});
        for subject in [firm(27), person("赫连北辰", &citizen(33))] {
            let asked = with_consent(question(
                "honour.award",
                attributes.clone(),
                subject.clone(),
            ));
            let case = |moment| Case::new(&[rating(&subject)], asked.clone()).at(moment);
            let seen = answers(&[case(last), case(after)]);
            assert_eq!(seen[0].decision(), "block", "{grade} {}", seen[0].body);
            assert_eq!(seen[1].decision(), "clear", "{grade} {}", seen[1].body);
            assert!(seen[1].applied().is_empty());
        }
    }
}

#[test]
fn t20_no_new_elevator_licence_for_three_years_after_a_revocation() {
    let decision = listed(
        "elevator-violation-decision",
        json!({"in_force_from": "2024-02-29", "published": "2024-02-29",
               "submitted_at": "2024-03-01T09:00:00+08:00"}),
    );
    let new = json!({"application_kind": "new"});
    let asked = question("licence.elevator_maintenance", new, firm(27));
    let case = |moment| Case::new(std::slice::from_ref(&decision), asked.clone()).at(moment);
    let seen = answers(&[
        case("2024-02-28T23:59:59+08:00"),
        case("2024-02-29T00:00:00+08:00"),
        case("2027-02-28T23:59:59+08:00"), // No 29 February in 2027: the month's last day.
        case("2027-03-01T00:00:00+08:00"),
    ]);
    let found: Vec<&str> = seen.iter().map(Answered::decision).collect();
    assert_eq!(found, ["clear", "block", "block", "clear"]);
    assert!(seen[3].applied().is_empty());
}
