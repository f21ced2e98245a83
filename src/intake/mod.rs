//! List files in; validated records, faults and warnings out; the faulty ones in a quarantine file.
//!
//! A line becomes a tree (`node`), the tree a record as written (`record`), that a record of the
//! model (`party`, `validate`). `ndjson` does this for files of any size on all cores, in order.
//! Contract, section 3; decision rules 2.7. Numbers are in clear here and leave only inside
//! `model::entry::ListRecord`; no fault, warning or quarantine row carries a value of a record.

/// What can be wrong with a record: codes, places, texts.
pub mod fault;
/// One line of JSON as a tree that remembers repeated keys.
pub mod node;
/// A record as written: known fields, their JSON types.
pub mod record;
/// Numbers of one party, and what they tell of birth and gender.
pub mod numbers;
/// Subject or holder: names, numbers, facts that contradict each other.
pub mod party;
/// A whole record against the contract and the catalogue.
pub mod validate;
/// In which charset a file is written, and its text as UTF-8.
pub mod charset;
/// The fields that a column can be.
pub mod field;
/// One cell of a table as found.
pub mod cell;
/// Days and moments in the forms that lists have.
pub mod dates;
/// The numbers in one cell, of whatever types and however masked.
pub mod number_cell;
/// Column profiles: which column of an office's table is which field.
pub mod profile;
/// The row of headers in a table, wherever it stands.
pub mod header;
/// What the words of offices mean where a profile does not say.
pub mod words;
/// A record put together from cells or entities.
pub mod written;
/// A row of a table as a record.
pub mod table;
/// A stream of bytes cut into blocks of whole lines.
pub mod blocks;
/// CSV cut into blocks of whole rows.
pub mod csv_rows;
/// Sheets of workbooks as rows.
pub mod workbook;
/// Files of records, in blocks, in parallel, in order.
pub mod ndjson;
/// A profile proposed for a table that nobody has described yet.
pub mod guess;
/// FollowTheMoney entities as records.
pub mod entities;
/// List files of every kind: which it is, and its records.
pub mod lists;
/// The file of what was left out.
pub mod quarantine;
/// The sample list: invented records and questions, as of a day.
pub mod sample;

#[cfg(test)]
mod lists_tests;
#[cfg(test)]
mod tests;
