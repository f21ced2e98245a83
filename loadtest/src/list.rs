//! A synthetic list in the format of list records: the story of `loadtest gen`.
//!
//! In: how many entries, a seed. Out: NDJSON, the same bytes for the same arguments, whatever the
//! threads. Work is cut into blocks of `BLOCK_LINES` lines, each with a seed of its own (`block`);
//! so a shorter list is the beginning of a longer one, and `--first` continues one. Written aside
//! and renamed: a list that stands there is whole.

use crate::block::{BLOCK_LINES, Shape, block};
use crate::machine::today;
use crate::names::Names;
use anyhow::{Context, Result, bail};
use clap::Args;
use hecha::model::term::Day;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Blocks a thread makes ahead of the disk.
const BLOCKS_AHEAD: usize = 1;

/// Arguments of `loadtest gen`.
#[derive(Args)]
#[command(
    after_help = "Numbers begin with divisions that were never assigned. Names come from \
                        the tables in data/names. Where --until is a day long past, build with \
                        `--as-of` a moment of today, else the lists count as stale and nothing \
                        blocks."
)]
pub struct GenArguments {
    /// Entries to write
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Another seed, another list
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Place of the first entry in the list of this seed, a multiple of 100,000: further entries,
    /// with other entry_ids
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Share of citizen numbers that are masked
    #[arg(long, default_value_t = 0.7)]
    masked: f64,
    /// Share of persons listed without any number, by their birth date alone
    #[arg(long, default_value_t = 0.02)]
    numberless: f64,
    /// Last day on which a record was supplied, such as 2026-06-30 [default: today]
    #[arg(long)]
    until: Option<String>,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// File to write
    #[arg(long)]
    out: PathBuf,
}

/// Writes the list.
pub fn generate(arguments: &GenArguments) -> Result<()> {
    let until = match &arguments.until {
        Some(day) => Day::parse(day).context("--until is no day such as 2026-06-30")?,
        None => today()?,
    };
    if !arguments.first.is_multiple_of(BLOCK_LINES) {
        bail!("--first is no multiple of {BLOCK_LINES}; lists are made in blocks of so many");
    }
    let shape = Shape {
        seed: arguments.seed,
        masked: arguments.masked,
        numberless: arguments.numberless,
        until,
    };
    let aside = arguments.out.with_extension("part");
    let write = || -> Result<()> {
        let mut out = File::create(&aside)?;
        let first = arguments.first / BLOCK_LINES;
        let threads = u64::from(arguments.threads);
        blocks(&shape, first, arguments.entries, threads, |text| {
            Ok(out.write_all(text.as_bytes())?)
        })?;
        out.sync_all()?;
        Ok(fs::rename(&aside, &arguments.out)?)
    };
    let named = |path: &Path| path.display().to_string();
    write().with_context(|| named(&arguments.out))
}

/// Hands the blocks from `first` on, `entries` lines in all, to `take` in order.
fn blocks(
    shape: &Shape,
    first: u64,
    entries: u64,
    threads: u64,
    mut take: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let names = Names::new();
    let count = entries.div_ceil(BLOCK_LINES);
    std::thread::scope(|scope| {
        let lanes: Vec<mpsc::Receiver<String>> = (0..threads.min(count))
            .map(|lane| {
                let (sender, receiver) = mpsc::sync_channel(BLOCKS_AHEAD);
                let names = &names;
                scope.spawn(move || {
                    for number in (lane..count).step_by(threads as usize) {
                        let lines = BLOCK_LINES.min(entries - number * BLOCK_LINES);
                        let text = block(shape, names, first + number, lines);
                        if sender.send(text).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for number in 0..count {
            let lane = &lanes[(number % threads) as usize];
            take(&lane.recv().context("a thread that makes the list ended")?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_list_begins_a_longer_one_whatever_the_threads() {
        let shape = Shape::of_tests(3);
        let text = |first, entries, threads| {
            let mut all = String::new();
            blocks(&shape, first, entries, threads, |text| {
                all.push_str(text);
                Ok(())
            })
            .unwrap();
            all
        };
        let long = text(0, 2 * BLOCK_LINES + 7, 3);
        assert_eq!(long.lines().count() as u64, 2 * BLOCK_LINES + 7);
        assert_eq!(long, text(0, 2 * BLOCK_LINES + 7, 1));
        let short = text(0, BLOCK_LINES + 1, 2);
        assert!(long.starts_with(&short));
        let rest = text(1, BLOCK_LINES + 7, 2);
        assert!(long.ends_with(&rest));
    }
}
