//! Minutes of a long run, and whether anything grows.
//!
//! In: what was seen in each minute. Out: lines of CSV; a verdict: the slope of the process's own
//! memory over the last half, latencies of the first quarter against those of the last, handles.

use crate::deeds::Done;
use crate::drive::Measured;
use crate::pace::Latencies;
use crate::process::Footprint;
use crate::report::{figure, median};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Growth of the process's own memory in an hour below which it counts as flat.
const GROWTH_MB_AN_HOUR_MAX: f64 = 20.0;
/// Latencies of the last quarter over those of the first up to which they count as equal.
const P99_RATIO_MAX: f64 = 1.2;

/// One minute.
#[derive(Debug, Clone)]
pub struct Minute {
    /// From 1.
    pub number: u64,
    /// Answers with status 200.
    pub requests: u64,
    /// Requests without, and deeds that failed.
    pub failed: u64,
    /// Statuses other than 200 and how often.
    pub refused: BTreeMap<u16, u64>,
    /// p50, p99 and p99.9 of level kernel, in microseconds.
    pub kernel_us: [Option<f64>; 3],
    /// The same of level disk.
    pub disk_us: [Option<f64>; 3],
    /// Deeds since the start.
    pub done: Done,
    /// Memory at its end.
    pub memory: Footprint,
    /// Open files and sockets at its end.
    pub handles: u64,
    /// Bytes of the log's folder at its end.
    pub log_bytes: u64,
}

impl Minute {
    /// Without memory, handles and log.
    pub fn of(number: u64, measured: &Measured, done: Done) -> Self {
        let three = |of: &Latencies| [0.5, 0.99, 0.999].map(|share| of.quantile_us(share));
        Self {
            number,
            requests: measured.all.count(),
            failed: measured.failed(),
            refused: measured.refused.clone(),
            kernel_us: three(&measured.kernel),
            disk_us: three(&measured.disk),
            done,
            memory: Footprint::default(),
            handles: 0,
            log_bytes: 0,
        }
    }

    /// As a line.
    pub fn to_csv(&self) -> String {
        let us = |three: [Option<f64>; 3]| three.map(figure).join(",");
        format!(
            "{},{},{},{},{},{:.1},{:.1},{},{},{},{},{},{}",
            self.number,
            self.requests,
            self.failed,
            us(self.kernel_us),
            us(self.disk_us),
            megabytes(self.memory.anonymous_bytes),
            megabytes(self.memory.file_bytes),
            self.handles,
            self.memory.threads,
            self.log_bytes,
            self.done.feedback,
            self.done.objections,
            self.done.swaps,
        )
    }
}

/// Names of the columns.
pub fn header() -> String {
    "minute,requests,failed,kernel_p50_us,kernel_p99_us,kernel_p99.9_us,disk_p50_us,disk_p99_us,\
     disk_p99.9_us,anonymous_mb,files_mb,handles,threads,log_bytes,feedback,objections,swaps"
        .to_owned()
}

/// What the minutes show, a line each.
pub fn verdict(minutes: &[Minute]) -> String {
    let mut text = String::from("\n");
    let half = &minutes[minutes.len() / 2..];
    let slope = slope_an_hour(half);
    let quarter = (minutes.len() / 4).max(1).min(minutes.len());
    let (first, last) = (&minutes[..quarter], &minutes[minutes.len() - quarter..]);
    let p99 = |minutes: &[Minute]| median(minutes.iter().filter_map(|one| one.kernel_us[1]));
    let ratio = p99(last).zip(p99(first)).map(|(last, first)| last / first);
    let handles = |minutes: &[Minute]| median(minutes.iter().map(|one| one.handles as f64));
    let held = handles(first) == handles(last);
    let word = |met: bool| if met { "flat" } else { "GROWS" };
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "own memory over the last half: {:+.1} MB an hour: {}",
        slope,
        word(slope <= GROWTH_MB_AN_HOUR_MAX),
    );
    let _ = writeln!(
        text,
        "p99 of level kernel: {} us in the first quarter, {} in the last, medians of minutes; \
         ratio {}: {}",
        figure(p99(first)),
        figure(p99(last)),
        ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
        word(ratio.is_some_and(|ratio| ratio <= P99_RATIO_MAX)),
    );
    let _ = writeln!(
        text,
        "handles: {} in the first quarter, {} in the last: {}",
        figure(handles(first)),
        figure(handles(last)),
        if held { "constant" } else { "NOT CONSTANT" },
    );
    let all = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>();
    let mut refused: BTreeMap<u16, u64> = BTreeMap::new();
    for (status, count) in minutes.iter().flat_map(|one| &one.refused) {
        *refused.entry(*status).or_default() += count;
    }
    if let Some(Minute { done, .. }) = minutes.last() {
        let _ = writeln!(
            text,
            "{} requests answered, {} requests and deeds failed (other statuses {refused:?}); {} \
             feedback, {} objections, {} swaps",
            all(|one| one.requests),
            all(|one| one.failed),
            done.feedback,
            done.objections,
            done.swaps,
        );
    }
    text
}

/// Least squares over the process's own memory, in megabytes an hour.
fn slope_an_hour(minutes: &[Minute]) -> f64 {
    let count = minutes.len().max(1) as f64;
    let at = |one: &Minute| (one.number as f64, megabytes(one.memory.anonymous_bytes));
    let sum = minutes.iter().map(at);
    let (x_sum, y_sum) = sum.fold((0.0, 0.0), |(x, y), (dx, dy)| (x + dx, y + dy));
    let (x_mean, y_mean) = (x_sum / count, y_sum / count);
    let squares = minutes.iter().map(at).fold((0.0, 0.0), |(xy, xx), (x, y)| {
        let x = x - x_mean;
        (xy + x * (y - y_mean), xx + x * x)
    });
    match squares.1 > 0.0 {
        true => squares.0 / squares.1 * 60.0,
        false => 0.0,
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(memory_mb: impl Fn(u64) -> u64, p99_us: impl Fn(u64) -> f64) -> Vec<Minute> {
        let mut minutes = Vec::new();
        for number in 1..=40 {
            let mut minute = Minute::of(number, &Measured::new().unwrap(), Done::default());
            minute.memory.anonymous_bytes = memory_mb(number) * 1_000_000;
            minute.kernel_us[1] = Some(p99_us(number));
            minute.handles = 7;
            minutes.push(minute);
        }
        minutes
    }

    #[test]
    fn what_grows_is_called_so_and_what_does_not_is_not() {
        let flat = verdict(&minutes(|_| 80, |_| 150.0));
        assert!(flat.contains("+0.0 MB an hour: flat"), "{flat}");
        assert!(flat.contains("ratio 1.00: flat") && flat.contains("constant"));
        let early = verdict(&minutes(|number| number.min(10) * 9, |_| 150.0));
        assert!(early.contains("hour: flat"), "{early}");
        let grows = verdict(&minutes(|number| 80 + number, |number| number as f64));
        assert!(grows.contains("+60.0 MB an hour: GROWS"), "{grows}");
        assert!(grows.contains("ratio 7.00: GROWS"), "{grows}");
        assert!(!verdict(&[]).is_empty());
    }

    #[test]
    fn a_line_has_as_many_columns_as_the_head() {
        let line = minutes(|_| 1, |_| 2.0)[0].to_csv();
        assert_eq!(line.split(',').count(), header().split(',').count());
    }
}
