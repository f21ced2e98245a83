//! The safeguards S01 to S45 and the systems Y1 to Y42 as named tests of the real program.
//!
//! Each test starts the real binary or asks the one that all share, over HTTP, or runs commands;
//! nothing is decided in here. The number in front of a name is that of `docs/systems.md`, which
//! `table` reads: a test that the page names and nobody wrote is a fault. Moments that are not
//! now are asked for through `hecha eval decisions` and `hecha check --at`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[allow(
    dead_code,
    reason = "shared with the tests of blackbox, which use the rest"
)]
#[path = "../blackbox/harness.rs"]
mod harness;
#[allow(
    dead_code,
    reason = "shared with the tests of blackbox, which use the rest"
)]
#[path = "../blackbox/http.rs"]
mod http;

mod cases;
mod catalogue;
mod disclosure;
mod effect;
mod everything;
mod exit;
mod faults_page;
mod identity;
mod leaks;
mod log;
mod objection;
mod people;
mod swap;
mod systems;
mod table;
mod terms;
mod units;
mod workshop;
mod world;
