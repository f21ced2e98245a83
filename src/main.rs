//! Arguments in, exit code out.

use clap::Parser;
use hecha::cli::program::{self, Program};
use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    program::run(Program::parse())
}
