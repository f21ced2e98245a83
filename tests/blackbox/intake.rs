//! Lists as offices send them, through the real program: charsets, workbooks, profiles, cells as
//! found, what is left out and why.

use crate::harness::{hecha, run};
use encoding_rs::GB18030;
use hecha::identifier::synthetic;
use rust_xlsxwriter::{Format, Workbook};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a key, in which lists are built.
struct Office {
    folder: TempDir,
}

impl Office {
    fn new() -> Self {
        let office = Self {
            folder: TempDir::new().unwrap(),
        };
        assert_eq!(office.run(&["key", "new", "snapshot.key"]).0, 0);
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Exit code, standard output, standard error.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let (code, output) = run(hecha().current_dir(self.folder.path()).args(args));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    fn build(&self, args: &[&str]) -> (i32, String) {
        let mut all = vec!["build", "--out", "list.hecha", "--key", "snapshot.key"];
        all.extend(["--as-of", "2099-01-01T00:00:00+08:00"]);
        all.extend(["--salt", SALT, "--created", "2026-11-22T00:00:00+08:00"]);
        all.extend(args);
        let (code, out, err) = self.run(&all);
        (code, out + &err)
    }

    fn quarantine(&self) -> String {
        fs::read_to_string(self.path("list.hecha.quarantine.csv")).unwrap()
    }

    /// What a ticket office is told about this person.
    fn decision(&self, kind: &str, name: &str, id: &str) -> Value {
        let (code, out, err) = self.run(&[
            "check",
            "--scenario",
            "rail.ticket",
            "--kind",
            kind,
            "--name",
            name,
            "--id",
            id,
            "--attr",
            "train_class=G",
            "--attr",
            "seat_class=second",
            "--snapshot",
            "list.hecha",
            "--key",
            "snapshot.key",
        ]);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }
}

const SALT: &str = "0707070707070707070707070707070707070707070707070707070707070707";
const HEADER: &str =
    "序号,被执行人姓名/名称,身份证号码/组织机构代码,法定代表人,案号,执行法院,发布时间";

fn zhang() -> String {
    synthetic::citizen_id(990_102, (1980, 3, 7), 123)
}

fn firm() -> String {
    synthetic::credit_code("91", 990_105, "MA7K3P2X")
}

fn masked(number: &str, with: &str) -> String {
    format!("{}{}{}", &number[..10], with, &number[14..])
}

/// A court's list: title, note, header, records, the header again, a total.
fn court_csv() -> String {
    format!(
        "失信被执行人名单,,,,,,\n,,,,,,\n注：以案号为准,,,,,,\n{HEADER}\n\
         1,张三丰,{},,(2016)测9901执1号,测试区人民法院,2016年12月28日\n{HEADER}\n\
         2,测试建材有限公司,统一社会信用代码：{},王小二,(2016)测9901执2号,测试区人民法院,2016/12/28\n\
         3,李明,{},,(2016)测9901执3号,测试区人民法院,20161228\n\
         合计,,3,,,,\n制表人：某某,,,,,,\n",
        zhang(),
        firm(),
        masked(&synthetic::citizen_id(990_203, (1991, 8, 24), 35), "xxxx"),
    )
}

fn builds_the_court_list(office: &Office, file: &str) -> Vec<u8> {
    let (code, said) = office.build(&[file, "--profile", "court-defaulter", "--strict"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 entries of 1 lists"), "{said}");
    let answer = office.decision("person", "张三丰", &format!("citizen_id:{}", zhang()));
    assert_eq!(answer["decision"], "block", "{answer}");
    assert_eq!(answer["matches"][0]["published"], "2016-12-28");
    let number = synthetic::citizen_id(990_203, (1991, 8, 24), 35);
    let answer = office.decision("person", "李明", &format!("citizen_id:{number}"));
    assert_eq!(answer["matches"][0]["identity"], "probable", "{answer}");
    let answer = office.decision(
        "organisation",
        "测试建材有限公司",
        &format!("credit_code:{}", firm()),
    );
    assert_eq!(answer["matches"][0]["identity"], "identified", "{answer}");
    fs::read(office.path("list.hecha")).unwrap()
}

#[test]
fn a_court_list_in_every_charset_is_the_same_list() {
    let office = Office::new();
    let text = court_csv();
    office.put("list.csv", &text);
    let expected = builds_the_court_list(&office, "list.csv");
    let (gb, _, lost) = GB18030.encode(&text);
    assert!(!lost);
    office.put("gb.csv", &gb);
    office.put("bom.csv", format!("\u{feff}{text}"));
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    office.put(
        "wide.csv",
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
    );
    office.put("tabs.tsv", text.replace(',', "\t"));
    for file in ["gb.csv", "bom.csv", "wide.csv", "tabs.tsv"] {
        assert!(builds_the_court_list(&office, file) == expected, "{file}");
    }
    let threads = office.build(&["gb.csv", "--profile", "court-defaulter", "--threads", "1"]);
    assert_eq!(threads.0, 0);
    assert!(fs::read(office.path("list.hecha")).unwrap() == expected);
}

fn court_xlsx(path: &Path) {
    let mut book = Workbook::new();
    let notes = book.add_worksheet().set_name("说明").unwrap();
    notes.write(0, 0, "本表由测试法院提供").unwrap();
    let sheet = book.add_worksheet().set_name("名单").unwrap();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    sheet
        .merge_range(0, 0, 0, 6, "失信被执行人名单", &Format::new())
        .unwrap();
    for (column, header) in HEADER.split(',').enumerate() {
        sheet.write(3, column as u16, header).unwrap();
    }
    let li = masked(&synthetic::citizen_id(990_203, (1991, 8, 24), 35), "●●●●");
    let rows = [
        ("张三丰", format!("'{}", zhang())),
        ("测试建材有限公司", firm()),
        ("李明", li),
    ];
    for (place, (name, number)) in rows.iter().enumerate() {
        let row = 4 + place as u32;
        sheet.write(row, 0, place as u32 + 1).unwrap();
        sheet.write(row, 1, *name).unwrap();
        sheet.write(row, 2, number).unwrap();
        sheet
            .write(row, 4, format!("(2016)测9901执{}号", place + 1))
            .unwrap();
        sheet.write_with_format(row, 6, 42_732, &date).unwrap();
    }
    sheet.write(5, 3, "王小二").unwrap();
    sheet
        .merge_range(4, 5, 6, 5, "测试区人民法院", &Format::new())
        .unwrap();
    sheet.write(8, 0, "合计").unwrap();
    book.save(path).unwrap();
}

#[test]
fn a_workbook_with_merged_cells_and_date_cells_is_the_same_list() {
    let office = Office::new();
    office.put("list.csv", court_csv());
    let expected = builds_the_court_list(&office, "list.csv");
    court_xlsx(&office.path("list.xlsx"));
    assert!(builds_the_court_list(&office, "list.xlsx") == expected);
    let (_, said) = office.build(&["list.xlsx", "--profile", "court-defaulter"]);
    assert!(
        said.contains("list.xlsx [说明]: no row has the headers"),
        "{said}"
    );
}

#[test]
fn what_is_left_out_is_named_by_row_and_sheet_and_never_quoted() {
    let office = Office::new();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("=名单").unwrap();
    let headers = "entry_id,list,kind,name,citizen_id,case_no,authority,supplier,submitted_at,\
        in_force_from,disclosure,血型";
    for (column, header) in headers.split(',').enumerate() {
        sheet.write(1, column as u16, header).unwrap();
    }
    let record = |id: &str, number: &str| {
        let rest = "(2016)测1号,测试法院,测试高院,2016-12-28,2016-12-28,public";
        format!("{id},court-defaulter,person,张三丰,{number},{rest}")
    };
    let number = zhang();
    let wrong = format!("{}0", &number[..17]);
    let rows = [
        record("good", &number),
        record("=cmd", &wrong),
        record("rounded", "number"),
        record("blood", &number) + ",AB",
        record("late", &number).replace("2016-12-28,public", "2016年13月1日,public"),
    ];
    for (place, row) in rows.iter().enumerate() {
        for (column, cell) in row.split(',').enumerate() {
            let (row, column) = (2 + place as u32, column as u16);
            match cell {
                "number" => sheet.write(row, column, 9.901_021_980_030_712e17).unwrap(),
                cell => sheet.write(row, column, cell).unwrap(),
            };
        }
    }
    book.save(office.path("list.xlsx")).unwrap();
    let (code, said) = office.build(&["list.xlsx"]);
    assert_eq!(code, 3, "{said}");
    let quarantine = office.quarantine();
    assert!(quarantine.starts_with("\u{feff}file,line,entry_id,code,field,reason,sheet\n"));
    let rows: Vec<&str> = quarantine.lines().skip(1).collect();
    assert_eq!(rows.len(), 4, "{quarantine}");
    assert!(rows[0].starts_with("list.xlsx,4,'=cmd,bad_check_character,subject.ids[0].number,"));
    assert!(
        rows[0].ends_with(",'=名单") && rows[0].contains("see the column `citizen"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].starts_with("list.xlsx,5,rounded,lost_digits,"),
        "{}",
        rows[1]
    );
    assert!(
        rows[2].starts_with("list.xlsx,6,blood,forbidden_field,"),
        "{}",
        rows[2]
    );
    assert!(
        rows[3].starts_with("list.xlsx,7,late,bad_date,in_force_from,"),
        "{}",
        rows[3]
    );
    for value in [&number[..10], &wrong[10..], "AB,", "13月"] {
        assert!(!quarantine.contains(value), "{value}: {quarantine}");
        assert!(!said.contains(value), "{value}: {said}");
    }
    fs::remove_file(office.path("list.hecha")).unwrap();
    assert_eq!(office.build(&["list.xlsx", "--strict"]).0, 2);
    assert!(!office.path("list.hecha").exists());
}

#[test]
fn several_numbers_in_a_cell_are_each_taken() {
    let office = Office::new();
    let header = "姓名,证件,案号,法院,发布日期,法定代表人,法定代表人证件号码";
    let passport = "护照：E12345678";
    let text = format!(
        "{header}\n张三丰,\"身份证：{}；{passport}\",(2016)测1号,测试法院,42732,,\n\
         测试建材有限公司,{}/48933027-4,(2016)测2号,测试法院,42732,张三丰,{}\n\
         李明,9.90203E+17,(2016)测3号,测试法院,42732,,\n",
        zhang(),
        synthetic::credit_code("91", 990_105, "48933027"),
        zhang(),
    );
    office.put("list.csv", text);
    let profile = "[constants]\nlist = \"court-defaulter\"\ndisclosure = \"public\"\n\
         \"subject.kind\" = \"auto\"\n[columns]\nsubject.name = \"姓名\"\nsubject.ids = \"证件\"\n\
         case_no = \"案号\"\nauthority = \"法院\"\nsupplier = \"法院\"\nsubmitted_at = \"发布日期\"\n\
         in_force_from = \"发布日期\"\nrelated.legal_representative.name = \"法定代表人\"\n\
         related.legal_representative.ids = \"法定代表人证件号码\"\n";
    office.put("mine.toml", profile);
    let (code, said) = office.build(&["list.csv", "--profile", "list.csv=mine.toml"]);
    assert_eq!(code, 3, "{said}{}", office.quarantine());
    assert!(
        office.quarantine().contains(",4,"),
        "{}",
        office.quarantine()
    );
    assert!(
        office.quarantine().contains("lost_digits"),
        "{}",
        office.quarantine()
    );
    let answer = office.decision("person", "张三丰", "passport:E12345678");
    assert_eq!(answer["matches"][0]["identity"], "identified", "{answer}");
    let bad = office.build(&["list.csv", "--profile", "other.csv=mine.toml"]);
    assert_eq!(bad.0, 2);
    assert!(bad.1.contains("no list file of this command"), "{}", bad.1);
}

#[test]
fn a_guessed_profile_builds_the_list_and_shows_no_value() {
    let office = Office::new();
    let text = court_csv().replace("身份证号码/组织机构代码", "号码");
    let (gb, _, _) = GB18030.encode(&text);
    office.put("list.csv", &gb);
    let (code, toml, said) = office.run(&["profile", "guess", "list.csv"]);
    assert_eq!(code, 0, "{said}");
    for value in ["张三丰", "李明", "990102", "99010", "测试建材"] {
        assert!(!toml.contains(value), "{value}: {toml}");
    }
    assert!(toml.contains("sure") && toml.contains("likely"), "{toml}");
    office.put("guessed.toml", &toml);
    let (code, said) = office.build(&["list.csv", "--profile", "guessed.toml"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 entries"), "{said}");
    assert_eq!(office.run(&["profile", "guess", "none.csv"]).0, 2);
    assert_eq!(office.run(&["profile", "show", "none"]).0, 2);
    let (_, listed, _) = office.run(&["profile", "list"]);
    for line in listed.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert_eq!(office.run(&["profile", "show", name]).0, 0, "{name}");
    }
    assert!(listed.lines().count() >= 9, "{listed}");
}

#[test]
fn the_words_of_colours_and_states_are_understood() {
    let office = Office::new();
    let row = |name: &str, body: &str, grade: &str, state: &str| {
        let code = synthetic::credit_code("91", 990_105, body);
        format!("{name},{code},榕环评〔2025〕1号,测试生态环境局,{grade},2026-01-05,{state}\n")
    };
    let text = "企业名称,统一社会信用代码,文号,评价单位,评价结果,发布日期,状态\n".to_owned()
        + &row("测试甲有限公司", "MA000001", "红", "")
        + &row("测试乙有限公司", "MA000002", "绿色", "已屏蔽")
        + &row(
            "测试丙有限公司",
            "MA000003",
            "环保警示企业（黄牌）",
            "信用修复",
        )
        + &row("测试丁有限公司", "MA000004", "紫", "");
    office.put("env.csv", text);
    let (code, said) = office.build(&["env.csv", "--profile", "env-credit-rating"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("3 entries"), "{said}{}", office.quarantine());
    assert!(
        office.quarantine().contains(",5,"),
        "{}",
        office.quarantine()
    );
    assert!(
        office.quarantine().contains(",grade,grade,"),
        "{}",
        office.quarantine()
    );
}

#[test]
fn sanctions_data_in_followthemoney_form_is_loaded() {
    let office = Office::new();
    let person = json!({"id": "NK-1", "schema": "Person", "last_change": "2024-05-01T12:00:02",
        "properties": {"name": ["Ivan Example"], "alias": ["Иван Пример"],
            "birthDate": ["1980-03-07"], "passportNumber": ["E12345678"]}});
    let sanction = json!({"id": "s-1", "schema": "Sanction", "properties": {"entity": ["NK-1"],
        "authority": ["Office of Examples"], "startDate": ["2023-05-01"], "recordId": ["EX-7"]}});
    let nobody =
        json!({"id": "NK-2", "schema": "Person", "properties": {"name": ["Petr Example"]}});
    office.put(
        "entities.ftm.json",
        format!("{person}\n{sanction}\n{nobody}\n"),
    );
    let (code, said) = office.build(&["entities.ftm.json", "--profile", "follow-the-money"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("1 entries"), "{said}");
    assert!(
        office.quarantine().contains(",3,ftm-NK-2,"),
        "{}",
        office.quarantine()
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_the_way_out() {
    let office = Office::new();
    let fails = |args: &[&str], said: &str| {
        let (code, output) = office.build(args);
        assert_eq!(code, 2, "{output}");
        assert!(output.contains(said), "{said:?} in {output}");
        assert!(!office.path("list.hecha").exists());
    };
    office.put("court.csv", court_csv());
    office.put("nothing.csv", "a,b\n1,2\n");
    office.put("broken.xlsx", b"PK\x03\x04 and then nothing");
    office.put("old.xls", b"\xd0\xcf\x11\xe0 and then nothing");
    fails(&["court.csv"], "`--profile court-defaulter`");
    fails(
        &["nothing.csv", "--profile", "court-defaulter"],
        "hecha profile guess",
    );
    fails(
        &["broken.xlsx", "--profile", "redlist"],
        "broken.xlsx: not a whole workbook",
    );
    fails(
        &["old.xls", "--profile", "redlist"],
        "old.xls: not a whole workbook",
    );
    fails(
        &["court.csv", "--profile", "none.toml"],
        "none of the built-in ones",
    );
    let mut book = Workbook::new();
    for _ in 0..2 {
        book.add_worksheet().write(0, 0, "没有表头").unwrap();
    }
    book.save(office.path("headless.xlsx")).unwrap();
    fails(
        &["headless.xlsx", "--profile", "redlist"],
        "no sheet has the headers",
    );
    office.put("wrong.toml", "[columns]\nname = \"x\"\n");
    fails(
        &["court.csv", "--profile", "wrong.toml"],
        "`name` is no field",
    );
}
