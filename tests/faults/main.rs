//! Faults: the real server killed under load, and its snapshot swapped under load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a test crate"
)]

mod caller;
#[path = "../decisions/dice.rs"]
mod dice;
mod installation;
mod kill;
mod screen;
mod swap;
