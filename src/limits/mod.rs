//! Who asks too much: requests a second, distinct subjects a day, and askings that look like
//! gathering the list rather than like business.
//!
//! `unit` is what a request meets: a few atomics. `watch` reads what was observed, beside the
//! requests, and decides how a unit is answered: as always, slowly, not until somebody has looked.
//! Never with another decision: what is answered is answered truly. Safeguard S41, fault F27.
//! In memory stand keyed hashes under a key of this process, no number and no name.

/// Requests a second of one unit.
pub mod rate;
/// Distinct subjects of one unit and day.
pub mod subjects;
/// What is kept of a request, and the way to those who judge it.
pub mod observed;
/// Counts over the last ten minutes, hour and day.
pub mod windows;
/// Numbers that begin or end alike.
pub mod prefixes;
/// How much a unit's asking looks like gathering, and why.
pub mod score;
/// What a request meets.
pub mod unit;
/// Reads what was observed and reacts.
pub mod watch;
/// All units.
pub mod table;
