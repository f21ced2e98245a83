//! Every way in which a table can be wrong, and what the operator is told.

use super::*;

const BASIS: &str = "is empty; no basis, no restriction: name the document and the article it \
                     rests on";

#[test]
fn faults_of_a_whole_table_are_named() {
    let missing = "is missing; add it to the header line and to every row";
    refuse(
        "lists.tsv",
        "id",
        &[
            (
                "id\t",
                "Id\t",
                "unknown column `Id`; remove it or correct its name",
            ),
            (
                "title_zh",
                "title_en",
                "column `title_en` is there twice; remove one of the two",
            ),
        ],
    );
    let error = changed("lists.tsv", "id", "id\t", "Id\t").1.to_string();
    assert!(error.ends_with(&format!("lists.tsv:1: column `id` {missing}")));
    refuse(
        "measures.tsv",
        "bond-interbank-strict",
        &[(
            "\t",
            "\t\t",
            "has 18 fields where the header names 17; separate the fields by one tab each, also \
             empty ones",
        )],
    );
    let error = loaded(2, "\n").unwrap_err();
    let expected = "scenarios.tsv: has no header line; its first line names the columns, \
                    separated by tabs";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn faults_in_lists_are_named() {
    let recourse = "The enforcing court that made the listing / 作出决定的执行法院";
    let article = format!("`article`: {BASIS}");
    refuse(
        "lists.tsv",
        "court-defaulter\t",
        &[
            (
                "blacklist",
                "blaklist",
                "`kind`: unknown kind of list `blaklist`; write one of: blacklist, redlist, \
                 rating, record",
            ),
            (
                "\tany\t",
                "\tanybody\t",
                "`subjects`: unknown subject `anybody`; write one of: any, person, organisation",
            ),
            (
                "\tyes\t72\t",
                "\tja\t72\t",
                "`complete`: unknown answer `ja`; write one of: yes, no",
            ),
            (
                "\t72\t",
                "\t0\t",
                "`max_staleness_hours`: `0` is no whole number from 1 to 87600",
            ),
            (
                recourse,
                "",
                "`default_recourse`: is empty; say where a listed person can object when the \
                 record does not say",
            ),
            (
                "Judgment defaulter list",
                "",
                "`title_en`: is empty; give a title that can be shown to people",
            ),
            ("三(一); 四(二)1-7", "", &article),
        ],
    );
    refuse(
        "lists.tsv",
        "env-credit-rating\t",
        &[(
            "green,blue",
            "green,green",
            "`grades`: names `green` twice; remove one of the two",
        )],
    );
}

#[test]
fn an_id_that_stands_twice_is_named_with_its_first_line() {
    let twice = "every id is unique in its table";
    for (file, row, from, to, column) in [
        (
            "lists.tsv",
            "fj-blacklist",
            "fj-blacklist",
            "fj-redlist",
            "id",
        ),
        (
            "list_rules.tsv",
            "fj-redlist",
            "fj-redlist",
            "court-defaulter",
            "list",
        ),
        (
            "scenarios.tsv",
            "golf.spend",
            "golf.spend",
            "rail.ticket",
            "scenario",
        ),
        (
            "measures.tsv",
            "bond-interbank",
            "bond-interbank-strict",
            "bank-establish-reference",
            "id",
        ),
    ] {
        let (_, error) = changed(file, row, from, to);
        let first = FILES
            .iter()
            .zip(BUILT_IN)
            .find(|(name, _)| **name == file)
            .unwrap()
            .1;
        let first = first
            .lines()
            .position(|line| line.starts_with(&format!("{to}\t")))
            .unwrap();
        let expected = format!(
            "`{column}`: `{to}` stands in line {} already; {twice}",
            first + 1
        );
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn faults_in_the_rules_of_lists_are_named() {
    let file = "list_rules.tsv";
    refuse(
        file,
        "env-credit-rating\t",
        &[
            (
                "P1Y",
                "12M",
                "`default_term`: `12M` is no term; write years from 1 to 99 as P3Y, or leave it \
                 empty",
            ),
            (
                "in_force_from",
                "",
                "`term_from`: is empty; a default term needs its start: in_force_from or \
                 published",
            ),
            (
                "in_force_from",
                "listed",
                "`term_from`: unknown start of a term `listed`; write one of: in_force_from, \
                 published",
            ),
        ],
    );
    let grade = "`cap_spares_grades`: unknown grade of this list `good`; write one of: basic, \
                 favourable, caution, warning";
    refuse(
        file,
        "fj-public-credit-record\t",
        &[("favourable", "good", grade)],
    );
    let list = "`list`: unknown list `court`; correct it, or add it to lists.tsv";
    refuse(
        file,
        "court-defaulter\t",
        &[("court-defaulter", "court", list)],
    );
    let answer = "`owes_end_date`: unknown answer `maybe`; write one of: yes, no";
    refuse(file, "fj-redlist\t", &[("yes", "maybe", answer)]);
    let source = "`source`: is empty; say which rule or article this reading rests on";
    refuse(
        file,
        "fj-trustworthy-public\t",
        &[("decision rules 2.6", "", source)],
    );
}

#[test]
fn faults_in_scenarios_are_named() {
    let file = "scenarios.tsv";
    refuse(
        file,
        "rail.ticket\t",
        &[
            (
                "train_class:enum",
                "train_class:words",
                "`attributes`: `train_class:words:G/D/C/S/Z/T/K/Y/L/ordinary` is no attribute; \
                 write name:enum:a/b/c, name:int:unit, name:bool:meaning or name:string:meaning, \
                 separated by semicolons",
            ),
            (
                "G/D/C",
                "G/D/G",
                "`attributes`: names `G` twice; remove one of the two",
            ),
            (
                "train_class,seat_class",
                "train_class,colour",
                "`required`: requires `colour`, which is none of its attributes; it has: \
                 train_class, seat_class, necessity_ref",
            ),
        ],
    );
    let twice = "`attributes`: names `amount_fen` twice; remove one of the two";
    let change = (
        "amount_fen:int:fen",
        "amount_fen:int:fen; amount_fen:bool:x",
        twice,
    );
    refuse(file, "golf.spend\t", &[change]);
}

#[test]
fn faults_in_what_a_measure_hangs_on_are_named() {
    let source = format!("`source_doc`: {BASIS}");
    let article = format!("`article`: {BASIS}");
    refuse(
        "measures.tsv",
        "bond-interbank-strict\t",
        &[
            ("FJ-2016-DEFAULTER", "", &source),
            ("二(一)2", "", &article),
            (
                "court-defaulter",
                "court",
                "`list`: unknown list `court`; correct it, or add it to lists.tsv",
            ),
            (
                "bond.issue",
                "bonds",
                "`scenario`: unknown scenario `bonds`; correct it, or add it to scenarios.tsv",
            ),
            (
                "market in [interbank]",
                "market in [moon]",
                "`condition`: `market` cannot be `moon`; it is one of: interbank, \
                 public_corporate, other",
            ),
        ],
    );
}

#[test]
fn faults_in_the_words_of_a_measure_are_named() {
    let file = "measures.tsv";
    refuse(
        file,
        "bond-interbank-strict\t",
        &[
            (
                "\torganisation\t",
                "\tcompany\t",
                "`subject`: unknown subject `company`; write one of: any, person, organisation",
            ),
            (
                "strict_review",
                "strictly",
                "`disposition`: unknown disposition `strictly`; write one of: block, limit, \
                 strict_review, reference, supervise, revoke, assist, notify, incentive",
            ),
            (
                "mandatory",
                "must",
                "`force`: unknown force `must`; write one of: mandatory, recommended, unstated",
            ),
            (
                "mandatory\t",
                "mandatory\tneed",
                "`exemption`: unknown exemption `need`; write one of: \
                 necessary_for_life_or_work, business_necessary, basic_livelihood, \
                 statutory_document_required, court_permit",
            ),
        ],
    );
    let role = "`extends_to`: unknown role `owner`; write one of: legal_representative, \
                principal, actual_controller, directly_responsible, director, supervisor, \
                senior_manager";
    refuse(
        file,
        "taiwan-official-trade\t",
        &[("principal", "owner", role)],
    );
    let twice = "`applicant_roles`: names `director` twice; remove one of the two";
    let change = ("director,supervisor", "director,director", twice);
    refuse(file, "policy-investment\t", &[change]);
    let term = "`term`: `P0Y` is no term; write years from 1 to 99 as P3Y, or leave it empty";
    refuse(file, "elevator-licence-refuse\t", &[("P3Y", "P0Y", term)]);
}

#[test]
fn a_faulty_list_makes_no_fault_of_the_rows_that_name_it() {
    let (_, error) = changed("lists.tsv", "court-defaulter\t", "\t72\t", "\tsoon\t");
    assert_eq!((error.faults.len(), error.further), (1, 0), "{error}");
}

/// Each change makes loading fail with a first fault in that line; says what the operator reads.
#[track_caller]
fn refuse(file: &str, row: &str, changes: &[(&str, &str, &str)]) {
    for (from, to, says) in changes {
        let (line, error) = changed(file, row, from, to);
        let first = error.faults[0].to_string();
        assert_eq!(first, format!("{file}:{line}: {says}"));
    }
}

/// What loading says when, in the table `file`, the first `from` after the start of the line that
/// opens with `row` becomes `to`; and the number of that line.
#[track_caller]
fn changed(file: &str, row: &str, from: &str, to: &str) -> (usize, CatalogueError) {
    let place = FILES.iter().position(|name| *name == file).unwrap();
    let text = BUILT_IN[place];
    let start = match text.starts_with(row) {
        true => 0,
        false => text.find(&format!("\n{row}")).unwrap() + 1,
    };
    let (before, after) = text.split_at(start);
    assert!(after.contains(from), "`{from}` does not stand in {file}");
    let text = format!("{before}{}", after.replacen(from, to, 1));
    let error = loaded(place, &text).unwrap_err();
    (before.matches('\n').count() + 1, error)
}

/// Loads the built-in tables with the text of one replaced.
pub fn loaded(place: usize, text: &str) -> Result<Catalogue, CatalogueError> {
    let mut texts = BUILT_IN;
    texts[place] = text;
    let tables = Tables {
        texts,
        names: FILES,
        own_rules: true,
    };
    assemble(&tables, Vec::new(), Faults::default())
}
