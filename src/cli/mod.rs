//! A file per command: arguments in, printed text and an exit code out.
//!
//! Exit codes: 0 done; 1 a fault of ours, or a failed evaluation; 2 bad input or usage; 3 done,
//! with records left out. Contract, section 4.

/// What no process of ours may leave behind: core dumps, texts of panics.
pub mod hygiene;
/// When something ends.
pub mod expiry;
/// `hecha key`: master keys and signing keys.
pub mod key;
/// `hecha sign`: snapshots and rollback orders.
pub mod sign;
/// `hecha ca`: an authority for tests.
pub mod ca;
/// What `hecha client list` shows.
pub mod client_shown;
/// `hecha client`: who may ask.
pub mod client;
/// `hecha profile`: which column of a table is what.
pub mod profile;
/// What differs between two snapshot files, for commands that print it.
pub mod differences;
/// `hecha diff`: what a new snapshot changes.
pub mod diff;
/// `hecha build`: list files in, one snapshot file out.
pub mod build;
/// `hecha inspect`: what a snapshot file is.
pub mod inspect;
/// `hecha publish`: puts a snapshot where gateways find it.
pub mod publish;
/// `hecha eval`: labelled cases in, figures out.
pub mod eval;
/// The sample installation.
pub mod sample;
/// `hecha check`: one question without a server.
pub mod check;
/// `hecha rescreen`: known subjects against what a new snapshot changes.
pub mod rescreen;
/// Limits of units at a start.
pub mod limiting;
/// Why the gateway cannot start.
pub mod start_error;
/// The witnesses of a gateway.
pub mod cosigning;
/// The gateway's own decision log.
pub mod own_log;
/// `hecha log expire`: the end of a month of the log.
pub mod expire;
/// The gateway, put together.
pub mod assembly;
/// `hecha screen`: a file of subjects in, a file of decisions out.
pub mod screen;
/// `hecha serve`: the gateway.
pub mod serve;
/// `hecha witness`: remembers how far logs have come.
pub mod witness;
/// `hecha acts`: acts for other gateways.
pub mod acts;
/// Which records of a log a command means.
pub mod log_filter;
/// A checkpoint that somebody kept.
pub mod kept;
/// `hecha log replay`: logged checks decided again.
pub mod replay;
/// `hecha log receipt`: one check, provable without the log.
pub mod receipt;
/// `hecha log proof`: the log continues what was kept of it.
pub mod proof;
/// `hecha log epoch`: a new log.
pub mod epoch;
/// The bar of commands that read a whole log.
pub mod log_bar;
/// `hecha log verify`: whether a log is whole.
pub mod verify;
/// A log opened offline, so that reading it is itself recorded.
pub mod log_open;
/// `hecha log subject`: who asked about a person.
pub mod subject;
/// `hecha log export`: the log as a table.
pub mod export;
/// `hecha log`: reading the decision log.
pub mod log;
/// Arguments of the whole program.
pub mod program;
