//! What each spelling of a syllable may stand for, for every system of romanisation.
//!
//! In: readings of characters and the tables of `cantonese` and `hokkien`; rules turn pinyin into
//! Wade-Giles and Tongyong. Out: for each spelling its sounds or characters, and the classes of
//! pinyin under which listed names with them are found, likeliest first. Built once. No names.

use super::super::frequency::given_ppm;
use super::super::pinyin::{Syllable, readings, surname_per_million, surname_readings};
use super::cantonese;
use super::hokkien;
use super::mandarin;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A way of writing Chinese names in Latin letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Hanyu pinyin.
    Pinyin,
    /// Wade-Giles with its apostrophes.
    WadeGilesMarked,
    /// Wade-Giles without apostrophes.
    WadeGiles,
    /// Tongyong pinyin.
    Tongyong,
    /// Spellings of Hong Kong and Macau.
    Cantonese,
    /// Spellings of Singapore, Malaysia and Taiwan; given names also in pinyin.
    Hokkien,
}

/// What a spelling stands for, one possibility.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sound {
    /// The sound or character.
    pub meaning: Meaning,
    /// Likelihood that it is written so, against the usual spelling.
    pub quality: f32,
}

/// A sound of one of the tables, or a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A syllable of pinyin.
    Mandarin(Syllable),
    /// A syllable of pinyin in a given name, beside a surname of another speech.
    GivenMandarin(Syllable),
    /// A syllable of Jyutping.
    Cantonese(u16),
    /// A character of a given name or surname.
    Character(char),
    /// A character as a surname only.
    Surname(char),
}

/// Classes of pinyin with their weights, likeliest first.
pub type Classes = SmallVec<[(u16, f32); 4]>;

/// A spelling.
#[derive(Debug, Default, Clone)]
pub struct Spelling {
    /// What it may stand for.
    pub sounds: SmallVec<[Sound; 2]>,
    /// Classes of the characters that it may stand for in a given name.
    pub given: Classes,
    /// The same in a surname.
    pub surname: Classes,
}

/// The spellings of a system.
#[derive(Debug, Default)]
pub struct Spellings {
    by_letters: HashMap<String, Spelling>,
    /// Beginnings of syllables, for names that were cut at the end.
    beginnings: HashMap<String, Spelling>,
    /// Letters of the longest.
    pub letters_max: usize,
}

static PINYIN: LazyLock<Spellings> = LazyLock::new(|| {
    let mut spellings = Spellings::default();
    mandarin::pinyin(&mut |letters, syllable, quality| {
        spellings.add(letters, Meaning::Mandarin(syllable), quality);
    });
    spellings.add_beginnings();
    spellings.weigh();
    spellings
});
static WADE_GILES_MARKED: LazyLock<Spellings> = LazyLock::new(|| wade_giles(true));
static WADE_GILES: LazyLock<Spellings> = LazyLock::new(|| wade_giles(false));
static TONGYONG: LazyLock<Spellings> = LazyLock::new(|| {
    let mut spellings = Spellings::default();
    mandarin::tongyong(&mut |letters, syllable, quality| {
        spellings.add(letters, Meaning::Mandarin(syllable), quality);
    });
    spellings.weigh();
    spellings
});
static CANTONESE: LazyLock<Spellings> = LazyLock::new(|| {
    let mut spellings = Spellings::default();
    cantonese::spellings(&mut |letters, sound, quality| {
        spellings.add(letters, Meaning::Cantonese(sound), quality);
    });
    cantonese::surnames(&mut |letters, c| spellings.add(letters, Meaning::Surname(c), 1.0));
    spellings.weigh();
    spellings
});
static HOKKIEN: LazyLock<Spellings> = LazyLock::new(|| {
    let mut spellings = Spellings::default();
    hokkien::surnames(&mut |letters, c| spellings.add(letters, Meaning::Surname(c), 1.0));
    hokkien::given(&mut |letters, c| spellings.add(letters, Meaning::Character(c), 1.0));
    mandarin::pinyin(&mut |letters, syllable, quality| {
        spellings.add(letters, Meaning::GivenMandarin(syllable), quality);
    });
    spellings.weigh();
    spellings
});

fn wade_giles(is_marked: bool) -> Spellings {
    let mut spellings = Spellings::default();
    mandarin::wade_giles(is_marked, &mut |letters, syllable, quality| {
        spellings.add(letters, Meaning::Mandarin(syllable), quality);
    });
    mandarin::customary_surnames(&mut |letters, c| {
        spellings.add(letters, Meaning::Surname(c), 0.95);
    });
    spellings.weigh();
    spellings
}

impl System {
    /// All systems, the likeliest first.
    pub const ALL: [Self; 6] = [
        Self::Pinyin,
        Self::WadeGilesMarked,
        Self::WadeGiles,
        Self::Tongyong,
        Self::Cantonese,
        Self::Hokkien,
    ];

    /// Its spellings.
    pub fn spellings(self) -> &'static Spellings {
        match self {
            Self::Pinyin => &PINYIN,
            Self::WadeGilesMarked => &WADE_GILES_MARKED,
            Self::WadeGiles => &WADE_GILES,
            Self::Tongyong => &TONGYONG,
            Self::Cantonese => &CANTONESE,
            Self::Hokkien => &HOKKIEN,
        }
    }

    /// Likelihood of a match in this system, against pinyin.
    pub fn likelihood(self) -> f32 {
        match self {
            Self::Pinyin => 1.0,
            Self::WadeGilesMarked | Self::WadeGiles | Self::Tongyong => 0.9,
            Self::Cantonese => 0.85,
            Self::Hokkien => 0.74,
        }
    }

    /// Syllables of a name, at most: other languages are only written in pinyin.
    pub fn syllables_max(self) -> usize {
        match self {
            Self::Pinyin => 25,
            _ => 4,
        }
    }
}

impl Spellings {
    /// The spelling with these letters.
    pub fn get(&self, letters: &str) -> Option<&Spelling> {
        self.by_letters.get(letters)
    }

    /// What syllables that begin so may stand for.
    pub fn beginning(&self, letters: &str) -> Option<&Spelling> {
        self.beginnings.get(letters)
    }

    fn add(&mut self, letters: &str, meaning: Meaning, quality: f32) {
        self.letters_max = self.letters_max.max(letters.len());
        let spelling = self.by_letters.entry(letters.to_owned()).or_default();
        add_sound(spelling, meaning, quality);
    }

    fn add_beginnings(&mut self) {
        for (letters, spelling) in &self.by_letters {
            for length in 1..letters.len() {
                let Some(beginning) = letters.get(..length) else {
                    continue;
                };
                let whole = self.beginnings.entry(beginning.to_owned()).or_default();
                for sound in &spelling.sounds {
                    add_sound(whole, sound.meaning, sound.quality);
                }
            }
        }
    }

    /// Sets the classes of all spellings by how frequent their characters are in names.
    fn weigh(&mut self) {
        let weights = &*WEIGHTS;
        let all = self.by_letters.values_mut();
        for spelling in all.chain(self.beginnings.values_mut()) {
            for sound in &spelling.sounds {
                weights.add(sound, &mut spelling.given, &mut spelling.surname);
            }
            for classes in [&mut spelling.given, &mut spelling.surname] {
                classes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            }
        }
    }
}

impl Spelling {
    /// The classes of a character at this place of a name, surname first.
    pub fn classes(&self, place: usize) -> &Classes {
        if place == 0 {
            &self.surname
        } else {
            &self.given
        }
    }
}

fn add_sound(spelling: &mut Spelling, meaning: Meaning, quality: f32) {
    let known = spelling.sounds.iter_mut().find(|s| s.meaning == meaning);
    match known {
        Some(sound) => sound.quality = sound.quality.max(quality),
        None => spelling.sounds.push(Sound { meaning, quality }),
    }
}

/// How frequent sounds are in given names and surnames, by class of pinyin.
struct Weights {
    given: HashMap<u16, f32>,
    surname: HashMap<u16, f32>,
    /// Of each syllable of Jyutping: class, weight in given names, weight in surnames.
    cantonese: HashMap<u16, Vec<(u16, f32, f32)>>,
}

/// Weight of a character that no table of names knows.
const LEAST_WEIGHT: f32 = 0.01;

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| {
    let mut weights = Weights {
        given: HashMap::new(),
        surname: HashMap::new(),
        cantonese: HashMap::new(),
    };
    for (c, sounds) in cantonese::all_readings() {
        let (Some(class), Some(surname_class)) = (given_class(c), surname_class(c)) else {
            continue;
        };
        let (given, surname) = (given_weight(c), surname_weight(c));
        *weights.given.entry(class).or_default() += given;
        *weights.surname.entry(surname_class).or_default() += surname;
        for sound in sounds {
            let classes = weights.cantonese.entry(*sound).or_default();
            classes.push((class, given, 0.0));
            classes.push((surname_class, 0.0, surname));
        }
    }
    weights
});

impl Weights {
    fn add(&self, sound: &Sound, given: &mut Classes, surname: &mut Classes) {
        let of = |weights: &HashMap<u16, f32>, class: u16| {
            weights.get(&class).copied().unwrap_or(LEAST_WEIGHT) * sound.quality
        };
        match sound.meaning {
            Meaning::Mandarin(syllable) => {
                let class = syllable.dialect_class();
                add_class(given, class, of(&self.given, class));
                add_class(surname, class, of(&self.surname, class));
            }
            Meaning::GivenMandarin(syllable) => {
                let class = syllable.dialect_class();
                add_class(given, class, of(&self.given, class));
            }
            Meaning::Cantonese(sound_id) => {
                let classes = self.cantonese.get(&sound_id);
                for (class, in_given, in_surname) in classes.into_iter().flatten() {
                    if *in_given > 0.0 {
                        add_class(given, *class, in_given * sound.quality);
                    }
                    if *in_surname > 0.0 {
                        add_class(surname, *class, in_surname * sound.quality);
                    }
                }
            }
            Meaning::Character(c) => {
                if let (Some(class), Some(in_surname)) = (given_class(c), surname_class(c)) {
                    add_class(given, class, given_weight(c));
                    add_class(surname, in_surname, surname_weight(c));
                }
            }
            Meaning::Surname(c) => {
                if let Some(class) = surname_class(c) {
                    add_class(surname, class, surname_weight(c));
                }
            }
        }
    }
}

fn add_class(classes: &mut Classes, class: u16, weight: f32) {
    match classes.iter_mut().find(|(known, _)| *known == class) {
        Some((_, known)) => *known += weight,
        None => classes.push((class, weight)),
    }
}

fn given_weight(c: char) -> f32 {
    given_ppm(c).max(LEAST_WEIGHT)
}

fn surname_weight(c: char) -> f32 {
    surname_per_million(&[c]).unwrap_or(0.0).max(LEAST_WEIGHT)
}

/// The class under which a character of a given name is found.
pub fn given_class(c: char) -> Option<u16> {
    Some(readings(c).first()?.syllable.dialect_class())
}

/// The class under which a surname of one character is found.
pub fn surname_class(c: char) -> Option<u16> {
    let surname = surname_readings(&[c]).first();
    match surname.and_then(|reading| reading.first()) {
        Some(syllable) => Some(syllable.dialect_class()),
        None => given_class(c),
    }
}
