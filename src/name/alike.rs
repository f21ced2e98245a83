//! Whether one character may be written for another, answered from memory once it was asked.
//!
//! In: two characters after folding. Out: what `likeness` says of them, as yes or no. The
//! neighbours of a common name differ from it in hundreds of characters, and the same pairs come
//! again with every query. Answers never change, so it does not matter who asked first. Bounded:
//! rows for the first `ROWS_MAX` characters asked for, two bits for each usual Han character.
//! HOT: asked for each name that differs in one character.

use super::likeness::likeness;
use std::array;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};

const FIRST: u32 = 0x4e00;
/// Characters that have cells.
const CELLS: usize = 0x5200;
const WORD_CELLS: usize = 32;
/// Characters that may have a row: together at most 21 MiB, more than names are made of.
const ROWS_MAX: u32 = 4_096;

const KNOWN: u64 = 1;
const ALIKE: u64 = 2;

/// Two bits a character: whether the answer is known, and what it is.
struct Row([AtomicU64; CELLS / WORD_CELLS]);

static ROWS: LazyLock<Box<[OnceLock<Box<Row>>]>> =
    LazyLock::new(|| (0..CELLS).map(|_| OnceLock::new()).collect());
static ROWS_USED: AtomicU32 = AtomicU32::new(0);

/// Whether two different characters are alike in any way.
pub fn are_alike(asked: char, listed: char) -> bool {
    let answer = || likeness(asked, listed).is_some();
    let (Some(row), Some(cell)) = (row(asked), cell(listed)) else {
        return answer();
    };
    let shift = 2 * (cell % WORD_CELLS);
    let Some(word) = row.0.get(cell / WORD_CELLS) else {
        return answer();
    };
    let bits = word.load(Ordering::Relaxed) >> shift;
    if bits & KNOWN != 0 {
        return bits & ALIKE != 0;
    }
    let alike = answer();
    let bits = if alike { KNOWN | ALIKE } else { KNOWN };
    word.fetch_or(bits << shift, Ordering::Relaxed);
    alike
}

fn cell(c: char) -> Option<usize> {
    let cell = (c as u32).checked_sub(FIRST)? as usize;
    (cell < CELLS).then_some(cell)
}

fn row(c: char) -> Option<&'static Row> {
    let row = ROWS.get(cell(c)?)?;
    if let Some(row) = row.get() {
        return Some(row);
    }
    if ROWS_USED.load(Ordering::Relaxed) >= ROWS_MAX {
        return None;
    }
    ROWS_USED.fetch_add(1, Ordering::Relaxed);
    Some(row.get_or_init(|| Box::new(Row(array::from_fn(|_| AtomicU64::new(0))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_likeness_however_often_they_are_asked() {
        let characters = "王伟玮维为张章李理里林琳𠮷?〇a\u{e863}囗";
        for round in 0..3 {
            for asked in characters.chars() {
                for listed in characters.chars().filter(|listed| *listed != asked) {
                    let expected = likeness(asked, listed).is_some();
                    assert_eq!(
                        are_alike(asked, listed),
                        expected,
                        "{asked} {listed} {round}"
                    );
                }
            }
        }
    }
}
