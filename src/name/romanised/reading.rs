//! The ways in which a name in Latin letters may be read: system, syllables, order of the parts.
//!
//! In: the parts of a name. Out: its readings, the likeliest first, and block keys that cover them:
//! of a syllable that may stand for many sounds only the likeliest are kept, and only those fit
//! later, so that whatever fits is found. Bounded: sequences, orders and keys.

use super::super::pinyin::{Syllable, readings, sound_key, surname_chars, surname_readings};
use super::KEY_SYLLABLES_MAX;
use super::segment::{Sequence, cut_sequences, sequences};
use super::spelling::{Classes, Spelling, System};
use super::text::{BREAK, Parts};
use smallvec::SmallVec;

/// Orders of one name, at most.
const ORDERS_MAX: usize = 192;
/// Syllables from which a name may be of another language: its parts are free.
pub const FREE_SYLLABLES: usize = 4;
/// Letters from which a name may have been cut at the end.
const CUT_LETTERS_MIN: usize = 14;
/// Likelihood of other systems where the text is pinyin as well.
const BESIDE_PINYIN: f32 = 0.9;
/// Readings of a Han character before the letters that have keys.
const HAN_READINGS_MAX: usize = 2;

/// Keys that are left for Hokkien, and keys of an order of most systems.
const HOKKIEN_KEYS: usize = 8;

/// Likelihood by layout.
const SEPARATED: f32 = 0.95;
const JOINED: f32 = 0.93;
const GIVEN_FIRST: f32 = 0.9;
const HYPHENED_SURNAME: f32 = 0.88;
const FREE_JOINED_TURNED: f32 = 0.85;
const SLASH_TURNED: f32 = 0.75;
const JOINED_TURNED: f32 = 0.6;
const FOLDED_TURNED: f32 = 0.75;
const CUT: f32 = 0.62;
/// Below the threshold: a cut name too short to have a key.
const CUT_WITHOUT_KEY: f32 = 0.42;

/// How many classes of each syllable have keys.
type Counts = SmallVec<[u8; 8]>;

/// All ways to read a name.
#[derive(Debug, Default)]
pub struct Ways {
    /// Syllables in the order of the text.
    pub sequences: Vec<Sequence>,
    /// Readings, the likeliest first.
    pub orders: Vec<Order>,
}

/// A sequence read in an order.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which sequence.
    pub sequence: usize,
    /// Its system.
    pub system: System,
    /// Syllables of the text that stand before the surname.
    pub turned: usize,
    /// Syllables of the first part, that of the surname; 0 where the text does not say.
    pub surname: usize,
    /// Likelihood of a name that fits in everything.
    pub likelihood: f32,
    /// For each syllable, surname first, how many of its classes have keys.
    pub classes: Counts,
}

impl Ways {
    /// Reads the parts of a name; at most `keys_max` keys are added to `keys`.
    pub fn of(parts: &Parts, keys_max: usize, keys: &mut Vec<u64>) -> Self {
        let mut ways = Self::default();
        let systems = if parts.han.is_empty() {
            &System::ALL[..]
        } else {
            &System::ALL[..1]
        };
        for system in systems {
            ways.add_system(parts, *system);
        }
        if parts.han.is_empty() {
            ways.add_cut(parts);
        }
        // Stable: of equals the longest syllables come first.
        ways.orders
            .sort_by(|a, b| b.likelihood.total_cmp(&a.likelihood));
        ways.orders.truncate(ORDERS_MAX);
        ways.give_keys(parts, keys_max, keys);
        ways
    }

    fn add_system(&mut self, parts: &Parts, system: System) {
        if (system == System::WadeGilesMarked) != parts.is_marked && is_wade_giles(system) {
            return;
        }
        let is_pinyin = system == System::Pinyin;
        let beside_pinyin = !is_pinyin && !self.sequences.is_empty();
        let sequences_max = if is_pinyin { 24 } else { 12 };
        for sequence in sequences(&parts.parts, system, sequences_max) {
            if self.sequences.iter().any(|known| covers(known, &sequence)) {
                continue;
            }
            let mut likelihood = system.likelihood();
            if beside_pinyin {
                likelihood *= BESIDE_PINYIN;
            }
            self.add_orders(parts, sequence, system, likelihood);
        }
    }

    /// The orders of a sequence: as it stands, and with its end before its beginning.
    fn add_orders(&mut self, parts: &Parts, sequence: Sequence, system: System, likelihood: f32) {
        let syllables = sequence.slots.len();
        let is_free = syllables >= FREE_SYLLABLES;
        let number = self.sequences.len();
        let mut add = |turned: usize, surname: usize, layout: f32| {
            self.orders.push(Order {
                sequence: number,
                system,
                turned,
                surname,
                likelihood: likelihood * layout,
                classes: Counts::new(),
            });
        };
        let slash = parts.before_slash;
        let first = if slash > 0 { slash } else { 1 };
        let first = sequence.bounds.get(first - 1).copied().unwrap_or(0);
        if !parts.han.is_empty() {
            add(0, 0, JOINED);
        } else if sequence.bounds.len() == 1 {
            add(0, 0, JOINED);
            if system == System::Pinyin && is_free {
                (1..syllables).for_each(|turned| add(turned, 0, FREE_JOINED_TURNED));
            } else if parts.is_folded && (2..FREE_SYLLABLES).contains(&syllables) {
                add(syllables - 1, 1, FOLDED_TURNED);
            } else if system == System::Pinyin && syllables > 1 {
                add(syllables - 1, 1, JOINED_TURNED);
            }
        } else if slash > 0 {
            add(0, first, SEPARATED);
            let turned = if is_free { JOINED } else { SLASH_TURNED };
            add(first, syllables - first, turned);
        } else {
            // Two syllables with a hyphen are a given name; a compound surname seldom has one.
            let is_given_first = parts.parts[0].contains(BREAK) && sequence.bounds.len() == 2;
            let (as_is, turned) = if is_given_first {
                (HYPHENED_SURNAME, SEPARATED)
            } else {
                (SEPARATED, GIVEN_FIRST)
            };
            add(0, first, as_is);
            let turned = if is_free { JOINED } else { turned };
            for bound in &sequence.bounds[..sequence.bounds.len() - 1] {
                add(*bound, syllables - bound, turned);
            }
        }
        self.sequences.push(sequence);
    }

    /// Readings of a long name as the beginning of a longer one.
    fn add_cut(&mut self, parts: &Parts) {
        let letters: usize = parts.parts.iter().map(String::len).sum();
        if letters < CUT_LETTERS_MIN {
            return;
        }
        let mut all = sequences(&parts.parts, System::Pinyin, 4);
        all.extend(cut_sequences(&parts.parts, System::Pinyin, 4));
        for sequence in all {
            let complete = sequence.slots.len() - usize::from(sequence.is_cut);
            if complete < FREE_SYLLABLES {
                continue;
            }
            let likelihood = if complete >= KEY_SYLLABLES_MAX {
                CUT
            } else {
                CUT_WITHOUT_KEY
            };
            self.orders.push(Order {
                sequence: self.sequences.len(),
                system: System::Pinyin,
                turned: 0,
                surname: 0,
                likelihood,
                classes: Counts::new(),
            });
            self.sequences.push(Sequence {
                is_cut: true,
                ..sequence
            });
        }
    }

    /// Gives keys to the orders from the likeliest on; an order that gets none is dropped.
    fn give_keys(&mut self, parts: &Parts, keys_max: usize, keys: &mut Vec<u64>) {
        let han = han_classes(&parts.han);
        let sequences = &self.sequences;
        let mut choices: Vec<&Classes> = Vec::new();
        let has_hokkien = self.orders.iter().any(|o| o.system == System::Hokkien);
        let for_hokkien = if has_hokkien { HOKKIEN_KEYS } else { 0 };
        let mut has_cantonese = [false; 2];
        self.orders.retain_mut(|order| {
            let Some(sequence) = sequences.get(order.sequence) else {
                return false;
            };
            choices.clear();
            choices.extend(&han);
            for classes in slot_classes(order, sequence, han.len()) {
                choices.push(classes);
            }
            let kept = if order.system == System::Hokkien {
                0
            } else {
                for_hokkien
            };
            let left = keys_max.saturating_sub(keys.len() + kept);
            if left == 0 || choices.iter().any(|classes| classes.is_empty()) {
                return false;
            }
            let mut counts: Counts = choices.iter().map(|classes| count(classes)).collect();
            if order.likelihood > CUT_WITHOUT_KEY {
                let in_key = choices.len().min(KEY_SYLLABLES_MAX);
                let is_first = order.system == System::Cantonese
                    && !std::mem::replace(&mut has_cantonese[usize::from(order.turned > 0)], true);
                let budget = left.min(order.keys_max(is_first));
                choose(&choices[..in_key], budget, &mut counts);
                add_keys(&choices[..in_key], &counts, keys);
            }
            order.classes = counts.into_iter().skip(han.len()).collect();
            true
        });
    }
}

impl Order {
    /// Which syllable of the text is the `place`-th of the name, surname first.
    pub fn slot(&self, place: usize, syllables: usize) -> usize {
        (self.turned + place) % syllables.max(1)
    }

    /// Keys of this order, at most: many for Cantonese, whose syllables stand for many.
    fn keys_max(&self, is_first: bool) -> usize {
        match (self.system, self.turned) {
            (System::WadeGilesMarked | System::WadeGiles, 0) => 16,
            (System::Cantonese, 0) if is_first => 40,
            (System::Cantonese, _) if is_first => 24,
            (System::Cantonese, _) => 4,
            _ => HOKKIEN_KEYS,
        }
    }
}

fn is_wade_giles(system: System) -> bool {
    matches!(system, System::WadeGilesMarked | System::WadeGiles)
}

/// Whether every sound of `new` is one of `known` in the same place.
fn covers(known: &Sequence, new: &Sequence) -> bool {
    let mut slots = known.slots.iter().zip(&new.slots);
    known.bounds == new.bounds
        && slots.all(|(known, new)| {
            let mut sounds = new.sounds.iter();
            sounds.all(|sound| known.sounds.iter().any(|k| k.meaning == sound.meaning))
        })
}

/// The classes of each syllable of a name, surname first, behind so many Han characters.
fn slot_classes(
    order: &Order,
    sequence: &Sequence,
    han: usize,
) -> impl Iterator<Item = &'static Classes> {
    let syllables = sequence.slots.len();
    (0..syllables).filter_map(move |place| {
        let slot: &'static Spelling = sequence.slots.get(order.slot(place, syllables))?;
        Some(slot.classes(han + place))
    })
}

/// The classes of the Han characters before the letters.
fn han_classes(han: &[char]) -> Vec<Classes> {
    let surname =
        surname_chars(han).max(usize::from(!surname_readings(han).is_empty()) * han.len());
    let classes = han.iter().enumerate().map(|(place, c)| {
        let mut classes = Classes::new();
        let mut add = |syllable: Syllable| {
            let class = syllable.dialect_class();
            if !classes.iter().any(|(known, _)| *known == class) {
                classes.push((class, 1.0 / (1.0 + classes.len() as f32)));
            }
        };
        if place < surname {
            for reading in surname_readings(&han[..surname]) {
                reading.get(place).copied().map(&mut add);
            }
        }
        for reading in readings(*c).iter().take(HAN_READINGS_MAX) {
            add(reading.syllable);
        }
        classes
    });
    classes.collect()
}

fn count(classes: &Classes) -> u8 {
    u8::try_from(classes.len()).unwrap_or(u8::MAX)
}

/// How many classes of each syllable are kept so that all sequences of them are at most `budget`:
/// one of each, then whichever next one is most of its syllable.
fn choose(choices: &[&Classes], budget: usize, counts: &mut Counts) {
    let most = counts.clone();
    let totals: SmallVec<[f32; 8]> = choices
        .iter()
        .map(|classes| classes.iter().map(|(_, weight)| weight).sum())
        .collect();
    for count in counts.iter_mut().take(choices.len()) {
        *count = 1;
    }
    let mut product = 1;
    loop {
        let next = (0..choices.len())
            .filter(|place| {
                let count = usize::from(counts[*place]);
                counts[*place] < most[*place] && product / count * (count + 1) <= budget
            })
            .map(|place| {
                let (_, weight) = choices[place][usize::from(counts[place])];
                (place, weight / totals[place].max(f32::MIN_POSITIVE))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((place, _)) = next else {
            return;
        };
        let count = usize::from(counts[place]);
        product = product / count * (count + 1);
        counts[place] += 1;
    }
}

/// Adds the key of every sequence of the first `counts` classes of each syllable.
fn add_keys(choices: &[&Classes], counts: &Counts, keys: &mut Vec<u64>) {
    let product: usize = counts
        .iter()
        .take(choices.len())
        .map(|c| usize::from(*c))
        .product();
    for number in 0..product {
        let mut rest = number;
        let mut sequence = [0_u16; KEY_SYLLABLES_MAX];
        for (place, classes) in choices.iter().enumerate() {
            let count = usize::from(counts[place]).max(1);
            sequence[place] = classes[rest % count].0;
            rest /= count;
        }
        let key = sound_key(&sequence[..choices.len()]);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
}
