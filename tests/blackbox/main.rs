//! The program as others see it: HTTP on free ports and commands, nothing else.
//!
//! Each test starts the real binary on a folder of its own. Figures of time are limits that were
//! configured small, never measurements.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too; some print a figure"
)]

mod activation;
mod acts;
mod approvals;
mod auth;
mod authority;
mod commands;
mod deltas;
mod denials;
mod disclosure;
mod errors;
mod expiries;
mod export;
mod feedback;
mod frames;
mod gates;
mod harness;
mod holds;
mod http;
mod http2;
mod insider;
mod intake;
mod lane;
mod lifecycle;
mod limits;
mod names;
mod overload;
mod peers;
mod rates;
mod recalls;
mod receipts;
mod records;
mod replays;
mod rescreen;
mod scan;
mod screen;
mod secrets;
mod signing;
mod smuggling;
mod snapshots;
mod stream;
mod subject;
mod time;
mod tls;
mod tokens;
mod tree;
mod trusted;
mod witness;
mod witnessed;
