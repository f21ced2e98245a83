//! Scenarios: what the caller is about to do, and the facts of it that measures may read.
//!
//! Values of enums are small numbers after loading, so that a condition is a test of one bit.

use smallvec::SmallVec;

/// Place of a scenario in the catalogue, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScenarioIndex(pub u16);

/// Value of one attribute of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeValue {
    /// Place among the values of the enum.
    Enum(u8),
    /// Non-negative integer.
    Int(i64),
    /// Boolean.
    Bool(bool),
    /// Text that is there; no condition reads it.
    Text,
}

/// Values by place of the attribute in its scenario; `None` where absent.
pub type AttributeValues = SmallVec<[Option<AttributeValue>; 8]>;

/// Values an attribute can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeKind {
    /// One of these words, at most 64.
    Enum(Vec<Box<str>>),
    /// Integer from 0 to `max`.
    Int {
        /// Largest value.
        max: i64,
    },
    /// Boolean.
    Bool,
    /// Text.
    Text,
}

/// One attribute of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Box<str>,
    /// Values it can take.
    pub kind: AttributeKind,
    /// Unit or meaning, as the table states it.
    pub description: Box<str>,
    /// Whether a request must carry it.
    pub required: bool,
}

/// One scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Id, for example `rail.ticket`.
    pub id: Box<str>,
    /// English title.
    pub title_en: Box<str>,
    /// Chinese title.
    pub title_zh: Box<str>,
    /// Who asks.
    pub who_asks: Box<str>,
    /// Its attributes, at most 64.
    pub attributes: Vec<Attribute>,
}

impl Scenario {
    /// Place of the attribute with this name.
    pub fn find_attribute(&self, name: &str) -> Option<u8> {
        let place = self
            .attributes
            .iter()
            .position(|attribute| &*attribute.name == name)?;
        u8::try_from(place).ok()
    }
}

impl AttributeKind {
    /// Place of `word` among the values of an enum.
    pub fn find_value(&self, word: &str) -> Option<u8> {
        let Self::Enum(values) = self else {
            return None;
        };
        let place = values.iter().position(|value| &**value == word)?;
        u8::try_from(place).ok()
    }
}
