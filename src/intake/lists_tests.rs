//! The same records through every kind of file; files damaged in every way.

use super::lists::{self, ListFile};
use super::ndjson::{Block, ReadError, ReadOptions};
use super::profile::Profile;
use crate::catalogue::load::built_in;
use crate::identifier::synthetic;
use crate::model::entry::ListRecord;
use encoding_rs::GB18030;
use proptest::prelude::*;
use rust_xlsxwriter::Workbook;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Records and faults of a file.
#[derive(Debug, Default, PartialEq)]
struct Found {
    records: Vec<ListRecord>,
    faults: Vec<(u64, &'static str)>,
}

fn read(path: &Path, profile: Option<&str>, options: &ReadOptions) -> Result<Found, ReadError> {
    let profile = profile.map(|name| Profile::find(name).unwrap());
    let list = ListFile {
        path: path.to_owned(),
        profile,
    };
    let catalogue = built_in().unwrap();
    let mut found = Found::default();
    let parts = lists::parts(&[list])?;
    lists::read(&parts, &catalogue, options, &mut |block: Block| {
        found
            .records
            .extend(block.records.into_iter().map(|(_, record)| record));
        found
            .faults
            .extend(block.faults.iter().map(|f| (f.line, f.fault.code.name())));
        Ok::<(), ReadError>(())
    })?;
    Ok(found)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A record of the general profile: one cell a column.
#[derive(Debug, Clone)]
struct Facts {
    name: String,
    alias: Option<String>,
    sequence: u16,
    mask: bool,
    passport: bool,
    holder: bool,
    conduct: String,
    day: u8,
    style: usize,
}

fn facts() -> impl Strategy<Value = Facts> {
    (
        "[张王李赵𠮷][三丰小明一]{1,2}",
        proptest::option::of("[甲乙丙][丁戊]"),
        0u16..999,
        any::<[bool; 3]>(),
        "[一-龥a-z\",;]{0,12}x",
        (1u8..28, 0usize..5),
    )
        .prop_map(
            |(name, alias, sequence, [mask, passport, holder], conduct, (day, style))| Facts {
                name,
                alias,
                sequence,
                mask,
                passport,
                holder,
                conduct,
                day,
                style,
            },
        )
}

const COLUMNS: [&str; 14] = [
    "entry_id",
    "list",
    "subject.kind",
    "subject.name",
    "subject.aliases",
    "subject.ids",
    "case_no",
    "authority",
    "supplier",
    "submitted_at",
    "in_force_from",
    "disclosure",
    "conduct",
    "related.director.name",
];

impl Facts {
    fn number(&self) -> String {
        let number = synthetic::citizen_id(990_102, (1980, 3, 7), self.sequence);
        if self.mask {
            format!("{}****{}", &number[..10], &number[14..])
        } else {
            number
        }
    }

    fn json(&self, place: usize) -> String {
        let mut ids = vec![json!({"type": "citizen_id", "number": self.number()})];
        if self.passport {
            ids.push(json!({"type": "passport", "number": "E12345678"}));
        }
        let holder = json!({"role": "director", "kind": "person", "name": "王小二"});
        let related = if self.holder {
            vec![holder]
        } else {
            Vec::new()
        };
        let record = json!({
            "entry_id": format!("e-{place}"), "list": "court-defaulter",
            "subject": {"kind": "person", "name": self.name, "ids": ids,
                        "aliases": self.alias.iter().collect::<Vec<_>>()},
            "related": related, "case_no": "(2016)测1号", "authority": "测试法院",
            "supplier": "测试高院", "submitted_at": "2016-12-28T09:00:00+08:00",
            "in_force_from": format!("2016-12-{:02}", self.day), "disclosure": "public",
            "conduct": self.conduct,
        });
        record.to_string()
    }

    fn cells(&self, place: usize) -> Vec<String> {
        let mut ids = format!("身份证：{}", self.number());
        if self.mask {
            let stars = ["****", "＊＊＊＊", "xxxx", "●●●●", "XXXX"];
            ids = ids.replace("****", stars[self.style]);
        }
        if self.passport {
            ids += "；护照 E12345678";
        }
        let day = self.day;
        let date = [
            format!("2016-12-{day:02}"),
            format!("2016/12/{day}"),
            format!("2016年12月{day}日"),
            format!("201612{day:02}"),
            (42_704 + u32::from(day)).to_string(),
        ];
        vec![
            format!("e-{place}"),
            "court-defaulter".to_owned(),
            ["person", "自然人", "个人"][self.style % 3].to_owned(),
            self.name.clone(),
            self.alias.clone().unwrap_or_default(),
            ids,
            "(2016)测1号".to_owned(),
            "测试法院".to_owned(),
            "测试高院".to_owned(),
            "2016-12-28 09:00".to_owned(),
            date[self.style].clone(),
            ["public", "公开"][self.style % 2].to_owned(),
            self.conduct.clone(),
            if self.holder { "王小二" } else { "" }.to_owned(),
        ]
    }
}

fn csv_of(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn xlsx_of(rows: &[Vec<String>], path: &Path) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "名单").unwrap();
    let header: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    for (row, cells) in std::iter::once(&header).chain(rows).enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(row as u32 + 2, column as u16, cell).unwrap();
        }
    }
    book.save(path).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_record_is_the_same_in_every_kind_of_file(all in proptest::collection::vec(facts(), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> = all.iter().enumerate().map(|(p, f)| f.json(p)).collect();
        let rows: Vec<_> = all.iter().enumerate().map(|(p, f)| f.cells(p)).collect();
        let text = csv_of(&rows);
        let (gb, _, _) = GB18030.encode(&text);
        let json = lines.join("\n");
        let (gb_json, _, _) = GB18030.encode(&json);
        let ndjson = put(folder.path(), "a.ndjson", json.as_bytes());
        let expected = read(&ndjson, None, &ReadOptions::default()).unwrap();
        prop_assert_eq!(expected.records.len(), all.len());
        xlsx_of(&rows, &folder.path().join("a.xlsx"));
        put(folder.path(), "a.csv", text.as_bytes());
        put(folder.path(), "gb.csv", &gb);
        put(folder.path(), "gb.ndjson", &gb_json);
        for name in ["a.csv", "gb.csv", "gb.ndjson", "a.xlsx"] {
            for (threads, block_bytes) in [(1, 4 << 20), (2, 7)] {
                let options = ReadOptions { threads, block_bytes };
                let found = read(&folder.path().join(name), None, &options).unwrap();
                prop_assert_eq!(&found, &expected, "{}", name);
            }
        }
    }

    #[test]
    fn damaged_files_never_panic(
        noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<proptest::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts {
            name: "张三丰".into(), alias: None, sequence: 1, mask: true, passport: true,
            holder: true, conduct: "x".into(), day: 3, style: 2,
        };
        let rows: Vec<_> = (0..5).map(|place| facts.cells(place)).collect();
        let book = folder.path().join("whole.xlsx");
        xlsx_of(&rows, &book);
        let text = csv_of(&rows);
        let (gb, _, _) = GB18030.encode(&text);
        let sources: [(&str, Vec<u8>); 4] = [
            ("a.csv", text.clone().into_bytes()),
            ("gb.csv", gb.into_owned()),
            ("a.xlsx", std::fs::read(&book).unwrap()),
            ("a.ftm.json", facts.json(1).into_bytes()),
        ];
        for (name, mut bytes) in sources {
            for (at, byte) in &noise {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let profile = name.contains("ftm").then_some("follow-the-money");
            let path = put(folder.path(), name, &bytes);
            let _ = read(&path, profile, &ReadOptions::default());
            bytes.truncate(cut.index(bytes.len()));
            let path = put(folder.path(), name, &bytes);
            let _ = read(&path, profile, &ReadOptions::default());
        }
    }
}
