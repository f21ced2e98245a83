//! Working days, and the clocks that procedures start.
//!
//! In: two tables (`data/calendar`), a Shanghai day. Out: the last day of a clock, and which years
//! of the way the table does not have: there weekends alone were counted, and who asks is told.
//! No clock here, and nothing follows from lateness but that it shows.

use super::record::Deadline;
use crate::model::term::{Day, Moment};
use std::collections::{BTreeMap, HashMap};

const BUILT_IN_DAYS: &str = include_str!("../../data/calendar/working_days.tsv");
const BUILT_IN_CLOCKS: &str = include_str!("../../data/calendar/deadlines.tsv");

/// File of working days inside a catalogue folder, where it replaces the table built in.
pub const DAYS_FILE: &str = "working_days.tsv";
/// File of the clocks likewise.
pub const CLOCKS_FILE: &str = "deadlines.tsv";
/// What a deadline is called that was given with the objection.
pub const STATED: &str = "stated";

const DAYS_COLUMNS: &str = "kind\tfrom\tto\tname_zh\tsource";
const CLOCKS_COLUMNS: &str = "clock\tdays\tunit\tfrom\tprocedure\tbasis\tdefault_for\ttitle_en";
/// Days of a clock at most: a longer one is a slip.
const CLOCK_DAYS_MAX: u16 = 400;

/// A line of a table that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct CalendarError {
    /// Which table.
    pub file: &'static str,
    /// Line from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub what: String,
}

/// What starts a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An objection.
    Hold,
    /// Its outcome.
    Outcome,
    /// Something that the gateway does not see: the clock stands in the table for people.
    Elsewhere,
}

/// One clock of a procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcedureClock {
    /// Its id.
    pub id: Box<str>,
    /// How many days.
    pub days: u16,
    /// Working days, or calendar days.
    pub working: bool,
    /// What starts it.
    pub trigger: Trigger,
    /// The document and its article.
    pub basis: Box<str>,
    /// Lists for which it counts where nobody says otherwise; `*` all others.
    default_for: Vec<Box<str>>,
}

impl ProcedureClock {
    /// Whether it runs for entries of a list.
    pub fn concerns(&self, list: &str) -> bool {
        let lists = &self.default_for;
        lists.is_empty() || lists.iter().any(|of| matches!(&**of, "*") || **of == *list)
    }
}

/// The last day of a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDay {
    /// The day; its end is the deadline.
    pub day: Day,
    /// Years of the way for which weekends alone were counted.
    pub unknown_years: Vec<i16>,
}

/// Working days and clocks.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    years: BTreeMap<i16, Box<str>>,
    /// Days that are not what their weekday says; true works.
    special: HashMap<Day, bool>,
    clocks: Vec<ProcedureClock>,
}

impl Calendar {
    /// The tables built in. Errors: none, which a test holds.
    pub fn built_in() -> Result<Self, CalendarError> {
        Self::parse(None, None)
    }

    /// From the texts of both tables; the one built in where there is none.
    pub fn parse(days: Option<&str>, clocks: Option<&str>) -> Result<Self, CalendarError> {
        let mut calendar = Self::default();
        calendar.read_days(days.unwrap_or(BUILT_IN_DAYS))?;
        calendar.read_clocks(clocks.unwrap_or(BUILT_IN_CLOCKS))?;
        Ok(calendar)
    }

    /// Whether a day is a working day, and whether its year is in the table.
    pub fn is_working(&self, day: Day) -> (bool, bool) {
        let known = self.years.contains_key(&day.date().0);
        // 1970-01-01 was a Thursday.
        let weekday = (day.0 + 3).rem_euclid(7);
        let working = self.special.get(&day).copied().unwrap_or(weekday < 5);
        (working, known)
    }

    /// Years whose working days are known.
    pub fn years(&self) -> impl Iterator<Item = i16> + '_ {
        self.years.keys().copied()
    }

    /// All clocks.
    pub fn clocks(&self) -> &[ProcedureClock] {
        &self.clocks
    }

    /// The clock with this id.
    pub fn clock(&self, id: &str) -> Option<&ProcedureClock> {
        self.clocks.iter().find(|clock| *clock.id == *id)
    }

    /// The clock that this starts for an entry of a list.
    pub fn default_clock(&self, trigger: Trigger, list: &str) -> Option<&ProcedureClock> {
        let of = |name: &str| {
            self.clocks.iter().find(|clock| {
                clock.trigger == trigger && clock.default_for.iter().any(|list| **list == *name)
            })
        };
        of(list).or_else(|| of("*"))
    }

    /// The last day of a clock that something on `day` has started: that day does not count.
    pub fn last_day(&self, clock: &ProcedureClock, day: Day) -> LastDay {
        if !clock.working {
            let day = Day(day.0.saturating_add(i32::from(clock.days)));
            let unknown_years = Vec::new();
            return LastDay { day, unknown_years };
        }
        let mut unknown_years = Vec::new();
        let (mut last, mut left) = (day, clock.days);
        while left > 0 {
            last = last.next();
            let (works, known) = self.is_working(last);
            left -= u16::from(works);
            let year = last.date().0;
            if !known && unknown_years.last() != Some(&year) {
                unknown_years.push(year);
            }
        }
        LastDay {
            day: last,
            unknown_years,
        }
    }

    /// Until when an objection of this moment is to be answered, where nobody says otherwise.
    pub fn answer_by(&self, list: &str, at: Moment) -> Option<Deadline> {
        let clock = self.default_clock(Trigger::Hold, list)?;
        Some(Deadline {
            due: self.last_day(clock, at.day()).day.end(),
            clock: clock.id.clone(),
        })
    }

    fn read_days(&mut self, text: &str) -> Result<(), CalendarError> {
        for (line, fields) in rows(DAYS_FILE, text, DAYS_COLUMNS)? {
            let fault = |what: &str| CalendarError {
                file: DAYS_FILE,
                line,
                what: what.to_owned(),
            };
            let (from, to) = match (Day::parse(fields[1]), Day::parse(fields[2])) {
                (Some(from), Some(to)) if from <= to && to.0 - from.0 <= 366 => (from, to),
                _ => return Err(fault("`from` and `to` must be days such as 2026-02-15")),
            };
            let works = match fields[0] {
                "year" if fields[4].is_empty() => {
                    return Err(fault("a year needs the `source` that publishes it"));
                }
                "year" => {
                    self.years.insert(from.date().0, fields[4].into());
                    continue;
                }
                "off" => false,
                "work" => true,
                _ => return Err(fault("`kind` must be year, off or work")),
            };
            for day in from.0..=to.0 {
                if self.special.insert(Day(day), works).is_some() {
                    return Err(fault("the day stands here twice"));
                }
            }
        }
        Ok(())
    }

    fn read_clocks(&mut self, text: &str) -> Result<(), CalendarError> {
        for (line, fields) in rows(CLOCKS_FILE, text, CLOCKS_COLUMNS)? {
            let fault = |what: &str| CalendarError {
                file: CLOCKS_FILE,
                line,
                what: what.to_owned(),
            };
            let days = fields[1].parse().ok().filter(|n| *n <= CLOCK_DAYS_MAX);
            let working = match fields[2] {
                "working" => true,
                "calendar" => false,
                _ => return Err(fault("`unit` must be working or calendar")),
            };
            if fields[0].is_empty() || self.clock(fields[0]).is_some() {
                return Err(fault("`clock` must be an id that stands here once"));
            }
            self.clocks.push(ProcedureClock {
                id: fields[0].into(),
                days: days.ok_or_else(|| fault("`days` must be a number up to 400"))?,
                working,
                trigger: match fields[3] {
                    "hold" => Trigger::Hold,
                    "outcome" => Trigger::Outcome,
                    _ => Trigger::Elsewhere,
                },
                basis: fields[5].into(),
                default_for: fields[6].split_whitespace().map(Into::into).collect(),
            });
        }
        Ok(())
    }
}

/// Rows with their lines, under a header of these columns.
fn rows<'a>(
    file: &'static str,
    text: &'a str,
    columns: &str,
) -> Result<Vec<(usize, Vec<&'a str>)>, CalendarError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    let fault = |line: usize, what: String| CalendarError { file, line, what };
    if lines.next().map(|(_, header)| header.trim_end()) != Some(columns) {
        let columns = columns.replace('\t', ", ");
        return Err(fault(
            1,
            format!("the header must be, tab separated: {columns}"),
        ));
    }
    let count = columns.split('\t').count();
    let mut rows = Vec::new();
    for (place, line) in lines {
        if line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        if fields.len() != count {
            let what = format!("{} fields, {count} wanted", fields.len());
            return Err(fault(place + 1, what));
        }
        rows.push((place + 1, fields));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[track_caller]
    fn ends(clock: &str, from: &str, expected: &str) {
        let calendar = Calendar::built_in().unwrap();
        let last = calendar.last_day(calendar.clock(clock).unwrap(), day(from));
        assert_eq!(last.day, day(expected), "{clock} from {from}");
    }

    #[test]
    fn the_table_built_in_moves_only_weekend_days_to_work() {
        let calendar = Calendar::built_in().unwrap();
        assert!(calendar.years().eq(2016..=2026));
        for (special, works) in &calendar.special {
            let weekday = (special.0 + 3).rem_euclid(7);
            assert!(!works || weekday >= 5, "{special}");
        }
        // Public holidays of law, minus what fell on weekends, leave so many days.
        for (year, expected) in [(2016, 250), (2020, 249), (2024, 251), (2026, 248)] {
            let first = Day::from_date(year, 1, 1).unwrap().0;
            let last = Day::from_date(year, 12, 31).unwrap().0;
            let working = (first..=last).filter(|d| calendar.is_working(Day(*d)).0);
            assert_eq!(working.count(), expected, "{year}");
        }
    }

    #[test]
    fn clocks_of_working_days_pass_over_holidays_and_count_days_made_up() {
        // Friday; 2026-02-14 is a Saturday that works, 15 to 23 are off.
        ends("objection-check", "2026-02-13", "2026-02-25");
        ends("joint-verify", "2026-11-27", "2026-12-25");
        ends("objection-tell", "2026-09-30", "2026-10-09");
        ends("court-review", "2026-02-13", "2026-02-16");
    }

    #[test]
    fn a_year_that_is_not_in_the_table_is_said() {
        let calendar = Calendar::built_in().unwrap();
        let clock = calendar.clock("joint-verify").unwrap();
        let last = calendar.last_day(clock, day("2026-12-20"));
        assert_eq!(last.unknown_years, [2027]);
        let known = calendar.last_day(clock, day("2026-11-01"));
        assert!(known.unknown_years.is_empty());
    }

    #[test]
    fn the_court_has_a_clock_of_its_own_and_all_others_the_common_one() {
        let calendar = Calendar::built_in().unwrap();
        let at = day("2026-11-27").start();
        let of = |list: &str| calendar.answer_by(list, at).unwrap();
        assert_eq!(&*of("court-defaulter").clock, "court-review");
        assert_eq!(of("court-defaulter").due, day("2026-12-01").start());
        assert_eq!(&*of("elevator-blacklist").clock, "joint-verify");
    }

    #[test]
    fn faults_name_file_and_line() {
        let parse = |days: &str| Calendar::parse(Some(days), None).unwrap_err().to_string();
        let table = |row: &str| format!("{DAYS_COLUMNS}\n{row}\n");
        assert!(parse("x").starts_with("working_days.tsv:1: the header"));
        for (row, what) in [
            ("off\t2026-02-30\t2026-03-01\t\t", "`from` and `to`"),
            ("on\t2026-02-01\t2026-03-01\t\t", "`kind`"),
            ("year\t2026-01-01\t2026-12-31\t\t", "`source`"),
            ("off\t2026-01-01", "2 fields"),
        ] {
            let text = parse(&table(row));
            assert!(
                text.starts_with("working_days.tsv:2:") && text.contains(what),
                "{text}"
            );
        }
        let clocks = format!("{CLOCKS_COLUMNS}\na\tx\tworking\thold\t\t\t\t\n");
        let fault = Calendar::parse(None, Some(&clocks)).unwrap_err();
        assert_eq!((fault.file, fault.line), (CLOCKS_FILE, 2));
    }
}
