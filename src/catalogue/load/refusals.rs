//! Every way in which a table can be wrong, and what the operator is told.

use super::*;

#[test]
fn faults_of_a_whole_table_are_named() {
    refuses(
        "lists.tsv",
        "id",
        "id\t",
        "Id\t",
        &[
            "lists.tsv:1: unknown column `Id`; remove it or correct its name",
            "lists.tsv:1: column `id` is missing; add it to the header line and to every row",
        ],
    );
    refuses(
        "lists.tsv",
        "id",
        "title_zh",
        "title_en",
        &[
            "lists.tsv:1: column `title_en` is there twice; remove one of the two",
            "lists.tsv:1: column `title_zh` is missing; add it to the header line and to every row",
        ],
    );
    refuses(
        "measures.tsv",
        "bond-interbank-strict",
        "\t",
        "\t\t",
        &[
            "measures.tsv:LINE: has 18 fields where the header names 17; separate the fields by one \
         tab each, also empty ones",
        ],
    );
    let error = loaded(2, "\n").unwrap_err();
    let expected = "scenarios.tsv: has no header line; its first line names the columns, \
                    separated by tabs";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn faults_in_lists_are_named() {
    let file = "lists.tsv";
    let row = "court-defaulter\t";
    refuses(
        file,
        row,
        "blacklist",
        "blaklist",
        &["lists.tsv:LINE: `kind`: unknown kind of list \
        `blaklist`; write one of: blacklist, redlist, rating, record"],
    );
    refuses(
        file,
        row,
        "\tany\t",
        "\tanybody\t",
        &["lists.tsv:LINE: `subjects`: unknown subject \
        `anybody`; write one of: any, person, organisation"],
    );
    refuses(
        file,
        row,
        "\tyes\t72\t",
        "\tja\t72\t",
        &["lists.tsv:LINE: `complete`: unknown answer \
        `ja`; write one of: yes, no"],
    );
    refuses(
        file,
        row,
        "\t72\t",
        "\t0\t",
        &["lists.tsv:LINE: `max_staleness_hours`: `0` is no \
        whole number from 1 to 87600"],
    );
    refuses(
        file,
        row,
        "The enforcing court that made the listing / 作出决定的执行法院",
        "",
        &[
            "lists.tsv:LINE: `default_recourse`: is empty; say where a listed person can object when \
         the record does not say",
        ],
    );
    refuses(
        file,
        row,
        "Judgment defaulter list",
        "",
        &["lists.tsv:LINE: `title_en`: is empty; \
        give a title that can be shown to people"],
    );
    refuses(
        file,
        row,
        "三(一); 四(二)1-7",
        "",
        &["lists.tsv:LINE: `article`: is empty; no basis, \
        no restriction: name the document and the article it rests on"],
    );
    refuses(
        file,
        "fj-blacklist\t",
        "fj-blacklist",
        "fj-redlist",
        &[
            "lists.tsv:LINE: `id`: \
        `fj-redlist` stands in line 7 already; every id is unique in its table",
            "list_rules.tsv:6: `list`: unknown list `fj-blacklist`; correct it, or add it to lists.tsv",
            "*",
        ],
    );
    refuses(
        file,
        "env-credit-rating\t",
        "green,blue",
        "green,green",
        &[
            "lists.tsv:LINE: \
        `grades`: names `green` twice; remove one of the two",
            "*",
        ],
    );
}

#[test]
fn faults_in_the_rules_of_lists_are_named() {
    let file = "list_rules.tsv";
    refuses(
        file,
        "env-credit-rating\t",
        "P1Y",
        "12M",
        &["list_rules.tsv:LINE: `default_term`: \
        `12M` is no term; write years from 1 to 99 as P3Y, or leave it empty"],
    );
    refuses(
        file,
        "env-credit-rating\t",
        "in_force_from",
        "",
        &["list_rules.tsv:LINE: \
        `term_from`: is empty; a default term needs its start: in_force_from or published"],
    );
    refuses(
        file,
        "env-credit-rating\t",
        "in_force_from",
        "listed",
        &["list_rules.tsv:LINE: \
        `term_from`: unknown start of a term `listed`; write one of: in_force_from, published"],
    );
    refuses(
        file,
        "fj-public-credit-record\t",
        "favourable",
        "good",
        &["list_rules.tsv:LINE: \
        `cap_spares_grades`: unknown grade of this list `good`; write one of: basic, favourable, \
        caution, warning"],
    );
    refuses(
        file,
        "court-defaulter\t",
        "court-defaulter",
        "court",
        &["list_rules.tsv:LINE: \
        `list`: unknown list `court`; correct it, or add it to lists.tsv"],
    );
    refuses(
        file,
        "fj-redlist\t",
        "yes",
        "maybe",
        &["list_rules.tsv:LINE: `owes_end_date`: \
        unknown answer `maybe`; write one of: yes, no"],
    );
    refuses(
        file,
        "fj-trustworthy-public\t",
        "decision rules 2.6",
        "",
        &["list_rules.tsv:LINE: \
        `source`: is empty; say which rule or article this reading rests on"],
    );
}

#[test]
fn faults_in_scenarios_are_named() {
    let file = "scenarios.tsv";
    refuses(
        file,
        "rail.ticket\t",
        "train_class:enum",
        "train_class:words",
        &[
            "scenarios.tsv:LINE: \
        `attributes`: `train_class:words:G/D/C/S/Z/T/K/Y/L/ordinary` is no attribute; write \
        name:enum:a/b/c, name:int:unit, name:bool:meaning or name:string:meaning, separated by \
        semicolons",
            "scenarios.tsv:LINE: `required`: requires `train_class`, which is none of \
        its attributes; it has: seat_class, necessity_ref",
            "*",
        ],
    );
    refuses(
        file,
        "rail.ticket\t",
        "G/D/C",
        "G/D/G",
        &[
            "scenarios.tsv:LINE: `attributes`: names \
        `G` twice; remove one of the two",
            "*",
        ],
    );
    refuses(
        file,
        "golf.spend\t",
        "amount_fen:int:fen",
        "amount_fen:int:fen; amount_fen:bool:x",
        &["scenarios.tsv:LINE: `attributes`: names `amount_fen` twice; remove one of the two"],
    );
    refuses(
        file,
        "golf.spend\t",
        "golf.spend",
        "rail.ticket",
        &[
            "scenarios.tsv:LINE: `scenario`: \
        `rail.ticket` stands in line 2 already; every id is unique in its table",
            "*unknown scenario `golf.spend`; correct it, or add it to scenarios.tsv",
        ],
    );
    refuses(
        file,
        "rail.ticket\t",
        "train_class,seat_class",
        "train_class,colour",
        &[
            "scenarios.tsv:LINE: `required`: requires `colour`, which is none of its attributes; it \
         has: train_class, seat_class, necessity_ref",
        ],
    );
}

#[test]
fn faults_in_measures_are_named() {
    let file = "measures.tsv";
    let row = "bond-interbank-strict\t";
    refuses(
        file,
        row,
        "FJ-2016-DEFAULTER",
        "",
        &["measures.tsv:LINE: `source_doc`: is empty; no \
        basis, no restriction: name the document and the article it rests on"],
    );
    refuses(
        file,
        row,
        "二(一)2",
        "",
        &["measures.tsv:LINE: `article`: is empty; no basis, no \
        restriction: name the document and the article it rests on"],
    );
    refuses(
        file,
        row,
        "court-defaulter",
        "court",
        &["measures.tsv:LINE: `list`: unknown list \
        `court`; correct it, or add it to lists.tsv"],
    );
    refuses(
        file,
        row,
        "bond.issue",
        "bonds",
        &["measures.tsv:LINE: `scenario`: unknown scenario \
        `bonds`; correct it, or add it to scenarios.tsv"],
    );
    refuses(
        file,
        row,
        "\torganisation\t",
        "\tcompany\t",
        &["measures.tsv:LINE: `subject`: \
        unknown subject `company`; write one of: any, person, organisation"],
    );
    refuses(
        file,
        row,
        "strict_review",
        "strictly",
        &["measures.tsv:LINE: `disposition`: unknown \
        disposition `strictly`; write one of: block, limit, strict_review, reference, supervise, \
        revoke, assist, notify, incentive"],
    );
    refuses(
        file,
        row,
        "mandatory",
        "must",
        &["measures.tsv:LINE: `force`: unknown force `must`; \
        write one of: mandatory, recommended, unstated"],
    );
    refuses(
        file,
        row,
        "mandatory\t",
        "mandatory\tneed",
        &["measures.tsv:LINE: `exemption`: \
        unknown exemption `need`; write one of: necessary_for_life_or_work, business_necessary, \
        basic_livelihood, statutory_document_required, court_permit"],
    );
    refuses(
        file,
        "taiwan-official-trade\t",
        "principal",
        "owner",
        &["measures.tsv:LINE: \
        `extends_to`: unknown role `owner`; write one of: legal_representative, principal, \
        actual_controller, directly_responsible, director, supervisor, senior_manager"],
    );
    refuses(
        file,
        "policy-investment\t",
        "director,supervisor",
        "director,director",
        &["measures.tsv:LINE: `applicant_roles`: names `director` twice; remove one of the two"],
    );
    refuses(
        file,
        row,
        "bond-interbank-strict",
        "bank-establish-reference",
        &["measures.tsv:LINE: \
        `id`: `bank-establish-reference` stands in line 2 already; every id is unique in its \
        table"],
    );
    refuses(
        file,
        row,
        "market in [interbank]",
        "market in [moon]",
        &["measures.tsv:LINE: \
        `condition`: `market` cannot be `moon`; it is one of: interbank, public_corporate, other"],
    );
}

/// In the table `file`, the first `from` after the start of the line that opens with `row`
/// becomes `to`; loading then says `expected`, a line a fault, LINE being the number of that
/// line. `*` at the end stands for more faults, `*text` for a fault that ends so.
#[track_caller]
fn refuses(file: &str, row: &str, from: &str, to: &str, expected: &[&str]) {
    let place = FILES.iter().position(|name| *name == file).unwrap();
    let text = BUILT_IN[place];
    let start = if text.starts_with(row) {
        0
    } else {
        text.find(&format!("\n{row}")).unwrap() + 1
    };
    let (before, after) = text.split_at(start);
    assert!(after.contains(from), "`{from}` does not stand in {file}");
    let changed = format!("{before}{}", after.replacen(from, to, 1));
    let error = loaded(place, &changed).unwrap_err().to_string();
    let line = (before.matches('\n').count() + 1).to_string();
    let mut lines = error.lines();
    for wanted in expected {
        let wanted = wanted.replace("LINE", &line);
        match wanted.strip_prefix('*') {
            Some("") => return,
            Some(end) => assert!(lines.any(|l| l.ends_with(end)), "{error}"),
            None => assert_eq!(lines.next(), Some(&*wanted), "{error}"),
        }
    }
    assert_eq!(lines.next(), None);
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
