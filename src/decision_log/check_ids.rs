//! Numbers of checks: UUIDs of version 7 that rise, whatever the clock does.
//!
//! In: the last number, moments, random bytes. Out: the next number. RFC 9562, 6.2, method 2. Pure.

use super::keys::RANDOM_BYTES;
use super::record::CheckId;
use crate::model::term::Moment;

/// Random bits of a check_id below its milliseconds.
const ID_RANDOM_BITS: u32 = 74;

/// Gives check_ids that rise, whatever the clock does. RFC 9562, 6.2, method 2.
#[derive(Debug)]
pub(super) struct CheckIds {
    milliseconds: u64,
    low: u128,
}

impl CheckIds {
    /// Goes on after a check_id.
    pub fn after(last: Option<CheckId>) -> Self {
        let Some(CheckId(bytes)) = last else {
            return Self {
                milliseconds: 0,
                low: 0,
            };
        };
        let all = u128::from_be_bytes(bytes);
        let high = (all >> 64) & 0xfff;
        Self {
            milliseconds: (all >> 80) as u64,
            low: high << 62 | (all & ((1 << 62) - 1)),
        }
    }

    /// The next one.
    pub fn next(&mut self, moment: Moment, random: [u8; RANDOM_BYTES]) -> CheckId {
        let random = u128::from_be_bytes(random);
        let now = u64::try_from(moment.as_millis())
            .unwrap_or(0)
            .min((1 << 48) - 1);
        if now > self.milliseconds {
            // The top bit stays free, so that steps within the millisecond have room.
            self.milliseconds = now;
            self.low = random >> (128 - ID_RANDOM_BITS + 1);
        } else {
            self.low += 1 + (random as u32 as u128);
            if self.low >> ID_RANDOM_BITS != 0 {
                self.milliseconds += 1;
                self.low = random >> (128 - ID_RANDOM_BITS + 1);
            }
        }
        let high = (self.low >> 62) & 0xfff;
        let low = self.low & ((1 << 62) - 1);
        let all = u128::from(self.milliseconds) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low;
        CheckId(all.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_ids_rise_within_a_millisecond_and_when_the_clock_goes_back() {
        let mut ids = CheckIds::after(None);
        let mut last = CheckId([0; 16]);
        let clock = [
            5_000_000, 5_000_000, 5_000_900, 3_000_000, -7, 5_001_000, 9_000_000,
        ];
        for (n, us) in clock.iter().cycle().take(7_000).enumerate() {
            let random = blake3::hash(&n.to_le_bytes());
            let mut bytes = [0; RANDOM_BYTES];
            bytes.copy_from_slice(&random.as_bytes()[..RANDOM_BYTES]);
            let next = ids.next(Moment(*us), bytes);
            assert!(next > last, "{n}");
            assert_eq!(CheckId::parse(&next.to_string()), Some(next));
            if n % 5 == 0 {
                ids = CheckIds::after(Some(next));
            }
            last = next;
        }
        assert_eq!(last.milliseconds(), 9_000);
    }

    #[test]
    fn a_full_millisecond_runs_over_into_the_next() {
        let mut ids = CheckIds {
            milliseconds: 8,
            low: (1 << ID_RANDOM_BITS) - 1,
        };
        let next = ids.next(Moment(8_000), [0xff; RANDOM_BYTES]);
        assert_eq!(next.milliseconds(), 9);
    }
}
