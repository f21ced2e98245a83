//! Column profiles: which column of an office's table is which field of a record.
//!
//! In: TOML. Out: a `Profile`, or a fault that names the key and what to do. The built-in ones are
//! the files of `data/profiles`, compiled in. A profile says columns by the spellings of their
//! headers, constants for what no column says, and what an office's words mean. It decides nothing
//! about a record: that is `validate`.

use super::charset::Charset;
use super::field::{Fact, Field};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Bytes of a profile file at most.
const PROFILE_BYTES_MAX: u64 = 1 << 20;

/// What the files of a profile hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Rows under a header: CSV or a workbook.
    Table,
    /// FollowTheMoney entities, one JSON object a line.
    FollowTheMoney,
}

/// What becomes of a column that the profile does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownColumns {
    /// It is not read; a note says so.
    Ignore,
    /// A record with a value in it is left out.
    Refuse,
}

/// How the files of one office are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name, for notes.
    pub name: String,
    /// What it is for, one sentence.
    pub about: String,
    /// What its files hold.
    pub shape: Shape,
    /// The charset, where it is always the same.
    pub charset: Option<Charset>,
    /// The separator of CSV, where it is always the same.
    pub delimiter: Option<u8>,
    /// The sheet of a workbook; all sheets with a header where absent.
    pub sheet: Option<String>,
    /// What becomes of columns that stand nowhere here.
    pub unknown_columns: UnknownColumns,
    /// Spellings of headers by field, folded, preferred ones first.
    pub columns: BTreeMap<Field, Vec<String>>,
    /// Headers of columns that are known and not read, folded.
    pub ignored: Vec<String>,
    /// Values of fields that no column has, or whose column is blank.
    pub constants: BTreeMap<Field, String>,
    /// What words mean, by field; words folded.
    pub values: BTreeMap<Field, BTreeMap<String, String>>,
    /// Beginning of made entry_ids.
    pub entry_id_prefix: String,
    /// Facts from which an entry_id is made where no column has one.
    pub entry_id_from: Vec<Field>,
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("profile `{profile}`: {what}")]
pub struct ProfileError {
    profile: String,
    what: String,
}

/// The built-in profiles: name and text.
pub const BUILT_IN: [(&str, &str); 9] = [
    ("general", include_str!("../../data/profiles/general.toml")),
    (
        "court-defaulter",
        include_str!("../../data/profiles/court-defaulter.toml"),
    ),
    (
        "restricted-consumption",
        include_str!("../../data/profiles/restricted-consumption.toml"),
    ),
    (
        "procurement-violation",
        include_str!("../../data/profiles/procurement-violation.toml"),
    ),
    (
        "tax-violation",
        include_str!("../../data/profiles/tax-violation.toml"),
    ),
    (
        "env-credit-rating",
        include_str!("../../data/profiles/env-credit-rating.toml"),
    ),
    (
        "elevator",
        include_str!("../../data/profiles/elevator.toml"),
    ),
    ("redlist", include_str!("../../data/profiles/redlist.toml")),
    (
        "follow-the-money",
        include_str!("../../data/profiles/follow-the-money.toml"),
    ),
];

/// The profile that reads tables without `--profile`.
pub const DEFAULT: &str = "general";

impl Profile {
    /// A built-in profile.
    pub fn built_in(name: &str) -> Option<Result<Self, ProfileError>> {
        let found = BUILT_IN.into_iter().find(|(known, _)| *known == name);
        found.map(|(name, text)| Self::parse(name, text))
    }

    /// By the name of a built-in one, else by the path of a file.
    pub fn find(name: &str) -> Result<Arc<Self>, ProfileError> {
        if let Some(built_in) = Self::built_in(name) {
            return built_in.map(Arc::new);
        }
        let path = Path::new(name);
        let wrong = |what: String| ProfileError {
            profile: name.to_owned(),
            what,
        };
        let about = path.metadata().map_err(|error| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            wrong(format!(
                "no file of this name ({error}), and none of the built-in ones: {}; see `hecha \
                 profile list`",
                names.join(", ")
            ))
        })?;
        if about.len() > PROFILE_BYTES_MAX {
            return Err(wrong(
                "larger than 1 MiB; a profile is a page of TOML".to_owned(),
            ));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("cannot be read: {error}; write it as UTF-8")))?;
        Self::parse(name, &text).map(Arc::new)
    }

    /// From TOML; `name` where the text has none.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        Reader { profile: name }.read(text)
    }

    /// What a word of an office means for a field; `None` where the profile does not say.
    pub fn meaning(&self, field: Field, word: &str) -> Option<&str> {
        let words = self.values.get(&field)?;
        words.get(&folded(word)).map(String::as_str)
    }

    /// The fields whose headers a folded text is, in the order of fields; each with the place of
    /// the spelling in its list.
    pub fn fields_of<'p>(&'p self, header: &'p str) -> impl Iterator<Item = (Field, usize)> + 'p {
        self.columns.iter().filter_map(move |(field, spellings)| {
            let place = spellings.iter().position(|spelling| spelling == header);
            place.map(|place| (*field, place))
        })
    }
}

/// Text of a header or a word for comparing: NFKC, lower case, without white space, quotes and
/// signs that mark required columns.
pub fn folded(text: &str) -> String {
    let kept = |c: &char| {
        !c.is_whitespace()
            && !c.is_control()
            && !matches!(c, '_' | '*' | ':' | '"' | '\'' | '“' | '”' | '\u{feff}')
    };
    // Most texts are in this form already, and finding that out is cheaper than making it.
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        return text
            .chars()
            .filter(kept)
            .flat_map(char::to_lowercase)
            .collect();
    }
    text.nfkc()
        .filter(kept)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The folded text without what stands in brackets.
pub fn without_brackets(folded: &str) -> String {
    let mut depth = 0u32;
    let mut kept = String::with_capacity(folded.len());
    for c in folded.chars() {
        match c {
            '(' | '[' | '【' | '〔' => depth += 1,
            ')' | ']' | '】' | '〕' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// Reads the text of one profile; remembers its name for faults.
struct Reader<'a> {
    profile: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, what: impl Into<String>) -> ProfileError {
        ProfileError {
            profile: self.profile.to_owned(),
            what: what.into(),
        }
    }

    fn read(&self, text: &str) -> Result<Profile, ProfileError> {
        let table: toml::Table = toml::from_str(text)
            .map_err(|error| self.wrong(format!("not TOML: {}", error.message())))?;
        let mut profile = Profile {
            name: self.profile.to_owned(),
            about: String::new(),
            shape: Shape::Table,
            charset: None,
            delimiter: None,
            sheet: None,
            unknown_columns: UnknownColumns::Ignore,
            columns: BTreeMap::new(),
            ignored: Vec::new(),
            constants: BTreeMap::new(),
            values: BTreeMap::new(),
            entry_id_prefix: String::new(),
            entry_id_from: default_key(),
        };
        for (key, value) in &table {
            self.take(&mut profile, key, value)?;
        }
        let named = profile.columns.keys().chain(profile.constants.keys());
        let name = Field::Subject(super::field::PartyFact::Name);
        if profile.shape == Shape::Table && !named.into_iter().any(|field| *field == name) {
            return Err(self.wrong("`columns` has no `subject.name`; say which column is the name"));
        }
        Ok(profile)
    }

    fn take(
        &self,
        profile: &mut Profile,
        key: &str,
        value: &toml::Value,
    ) -> Result<(), ProfileError> {
        match key {
            "name" => self.text(key, value)?.clone_into(&mut profile.name),
            "about" => self.text(key, value)?.clone_into(&mut profile.about),
            "shape" => {
                profile.shape = match self.text(key, value)? {
                    "table" => Shape::Table,
                    "follow-the-money" => Shape::FollowTheMoney,
                    _ => return Err(self.wrong("`shape` is `table` or `follow-the-money`")),
                }
            }
            "charset" => {
                let charset = Charset::parse(self.text(key, value)?);
                let unknown = "`charset` is none of `utf-8`, `utf-16le`, `utf-16be`, `gb18030`";
                profile.charset = Some(charset.ok_or_else(|| self.wrong(unknown))?);
            }
            "delimiter" => match self.text(key, value)?.as_bytes() {
                [byte] if !byte.is_ascii_alphanumeric() && *byte != b'"' => {
                    profile.delimiter = Some(*byte);
                }
                _ => return Err(self.wrong("`delimiter` is one sign, such as `,` or a tab")),
            },
            "sheet" => profile.sheet = Some(self.text(key, value)?.to_owned()),
            "unknown_columns" => {
                profile.unknown_columns = match self.text(key, value)? {
                    "ignore" => UnknownColumns::Ignore,
                    "refuse" => UnknownColumns::Refuse,
                    _ => return Err(self.wrong("`unknown_columns` is `ignore` or `refuse`")),
                }
            }
            "ignored_columns" => profile.ignored = self.spellings(key, value)?,
            "columns" => {
                for (field, value) in self.leaves(key, value)? {
                    let spellings = self.spellings(&field.word(), value)?;
                    profile.columns.insert(field, spellings);
                }
            }
            "constants" => {
                for (field, value) in self.leaves(key, value)? {
                    if field.holds_numbers() {
                        return Err(self.wrong("`constants` hold no numbers of people"));
                    }
                    let text = self.text(&field.word(), value)?.to_owned();
                    profile.constants.insert(field, text);
                }
            }
            "values" => profile.values = self.values(key, value)?,
            "entry_id" => self.entry_id(profile, value)?,
            _ => {
                return Err(self.wrong(format!(
                    "unknown key `{key}`; known are name, about, shape, charset, delimiter, sheet, \
                     unknown_columns, ignored_columns, columns, constants, values, entry_id"
                )));
            }
        }
        Ok(())
    }

    fn entry_id(&self, profile: &mut Profile, value: &toml::Value) -> Result<(), ProfileError> {
        let table = value.as_table();
        for (key, value) in table.ok_or_else(|| self.wrong("`entry_id` is a table"))? {
            match key.as_str() {
                "prefix" => self
                    .text(key, value)?
                    .clone_into(&mut profile.entry_id_prefix),
                "from" => {
                    let words = self.texts(key, value)?;
                    let fields = words.iter().map(|word| self.key_field(word));
                    profile.entry_id_from = fields.collect::<Result<_, _>>()?;
                }
                _ => return Err(self.wrong("`entry_id` has the keys `prefix` and `from`")),
            }
        }
        Ok(())
    }

    /// An entry_id is shown to everybody: no number of a person may go into it, not even hashed.
    fn key_field(&self, word: &str) -> Result<Field, ProfileError> {
        let field = self.field(word)?;
        if field.holds_numbers() || field == Field::Fact(Fact::EntryId) {
            return Err(self.wrong(format!(
                "`entry_id.from`: `{word}` cannot be part of the key"
            )));
        }
        Ok(field)
    }

    fn values(
        &self,
        key: &str,
        value: &toml::Value,
    ) -> Result<BTreeMap<Field, BTreeMap<String, String>>, ProfileError> {
        let mut values: BTreeMap<Field, BTreeMap<String, String>> = BTreeMap::new();
        let table = value.as_table();
        for (word, value) in table.ok_or_else(|| self.wrong("`values` is a table"))? {
            let field = self.field(word)?;
            let words = value.as_table().ok_or_else(|| {
                self.wrong(format!(
                    "`{key}.{word}` is a table of words; quote names with a point"
                ))
            })?;
            let words = words
                .iter()
                .map(|(word, meaning)| Ok((folded(word), self.text(word, meaning)?.to_owned())));
            values.insert(field, words.collect::<Result<_, _>>()?);
        }
        Ok(values)
    }

    /// Fields and what is said of them; `subject.name = ...` and `"subject.name" = ...` alike.
    fn leaves<'v>(
        &self,
        key: &str,
        value: &'v toml::Value,
    ) -> Result<Vec<(Field, &'v toml::Value)>, ProfileError> {
        let table = value.as_table();
        let table = table.ok_or_else(|| self.wrong(format!("`{key}` is a table")))?;
        let mut open: Vec<(String, &toml::Value)> = table
            .iter()
            .map(|(word, value)| (word.clone(), value))
            .collect();
        let mut leaves = Vec::new();
        while let Some((word, value)) = open.pop() {
            match value.as_table() {
                Some(table) => {
                    let inner = table
                        .iter()
                        .map(|(k, value)| (format!("{word}.{k}"), value));
                    open.extend(inner);
                }
                None => leaves.push((self.field(&word)?, value)),
            }
        }
        Ok(leaves)
    }

    fn field(&self, word: &str) -> Result<Field, ProfileError> {
        Field::parse(word).ok_or_else(|| {
            self.wrong(format!(
                "`{word}` is no field; fields are paths of a record such as `case_no`, \
                 `subject.ids.citizen_id`, `related.legal_representative.name`"
            ))
        })
    }

    fn spellings(&self, key: &str, value: &toml::Value) -> Result<Vec<String>, ProfileError> {
        let texts = self.texts(key, value)?;
        Ok(texts.into_iter().map(|text| folded(&text)).collect())
    }

    fn texts(&self, key: &str, value: &toml::Value) -> Result<Vec<String>, ProfileError> {
        if let Some(text) = value.as_str() {
            return Ok(vec![text.to_owned()]);
        }
        let wrong = || self.wrong(format!("`{key}` is a text or a list of texts"));
        let members = value.as_array().ok_or_else(wrong)?.iter();
        let texts = members.map(|member| member.as_str().map(str::to_owned).ok_or_else(wrong));
        texts.collect()
    }

    fn text<'v>(&self, key: &str, value: &'v toml::Value) -> Result<&'v str, ProfileError> {
        let text = value.as_str();
        text.ok_or_else(|| self.wrong(format!("`{key}` is a text in quotes")))
    }
}

fn default_key() -> Vec<Field> {
    vec![
        Field::Fact(Fact::List),
        Field::Fact(Fact::CaseNo),
        Field::Subject(super::field::PartyFact::Name),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load::built_in;

    #[test]
    fn every_built_in_profile_is_valid_and_names_lists_of_the_catalogue() {
        let catalogue = built_in().unwrap();
        for (name, _) in BUILT_IN {
            let profile = Profile::built_in(name).unwrap().unwrap();
            assert_eq!(profile.name, name);
            assert!(!profile.about.is_empty(), "{name}");
            if let Some(list) = profile.constants.get(&Field::Fact(Fact::List)) {
                assert!(catalogue.find_list(list).is_some(), "{name}: {list}");
            }
            let grades = profile.values.get(&Field::Fact(Fact::Grade));
            let list = profile.constants.get(&Field::Fact(Fact::List));
            if let (Some(grades), Some(list)) = (grades, list) {
                let list = catalogue.list(catalogue.find_list(list).unwrap());
                for grade in grades.values() {
                    assert!(
                        list.grades.iter().any(|g| **g == **grade),
                        "{name}: {grade}"
                    );
                }
            }
        }
    }

    #[test]
    fn headers_are_folded_and_brackets_can_go() {
        assert_eq!(folded(" *被执行人 姓名：\n"), "被执行人姓名");
        assert_eq!(folded("Birth_Date"), "birthdate");
        assert_eq!(without_brackets(&folded("列入日期（年月日）")), "列入日期");
    }

    #[test]
    fn a_fault_says_the_key_and_what_to_do() {
        for (text, part) in [
            ("x", "not TOML"),
            ("colour = 1", "unknown key `colour`"),
            ("[columns]\nname = \"a\"", "`name` is no field"),
            (
                "[columns]\n\"subject.name\" = 1",
                "`subject.name` is a text or a list",
            ),
            ("charset = \"latin\"", "`charset` is none of"),
            ("[constants]\n\"subject.ids\" = \"1\"", "hold no numbers"),
            (
                "[entry_id]\nfrom = [\"subject.ids\"]",
                "cannot be part of the key",
            ),
            ("about = \"a\"", "no `subject.name`"),
        ] {
            let error = Profile::parse("p", text).unwrap_err().to_string();
            assert!(
                error.starts_with("profile `p`: ") && error.contains(part),
                "{error}"
            );
        }
        let error = Profile::find("no/such.toml").unwrap_err().to_string();
        assert!(error.contains("court-defaulter"), "{error}");
    }
}
