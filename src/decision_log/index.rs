//! Where checks stand, without memory for each: the first check of every 256 in a segment.
//!
//! In: checks as they are appended or read back. Out: the stretch of a file in which a check_id
//! must stand, for check_ids rise. Beside it the units of each segment, so that a check can be
//! read alone. About 30 KB for a full segment of 64 MiB, so of the last few segments only; of those
//! before them the first check alone, and the segment's side file says the rest.

use super::record::CheckId;
use std::collections::VecDeque;
use std::sync::Arc;

/// Checks between two places that are held.
const CHECKS_A_PLACE: u32 = 256;

/// Segments whose places are held. A side file is there long before this many more have begun.
const RECENT_MAX: usize = 4;

/// Places of checks in all segments.
#[derive(Debug, Default)]
pub(super) struct LogIndex {
    /// First check and number of each segment with checks.
    firsts: Vec<(CheckId, u64)>,
    /// The last segments.
    recent: VecDeque<SegmentIndex>,
}

#[derive(Debug)]
struct SegmentIndex {
    number: u64,
    places: Vec<(CheckId, u64)>,
    checks: u32,
    units: Vec<(u32, Arc<str>)>,
}

/// Where a check stands, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In this stretch.
    Stretch(Stretch),
    /// In the segment with this number, which is full: its side file knows.
    Full(u64),
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
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(SegmentIndex {
            number,
            places: Vec::new(),
            checks: 0,
            units: Vec::new(),
        });
    }

    /// The last segment is full and begins with this check, if it has any; no more is known of it.
    pub fn pass(&mut self, first: Option<CheckId>) {
        let passed = self.recent.pop_back();
        if let (Some(first), Some(passed)) = (first, passed) {
            self.firsts.push((first, passed.number));
        }
    }

    /// A check stands at this offset of the last segment.
    pub fn add_check(&mut self, check_id: CheckId, offset: u64) {
        let Some(last) = self.recent.back_mut() else {
            return;
        };
        if last.checks.is_multiple_of(CHECKS_A_PLACE) {
            if last.checks == 0 {
                self.firsts.push((check_id, last.number));
            }
            last.places.push((check_id, offset));
        }
        last.checks = last.checks.saturating_add(1);
    }

    /// A unit has this number in the last segment.
    pub fn add_unit(&mut self, number: u32, unit: &str) {
        let Some(last) = self.recent.back_mut() else {
            return;
        };
        if !last.units.iter().any(|(known, _)| *known == number) {
            last.units.push((number, unit.into()));
        }
    }

    /// Where a check must stand, if it is in the log.
    pub fn find(&self, check_id: CheckId) -> Option<Where> {
        let after = self.firsts.partition_point(|(first, _)| *first <= check_id);
        let (_, number) = *self.firsts.get(after.checked_sub(1)?)?;
        let Some(segment) = self.recent.iter().find(|segment| segment.number == number) else {
            return Some(Where::Full(number));
        };
        let after = segment.places.partition_point(|(id, _)| *id <= check_id);
        Some(Where::Stretch(Stretch {
            number,
            from: segment.places.get(after.checked_sub(1)?)?.1,
            to: segment.places.get(after).map(|(_, offset)| *offset),
        }))
    }

    /// A unit by its number in one of the last segments.
    pub fn unit(&self, segment: u64, number: u32) -> Option<Arc<str>> {
        let found = self.recent.iter().rev().find(|s| s.number == segment)?;
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
    fn every_check_lies_where_is_named() {
        let mut index = LogIndex::default();
        index.begin(1);
        index.pass(Some(id(10_000)));
        index.begin(2);
        index.pass(None);
        for segment in 3..=8u32 {
            index.begin(segment.into());
            for n in 0..1_000 {
                index.add_check(id(segment * 10_000 + n * 2), u64::from(n) * 8);
            }
        }
        for n in 0..1_000 {
            for full in [1, 3, 4] {
                let found = index.find(id(full * 10_000 + n * 2));
                assert_eq!(found, Some(Where::Full(full.into())));
            }
            for segment in 5..=8 {
                let found = index.find(id(segment * 10_000 + n * 2));
                let Some(Where::Stretch(stretch)) = found else {
                    panic!("{found:?}");
                };
                let offset = u64::from(n) * 8;
                assert_eq!(stretch.number, u64::from(segment));
                assert!(stretch.from <= offset && stretch.to.is_none_or(|to| offset < to));
            }
        }
        assert_eq!(index.find(id(9_999)), None);
        assert_eq!(index.find(id(29_999)), Some(Where::Full(1)));
        assert!(matches!(index.find(id(90_000)), Some(Where::Stretch(_))));
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
