//! How many distinct numbers share a beginning or an end, of one unit and of all units together.
//!
//! In: a key (a hash of what is shared, and of the unit or of none), a subject, a unit. Out: how
//! many distinct subjects there were under the key within a day, and about how many units. A table
//! of fixed size (12 MiB) for all: where it is full, what was met once and long ago goes first, so
//! that a crowd stays where single askings come and go.

/// Sets of four.
const SETS: usize = 1 << 16;
const WAYS: usize = 4;
/// How long a group is counted from its first member on, in milliseconds.
const LIFE_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    key: u64,
    /// One bit for each subject met, of 128: beyond some thirty the count falls behind.
    met: u128,
    /// One bit for each unit, of 64.
    units: u64,
    first_ms: i64,
    count: u16,
}

/// All groups.
#[derive(Debug)]
pub struct Groups(Box<[[Group; WAYS]]>);

impl Default for Groups {
    fn default() -> Self {
        Self(vec![[Group::default(); WAYS]; SETS].into())
    }
}

/// A group with the subject just added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Distinct subjects.
    pub subjects: u32,
    /// Units that asked, about.
    pub units: u32,
}

impl Groups {
    /// Adds a subject to a group.
    pub fn add(&mut self, key: u64, subject: u64, unit: u32, at_ms: i64) -> Crowd {
        let key = key.max(1);
        let set = &mut self.0[(key >> 20) as usize % SETS];
        let is_old = |group: &Group| at_ms - group.first_ms > LIFE_MS;
        let place = set
            .iter()
            .position(|group| group.key == key && !is_old(group));
        let place = place.unwrap_or_else(|| {
            let worth = |group: &Group| match group.key == 0 || is_old(group) {
                true => (0, 0),
                false => (group.count, group.first_ms),
            };
            let least = (0..WAYS).min_by_key(|place| worth(&set[*place]));
            let place = least.unwrap_or(0);
            set[place] = Group {
                key,
                first_ms: at_ms,
                ..Group::default()
            };
            place
        });
        let group = &mut set[place];
        let bit = 1_u128 << (subject >> 3 & 127);
        if group.met & bit == 0 {
            group.met |= bit;
            group.count = group.count.saturating_add(1);
        }
        group.units |= 1 << (unit & 63);
        Crowd {
            subjects: group.count.into(),
            units: group.units.count_ones(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(of: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&of.to_le_bytes())
    }

    #[test]
    fn a_group_counts_distinct_subjects_and_units_of_a_day() {
        let mut groups = Groups::default();
        let key = hash(1);
        for round in 0..2 {
            for subject in 0..5 {
                groups.add(key, subject << 3, subject as u32, round);
            }
        }
        let crowd = groups.add(key, 0, 0, 9);
        assert_eq!((crowd.subjects, crowd.units), (5, 5));
        let crowd = groups.add(key, 9 << 3, 1, LIFE_MS + 1);
        assert_eq!((crowd.subjects, crowd.units), (1, 1), "a day later");
    }

    #[test]
    fn a_crowd_outlives_a_flood_of_single_askings() {
        let mut groups = Groups::default();
        let key = hash(7);
        for subject in 0..4 {
            groups.add(key, subject << 3, 1, 0);
        }
        for other in 0..2_000_000 {
            groups.add(hash(other + 100), hash(other), 2, 1);
        }
        assert_eq!(groups.add(key, 9 << 3, 1, 2).subjects, 5);
    }
}
