//! Names of which some characters are written in pinyin: `王DIE文` for 王艓文, `zhai志刚` for 翟志刚.
//!
//! In: the characters of a folded name: Han characters, one run of letters, Han characters. Out:
//! the syllables of each place, for block keys, and whether a listed name fits. Letters at the end
//! of a name belong to `romanised`. Bounded: a run of few letters, at most two syllables.

use super::frequency::given_ppm;
use super::pinyin::{Syllable, readings, surname_chars, surname_readings};
use smallvec::SmallVec;

/// Letters of a run, at most: two syllables.
const LETTERS_MAX: usize = 12;
/// Characters of a name, at most.
const PLACES_MAX: usize = 8;
/// Below this share of given names a character is one that systems fail to store.
const RARE_PPM: f32 = 30.0;
/// Likelihood that a rare character is meant by its syllable, and a usual one.
const RARE_LIKELIHOOD: f32 = 0.93;
const USUAL_LIKELIHOOD: f32 = 0.8;

/// One place of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A character.
    Han(char),
    /// The syllable of a character.
    Sound(Syllable),
}

/// The places of a name, in order.
pub type Places = SmallVec<[Place; 4]>;

/// Reads a folded name, each way of dividing its letters into syllables; none where it is not of
/// this kind.
pub fn read(name: &[char]) -> SmallVec<[Places; 2]> {
    let mut ways = SmallVec::new();
    let Some((first, end)) = letters(name) else {
        return ways;
    };
    let (before, after) = (brackets_off(&name[..first]), brackets_off(&name[end..]));
    let is_han = |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}');
    let is_long = before.len() + after.len() + 2 > PLACES_MAX;
    // Letters at the very end belong to `romanised`, but in brackets they are one character.
    if is_long || end == name.len() || !before.iter().chain(after).all(is_han) {
        return ways;
    }
    let run: String = name[first..end].iter().collect();
    let whole = syllable(&run).map(|one| SmallVec::from_slice(&[one]));
    let halves = (1..run.len()).filter_map(|cut| {
        let (one, two) = run.split_at_checked(cut)?;
        Some(SmallVec::from_slice(&[syllable(one)?, syllable(two)?]))
    });
    for sounds in whole.into_iter().chain(halves).take(2) {
        let sounds: SmallVec<[Syllable; 2]> = sounds;
        let mut places = Places::new();
        places.extend(before.iter().copied().map(Place::Han));
        places.extend(sounds.into_iter().map(Place::Sound));
        places.extend(after.iter().copied().map(Place::Han));
        if places.len() > 1 {
            ways.push(places);
        }
    }
    ways
}

/// Likelihood that a listed name is written so; 0.0 where it does not fit.
pub fn likelihood(places: &[Place], listed: &[char]) -> f32 {
    if places.len() != listed.len() {
        return 0.0;
    }
    let mut likelihood = RARE_LIKELIHOOD;
    for (place, (asked, c)) in places.iter().zip(listed).enumerate() {
        match asked {
            Place::Han(asked) if asked == c => {}
            Place::Sound(sound) if is_read(*sound, place, listed) => {
                if given_ppm(*c) >= RARE_PPM {
                    likelihood = USUAL_LIKELIHOOD;
                }
            }
            _ => return 0.0,
        }
    }
    likelihood
}

fn is_read(sound: Syllable, place: usize, listed: &[char]) -> bool {
    let surname = surname_chars(listed);
    let as_surname = place < surname
        && surname_readings(&listed[..surname])
            .iter()
            .any(|reading| reading.get(place) == Some(&sound));
    let of_char = listed.get(place).map_or(&[][..], |c| readings(*c));
    as_surname || of_char.iter().any(|reading| reading.syllable == sound)
}

/// Where the only run of letters of a name begins and ends.
fn letters(name: &[char]) -> Option<(usize, usize)> {
    let first = name.iter().position(char::is_ascii_alphabetic)?;
    let run = name[first..].iter().take_while(|c| c.is_ascii_alphabetic());
    let end = first + run.count();
    let is_only = !name[end..].iter().any(char::is_ascii_alphabetic);
    (is_only && end - first <= LETTERS_MAX && name.len() <= LETTERS_MAX + PLACES_MAX)
        .then_some((first, end))
}

/// Without a bracket or blank sign at the ends.
fn brackets_off(chars: &[char]) -> &[char] {
    let is_sign = |c: &char| c.is_ascii_punctuation();
    let chars = match chars {
        [rest @ .., last] if is_sign(last) => rest,
        all => all,
    };
    match chars {
        [first, rest @ ..] if is_sign(first) => rest,
        all => all,
    }
}

/// A syllable, ü as v, u or yu.
fn syllable(letters: &str) -> Option<Syllable> {
    Syllable::parse(letters).or_else(|| {
        let (initial, last) = letters.split_at_checked(1)?;
        let last = last.strip_prefix("yu").or_else(|| last.strip_prefix('u'))?;
        matches!(initial, "l" | "n").then(|| Syllable::parse(&format!("{initial}v{last}")))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fits(name: &str, listed: &str, expected: f32) {
        let name: Vec<char> = name.chars().collect();
        let listed: Vec<char> = listed.chars().collect();
        let best = read(&name)
            .iter()
            .map(|places| likelihood(places, &listed))
            .fold(0.0, f32::max);
        assert!((best - expected).abs() < 1e-6, "{name:?} {listed:?} {best}");
    }

    #[test]
    fn a_character_in_pinyin_fits_its_readings() {
        fits("王die文", "王艓文", RARE_LIKELIHOOD);
        fits("王(die)文", "王艓文", RARE_LIKELIHOOD);
        fits("张wei明", "张伟明", USUAL_LIKELIHOOD);
        fits("zhai志刚", "翟志刚", RARE_LIKELIHOOD);
        fits("shan田芳", "单田芳", RARE_LIKELIHOOD);
        fits("吕lyu文", "吕率文", USUAL_LIKELIHOOD);
        fits("尚(lie)", "尚浖", RARE_LIKELIHOOD);
        fits("王xiaoming刚", "王小明刚", USUAL_LIKELIHOOD);
    }

    #[test]
    fn other_names_do_not_fit() {
        for (name, listed) in [
            ("王die文", "王伟文"),
            ("王die文", "王艓"),
            ("王die", "王艓"),
            ("wang wei", "王伟"),
            ("王die文w", "王艓文"),
            ("王qqq文", "王艓文"),
            ("", ""),
        ] {
            fits(name, listed, 0.0);
        }
    }
}
