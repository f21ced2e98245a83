//! Where checks stand, without memory for each: the first check of every 256 in a segment.
//!
//! In: checks as they are appended or read back. Out: the stretch of a file in which a check_id
//! must stand, for check_ids rise. Beside it the units of each segment, so that a check can be
//! read alone. About 30 KB for a full segment of 64 MiB.

use super::record::CheckId;
use std::sync::Arc;

/// Checks between two places that are held.
const CHECKS_A_PLACE: u32 = 256;

/// Places of checks in all segments.
#[derive(Debug, Default)]
pub(super) struct LogIndex {
    segments: Vec<SegmentIndex>,
}

#[derive(Debug)]
struct SegmentIndex {
    number: u64,
    places: Vec<(CheckId, u64)>,
    checks: u32,
    units: Vec<(u32, Arc<str>)>,
}

/// Bytes of a segment in which a check stands, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub number: u64,
    pub from: u64,
    /// `None` to the end of the segment's frames.
    pub to: Option<u64>,
}

impl LogIndex {
    /// A segment begins.
    pub fn begin(&mut self, number: u64) {
        self.segments.push(SegmentIndex {
            number,
            places: Vec::new(),
            checks: 0,
            units: Vec::new(),
        });
    }

    /// A check stands at this offset of the last segment.
    pub fn add_check(&mut self, check_id: CheckId, offset: u64) {
        let Some(last) = self.segments.last_mut() else {
            return;
        };
        if last.checks.is_multiple_of(CHECKS_A_PLACE) {
            last.places.push((check_id, offset));
        }
        last.checks = last.checks.wrapping_add(1);
    }

    /// A unit has this number in the last segment.
    pub fn add_unit(&mut self, number: u32, unit: &str) {
        let Some(last) = self.segments.last_mut() else {
            return;
        };
        if !last.units.iter().any(|(known, _)| *known == number) {
            last.units.push((number, unit.into()));
        }
    }

    /// Where a check must stand, if it is in the log.
    pub fn stretch(&self, check_id: CheckId) -> Option<Stretch> {
        let begins_before = |segment: &&SegmentIndex| {
            let first = segment.places.first();
            first.is_some_and(|(first, _)| *first <= check_id)
        };
        let segment = self.segments.iter().rev().find(begins_before)?;
        let after = segment.places.partition_point(|(id, _)| *id <= check_id);
        Some(Stretch {
            number: segment.number,
            from: segment.places[after - 1].1,
            to: segment.places.get(after).map(|(_, offset)| *offset),
        })
    }

    /// A unit by its number in a segment.
    pub fn unit(&self, segment: u64, number: u32) -> Option<Arc<str>> {
        let found = self.segments.iter().rev().find(|s| s.number == segment)?;
        let unit = found.units.iter().find(|(of, _)| *of == number)?;
        Some(Arc::clone(&unit.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> CheckId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        CheckId(bytes)
    }

    #[test]
    fn every_check_lies_in_the_stretch_that_is_named() {
        let mut index = LogIndex::default();
        for segment in 1..=3u32 {
            index.begin(segment.into());
            for n in 0..1_000 {
                index.add_check(id(segment * 10_000 + n * 2), u64::from(n) * 8);
            }
        }
        for segment in 1..=3u32 {
            for n in 0..1_000 {
                let stretch = index.stretch(id(segment * 10_000 + n * 2)).unwrap();
                let offset = u64::from(n) * 8;
                assert_eq!(stretch.number, u64::from(segment));
                assert!(stretch.from <= offset && stretch.to.is_none_or(|to| offset < to));
            }
        }
        assert_eq!(index.stretch(id(9_999)), None);
        assert_eq!(index.stretch(id(40_000)).unwrap().number, 3);
    }

    #[test]
    fn units_are_known_by_segment_and_number() {
        let mut index = LogIndex::default();
        index.begin(1);
        index.add_unit(0, "rail");
        index.begin(2);
        index.add_unit(0, "bank");
        assert_eq!(index.unit(1, 0).as_deref(), Some("rail"));
        assert_eq!(index.unit(2, 0).as_deref(), Some("bank"));
        assert_eq!(index.unit(2, 1), None);
    }
}
