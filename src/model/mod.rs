//! The words everything else speaks: who is listed, what a listing is, how long it lasts, what is
//! decided. Plain data, no rule of law, no JSON, no clock.

/// Decisions, identities, dispositions, reasons.
pub mod decision;
/// Kinds of subject and roles.
pub mod subject;
/// Moments, Shanghai days, dates.
pub mod term;
/// Entries and list records.
pub mod entry;
/// Chinese or English.
pub mod language;
