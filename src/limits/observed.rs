//! What is kept of a request, and the way to those who judge it.
//!
//! In: a request with its outcome. Out: an observation of eight words: keyed hashes, no number, no
//! name. A ring of fixed size takes them from every thread without a lock; where nobody reads in
//! time the oldest are lost and counted, and no request waits. HOT.

use crate::check::outcome::Outcome;
use crate::check::request::{Party, Request};
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::decision::Identity;
use crate::model::subject::SubjectKind;
use crate::model::term::{Day, Moment};
use crate::name::organisation;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Observations that a ring holds; a power of two. 64 bytes each.
pub const RING_SLOTS: usize = 32_768;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check was answered.
    Check = 1,
    /// A number was refused: check digit, date, length.
    BadNumber = 2,
    /// Feedback was given.
    Feedback = 3,
}

/// Something matched.
pub const HIT: u8 = 1;
/// A number was equal and the names contradict.
pub const CONTRADICTED: u8 = 2;
/// The answer restricts: feedback is owed.
pub const RESTRICTS: u8 = 4;
/// A person, asked about without any number.
pub const NAME_ONLY: u8 = 8;

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Number of the unit.
    pub unit: u32,
    /// What happened.
    pub kind: Kind,
    /// Bits: `HIT`, `CONTRADICTED`, `RESTRICTS`, `NAME_ONLY`.
    pub flags: u8,
    /// When, in milliseconds.
    pub at_ms: i64,
    /// Of the subject.
    pub subject: u64,
    /// Of the first 14 digits of a citizen number (region and birth date); 0 without one.
    pub prefix: u64,
    /// Of birth date and sequence number of a citizen number; 0 without one.
    pub tail: u64,
    /// Of the region of a citizen number.
    pub region: u32,
    /// Birth day and sequence number as one figure, moved by a secret amount: differences tell.
    pub ordinal: u32,
    /// Of the name.
    pub name: u32,
    /// Of the unit's own reference; 0 without one.
    pub reference: u32,
}

impl Observation {
    /// Of a unit and moment, without anything else.
    pub fn bare(unit: u32, kind: Kind, at: Moment) -> Self {
        Self {
            unit,
            kind,
            flags: 0,
            at_ms: at.as_millis(),
            subject: 0,
            prefix: 0,
            tail: 0,
            region: 0,
            ordinal: 0,
            name: 0,
            reference: 0,
        }
    }

    /// Of an answered check.
    pub fn of_check(
        seed: u64,
        unit: u32,
        request: &Request,
        reference: u32,
        outcome: &Outcome,
        at: Moment,
    ) -> Self {
        let party = &request.subject;
        let mut flags = 0;
        for found in outcome.matches.iter().filter(|found| found.via.is_none()) {
            flags |= HIT;
            if found.identity == Identity::Possible && found.name.is_none() {
                flags |= CONTRADICTED;
            }
        }
        if outcome.decision.restricts() {
            flags |= RESTRICTS;
        }
        if party.kind == SubjectKind::Person && party.numbers.is_empty() {
            flags |= NAME_ONLY;
        }
        let mut seen = Self {
            flags,
            subject: subject_hash(seed, party),
            name: name_hash(seed, party),
            reference,
            ..Self::bare(unit, Kind::Check, at)
        };
        let numbers = &party.numbers;
        if let Some(number) = numbers.iter().find(|n| n.id_type() == IdType::CitizenId) {
            seen.add_citizen(seed, number);
        }
        seen
    }

    fn add_citizen(&mut self, seed: u64, number: &FullNumber) {
        let digits = number.as_bytes();
        let (Some(prefix), Some(tail)) = (digits.get(..14), digits.get(6..17)) else {
            return;
        };
        self.prefix = xxh3_64_with_seed(prefix, seed).max(1);
        self.tail = xxh3_64_with_seed(tail, seed ^ 1).max(1);
        self.region = half(xxh3_64_with_seed(&prefix[..6], seed));
        let day = number.birth().and_then(|(y, m, d)| Day::from_date(y, m, d));
        let digit = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
        let sequence = tail[8..]
            .iter()
            .fold(0, |sum, byte| sum * 10 + digit(*byte));
        let ordinal = day.map_or(0, |day| day.0 as u32).wrapping_mul(1_000) + sequence % 1_000;
        self.ordinal = ordinal.wrapping_add(half(seed));
    }
}

/// Keyed hash of whom a check asks about: by a decisive number, else another, else by name and
/// birth date. The same for the daily budget and for what is observed.
pub fn subject_hash(seed: u64, party: &Party) -> u64 {
    let numbers = &party.numbers;
    let decisive = numbers.iter().find(|number| number.id_type().is_decisive());
    match decisive.or(numbers.first()) {
        Some(number) => xxh3_64_with_seed(number.as_bytes(), seed ^ number.id_type() as u64),
        None => {
            let name = xxh3_64_with_seed(party.name.folded().as_bytes(), seed);
            let born = party.birth.map_or(0, |day| day.0 as u64 + 1);
            name ^ born.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
    }
}

/// Keyed hash of the name; of a firm without a number the brand in it, so that cities before it
/// make no other name.
fn name_hash(seed: u64, party: &Party) -> u32 {
    let name = party.name.folded();
    let brand = match party.kind == SubjectKind::Organisation && party.numbers.is_empty() {
        true => organisation::brand(name).and_then(|place| name.get(place)),
        false => None,
    };
    half(xxh3_64_with_seed(brand.unwrap_or(name).as_bytes(), seed))
}

/// Keyed hash of a reference; 0 without one.
pub fn reference_hash(seed: u64, reference: Option<&str>) -> u32 {
    reference.map_or(0, |text| {
        half(xxh3_64_with_seed(text.as_bytes(), seed)).max(1)
    })
}

fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A cache line of its own, so that two threads do not write the same one.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Slot {
    /// Its observation's number + 1; 0 while it is written.
    turn: AtomicU64,
    words: [AtomicU64; 7],
}

/// Observations on their way; many write, one reads.
#[derive(Debug)]
pub struct Ring {
    next: AtomicU64,
    slots: Box<[Slot]>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(0),
            slots: std::iter::repeat_with(Slot::default)
                .take(RING_SLOTS)
                .collect(),
        }
    }
}

impl Ring {
    /// Puts one in; never waits.
    pub fn push(&self, seen: &Observation) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[number as usize % RING_SLOTS];
        slot.turn.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let kind = u32::from(seen.flags) << 8 | seen.kind as u32;
        let words = [
            seen.subject,
            seen.prefix,
            seen.tail,
            seen.at_ms as u64,
            pair(seen.unit, seen.name),
            pair(seen.region, seen.ordinal),
            pair(seen.reference, kind),
        ];
        for (place, word) in slot.words.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        slot.turn.store(number + 1, Ordering::Release);
    }

    /// Hands out what came since `from`, in order; returns where to go on and how many were lost.
    pub fn read(&self, from: u64, mut visit: impl FnMut(&Observation)) -> (u64, u64) {
        let end = self.next.load(Ordering::Acquire);
        let mut lost = (end - from).saturating_sub(RING_SLOTS as u64);
        let mut number = from + lost;
        while number < end {
            let slot = &self.slots[number as usize % RING_SLOTS];
            let turn = slot.turn.load(Ordering::Acquire);
            if turn < number + 1 {
                // Being written: read next time. Its writer has not gone away: it cannot wait.
                break;
            }
            let words: [u64; 7] =
                std::array::from_fn(|place| slot.words[place].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let is_whole = slot.turn.load(Ordering::Relaxed) == number + 1;
            match read_words(&words).filter(|_| is_whole) {
                Some(seen) => visit(&seen),
                None => lost += 1,
            }
            number += 1;
        }
        (number, lost)
    }
}

fn read_words(words: &[u64; 7]) -> Option<Observation> {
    let [subject, prefix, tail, at_ms, who, place, rest] = *words;
    let kind = match rest & 0xff {
        1 => Kind::Check,
        2 => Kind::BadNumber,
        3 => Kind::Feedback,
        _ => return None,
    };
    Some(Observation {
        unit: half(who),
        kind,
        flags: (rest >> 8) as u8,
        at_ms: at_ms as i64,
        subject,
        prefix,
        tail,
        region: half(place),
        ordinal: place as u32,
        name: who as u32,
        reference: half(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(number: u32) -> Observation {
        Observation {
            flags: 9,
            subject: 1,
            prefix: 2,
            tail: 3,
            region: 4,
            ordinal: 5,
            name: number,
            reference: 7,
            ..Observation::bare(number, Kind::Check, Moment(8_000))
        }
    }

    #[test]
    fn observations_come_out_as_they_went_in() {
        let ring = Ring::default();
        for number in 0..3 {
            ring.push(&observation(number));
        }
        let mut seen = Vec::new();
        let (next, lost) = ring.read(0, |one| seen.push(*one));
        assert_eq!((next, lost), (3, 0));
        assert_eq!(seen, (0..3).map(observation).collect::<Vec<_>>());
        assert_eq!(ring.read(next, |_| unreachable!()), (3, 0));
    }

    #[test]
    fn what_nobody_reads_in_time_is_lost_and_counted() {
        let ring = Ring::default();
        for number in 0..RING_SLOTS as u32 + 10 {
            ring.push(&observation(number));
        }
        let mut first = None;
        let (next, lost) = ring.read(0, |one| first = first.or(Some(one.unit)));
        assert_eq!((next, lost), (RING_SLOTS as u64 + 10, 10));
        assert_eq!(first, Some(10));
    }

    #[test]
    fn threads_write_beside_each_other_and_nothing_is_mixed() {
        let ring = Ring::default();
        std::thread::scope(|scope| {
            for unit in 0..4 {
                let ring = &ring;
                scope.spawn(move || (0..5_000).for_each(|_| ring.push(&observation(unit))));
            }
        });
        let mut counts = [0; 4];
        let (_, lost) = ring.read(0, |one| {
            assert_eq!(one.unit, one.name);
            counts[one.unit as usize] += 1;
        });
        assert_eq!((counts, lost), ([5_000; 4], 0));
    }
}
