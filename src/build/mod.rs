//! The story of `hecha build`: list files in, one snapshot file out.
//!
//! Records arrive in blocks, validated (`intake`). Each is made ready on all cores: names folded,
//! numbers digested (`prepare`); then kept in compact form (`store`, `interner`). When all are
//! there, they get their order, names and identifiers their numbers (`arrange`, `identifiers`),
//! records of one subject and one case are grouped (`groups`), and the sections are written one
//! after the other (`write`), among them what answers show (`cold`), the tables of similar names
//! (`similar`) and the texts that scans look for (`scan`). `assemble` joins these steps, `files`
//! runs them from and to disk. Equal records and inputs give equal bytes, whatever the threads. No
//! clock, no list of its own.

/// Inputs and errors.
pub mod inputs;
mod interner;
/// One record, made ready.
mod prepare;
mod store;
mod arrange;
mod identifiers;
mod groups;
mod similar;
mod scan;
mod cold;
mod write;
/// From records to bytes.
pub mod assemble;
/// From list files to a snapshot file.
pub mod files;

use crate::build::assemble::Assembly;
use crate::build::inputs::{BuildError, BuildInputs, Origin};
use crate::model::entry::ListRecord;
use std::io::Cursor;

/// Builds a snapshot in memory: for tests, evaluation and the sample.
///
/// Records that cannot be built (duplicates, rare mask patterns) are left out; the manifest counts
/// them. Errors: what `BuildError` names.
pub fn build_records(
    records: Vec<ListRecord>,
    inputs: &BuildInputs,
) -> Result<Vec<u8>, BuildError> {
    let mut assembly = Assembly::new(inputs);
    let lines = (1..).map(|line| Origin { file: 0, line });
    assembly.add(lines.zip(records).collect(), 0)?;
    let (out, _) = assembly.arrange(0)?.write(Cursor::new(Vec::new()))?;
    Ok(out.into_inner())
}

#[cfg(test)]
#[path = "../../benches/corpus.rs"]
mod corpus;
#[cfg(test)]
#[path = "../../benches/name_corpus.rs"]
mod name_corpus;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod similar_tests;
#[cfg(test)]
#[path = "../../benches/worst_names.rs"]
mod worst_names;
#[cfg(test)]
mod worst_names_tests;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod published;
#[cfg(test)]
mod compared;
#[cfg(test)]
mod golden;
