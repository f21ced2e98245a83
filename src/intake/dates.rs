//! Days and moments in the forms that lists have.
//!
//! In: a cell. Out: the day as `2016-12-28`, the moment as RFC 3339, or nothing where it is no
//! date that exists. Taken: `2016-12-28`, `2016/12/28`, `2016.12.28`, `2016年12月28日`, `20161228`,
//! the same with a time behind, `二〇一六年十二月二十八日`, RFC 3339, and the day numbers of
//! spreadsheets. A time without an offset is one of Shanghai. Never guessed: years of two digits,
//! day before month, a month alone.

use super::cell::Cell;
use crate::model::term::{Day, Moment};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Day numbers that can be meant: 1900-01-01 to 2173-10-13.
const SERIALS: std::ops::RangeInclusive<f64> = 1.0..=99_999.0;
/// Written as text a day number has five digits: from 1927-05-18 on.
const SERIAL_TEXT_MIN: f64 = 10_000.0;
const SERIAL_1904_SHIFT: f64 = 1_462.0;
/// Day number of 1970-01-01.
const SERIAL_OF_1970: i32 = 25_569;
/// Day numbers up to the 29th of February 1900, which was none, are one too small.
const SERIAL_AFTER_FALSE_LEAP_DAY: i32 = 60;

/// The day in the cell.
pub fn day(cell: &Cell) -> Option<Day> {
    match read(cell)? {
        Found::Day(day) => Some(day),
        Found::Time(day, _) => Some(day),
        Found::Moment(moment) => Some(moment.day()),
    }
}

/// The moment in the cell; a day alone is its first moment in Shanghai.
pub fn moment(cell: &Cell) -> Option<Moment> {
    match read(cell)? {
        Found::Day(day) => Some(day.start()),
        Found::Time(day, seconds) => Some(day.start().plus_seconds(seconds)),
        Found::Moment(moment) => Some(moment),
    }
}

enum Found {
    Day(Day),
    /// Seconds of the Shanghai day.
    Time(Day, i64),
    Moment(Moment),
}

fn read(cell: &Cell) -> Option<Found> {
    match cell {
        Cell::Text(text) => read_text(text),
        // 20161228 is a day written as a number, 42732 is the day number of one.
        Cell::Number(number) if SERIALS.contains(number) => serial(*number),
        Cell::Number(number) => read_text(&number.to_string()),
        Cell::Serial { days, since_1904 } => {
            let shift = if *since_1904 { SERIAL_1904_SHIFT } else { 0.0 };
            serial(days + shift)
        }
        _ => None,
    }
}

fn serial(number: f64) -> Option<Found> {
    if !SERIALS.contains(&number) {
        return None;
    }
    let whole = number.floor() as i32;
    let leap = i32::from(whole < SERIAL_AFTER_FALSE_LEAP_DAY);
    if whole == SERIAL_AFTER_FALSE_LEAP_DAY {
        return None;
    }
    let day = Day(whole - SERIAL_OF_1970 + leap);
    let seconds = (number.fract() * 86_400.0).round() as i64;
    Some(if seconds == 0 {
        Found::Day(day)
    } else {
        Found::Time(day, seconds)
    })
}

fn read_text(text: &str) -> Option<Found> {
    let text = text.trim();
    if let Some(day) = Day::parse(text) {
        return Some(Found::Day(day));
    }
    if let Some(moment) = Moment::parse(text) {
        return Some(Found::Moment(moment));
    }
    let text: Cow<'_, str> = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    };
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.len() {
            8 => Some(Found::Day(day_of(&text[..4], &text[4..6], &text[6..])?)),
            14 => {
                let day = day_of(&text[..4], &text[4..6], &text[6..8])?;
                let time = clock(&text[8..10], &text[10..12], &text[12..])?;
                Some(Found::Time(day, time))
            }
            5 => serial(text.parse().ok()?),
            _ => None,
        };
    }
    if let Some(found) = serial_text(&text) {
        return Some(found);
    }
    if let Some(day) = in_characters(&text) {
        return Some(Found::Day(day));
    }
    let (day, rest) = split_day(&text)?;
    let rest = rest.trim_start_matches(['T', 't']).trim();
    if rest.is_empty() {
        return Some(Found::Day(day));
    }
    if let Some(moment) = with_offset(day, rest) {
        return Some(Found::Moment(moment));
    }
    time(rest).map(|seconds| Found::Time(day, seconds))
}

/// `42732.375`
fn serial_text(text: &str) -> Option<Found> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok()?;
    let one_point = text.bytes().filter(|b| *b == b'.').count() == 1;
    (decimal && one_point && text.find('.') == Some(5) && number >= SERIAL_TEXT_MIN)
        .then(|| serial(number))?
}

/// `二〇一六年十二月二十八日`, as court documents write it.
fn in_characters(text: &str) -> Option<Day> {
    let (year, rest) = text.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let day = rest.strip_suffix(['日', '号'])?;
    let digits: Option<Vec<i16>> = year.chars().map(character).collect();
    let digits = digits.filter(|digits| digits.len() == 4)?;
    let year = digits.iter().fold(0, |year, digit| year * 10 + digit);
    let small = |text: &str| i8::try_from(small_number(text)?).ok();
    Day::from_date(year, small(month)?, small(day)?)
}

/// `八`, `十`, `十二`, `二十`, `三十一`.
fn small_number(text: &str) -> Option<i16> {
    match text.split_once('十') {
        None => {
            let mut characters = text.chars();
            let number = characters.next().and_then(character);
            number.filter(|_| characters.next().is_none())
        }
        Some((tens, ones)) => {
            let part = |text: &str, empty: i16| match text {
                "" => Some(empty),
                text => small_number(text).filter(|number| *number < 10),
            };
            Some(part(tens, 1)? * 10 + part(ones, 0)?)
        }
    }
}

fn character(c: char) -> Option<i16> {
    const DIGITS: &str = "零一二三四五六七八九";
    let c = if matches!(c, '〇' | '○' | 'O') {
        '零'
    } else {
        c
    };
    let place = DIGITS.chars().position(|digit| digit == c)?;
    i16::try_from(place).ok()
}

/// Year, month and day in front, and what stands behind them.
fn split_day(text: &str) -> Option<(Day, &str)> {
    let (year, rest) = digits(text, 4, 4)?;
    let rest = rest.trim_start();
    let sign = rest.chars().next()?;
    let rest = &rest[sign.len_utf8()..];
    let (month, rest) = digits(rest.trim_start(), 1, 2)?;
    let (second_sign, end) = match sign {
        '-' | '/' | '.' => (sign, None),
        '年' => ('月', Some('日')),
        _ => return None,
    };
    let rest = rest.trim_start().strip_prefix(second_sign)?;
    let (day, mut rest) = digits(rest.trim_start(), 1, 2)?;
    if let Some(end) = end {
        let trimmed = rest.trim_start();
        rest = trimmed.strip_prefix([end, '号']).unwrap_or(trimmed);
    }
    Some((day_of(year, month, day)?, rest))
}

fn digits(text: &str, min: usize, max: usize) -> Option<(&str, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    (min..=max).contains(&count).then(|| text.split_at(count))
}

fn day_of(year: &str, month: &str, day: &str) -> Option<Day> {
    Day::from_date(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// `9:00`, `09:00:00`, `09:00:00.123`, `9时30分`, in seconds.
fn time(text: &str) -> Option<i64> {
    let text = text.trim_end_matches(['秒', '分']);
    let text = text.split_once('.').map_or(text, |(whole, _)| whole);
    let mut parts = text.split([':', '时', '点', '分']);
    let hour = parts.next()?;
    let minute = parts.next().filter(|p| !p.is_empty()).unwrap_or("0");
    let second = parts.next().filter(|p| !p.is_empty()).unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    clock(hour, minute, second)
}

fn clock(hour: &str, minute: &str, second: &str) -> Option<i64> {
    let part = |text: &str, max: i64| -> Option<i64> {
        let text = text.trim();
        let (all, rest) = digits(text, 1, 2)?;
        let number = all.parse().ok()?;
        (rest.is_empty() && number <= max).then_some(number)
    };
    Some(part(hour, 23)? * 3_600 + part(minute, 59)? * 60 + part(second, 59)?)
}

/// A time with `Z` or `+08:00` behind it.
fn with_offset(day: Day, rest: &str) -> Option<Moment> {
    Moment::parse(&format!("{day}T{}", rest.replace(' ', "")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn is(text: &str, expected: Option<&str>) {
        let found = day(&Cell::Text(text.to_owned())).map(|day| day.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn every_form_of_a_day_is_read() {
        for text in [
            "2016-12-28",
            "2016/12/28",
            "2016.12.28",
            "2016年12月28日",
            "二〇一六年十二月二十八日",
            "二○一六年十二月二十八日",
            "2016 年 12 月 28 日",
            "２０１６年１２月２８日",
            "20161228",
            "42732",
            "42732.375",
            "2016-12-28 09:00:00",
            "2016/12/28 9:00",
            "2016年12月28日 9时30分",
            "20161228090000",
            "2016-12-28T09:00:00+08:00",
            "2016-12-27T20:00:00Z",
        ] {
            is(text, Some("2016-12-28"));
        }
        is("2016/1/2", Some("2016-01-02"));
        is("2016年1月2号", Some("2016-01-02"));
        is("二零一六年十月三十一日", Some("2016-10-31"));
        is("二零一六年一月十日", Some("2016-01-10"));
    }

    #[test]
    fn what_is_no_day_is_not_guessed() {
        for text in [
            "",
            "2016",
            "2016-12",
            "2016年12月",
            "16/12/28",
            "12/28/2016",
            "2016-02-30",
            "20161328",
            "二〇一六年十三月一日",
            "一六年十月一日",
            "二〇一六年十十月一日",
            "28.12.2016",
            "2016-12/28",
            "2016-12-28x",
            "2016-12-28 25:00",
            "9999999",
            "昨天",
            "1.5",
            "4273",
        ] {
            is(text, None);
        }
    }

    #[test]
    fn cells_of_workbooks_are_days_and_moments() {
        let plain = |number: f64| day(&Cell::Number(number)).map(|day| day.to_string());
        assert_eq!(plain(42_732.0).as_deref(), Some("2016-12-28"));
        assert_eq!(plain(20_161_228.0).as_deref(), Some("2016-12-28"));
        assert_eq!(plain(29_287.0).as_deref(), Some("1980-03-07"));
        assert_eq!(plain(59.0).as_deref(), Some("1900-02-28"));
        assert_eq!(plain(61.0).as_deref(), Some("1900-03-01"));
        assert_eq!(plain(60.0), None);
        let old = Cell::Serial {
            days: 41_270.0,
            since_1904: true,
        };
        assert_eq!(day(&old).unwrap().to_string(), "2016-12-28");
        let time = Cell::Serial {
            days: 42_732.375,
            since_1904: false,
        };
        assert_eq!(
            moment(&time).unwrap().to_string(),
            "2016-12-28T09:00:00+08:00"
        );
    }

    #[test]
    fn moments_without_an_offset_are_of_shanghai() {
        for (text, expected) in [
            ("2016-12-28", "2016-12-28T00:00:00+08:00"),
            ("2016-12-28 09:00", "2016-12-28T09:00:00+08:00"),
            ("2016-12-28T01:00:00Z", "2016-12-28T09:00:00+08:00"),
            ("2016/12/28 01:00:00 Z", "2016-12-28T09:00:00+08:00"),
        ] {
            let found = moment(&Cell::Text(text.to_owned())).map(|m| m.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}", digits in "[0-9年月日:/. T+-]{0,24}") {
            let _ = moment(&Cell::Text(text));
            let _ = moment(&Cell::Text(digits));
        }

        #[test]
        fn every_day_is_read_back_in_every_form(number in -25_000i32..60_000) {
            let expected = Day(number);
            let (year, month, date) = expected.date();
            for text in [
                format!("{year}-{month}-{date}"),
                format!("{year}年{month:02}月{date}日"),
                format!("{year}{month:02}{date:02}"),
            ] {
                prop_assert_eq!(day(&Cell::Text(text)), Some(expected));
            }
            let serial = f64::from(number + SERIAL_OF_1970);
            if serial > 60.0 {
                prop_assert_eq!(day(&Cell::Number(serial)), Some(expected));
            }
        }
    }
}
