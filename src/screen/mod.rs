//! A bulk run: a file of subjects in, a file of decisions out, on all cores, in the order of the
//! input, resumable after any end of the process.
//!
//! One thread reads blocks of rows, all cores decide them through `gateway::question` (the very
//! code of HTTP), one thread writes. Of each block first the records of its answers are on the
//! disk, then its rows, then the checkpoint: after a kill the output is cut to the checkpoint and
//! the run goes on behind it, so that no row is lost or there twice. (The decision log may then
//! hold two records of a row: it was asked about twice.) The output has its name only when it is
//! whole; until then it is `OUT.part` beside `OUT.checkpoint`. A row that cannot be asked about has
//! its error in its own line and stops nothing.

/// A text cut into its lines.
pub mod lines;
/// Separated values cut into records and cells.
pub mod cells;
/// A row becomes the body of a check.
pub mod columns;
/// What a screened row says.
pub mod output;
/// Parquet.
pub mod table;
/// Rows of an input file.
pub mod rows;
/// How far a run has come.
pub mod checkpoint;
/// Acts while a run is under way.
pub mod acts;
/// The growing output.
pub mod sink;
/// Blocks of rows decided.
pub mod decide;
/// One run from its beginning to its end.
pub mod run;
/// Known subjects against what a new snapshot changes.
pub mod changes;
