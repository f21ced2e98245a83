//! Who at the unit asks: the person or desk that the header `hecha-operator` names.
//!
//! In: the header's lines. Out: the name, kept inside the sealed part of a check's record and among
//! the details of an act's; or why a request is refused. A unit answers for its people itself:
//! nothing here looks whether the name is true. Contract, section 5.

use super::client::Client;
use crate::wire::problem::Problem;
use std::borrow::Cow;

/// Name of the header.
pub const HEADER: &str = "hecha-operator";
/// Characters of a name at most.
pub const OPERATOR_CHARS_MAX: usize = 100;

/// What a request says of its operator. Not printable: it may be anybody's name.
#[derive(Clone, PartialEq, Eq)]
pub enum Operator<'a> {
    /// This one.
    Named(Cow<'a, str>),
    /// Nothing.
    Absent,
    /// Something that is no name, or more than one.
    Faulty,
    /// A command or a canary asks: there is nobody to name.
    Command,
}

impl<'a> Operator<'a> {
    /// From all lines of the header.
    pub fn read(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut lines = lines.into_iter();
        let Some(line) = lines.next() else {
            return Self::Absent;
        };
        let name = std::str::from_utf8(line).unwrap_or("").trim();
        let is_long = name.chars().nth(OPERATOR_CHARS_MAX).is_some();
        match name.is_empty() || is_long || name.contains(char::is_control) {
            false if lines.next().is_none() => Self::Named(Cow::Borrowed(name)),
            _ => Self::Faulty,
        }
    }

    /// The name as records keep it.
    ///
    /// Errors: 422 no name, or none where the unit must give one.
    pub fn of(&self, client: &Client) -> Result<Option<&str>, Problem> {
        match self {
            Self::Named(name) => Ok(Some(name)),
            Self::Absent if client.operator_required => {
                let detail = "this unit must say who asks: send the header `hecha-operator`";
                Err(Problem::invalid(HEADER, detail))
            }
            Self::Absent | Self::Command => Ok(None),
            Self::Faulty => {
                let detail = format!("one line of 1 to {OPERATOR_CHARS_MAX} printable characters");
                Err(Problem::invalid(HEADER, detail))
            }
        }
    }

    /// The same, on its own.
    pub fn into_owned(self) -> Operator<'static> {
        match self {
            Self::Named(name) => Operator::Named(Cow::Owned(name.into_owned())),
            Self::Absent => Operator::Absent,
            Self::Faulty => Operator::Faulty,
            Self::Command => Operator::Command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client_record::ClientRecord;
    use super::*;

    #[track_caller]
    fn reads(lines: &[&str], wanted: Result<Option<&str>, ()>, when_required: Result<(), ()>) {
        let operator = Operator::read(lines.iter().map(|line| line.as_bytes()));
        let catalogue = crate::catalogue::load::built_in().unwrap();
        let client = |operator_required| {
            let record = ClientRecord {
                unit: "rail".into(),
                kind: "enterprise".into(),
                operator_required,
                ..ClientRecord::default()
            };
            Client::new(&record, &catalogue).unwrap()
        };
        let lax = operator.of(&client(false));
        assert_eq!(
            lax.map_err(|problem| drop(problem.detail)),
            wanted,
            "{lines:?}"
        );
        let strict = operator.of(&client(true));
        let field = strict
            .as_ref()
            .err()
            .and_then(|problem| problem.field.as_deref());
        assert!(strict.is_ok() || field == Some(HEADER));
        assert_eq!(strict.map(drop).map_err(drop), when_required, "{lines:?}");
        assert!(operator.clone().into_owned() == operator);
    }

    #[test]
    fn one_line_of_printable_characters_is_a_name() {
        reads(&["window 3"], Ok(Some("window 3")), Ok(()));
        reads(&[" 张三 "], Ok(Some("张三")), Ok(()));
        let long = "窗".repeat(OPERATOR_CHARS_MAX);
        reads(&[&long], Ok(Some(&long)), Ok(()));
        reads(&[], Ok(None), Err(()));
        let longer = long + "口";
        for lines in [&[""][..], &[" "], &["a\tb"], &["a", "b"], &[&longer]] {
            reads(lines, Err(()), Err(()));
        }
        assert!(Operator::read([&[0xff, 0xfe][..]]) == Operator::Faulty);
    }
}
