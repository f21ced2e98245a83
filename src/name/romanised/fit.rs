//! One listed name beside one reading of a name in Latin letters.
//!
//! In: the characters of a listed name, an order of syllables. Out: the likelihood that they are
//! one name; 0.0 where one character has no reading that fits. Never: allocation. HOT.

use super::super::pinyin::{Reading, Syllable, readings, surname_chars, surname_readings};
use super::cantonese;
use super::reading::{FREE_SYLLABLES, Order};
use super::segment::Sequence;
use super::spelling::{Meaning, Spelling, System, given_class, surname_class};

/// Readings of a character that count, the most usual first.
const READINGS_MAX: usize = 3;

/// Likelihood by reading: everyday reading of a surname, other readings of it, other readings of a
/// character of a given name.
const EVERYDAY_SURNAME: f32 = 0.9;
const OTHER_SURNAME: f32 = 0.88;
const OTHER_READING: f32 = 0.94;
/// Two characters of a short name that are both read in another way.
const OTHER_TWICE: f32 = 0.6;
/// One syllable that southern speech does not keep from that of the character.
const DIALECT_SLIP: f32 = 0.45;
/// The cut between surname and given name is in another place than the name has it.
const OTHER_CUT: f32 = 0.5;
/// A compound surname of which the text takes the first character for the surname.
const SURNAME_APART: f32 = 0.95;

/// Characters whose readings are looked up once for all orders.
const CACHED_CHARS: usize = 8;

/// How a character sounds.
#[derive(Clone, Copy, Default)]
struct CharSounds {
    mandarin: &'static [Reading],
    cantonese: &'static [u16],
}

/// A listed name.
pub struct Listed<'a> {
    chars: &'a [char],
    /// Of the first characters.
    cached: [CharSounds; CACHED_CHARS],
    /// Readings of its surname.
    surname_readings: &'static [Vec<Syllable>],
    /// Characters of its surname; 0 where it has none that is known.
    surname: usize,
    is_behind_han: bool,
}

/// How well one character fits.
struct Fit {
    likelihood: f32,
    /// Whether it is read in another than its first way.
    is_other: bool,
    is_slip: bool,
}

impl CharSounds {
    fn of(c: char) -> Self {
        Self {
            mandarin: readings(c),
            cantonese: cantonese::readings(c),
        }
    }
}

impl<'a> Listed<'a> {
    /// The characters of a name; those behind equal ones when `is_behind_han`.
    pub fn new(chars: &'a [char], is_behind_han: bool) -> Self {
        let surname = if is_behind_han {
            0
        } else {
            surname_chars(chars)
        };
        let mut cached = [CharSounds::default(); CACHED_CHARS];
        for (cached, c) in cached.iter_mut().zip(chars) {
            *cached = CharSounds::of(*c);
        }
        Self {
            chars,
            cached,
            surname_readings: surname_readings(chars.get(..surname).unwrap_or(&[])),
            surname,
            is_behind_han,
        }
    }

    /// The likelihood that the name is written so.
    pub fn score(&self, order: &Order, sequence: &Sequence) -> f32 {
        let syllables = sequence.slots.len();
        let fits = if sequence.is_cut {
            self.chars.len() >= syllables
        } else {
            self.chars.len() == syllables
        };
        if !fits || (self.chars.len() < 2 && !self.is_behind_han) {
            return 0.0;
        }
        let mut likelihood = order.likelihood * self.layout(order);
        let mut worst = 1.0_f32;
        let (mut others, mut slips) = (0, 0);
        for place in 0..syllables {
            let slot = sequence.slots.get(order.slot(place, syllables));
            let kept = order.classes.get(place).copied().unwrap_or(0);
            let Some(fit) = slot.and_then(|slot| self.fit(slot, kept, place, order.system)) else {
                return 0.0;
            };
            others += usize::from(fit.is_other);
            slips += usize::from(fit.is_slip);
            if slips > 1 {
                return 0.0;
            }
            if place < self.surname {
                likelihood *= fit.likelihood;
            } else {
                worst = worst.min(fit.likelihood);
            }
        }
        if others > 1 && syllables < FREE_SYLLABLES {
            likelihood *= OTHER_TWICE;
        }
        likelihood * worst
    }

    /// How well the cut between surname and given name fits the listed name.
    fn layout(&self, order: &Order) -> f32 {
        let surname = self.surname.max(1);
        if order.surname == 0 || order.surname == surname {
            return 1.0;
        }
        let is_free = self.chars.len() > FREE_SYLLABLES
            || (self.chars.len() == FREE_SYLLABLES && surname == 1);
        if is_free {
            1.0
        } else if order.turned > 0 {
            0.0
        } else if order.surname == 1 {
            SURNAME_APART
        } else {
            OTHER_CUT
        }
    }

    /// How well the character at `place` fits a spelling of which the first `kept` classes count.
    fn fit(&self, slot: &Spelling, kept: u8, place: usize, system: System) -> Option<Fit> {
        let c = *self.chars.get(place)?;
        let cached = self.cached.get(place).copied();
        let sounds = cached.unwrap_or_else(|| CharSounds::of(c));
        let classes = slot.classes(place + usize::from(self.is_behind_han));
        let classes = classes.get(..usize::from(kept)).unwrap_or(classes);
        let is_kept = |class: u16| classes.iter().any(|(known, _)| *known == class);
        let mut best: Option<Fit> = None;
        for sound in &slot.sounds {
            let (likelihood, is_other, class) = match sound.meaning {
                Meaning::GivenMandarin(_) if place == 0 => continue,
                Meaning::Mandarin(syllable) | Meaning::GivenMandarin(syllable) => {
                    let Some((likelihood, is_other)) = self.read(sounds, syllable, place) else {
                        continue;
                    };
                    (likelihood, is_other, Some(syllable.dialect_class()))
                }
                Meaning::Cantonese(sound) if sounds.cantonese.contains(&sound) => {
                    (1.0, false, class_of(c, place))
                }
                Meaning::Character(known) if known == c => (1.0, false, class_of(c, place)),
                Meaning::Surname(known) if known == c && place == 0 => {
                    (1.0, false, class_of(c, place))
                }
                _ => continue,
            };
            let likelihood = likelihood * sound.quality;
            let is_better = best
                .as_ref()
                .is_none_or(|best| best.likelihood < likelihood);
            if is_better && class.is_some_and(is_kept) {
                best = Some(Fit {
                    likelihood,
                    is_other,
                    is_slip: false,
                });
            }
        }
        if best.is_none() && system == System::Pinyin {
            let mut all = sounds.mandarin.iter().take(READINGS_MAX);
            let is_near = all.any(|reading| is_kept(reading.syllable.dialect_class()));
            best = is_near.then_some(Fit {
                likelihood: DIALECT_SLIP,
                is_other: false,
                is_slip: true,
            });
        }
        best
    }

    /// How usual it is to read the character at `place` so, and whether that is not its first way.
    fn read(&self, sounds: CharSounds, syllable: Syllable, place: usize) -> Option<(f32, bool)> {
        if place < self.surname {
            let found = self
                .surname_readings
                .iter()
                .position(|reading| reading.get(place) == Some(&syllable));
            if let Some(found) = found {
                let is_other = found > 0;
                let likelihood = if is_other { EVERYDAY_SURNAME } else { 1.0 };
                return Some((likelihood, is_other));
            }
        }
        let mut all = sounds.mandarin.iter().take(READINGS_MAX);
        let found = all.position(|reading| reading.syllable == syllable)?;
        if place < self.surname {
            Some((OTHER_SURNAME, true))
        } else if found > 0 {
            Some((OTHER_READING, true))
        } else {
            Some((1.0, false))
        }
    }
}

/// The class under which the character at `place` is found.
fn class_of(c: char, place: usize) -> Option<u16> {
    if place == 0 {
        surname_class(c)
    } else {
        given_class(c)
    }
}
