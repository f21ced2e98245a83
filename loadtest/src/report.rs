//! The table: both servers side by side, their ratio in each round, medians over the rounds.
//!
//! In: what the rounds measured. Out: text on standard output, JSON in a file where asked. Ratios
//! are taken within a round and then compared: machines drift between rounds.

use crate::drive::Measured;
use crate::machine;
use crate::pace::Latencies;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// What was asked for.
pub struct Setup {
    /// Connections to each server.
    pub connections: u16,
    /// Seconds of each open loop.
    pub seconds: u64,
    /// Bodies in the mix.
    pub bodies: usize,
    /// Least level of answers.
    pub level: String,
    /// Rate of the open loops, where it was given.
    pub fixed_rate: Option<u64>,
    /// Where and when: machine, date, commit, snapshot, kind of requests.
    pub head: Value,
}

/// One server in one round.
pub struct Side {
    /// Answers a second in the best closed loop.
    pub saturation: f64,
    /// Share of its core it used there.
    pub busy: Option<f64>,
    /// Processor microseconds a request there.
    pub processor_us: Option<f64>,
    /// Requests without an answer of status 200.
    pub failed: u64,
    /// Requests a second in the open loop.
    pub open_rate: u64,
    /// The open loop.
    pub open: Measured,
}

/// Both servers, one after the other.
pub struct Round {
    /// The bare server.
    pub bare: Side,
    /// hecha.
    pub hecha: Side,
}

/// Shares of answers whose latency is shown.
const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// Below this share of its core a server was not what limited the closed loop.
const BUSY_MIN: f64 = 0.9;

/// Prints the table; an error where requests failed.
pub fn print(
    setup: &Setup,
    rounds: &[Round],
    syncs: &[Latencies],
    record: Option<&Path>,
) -> Result<()> {
    let rows = rows(rounds);
    let text = table(setup, rounds, &rows, syncs);
    std::io::stdout().write_all(text.as_bytes())?;
    if let Some(path) = record {
        machine::keep(path, &as_json(setup, rounds, &rows, syncs))?;
    }
    let failed: u64 = rounds
        .iter()
        .map(|round| round.bare.failed + round.hecha.failed)
        .sum();
    if failed > 0 {
        bail!("{failed} requests had no answer with status 200: the figures are not to be used");
    }
    Ok(())
}

/// One figure of both servers, one pair a round; a side is absent where it has none.
struct Row {
    name: String,
    pairs: Vec<(Option<f64>, Option<f64>)>,
}

impl Row {
    fn new(
        name: impl Into<String>,
        rounds: &[Round],
        figure: impl Fn(&Side) -> Option<f64>,
    ) -> Self {
        let pairs = rounds.iter();
        let pairs = pairs.map(|round| (figure(&round.bare), figure(&round.hecha)));
        Self {
            name: name.into(),
            pairs: pairs.collect(),
        }
    }

    fn bare(&self) -> Option<f64> {
        median(self.pairs.iter().filter_map(|(bare, _)| *bare))
    }

    fn hecha(&self) -> Option<f64> {
        median(self.pairs.iter().filter_map(|(_, hecha)| *hecha))
    }

    /// hecha's figure over the bare server's, round by round.
    fn ratios(&self) -> Vec<f64> {
        let both = self
            .pairs
            .iter()
            .filter_map(|(bare, hecha)| (*bare).zip(*hecha));
        both.map(|(bare, hecha)| hecha / bare).collect()
    }
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    let mut rows = vec![
        Row::new("saturation, requests/s", rounds, |side| {
            Some(side.saturation)
        }),
        Row::new("processor us a request", rounds, |side| side.processor_us),
        Row::new("open loop, requests/s", rounds, |side| {
            Some(side.open_rate as f64)
        }),
    ];
    for (name, share) in SHARES {
        let kernel = |side: &Side| side.open.kernel.quantile_us(share);
        rows.push(Row::new(format!("{name} us, level kernel"), rounds, kernel));
    }
    for (name, share) in SHARES {
        let disk = |side: &Side| side.open.disk.quantile_us(share);
        rows.push(Row::new(format!("{name} us, level disk"), rounds, disk));
    }
    for (name, share) in SHARES {
        let all = |side: &Side| side.open.all.quantile_us(share);
        rows.push(Row::new(format!("{name} us, all answers"), rounds, all));
    }
    rows
}

fn table(setup: &Setup, rounds: &[Round], rows: &[Row], syncs: &[Latencies]) -> String {
    let mut text = String::new();
    let rate = match setup.fixed_rate {
        Some(rate) => format!("{rate} requests/s"),
        None => "half of each server's saturation".to_owned(),
    };
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "rounds {}, connections {}, bodies {}, client level {}, open loops of {} s at {rate}\n\
         medians of the rounds; ratios are taken within a round: median (least to most)\n",
        rounds.len(),
        setup.connections,
        setup.bodies,
        setup.level,
        setup.seconds,
    );
    let _ = writeln!(text, "{:<26}{:>12}{:>12}  hecha/bare", "", "bare", "hecha");
    for row in rows {
        let _ = writeln!(
            text,
            "{:<26}{:>12}{:>12}  {}",
            row.name,
            figure(row.bare()),
            figure(row.hecha()),
            ratio(&row.ratios()),
        );
    }
    let _ = writeln!(text, "\n256 bytes and fdatasync, same folder, same run:");
    for (name, share) in SHARES {
        let us = median(syncs.iter().filter_map(|sync| sync.quantile_us(share)));
        let _ = writeln!(text, "{:<26}{:>12}", format!("{name} us"), figure(us));
    }
    let each = median(syncs.iter().filter_map(Latencies::a_second));
    let _ = writeln!(
        text,
        "{:<26}{:>12}",
        "one after another, a second",
        figure(each)
    );
    for (name, side) in [
        ("bare", (|round: &Round| &round.bare) as fn(&Round) -> &Side),
        ("hecha", |round: &Round| &round.hecha),
    ] {
        text.push_str(&notes(name, rounds.iter().map(side)));
    }
    text
}

/// What makes the figures of a server doubtful.
fn notes<'a>(name: &str, sides: impl Iterator<Item = &'a Side>) -> String {
    let mut text = String::new();
    for (number, side) in sides.enumerate() {
        let round = number + 1;
        if side.failed > 0 {
            let (refused, unanswered) = (&side.open.refused, side.open.unanswered);
            let _ = writeln!(
                text,
                "\n{name}, round {round}: {} requests failed (open loop: {unanswered} without an \
                 answer, other statuses {refused:?})",
                side.failed,
            );
        }
        if let Some(busy) = side.busy.filter(|busy| *busy < BUSY_MIN) {
            let _ = writeln!(
                text,
                "\n{name}, round {round}: the server used {:.0} % of its core at saturation; the \
                 load or the disk was the limit",
                busy * 100.0,
            );
        }
    }
    text
}

fn as_json(setup: &Setup, rounds: &[Round], rows: &[Row], syncs: &[Latencies]) -> Value {
    let figures = rows.iter().map(|row| {
        let ratios = row.ratios();
        let value = json!({"bare": row.bare(), "hecha": row.hecha(), "ratios": ratios,
            "ratio": median(ratios.iter().copied()), "ratio_range": range(&ratios)});
        (row.name.clone(), value)
    });
    let each = median(syncs.iter().filter_map(Latencies::a_second));
    let syncs = SHARES.into_iter().map(|(name, share)| {
        let us = median(syncs.iter().filter_map(|sync| sync.quantile_us(share)));
        (name.to_owned(), json!(us))
    });
    json!({
        "head": setup.head,
        "rounds": rounds.len(),
        "connections": setup.connections,
        "seconds": setup.seconds,
        "bodies": setup.bodies,
        "level": setup.level,
        "figures": figures.collect::<serde_json::Map<_, _>>(),
        "fdatasync_a_second": each,
        "fdatasync_us": syncs.collect::<serde_json::Map<_, _>>(),
        "failed": rounds.iter().map(|r| r.bare.failed + r.hecha.failed).sum::<u64>(),
    })
}

/// The middle one; of two the smaller.
pub fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied()
}

/// As a table shows it.
pub fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// Least and most.
pub fn range(ratios: &[f64]) -> Option<[f64; 2]> {
    let least = ratios.iter().copied().min_by(f64::total_cmp)?;
    let most = ratios.iter().copied().max_by(f64::total_cmp)?;
    Some([least, most])
}

/// Median, least and most.
pub fn ratio(ratios: &[f64]) -> String {
    match (median(ratios.iter().copied()), range(ratios)) {
        (Some(median), Some([least, most])) => {
            format!("{median:.2} ({least:.2} to {most:.2})")
        }
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_taken_round_by_round() {
        let row = Row {
            name: "x".to_owned(),
            pairs: vec![
                (Some(100.0), Some(60.0)),
                (Some(200.0), Some(100.0)),
                (Some(50.0), Some(40.0)),
                (None, Some(7.0)),
            ],
        };
        assert_eq!(row.bare(), Some(100.0));
        assert_eq!(ratio(&row.ratios()), "0.60 (0.50 to 0.80)");
        assert_eq!(ratio(&[]), "-");
        assert_eq!(figure(None), "-");
        assert_eq!(figure(Some(12.34)), "12.3");
        assert_eq!(figure(Some(81_234.4)), "81234");
        assert_eq!(median([3.0, 1.0].into_iter()), Some(1.0));
    }
}
