//! A row of a table as a record.
//!
//! In: a row, the columns of its header, a profile, the catalogue. Out: a validated record, the
//! first fault, or nothing where the row is no record: blank, the header again, a total or a note.
//! Records go through the same `validate` as NDJSON. No fault carries a value.

use super::cell::{Cell, Row};
use super::dates;
use super::fault::{Fault, FaultCode};
use super::field::{Fact, Field, PartyFact};
use super::header::Columns;
use super::number_cell::{CellFault, labelled_type, numbers};
use super::profile::Profile;
use super::validate::{Rejected, Validated, showable, validate};
use super::words;
use super::written::{OwnParty, OwnRecord, kind_of_name, made_entry_id};
use crate::catalogue::measure::Catalogue;
use crate::identifier::kind::IdType;
use crate::model::subject::{Role, SubjectKind};
use std::borrow::Cow;
use std::sync::Arc;

/// Characters of a cell at most; spreadsheets hold no more.
pub const CELL_CHARS_MAX: usize = 32_767;

/// Beginnings of the first cell of rows that are totals or notes.
const NOTES: [&str; 19] = [
    "合计",
    "总计",
    "小计",
    "共计",
    "制表",
    "填表",
    "审核",
    "审批",
    "复核",
    "备注",
    "注:",
    "注：",
    "说明",
    "打印",
    "导出",
    "单位负责人",
    "填报",
    "以上",
    "total",
];

/// A table whose header was found.
pub struct Table {
    /// How it is read.
    pub profile: Arc<Profile>,
    /// Which column is what.
    pub columns: Columns,
    /// Whether cells beyond the header are a fault: in CSV they mean that columns have shifted.
    pub strict_width: bool,
}

impl Table {
    /// The record of a row; `None` where the row is none.
    pub fn record(&self, row: &Row, catalogue: &Catalogue) -> Option<Result<Validated, Rejected>> {
        if self.is_note(row) || self.columns.repeats_header(row) {
            return None;
        }
        let mut record = OwnRecord::default();
        let read = self.fill(row, &mut record);
        let validated = read.and_then(|()| validate(&record.written(), catalogue));
        Some(validated.map_err(|fault| Rejected {
            entry_id: record.fact(Fact::EntryId).and_then(showable),
            fault: self.with_header(fault),
        }))
    }

    fn fill(&self, row: &Row, record: &mut OwnRecord) -> Result<(), Fault> {
        let cells = Cells { table: self, row };
        // First, so that whatever is wrong with the row can be told by its entry_id.
        record.set(Fact::EntryId, cells.fact(Fact::EntryId)?);
        cells.check_columns()?;
        for (fact, _) in super::field::FACTS {
            if fact != Fact::EntryId {
                record.set(fact, cells.fact(fact)?);
            }
        }
        record.subject = cells.subject()?;
        for role in Role::ALL {
            cells.holders(role, &mut record.related)?;
        }
        if record.fact(Fact::EntryId).is_none() {
            let made = self.made_key(record);
            record.set(Fact::EntryId, Some(made));
        }
        Ok(())
    }

    fn made_key(&self, record: &OwnRecord) -> String {
        let parts = self.profile.entry_id_from.iter().map(|field| match field {
            Field::Fact(fact) => record.fact(*fact),
            Field::Subject(PartyFact::Name) => record.subject.name.as_deref(),
            Field::Subject(PartyFact::BirthDate) => record.subject.birth_date.as_deref(),
            Field::Subject(PartyFact::Kind) => record.subject.kind.as_deref(),
            _ => None,
        });
        let parts: Vec<&str> = parts.map(Option::unwrap_or_default).collect();
        made_entry_id(&self.profile.entry_id_prefix, &parts)
    }

    /// A total or a note: it begins as one, and has neither name nor case number of its own.
    fn is_note(&self, row: &Row) -> bool {
        let Some(first) = row.cells.iter().position(|cell| !cell.is_blank()) else {
            return true;
        };
        let Cell::Text(text) = &row.cells[first] else {
            return false;
        };
        let text = text.to_lowercase();
        let filled = |field: Field| {
            let columns = self.columns.by_field.get(&field);
            let mut columns = columns
                .into_iter()
                .flatten()
                .filter(|column| **column != first);
            columns.any(|column| row.cells.get(*column).is_some_and(|cell| !cell.is_blank()))
        };
        NOTES.iter().any(|note| text.starts_with(note))
            && !filled(Field::Subject(PartyFact::Name))
            && !filled(Field::Fact(Fact::CaseNo))
    }

    /// The fault with the header of its column, as the person with the spreadsheet sees it.
    fn with_header(&self, mut fault: Fault) -> Fault {
        let path = fault.field.split('[').next().unwrap_or_default();
        let of_path = |(field, _): &(&Field, &Vec<usize>)| {
            let word = field.word();
            !path.is_empty()
                && (word == path || word.strip_prefix(path).is_some_and(|r| r.starts_with('.')))
        };
        let column = self.columns.by_field.iter().find(of_path);
        if let Some((_, columns)) = column
            && let Some(header) = columns.first().and_then(|c| self.columns.headers.get(*c))
        {
            fault.reason = Cow::Owned(format!("{}; see the column `{header}`", fault.reason));
        }
        fault
    }
}

/// One row under its header.
struct Cells<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    /// Cells of a field that are not blank, preferred ones first.
    fn of(&self, field: Field) -> impl Iterator<Item = &'a Cell> + use<'a> {
        let columns = self.table.columns.by_field.get(&field);
        let row = self.row;
        let columns = columns.into_iter().flatten();
        columns
            .filter_map(|column| row.cells.get(*column))
            .filter(|cell| !cell.is_blank())
    }

    fn check_columns(&self) -> Result<(), Fault> {
        let columns = &self.table.columns;
        let filled = |column: usize| self.row.cells.get(column).is_some_and(|c| !c.is_blank());
        if let Some((_, name)) = columns.forbidden.iter().find(|(column, _)| filled(*column)) {
            let reason = "no list record may carry this; remove it at the source of the list";
            return Err(Fault::new(FaultCode::ForbiddenField, name, reason));
        }
        if columns.refuses_unknown(&self.table.profile)
            && let Some((column, _)) = columns.unknown.iter().find(|(column, _)| filled(*column))
        {
            let reason = "a list record has no such field; remove or rename the column";
            let field = format!("column {}", column_letters(*column));
            return Err(Fault::new(FaultCode::UnknownField, field, reason));
        }
        let beyond = columns.headers.len()..self.row.cells.len();
        if self.table.strict_width && beyond.into_iter().any(filled) {
            let reason = "more cells than the header has: a separator stands in a cell without \
                          quotes, so columns have shifted; quote the cell";
            return Err(Fault::new(FaultCode::UnknownField, "", reason));
        }
        Ok(())
    }

    fn fact(&self, fact: Fact) -> Result<Option<String>, Fault> {
        self.value(Field::Fact(fact))
    }

    /// The first cell with a value, in the contract's words; else the constant.
    fn value(&self, field: Field) -> Result<Option<String>, Fault> {
        for cell in self.of(field) {
            if let Some(value) = self.meant(field, cell)? {
                return Ok(Some(value));
            }
        }
        Ok(self.table.profile.constants.get(&field).cloned())
    }

    fn meant(&self, field: Field, cell: &Cell) -> Result<Option<String>, Fault> {
        if let Some(moment) = is_moment(field).then(|| dates::moment(cell)).flatten() {
            return Ok(Some(moment.to_string()));
        }
        if let Some(day) = is_day(field).then(|| dates::day(cell)).flatten() {
            return Ok(Some(day.to_string()));
        }
        let text = readable(cell, &field.word())?;
        if let Some(meaning) = self.table.profile.meaning(field, &text) {
            return Ok((!meaning.is_empty()).then(|| meaning.to_owned()));
        }
        match words::meaning(field, &text) {
            Some(meaning) => Ok((!meaning.is_empty()).then(|| meaning.to_owned())),
            None => checked_truth(field, text.into_owned()).map(Some),
        }
    }

    fn subject(&self) -> Result<OwnParty, Fault> {
        let mut party = OwnParty {
            name: self.value(Field::Subject(PartyFact::Name))?,
            birth_date: self.value(Field::Subject(PartyFact::BirthDate))?,
            gender: self.value(Field::Subject(PartyFact::Gender))?,
            ..OwnParty::default()
        };
        for cell in self.of(Field::Subject(PartyFact::Aliases)) {
            party
                .aliases
                .extend(names(&readable(cell, "subject.aliases")?));
        }
        let kind = self.value(Field::Subject(PartyFact::Kind))?;
        let hint = self.kind_hint(kind.as_deref(), party.name.as_deref());
        party.ids = self.ids(Field::Subject, hint)?;
        party.kind = settled_kind(kind, &party);
        Ok(party)
    }

    /// What is known of the kind before the numbers are read.
    fn kind_hint(&self, kind: Option<&str>, name: Option<&str>) -> Option<SubjectKind> {
        let stated = kind.and_then(SubjectKind::parse);
        let by_name = || name.and_then(kind_of_name);
        stated.or_else(|| by_name().filter(|kind| *kind == SubjectKind::Organisation))
    }

    fn ids(
        &self,
        of: impl Fn(PartyFact) -> Field,
        hint: Option<SubjectKind>,
    ) -> Result<Vec<(Option<IdType>, String)>, Fault> {
        let stated = match self.of(of(PartyFact::IdType)).next() {
            Some(cell) => labelled_type(&readable(cell, &of(PartyFact::IdType).word())?),
            None => None,
        };
        let mut ids: Vec<(Option<IdType>, String)> = Vec::new();
        let typed = IdType::ALL
            .into_iter()
            .map(|id_type| (of(PartyFact::IdsOf(id_type)), Some(id_type)));
        for (field, column) in std::iter::once((of(PartyFact::Ids), stated)).chain(typed) {
            for cell in self.of(field) {
                let place = ids.len();
                let found = numbers(cell, column, hint)
                    .map_err(|fault| cell_fault(fault, &format!("{}[{place}]", field.word())))?;
                for number in found {
                    readable_text(&number.text, &field.word())?;
                    if number.id_type.is_none() {
                        return Err(untold_type(&format!("{}[{}]", field.word(), ids.len())));
                    }
                    ids.push((number.id_type, number.text));
                }
            }
        }
        Ok(ids)
    }

    fn holders(&self, role: Role, related: &mut Vec<OwnParty>) -> Result<(), Fault> {
        let of = |fact| Field::Holder(role, fact);
        let mut named: Vec<String> = Vec::new();
        for cell in self.of(of(PartyFact::Name)).take(1) {
            let text = readable(cell, &of(PartyFact::Name).word())?;
            named.extend(names(&text).into_iter().filter(|name| name != "无"));
        }
        let kind = self.value(of(PartyFact::Kind))?;
        let hint = kind.as_deref().and_then(SubjectKind::parse);
        let by_name = || named.first().and_then(|name| kind_of_name(name));
        let ids = self.ids(of, hint.or_else(by_name).or(Some(SubjectKind::Person)))?;
        if named.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let mut ids = share_out(ids, named.len().max(1)).ok_or_else(|| {
            let reason = "several holders, and not one number for each: whose they are cannot be \
                          told; give each holder a row, or numbers for all in the same order";
            Fault::new(FaultCode::Contradiction, of(PartyFact::Ids).word(), reason)
        })?;
        let single = named.len() <= 1;
        let mut named = named.into_iter();
        for ids in ids.drain(..) {
            let mut party = OwnParty {
                name: named.next(),
                ids,
                role: Some(role),
                ..OwnParty::default()
            };
            if single {
                party.birth_date = self.value(of(PartyFact::BirthDate))?;
                party.gender = self.value(of(PartyFact::Gender))?;
                for cell in self.of(of(PartyFact::Aliases)) {
                    let text = readable(cell, &of(PartyFact::Aliases).word())?;
                    party.aliases.extend(names(&text));
                }
            }
            let person = || SubjectKind::Person.name().to_owned();
            party.kind = settled_kind(kind.clone(), &party).or_else(|| Some(person()));
            related.push(party);
        }
        Ok(())
    }
}

/// Numbers to holders: all to one, else one each.
fn share_out<T>(ids: Vec<T>, holders: usize) -> Option<Vec<Vec<T>>> {
    if holders == 1 {
        return Some(vec![ids]);
    }
    if ids.is_empty() {
        return Some((0..holders).map(|_| Vec::new()).collect());
    }
    (ids.len() == holders).then(|| ids.into_iter().map(|id| vec![id]).collect())
}

/// The stated kind, or what numbers and name tell where none or `auto` is stated.
fn settled_kind(stated: Option<String>, party: &OwnParty) -> Option<String> {
    match stated {
        Some(kind) if kind != "auto" => Some(kind),
        _ => party.inferred_kind().map(|kind| kind.name().to_owned()),
    }
}

/// Several names in a cell.
fn names(text: &str) -> Vec<String> {
    let parts = text.split(['、', '；', ';', '|', '\n', '\r']);
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn is_moment(field: Field) -> bool {
    field == Field::Fact(Fact::SubmittedAt)
}

fn is_day(field: Field) -> bool {
    matches!(
        field,
        Field::Fact(Fact::ConductEnded | Fact::Published | Fact::InForceFrom | Fact::InForceUntil)
            | Field::Subject(PartyFact::BirthDate)
            | Field::Holder(_, PartyFact::BirthDate)
    )
}

/// Yes and no are words of their own: another word is not `false`.
fn checked_truth(field: Field, text: String) -> Result<String, Fault> {
    let truth = matches!(field, Field::Fact(Fact::AbleButRefuses | Fact::Publishable));
    let lower = text.to_lowercase();
    if truth && !matches!(lower.as_str(), "true" | "false") {
        let reason = "the value is none of `true`, `false`, 是, 否";
        return Err(Fault::new(FaultCode::UnknownValue, field.word(), reason));
    }
    Ok(if truth { lower } else { text })
}

/// The text of a cell, or why it cannot be taken.
fn readable<'c>(cell: &'c Cell, field: &str) -> Result<Cow<'c, str>, Fault> {
    if cell.lost_digits() {
        return Err(cell_fault(CellFault::LostDigits, field));
    }
    let text = cell
        .shown()
        .ok_or_else(|| cell_fault(CellFault::Broken, field))?;
    readable_text(&text, field)?;
    Ok(text)
}

fn readable_text(text: &str, field: &str) -> Result<(), Fault> {
    if text.contains('\u{fffd}') {
        let reason = "a character that is none in the charset of the file; export the list again";
        return Err(Fault::new(FaultCode::NotUtf8, field, reason));
    }
    if text.len() > CELL_CHARS_MAX && text.chars().count() > CELL_CHARS_MAX {
        let reason = format!("longer than {CELL_CHARS_MAX} characters; shorten it");
        return Err(Fault::new(FaultCode::TooLong, field, reason));
    }
    Ok(())
}

fn untold_type(field: &str) -> Fault {
    let reason = "what type of number this is cannot be told: put its type in front (身份证：...), \
                  or give each type a column";
    Fault::new(FaultCode::UnknownValue, field, reason)
}

fn cell_fault(fault: CellFault, field: &str) -> Fault {
    match fault {
        CellFault::LostDigits => Fault::new(
            FaultCode::LostDigits,
            field,
            "a spreadsheet has rounded this number (1.1E+17): its last digits are lost; format \
             the column as text at the source and export it again",
        ),
        CellFault::Broken => Fault::new(
            FaultCode::BrokenCell,
            field,
            "the cell holds the error of a formula; give it a value",
        ),
    }
}

/// `A`, `Z`, `AA`: how a spreadsheet names columns.
pub fn column_letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::super::header;
    use super::*;
    use crate::catalogue::load::built_in;

    const HEADER: &str =
        "姓名/名称|证件号码|法定代表人|法定代表人证件号码|案号|执行法院|发布时间|状态|血型";

    fn row(number: u64, text: &str) -> Row {
        let cells = text.split('|').map(Cell::text).collect();
        Row { number, cells }
    }

    fn read(text: &str) -> Option<Result<Validated, Rejected>> {
        let profile = Profile::find("court-defaulter").unwrap();
        let header = header::find(&[row(1, HEADER)], &profile).unwrap();
        let table = Table {
            profile,
            columns: header.columns,
            strict_width: true,
        };
        table.record(&row(2, text), &built_in().unwrap())
    }

    const PERSON: &str = "张三丰|990102198003071239|||(2016)测1号|测试法院|2016-12-28||";
    const FIRM: &str =
        "测试有限公司|91990102MA2XK7P323|王小二、李四||(2016)测2号|测试法院|2016-12-28||";

    #[track_caller]
    fn refused(text: &str, code: FaultCode, field: &str) {
        let rejected = read(text).unwrap().unwrap_err();
        assert_eq!(
            (rejected.fault.code, &*rejected.fault.field),
            (code, field),
            "{text}"
        );
        assert!(rejected.entry_id.is_none_or(|id| id.starts_with("court-")));
    }

    #[test]
    fn kinds_and_holders_follow_from_numbers_and_names() {
        let person = read(PERSON).unwrap().unwrap().record;
        assert_eq!(person.subject.kind, SubjectKind::Person);
        let firm = read(FIRM).unwrap().unwrap().record;
        assert_eq!(firm.subject.kind, SubjectKind::Organisation);
        assert_eq!(firm.related.len(), 2);
        assert_eq!(firm.related[1].role, Some(Role::LegalRepresentative));
        assert_ne!(person.entry_id, firm.entry_id);
        assert_eq!(
            person.entry_id,
            read(PERSON).unwrap().unwrap().record.entry_id
        );
        let held = PERSON.replace("28||", "28|已屏蔽|");
        let held = read(&held).unwrap().unwrap().record;
        assert_eq!(held.status, crate::model::entry::Status::Held);
    }

    #[test]
    fn rows_that_are_no_records_are_passed_over() {
        for text in ["", "合计||||", "制表人：某某", HEADER, "备注|x"] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read("合计有限公司|91990102MA2XK7P323|||1|a|2016-12-28").is_some());
    }

    #[test]
    fn faults_name_their_field() {
        refused(
            &PERSON.replace("1239", "1238"),
            FaultCode::BadCheckCharacter,
            "subject.ids[0].number",
        );
        refused(
            &PERSON.replace("990102198003071239", "9.9E+17"),
            FaultCode::LostDigits,
            "subject.ids[0]",
        );
        refused(
            &PERSON.replace("2016-12-28||", "2016-12-28|丢了|"),
            FaultCode::UnknownValue,
            "status",
        );
        refused(
            &PERSON.replace("2016-12-28||", "2016-12-28||AB"),
            FaultCode::ForbiddenField,
            "血型",
        );
        refused(&(PERSON.to_owned() + "|x"), FaultCode::UnknownField, "");
        refused(
            &PERSON.replace("测试法院", "测\u{fffd}"),
            FaultCode::NotUtf8,
            "authority",
        );
        refused(
            &PERSON.replace("990102198003071239", "1234"),
            FaultCode::UnknownValue,
            "subject.ids[0]",
        );
        refused(
            &FIRM.replace("四||", "四|990102198003071239|"),
            FaultCode::Contradiction,
            "related.legal_representative.ids",
        );
    }

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        let letters = [0, 25, 26, 701, 702].map(column_letters);
        assert_eq!(letters, ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
