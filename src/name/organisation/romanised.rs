//! A Chinese name in Latin letters: Fuzhou Hongtu Trading Co., Ltd. for 福州宏图贸易有限公司.
//!
//! In: a name as written. Out: how Chinese names sound that it may stand for: the brand read as
//! syllables, with the Chinese trades that its English trade may be. Nothing for names that do not
//! read as pinyin. Bounded: `SOUNDS_MAX` names. No I/O.

use super::likeness::{LETTERS_MAX, class_of};
use super::slip::sound_hash_from;
use super::words::{Letter, Word, first_word, role, step, word_of};
use smallvec::SmallVec;

/// Chinese names that one Latin name may stand for.
const SOUNDS_MAX: usize = 24;
/// Chinese names that a folded one may stand for.
const RUN_SOUNDS_MAX: usize = 6;
/// Letters of a folded name that is read so.
const RUN_LETTERS_MAX: usize = 60;
/// Syllables of a brand.
const SYLLABLES_MAX: usize = 6;
/// Ways to read the letters of a brand as syllables.
const READINGS_MAX: usize = 6;
/// Words of a name that are looked at.
const WORDS_MAX: usize = 12;
/// Letters of a brand.
const BRAND_LETTERS_MAX: usize = 30;
/// What a legal form is called in English.
const FORMS: &[&str] = &[
    "co",
    "ltd",
    "limited",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "company",
    "llc",
    "group",
    "plc",
    "the",
    "and",
    "of",
];

/// How a Chinese name sounds that a Latin one may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// Hash of the sound of brand and trade.
    pub text: u64,
    /// Hash of the sound of the region before it; 0 for none.
    pub region: u64,
}

/// The names that `raw` may stand for.
pub fn sounds(raw: &str) -> SmallVec<[Sound; 4]> {
    let mut sounds = SmallVec::new();
    if !raw.is_ascii() || !raw.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return sounds;
    }
    let lower = raw.to_ascii_lowercase();
    let words = |text| -> SmallVec<[&str; WORDS_MAX]> {
        str::split(text, |c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty() && !FORMS.contains(word))
            .take(WORDS_MAX)
            .collect()
    };
    // Hongtu Trading (Fuzhou): the place stands in brackets.
    let bracket = lower.split_once('(').and_then(|(before, rest)| {
        let (place, _) = rest.split_once(')')?;
        (words(place).len() == 1).then(|| (before, words(place)[0]))
    });
    let words = words(bracket.map_or(&lower[..], |(before, _)| before));
    // The trade is as many words at the end as the table knows together.
    let trade = (1..words.len()).find_map(|start| Some((start, english(&words[start..])?)));
    let (brand, trades) = trade.map_or((words.len(), ""), |(start, word)| (start, word.means));
    if let Some((_, place)) = bracket {
        for region in readings(place) {
            add(&words[..brand], region, trades, &mut sounds);
        }
        return sounds;
    }
    add(&words[..brand], 0, trades, &mut sounds);
    if let Some((region, rest)) = words[..brand].split_first()
        && !rest.is_empty()
    {
        for region in readings(region) {
            add(rest, region, trades, &mut sounds);
        }
    }
    sounds
}

/// The names that a folded Latin name may stand for: its words are run together, so the region
/// cannot be told from the brand.
pub fn sounds_run_together(letters: &[Letter]) -> SmallVec<[Sound; 4]> {
    let mut sounds = SmallVec::new();
    let latin = |letter: &Letter| letter.0.is_ascii_alphabetic();
    if letters.len() > RUN_LETTERS_MAX || !letters.iter().all(latin) {
        return sounds;
    }
    let text: String = letters.iter().map(|letter| letter.0).collect();
    let trade = (2..text.len()).find_map(|start| Some((start, english(&[&text[start..]])?)));
    let (brand, trades) = trade.map_or((text.len(), ""), |(start, word)| (start, word.means));
    if trade.is_none()
        && let Some((start, chars, word)) = (2..text.len()).find_map(|start| {
            let (chars, word) = first_word(&letters[start..], role::ENGLISH)?;
            Some((start, chars, word))
        })
    {
        // Hongtu Trading (Fuzhou), without the brackets: read as the other way round.
        let place = &text[start + chars..];
        add(&[place, &text[..start]], 0, word.means, &mut sounds);
    }
    add(&[&text[..brand]], 0, trades, &mut sounds);
    sounds.truncate(RUN_SOUNDS_MAX);
    sounds
}

fn english(words: &[&str]) -> Option<Word> {
    let letters = words.iter().flat_map(|word| word.chars());
    word_of(letters).filter(|word| !word.means.is_empty())
}

fn add(brand: &[&str], region: u64, trades: &'static str, sounds: &mut SmallVec<[Sound; 4]>) {
    for brand in readings(&brand.concat()) {
        for trade in trades.split(' ') {
            if sounds.len() < SOUNDS_MAX {
                let text = sound_hash_from(brand, trade.chars());
                sounds.push(Sound { text, region });
            }
        }
    }
}

/// Hashes of the sounds of `letters`, in each way to read them as syllables.
fn readings(letters: &str) -> SmallVec<[u64; 2]> {
    let mut found = SmallVec::new();
    if letters.len() <= BRAND_LETTERS_MAX {
        read(letters, 0, 0, &mut found);
    }
    found
}

fn read(letters: &str, hash: u64, syllables: usize, found: &mut SmallVec<[u64; 2]>) {
    if letters.is_empty() {
        // One syllable is no brand.
        if syllables >= 2 && !found.contains(&hash) {
            found.push(hash);
        }
        return;
    }
    if syllables == SYLLABLES_MAX {
        return;
    }
    for end in (1..=letters.len().min(LETTERS_MAX)).rev() {
        if let Some(class) = class_of(&letters[..end])
            && found.len() < READINGS_MAX
        {
            read(&letters[end..], step(hash, class), syllables + 1, found);
        }
    }
}
