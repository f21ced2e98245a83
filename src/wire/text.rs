//! Pieces of JSON written straight into a buffer: strings, numbers, moments, days.
//!
//! HOT: every answer passes here; nothing allocates but the buffer.

use crate::model::term::{Day, Moment};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends a string without quotes, escaped as inside them.
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Without a way out of the loop the compiler looks at many bytes at a time.
    let is_plain = |plain: bool, byte: &u8| plain & !must_escape(*byte);
    if bytes.iter().fold(true, is_plain) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut from = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if !must_escape(*byte) {
            continue;
        }
        out.extend_from_slice(&bytes[from..place]);
        from = place + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

fn must_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Appends a JSON string, or `null`.
pub fn write_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a whole number.
pub fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `true` or `false`.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends a day as a JSON string, or `null`.
pub fn write_optional_day(out: &mut Vec<u8>, day: Option<Day>) {
    match day {
        Some(day) => {
            out.push(b'"');
            write_date(out, day);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a moment as a JSON string: RFC 3339 at +08:00, the same text as its `Display`.
pub fn write_moment(out: &mut Vec<u8>, moment: Moment) {
    const SECOND_US: i64 = 1_000_000;
    let day = moment.day();
    out.push(b'"');
    write_date(out, day);
    let into_day_us = moment.0.saturating_sub(day.start().0);
    let seconds = into_day_us / SECOND_US;
    out.push(b'T');
    write_two(out, seconds / 3_600);
    out.push(b':');
    write_two(out, seconds / 60 % 60);
    out.push(b':');
    write_two(out, seconds % 60);
    let mut fraction_us = into_day_us % SECOND_US;
    if fraction_us != 0 {
        out.push(b'.');
        let mut unit = SECOND_US / 10;
        while fraction_us != 0 {
            out.push(b'0' + (fraction_us / unit) as u8);
            fraction_us %= unit;
            unit /= 10;
        }
    }
    out.extend_from_slice(b"+08:00\"");
}

fn write_date(out: &mut Vec<u8>, day: Day) {
    let (year, month, day_of_month) = day.date();
    let year = i64::from(year).max(0);
    write_two(out, year / 100);
    write_two(out, year % 100);
    out.push(b'-');
    write_two(out, i64::from(month));
    out.push(b'-');
    write_two(out, i64::from(day_of_month));
}

fn write_two(out: &mut Vec<u8>, number: i64) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_as_serde_reads_it() {
        let all: String = (0..0x80u8)
            .map(char::from)
            .chain("张\u{2028}🦀".chars())
            .collect();
        let json = written(|out| write_text(out, &all));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), all);
    }

    #[test]
    fn moments_are_written_as_they_display() {
        for text in [
            "2026-11-22T00:00:00+08:00",
            "2026-11-22T23:59:59.999999+08:00",
            "1969-12-31T23:59:59.5+08:00",
            "2026-02-28T07:00:00.00012Z",
        ] {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(
                written(|out| write_moment(out, moment)),
                format!("\"{moment}\"")
            );
        }
    }

    #[test]
    fn what_is_absent_is_null() {
        assert_eq!(written(|out| write_optional_text(out, None)), "null");
        assert_eq!(written(|out| write_optional_day(out, None)), "null");
        let day = Day::parse("2026-01-02");
        assert_eq!(
            written(|out| write_optional_day(out, day)),
            "\"2026-01-02\""
        );
    }
}
