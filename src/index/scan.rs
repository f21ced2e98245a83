//! Listed names of organisations, and the brands in them, inside a long text.
//!
//! In: the tables of a snapshot, a folded text, and who says of a name found whether it stands
//! today. Out: places, leftmost first and of those the longest; a longer name that does not stand
//! leaves its place to the shorter one in it. Brands only where no name stands: a weak hit never
//! hides a strong one. Texts of less than `CHARS_MIN` characters are not looked for.
//!
//! HOT: most places of a text pass one set of bits. Where something may begin, a second set tells
//! whether eight characters begin a longer text, or four to seven are one; only then the line table
//! and the rows are read. Rows are sorted, so the last row at or before the text that follows, and
//! those it begins with, are all that begin there: one search, whatever the lengths.

use super::line_table;
use super::patterns::{
    BEARERS_MAX, Bits, CHARS_MIN, LONG_CHARS, WindowHash, key, pair_hash, start_hash,
};
use crate::name::passage::Passage;
use crate::snapshot::entries::NameNumber;
use crate::snapshot::rows::ScanRow;
use crate::snapshot::scan_sections::ScanTables;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// Texts that may begin with one another; no name has more characters than this.
const CHAIN_MAX: usize = 256;
/// Brands that may be met in one text where names could still cover them; further ones are not
/// looked for. A tender of a megabyte has some thousand.
const BRANDS_MET_MAX: usize = 1 << 18;
/// Characters that are made ready for comparing at a time.
const AHEAD_CHARS: usize = 32;

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HitKind {
    /// A listed name or alias, whole.
    Name,
    /// The brand in one or several listed names.
    Brand,
}

/// A text that was found, before its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Found {
    /// Name or brand.
    pub kind: HitKind,
    /// First of its rows: tells texts apart.
    pub row_first: u32,
    /// Behind the last of its rows.
    pub row_last: u32,
}

/// One place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What stands there.
    pub found: Found,
    /// Where, in folded characters.
    pub folded: Range<usize>,
}

/// The tables of one snapshot, ready for scans.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    tables: ScanTables<'a>,
    pairs: Bits<'a>,
    starts: Bits<'a>,
    keys: Bits<'a>,
    hash: WindowHash,
}

impl<'a> Scanner<'a> {
    /// Reads the tables in place; `None` where no build of ours wrote them.
    pub fn new(tables: ScanTables<'a>, salt: &[u8; 32]) -> Option<Self> {
        Some(Self {
            pairs: Bits::new(tables.pairs)?,
            starts: Bits::new(tables.starts)?,
            keys: Bits::new(tables.keys)?,
            hash: WindowHash::new(salt),
            tables,
        })
    }

    /// Names that a text found is, or stands in as a brand; rising.
    pub fn names(&self, found: Found) -> impl Iterator<Item = NameNumber> + use<'a> {
        let rows = found.row_first as usize..found.row_last as usize;
        let rows = self.tables.rows.get(rows).unwrap_or(&[]);
        rows.iter().map(|row| NameNumber(row.name()))
    }

    /// All hits in the order of the text. `stands` says of each text found whether it counts; it is
    /// asked again at each place where the text occurs.
    pub fn scan(&self, passage: &Passage, mut stands: impl FnMut(Found) -> bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut brands = Vec::new();
        let mut ahead = Ahead::new();
        let chars = passage.chars();
        let mut place = 0;
        while let Some(window) = chars
            .get(place..)
            .and_then(<[char]>::first_chunk::<CHARS_MIN>)
        {
            let [one, other, ..] = *window;
            if !self.pairs.may_have(pair_hash(one, other)) {
                place += 1;
                continue;
            }
            let sum = self.hash.four(window);
            if !self.starts.may_have(start_hash(sum)) {
                place += 1;
                continue;
            }
            ahead.begin(&chars[place..]);
            let Some(row) = self.longest(&mut ahead, sum) else {
                place += 1;
                continue;
            };
            let mut taken = None;
            self.visit(row, &ahead, |kind, rows, length| {
                let end = place + length;
                if passage.is_inside_word(place) || passage.is_inside_word(end) {
                    return false;
                }
                let found = Found {
                    kind,
                    row_first: rows.start,
                    row_last: rows.end,
                };
                let hit = Hit {
                    found,
                    folded: place..end,
                };
                match kind {
                    HitKind::Brand if brands.len() < BRANDS_MET_MAX => brands.push(hit),
                    HitKind::Brand => (),
                    HitKind::Name if stands(found) => taken = Some(hit),
                    HitKind::Name => (),
                }
                taken.is_some()
            });
            place = match taken {
                Some(hit) => {
                    let end = hit.folded.end;
                    hits.push(hit);
                    end
                }
                None => place + 1,
            };
        }
        with_brands(hits, brands, stands)
    }

    /// The last row that is not behind the text that follows, among those that begin as it does:
    /// all that begin there are its text and what that begins with.
    fn longest(&self, ahead: &mut Ahead<'_>, four: u64) -> Option<u32> {
        let window = ahead.chars.get(CHARS_MIN..).and_then(<[char]>::first_chunk);
        if let Some(second) = window {
            let sum = self.hash.eight(four, self.hash.four(second));
            let first = self.first_row(sum, LONG_CHARS, |text| ahead.begins_like(text));
            let last = first.and_then(|first| self.last_not_behind(first, ahead));
            if last.is_some() {
                return last;
            }
        }
        let mut sums = [four; LONG_CHARS - CHARS_MIN];
        let next = ahead.chars.get(CHARS_MIN..).unwrap_or(&[]);
        let count = next.len().min(sums.len() - 1);
        for (more, c) in next.iter().take(count).enumerate() {
            sums[more + 1] = self.hash.more(sums[more], *c);
        }
        (0..=count).rev().find_map(|more| {
            let chars = CHARS_MIN + more;
            let first = self.first_row(sums[more], chars, |text| ahead.is_next(text, chars))?;
            Some(self.rows_like(first).end.checked_sub(1)?.max(first))
        })
    }

    /// First row of a key, where its text is the one meant.
    fn first_row(&self, sum: u64, chars: usize, is_it: impl Fn(&[u8]) -> bool) -> Option<u32> {
        let key = key(sum, chars);
        if !self.keys.may_have(key) {
            return None;
        }
        line_table::find(self.tables.lines, key, |row| is_it(self.text(row)))
    }

    /// The last row from `first` on that is not behind the text; their number does not matter much.
    fn last_not_behind(&self, first: u32, ahead: &mut Ahead<'_>) -> Option<u32> {
        let mut fits = |row: u32| row < self.row_count() && ahead.is_not_before(self.text(row));
        if !fits(first) {
            return None;
        }
        let (mut low, mut step) = (first, 1u32);
        while fits(low.saturating_add(step)) {
            low = low.saturating_add(step);
            step = step.saturating_mul(2);
        }
        let mut high = low.saturating_add(step);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match fits(middle) {
                true => low = middle,
                false => high = middle,
            }
        }
        Some(low)
    }

    /// Calls `take` for each text with which what follows begins, longest first, names before
    /// brands, until it says that it took one.
    fn visit(
        &self,
        row: u32,
        ahead: &Ahead<'_>,
        mut take: impl FnMut(HitKind, Range<u32>, usize) -> bool,
    ) {
        let mut next = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(row) = next else { return };
            next = self.row(row).shorter().filter(|shorter| *shorter < row);
            let text = self.text(row);
            let chars = text.iter().filter(|byte| is_first_byte(**byte)).count();
            if chars < CHARS_MIN || !ahead.bytes.starts_with(text) {
                continue;
            }
            let rows = self.rows_like(row);
            let is_name = |row: &u32| !self.row(*row).is_brand();
            let brands = rows.start + rows.clone().take_while(is_name).count() as u32;
            let is_taken = rows.start < brands && take(HitKind::Name, rows.start..brands, chars);
            if is_taken || (brands < rows.end && take(HitKind::Brand, brands..rows.end, chars)) {
                return;
            }
        }
    }

    /// All rows of the text of one of them.
    fn rows_like(&self, row: u32) -> Range<u32> {
        const ROWS_MAX: u32 = BEARERS_MAX as u32 + 1;
        let place = |row: u32| (self.row(row).text_first(), self.row(row).text_bytes());
        let same = |other: &u32| *other < self.row_count() && place(*other) == place(row);
        let before = (row.saturating_sub(ROWS_MAX)..row).rev();
        let behind = row.saturating_add(1)..row.saturating_add(ROWS_MAX);
        let first = row - before.take_while(same).count() as u32;
        first..row + 1 + behind.take_while(same).count() as u32
    }

    fn row_count(&self) -> u32 {
        u32::try_from(self.tables.rows.len()).unwrap_or(u32::MAX)
    }

    fn row(&self, row: u32) -> &'a ScanRow {
        static NONE: ScanRow = ScanRow::NONE;
        self.tables.rows.get(row as usize).unwrap_or(&NONE)
    }

    fn text(&self, row: u32) -> &'a [u8] {
        let row = self.row(row);
        let first = row.text_first() as usize;
        let last = first + usize::from(row.text_bytes());
        self.tables.text.get(first..last).unwrap_or(&[])
    }
}

/// What follows a place of the text, in the form of the listed texts, as far as it was needed.
struct Ahead<'t> {
    /// From the place on.
    chars: &'t [char],
    bytes: Vec<u8>,
    /// Characters that `bytes` holds.
    ready: usize,
    /// Bytes of the first `LONG_CHARS` of them, or of all where there are fewer.
    long_bytes: usize,
}

impl<'t> Ahead<'t> {
    fn new() -> Self {
        Self {
            chars: &[],
            bytes: Vec::new(),
            ready: 0,
            long_bytes: 0,
        }
    }

    /// Goes to another place.
    fn begin(&mut self, chars: &'t [char]) {
        self.chars = chars;
        self.bytes.clear();
        self.ready = 0;
        self.read(LONG_CHARS);
        self.long_bytes = self.bytes.len();
    }

    fn read(&mut self, count: usize) {
        let more = self.chars.get(self.ready..).unwrap_or(&[]);
        for c in more.iter().take(count) {
            let mut bytes = [0; 4];
            self.bytes
                .extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            self.ready += 1;
        }
    }

    /// Whether a text begins with the same `LONG_CHARS` characters.
    fn begins_like(&self, text: &[u8]) -> bool {
        self.bytes
            .get(..self.long_bytes)
            .is_some_and(|long| text.starts_with(long))
    }

    /// Whether a text is the next `chars` characters, of which there are at most `LONG_CHARS`.
    fn is_next(&self, text: &[u8], chars: usize) -> bool {
        let count = text.iter().filter(|byte| is_first_byte(**byte)).count();
        count == chars && self.bytes.starts_with(text)
    }

    /// Whether a text is what follows, or begins it, or comes before it in order.
    fn is_not_before(&mut self, text: &[u8]) -> bool {
        while self.bytes.len() < text.len()
            && self.ready < self.chars.len()
            && text.starts_with(&self.bytes)
        {
            self.read(AHEAD_CHARS);
        }
        text <= self.bytes.as_slice()
    }
}

/// Whether a byte of UTF-8 begins a character.
fn is_first_byte(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// Adds brands that stand, leftmost and longest first, where no name does.
fn with_brands(
    mut hits: Vec<Hit>,
    brands: Vec<Hit>,
    mut stands: impl FnMut(Found) -> bool,
) -> Vec<Hit> {
    let names = hits.len();
    let (mut name, mut free_from) = (0, 0);
    for brand in brands {
        while name < names && hits[name].folded.end <= brand.folded.start {
            name += 1;
        }
        let touches_name = name < names && hits[name].folded.start < brand.folded.end;
        if !touches_name && brand.folded.start >= free_from && stands(brand.found) {
            free_from = brand.folded.end;
            hits.push(brand);
        }
    }
    hits.sort_unstable_by_key(|hit| hit.folded.start);
    hits
}
