//! What part of one runtime each unit had of late, and who had more than a fair part.
//!
//! In: a unit and a number of checks. Out: alone, modest or above. What was asked long ago fades.
//! Units share places by a hash; that two meet in one is seldom, and then they count as one.
//!
//! HOT: two relaxed loads and a store a request; each word is written by one thread alone.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Places; a power of two keeps two units of a thousand apart most of the time.
const UNITS: usize = 4_096;
/// One request in a share, so that fading leaves fractions.
const REQUEST: u32 = 256;
/// No unit is alone.
const NOBODY: usize = usize::MAX;

/// Who asks, as far as shares go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSlot(usize);

impl UnitSlot {
    /// All that are not known by their token: together they are one unit.
    pub const UNKNOWN: Self = Self(0);

    /// The place of a unit, from the hash of its record.
    pub fn of(policy_hash: &[u8; 32]) -> Self {
        let number = usize::from(u16::from_le_bytes([policy_hash[0], policy_hash[1]]));
        Self(1 + number % (UNITS - 1))
    }
}

/// How a unit stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nobody else asks, as far as is known.
    Alone,
    /// Others ask more.
    Modest,
    /// It asks more than a fair part.
    Above,
}

/// The shares of all units.
pub struct Shares {
    used: Box<[AtomicU32]>,
    /// Above this a share is more than fair; the most there is where nobody asked of late.
    fair: AtomicU32,
    alone: AtomicUsize,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            used: (0..UNITS).map(|_| AtomicU32::new(0)).collect(),
            fair: AtomicU32::new(u32::MAX),
            alone: AtomicUsize::new(NOBODY),
        }
    }
}

impl Shares {
    /// Counts work of a unit, in checks.
    pub fn count(&self, unit: UnitSlot, checks: usize) {
        let Some(share) = self.used.get(unit.0) else {
            return;
        };
        let more = u32::try_from(checks).unwrap_or(u32::MAX);
        let used = share.load(Ordering::Relaxed);
        let used = used.saturating_add(more.saturating_mul(REQUEST));
        share.store(used, Ordering::Relaxed);
    }

    /// How a unit stands to the others.
    pub fn of(&self, unit: UnitSlot) -> Share {
        let fair = self.fair.load(Ordering::Relaxed);
        if fair == u32::MAX || self.alone.load(Ordering::Relaxed) == unit.0 {
            return Share::Alone;
        }
        match self.used[unit.0].load(Ordering::Relaxed) > fair {
            true => Share::Above,
            false => Share::Modest,
        }
    }

    /// Lets what was asked so far count less by an eighth, and finds what is fair: the mean of
    /// those who asked, and a quarter more, so that equals are not told apart by chance.
    pub fn fade(&self) {
        let (mut sum, mut active, mut last) = (0u64, 0u64, NOBODY);
        for (place, share) in self.used.iter().enumerate() {
            let used = share.load(Ordering::Relaxed);
            if used == 0 {
                continue;
            }
            let left = used - used.div_ceil(8);
            share.store(left, Ordering::Relaxed);
            if left >= REQUEST {
                sum += u64::from(left);
                active += 1;
                last = place;
            }
        }
        let fair = (sum + sum / 4).checked_div(active);
        let fair = fair.and_then(|fair| u32::try_from(fair).ok());
        self.fair.store(fair.unwrap_or(u32::MAX), Ordering::Relaxed);
        let alone = if active == 1 { last } else { NOBODY };
        self.alone.store(alone, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_stands_alone_modest_or_above() {
        let (shares, greedy, modest) = (Shares::default(), UnitSlot(7), UnitSlot(8));
        shares.count(greedy, 60);
        assert_eq!(shares.of(greedy), Share::Alone, "nothing is known yet");
        shares.fade();
        shares.count(greedy, 1_000);
        assert_eq!(shares.of(greedy), Share::Alone);
        shares.count(modest, 4);
        shares.fade();
        assert_eq!(shares.of(greedy), Share::Above);
        assert_eq!(shares.of(modest), Share::Modest);
        assert_eq!(shares.of(UnitSlot(9)), Share::Modest, "never asked");
    }

    #[test]
    fn who_begins_to_flood_beside_a_modest_unit_is_above_at_once() {
        let (shares, greedy, modest) = (Shares::default(), UnitSlot(7), UnitSlot(8));
        shares.count(modest, 40);
        shares.fade();
        shares.count(greedy, 100);
        assert_eq!(shares.of(greedy), Share::Above);
        assert_eq!(shares.of(modest), Share::Alone);
    }

    #[test]
    fn equals_are_not_told_apart() {
        let shares = Shares::default();
        for _ in 0..50 {
            for unit in 1..=5 {
                shares.count(UnitSlot(unit), 100);
            }
            shares.fade();
        }
        for unit in 1..=5 {
            assert_eq!(shares.of(UnitSlot(unit)), Share::Modest);
        }
    }

    #[test]
    fn shares_fade() {
        let (shares, unit) = (Shares::default(), UnitSlot(7));
        shares.count(unit, 1_000_000);
        for _ in 0..300 {
            shares.fade();
        }
        assert_eq!(shares.used[7].load(Ordering::Relaxed), 0);
        assert_eq!(shares.of(unit), Share::Alone);
    }
}
