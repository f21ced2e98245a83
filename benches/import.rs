//! How many rows a second does `hecha build` take in from the tables of offices, and with how much
//! memory?
//!
//! A GB18030 CSV of 100,000 rows and an XLSX of 50,000 rows, synthetic, one row in five hundred
//! faulty, beside the same records as NDJSON. `cargo bench --bench import -- 20000` sets the rows
//! of the CSV. Each list is imported by a process of its own, so that its peak (VmHWM) is its own.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

use encoding_rs::GB18030;
use hecha::build::files::{FileOptions, build_files};
use hecha::build::inputs::BuildInputs;
use hecha::catalogue::load::built_in;
use hecha::identifier::synthetic;
use hecha::intake::profile::Profile;
use hecha::model::term::Moment;
use hecha::seal::keys::MasterKey;
use rust_xlsxwriter::{Format, Workbook};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const HEADERS: [&str; 8] = [
    "序号",
    "被执行人姓名/名称",
    "身份证号码/组织机构代码",
    "法定代表人",
    "案号",
    "执行法院",
    "失信被执行人行为具体情形",
    "发布时间",
];
const SURNAMES: [&str; 8] = ["王", "李", "张", "刘", "陈", "林", "黄", "郑"];
const GIVEN: [&str; 8] = ["伟", "芳", "建国", "秀英", "志强", "丽", "海", "文"];
/// One row in so many has a wrong check character.
const FAULTY_EVERY: u32 = 500;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|word| word == "import-one") {
        import(
            Path::new(&arguments[place + 1]),
            arguments[place + 2].parse().unwrap(),
        );
        return;
    }
    let rows: u32 = arguments
        .iter()
        .find_map(|word| word.parse().ok())
        .unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_csv(&at("list.csv"), rows);
    write_xlsx(&at("list.xlsx"), rows / 2);
    write_ndjson(&at("list.ndjson"), rows);
    for (file, rows) in [
        ("list.csv", rows),
        ("list.xlsx", rows / 2),
        ("list.ndjson", rows),
    ] {
        let itself = std::env::current_exe().unwrap();
        let status = Command::new(itself)
            .arg("import-one")
            .arg(at(file))
            .arg(rows.to_string())
            .status();
        assert!(status.unwrap().success(), "{file}");
    }
}

fn import(list: &Path, rows: u32) {
    let catalogue = built_in().unwrap();
    let created = Moment::parse("2026-11-22T00:00:00+08:00").unwrap();
    let master = MasterKey::from_bytes([5; 32]);
    let inputs = BuildInputs::new("bench", master, &catalogue, [9; 32], created);
    let options = FileOptions {
        profiles: vec![(None, Profile::find("court-defaulter").unwrap())],
        ..FileOptions::default()
    };
    let out = list.with_extension("hecha");
    let lists = [PathBuf::from(list)];
    let started = Instant::now();
    let report = build_files(&lists, &out, &catalogue, &inputs, &options, &mut |_| {}).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let faulty = u64::from(rows / FAULTY_EVERY);
    assert_eq!(report.manifest.quarantined, faulty);
    assert_eq!(u64::from(report.manifest.entries) + faulty, u64::from(rows));
    println!(
        "{}: {rows} rows, {} bytes, {seconds:.2} s, {:.0} rows/s, peak memory {} MiB",
        list.file_name().unwrap().display(),
        list.metadata().unwrap().len(),
        f64::from(rows) / seconds,
        peak_mib().unwrap_or(0),
    );
    let folder = format!("{}/", list.parent().unwrap().display());
    for note in &report.notes {
        let note = note.replace(&folder, "");
        println!(
            "  note: {note}; {} rows are no records",
            report.skipped_rows
        );
    }
    let quarantine = fs::read_to_string(report.quarantine.unwrap()).unwrap();
    println!(
        "  quarantine: {} rows, the first:",
        quarantine.lines().count() - 1
    );
    for line in quarantine.lines().skip(1).take(2) {
        println!("    {}", line.replace(&folder, ""));
    }
}

/// One record: name, number, holder, case number.
fn record(place: u32) -> [String; 4] {
    let case = format!("(2016)测9901执{place}号");
    let pick = |words: [&'static str; 8], by: u32| words[(place / by) as usize % 8];
    if place.is_multiple_of(5) {
        let name = format!("测试{}{}建材有限公司", pick(SURNAMES, 1), place);
        let code = synthetic::credit_code("91", 990_105, &format!("MA{place:06}"));
        return [
            name,
            code,
            format!("{}{}", pick(SURNAMES, 3), pick(GIVEN, 7)),
            case,
        ];
    }
    let name = format!("{}{}", pick(SURNAMES, 1), pick(GIVEN, 11));
    let born = (
        1950 + (place % 50) as i16,
        1 + (place / 50 % 12) as i8,
        1 + (place % 28) as i8,
    );
    let number = synthetic::citizen_id(990_102 + place % 9, born, (place % 1_000) as u16);
    let number = if place % FAULTY_EVERY == FAULTY_EVERY - 1 {
        let wrong = if number.ends_with('1') { '2' } else { '1' };
        format!("{}{wrong}", &number[..17])
    } else if place.is_multiple_of(3) {
        format!("{}****{}", &number[..10], &number[14..])
    } else {
        number
    };
    [name, number, String::new(), case]
}

const CONDUCT: &str = "有履行能力而拒不履行生效法律文书确定义务";

fn write_csv(path: &Path, rows: u32) {
    let mut text = format!("失信被执行人名单\n\n{}\n", HEADERS.join(","));
    for place in 0..rows {
        let [name, number, holder, case] = record(place);
        text += &format!(
            "{},{name},{number},{holder},{case},测试区人民法院,{CONDUCT},2016年12月28日\n",
            place + 1
        );
    }
    text += "合计,,,,,,,\n";
    let (bytes, _, lost) = GB18030.encode(&text);
    assert!(!lost);
    fs::write(path, bytes).unwrap();
}

fn write_xlsx(path: &Path, rows: u32) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write(0, 0, "失信被执行人名单").unwrap();
    for (column, header) in HEADERS.iter().enumerate() {
        sheet.write(2, column as u16, *header).unwrap();
    }
    for place in 0..rows {
        let [name, number, holder, case] = record(place);
        let row = place + 3;
        sheet.write(row, 0, place + 1).unwrap();
        for (column, text) in [(1, name), (2, number), (3, holder), (4, case)] {
            sheet.write(row, column, text).unwrap();
        }
        sheet.write(row, 5, "测试区人民法院").unwrap();
        sheet.write(row, 6, CONDUCT).unwrap();
        sheet.write_with_format(row, 7, 42_732, &date).unwrap();
    }
    book.save(path).unwrap();
}

fn write_ndjson(path: &Path, rows: u32) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for place in 0..rows {
        let [name, number, holder, case] = record(place);
        let firm = place.is_multiple_of(5);
        let (kind, id_type) = match firm {
            true => ("organisation", "credit_code"),
            false => ("person", "citizen_id"),
        };
        let holder = json!({"role": "legal_representative", "kind": "person", "name": holder});
        let related = if firm { vec![holder] } else { Vec::new() };
        let record = json!({
            "entry_id": format!("court-{place}"), "list": "court-defaulter",
            "subject": {"kind": kind, "name": name, "ids": [{"type": id_type, "number": number}]},
            "related": related, "case_no": case, "authority": "测试区人民法院",
            "supplier": "测试区人民法院", "conduct": CONDUCT, "disclosure": "public",
            "submitted_at": "2016-12-28T00:00:00+08:00", "published": "2016-12-28",
            "in_force_from": "2016-12-28",
        });
        writeln!(file, "{record}").unwrap();
    }
}

fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
