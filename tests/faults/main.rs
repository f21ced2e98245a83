//! Faults: the real server killed, its snapshot swapped under load, its disk failing, slow or full;
//! and the search for what must stand nowhere in clear.
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
mod clock;
mod disk;
mod markers;
mod memory;
mod power;
mod screen;
mod shim;
mod swap;
