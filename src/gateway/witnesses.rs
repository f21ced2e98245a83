//! What the metrics show of the witnesses of this gateway's log.
//!
//! In: what was cosigned, what failed. Out: figures; none where there are no witnesses. Asks nobody
//! itself.

use crate::telemetry::Figure;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Figures of the witnesses together.
#[derive(Debug, Default)]
pub struct WitnessFigures {
    /// When somebody began to ask them.
    begun: OnceLock<Instant>,
    size: AtomicU64,
    /// When all that was signed was last cosigned, in milliseconds after `begun`.
    whole_ms: AtomicU64,
    failures: AtomicU64,
    has_contradiction: AtomicBool,
}

impl WitnessFigures {
    /// From now on they are asked.
    pub fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// Every witness has cosigned all that is signed.
    pub fn is_whole_now(&self) {
        if let Some(begun) = self.begun.get() {
            self.whole_ms.store(since_ms(begun), Ordering::Relaxed);
        }
    }

    /// So many records of the newest month are cosigned by every witness.
    pub fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
    }

    /// A witness has not cosigned when it was asked.
    pub fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A witness has seen another log than this one; stays until the gateway ends.
    pub fn contradicted(&self) {
        self.has_contradiction.store(true, Ordering::Relaxed);
    }

    /// Figures for the metrics.
    pub fn list(&self) -> Vec<Figure> {
        let Some(begun) = self.begun.get() else {
            return Vec::new();
        };
        let age_ms = since_ms(begun).saturating_sub(self.whole_ms.load(Ordering::Relaxed));
        let has_contradiction = self.has_contradiction.load(Ordering::Relaxed);
        vec![
            Figure::gauge(
                "hecha_witness_size",
                "Records of the newest month that every witness has cosigned",
                self.size.load(Ordering::Relaxed) as f64,
            ),
            Figure::gauge(
                "hecha_witness_age_seconds",
                "Time since every witness had cosigned all that was signed",
                age_ms as f64 / 1_000.0,
            ),
            Figure::gauge(
                "hecha_witness_contradiction",
                "1 where a witness has seen another log than this one",
                f64::from(u8::from(has_contradiction)),
            ),
            Figure {
                name: "hecha_witness_failures_total",
                help: "Checkpoints that a witness did not cosign when it was asked",
                kind: "counter",
                value: self.failures.load(Ordering::Relaxed) as f64,
            },
        ]
    }
}

fn since_ms(begun: &Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_figures_only_where_witnesses_are_asked() {
        let figures = WitnessFigures::default();
        assert!(figures.list().is_empty());
        figures.begin();
        figures.set_size(9);
        figures.count_failure();
        figures.contradicted();
        let list = figures.list();
        let of = |name| list.iter().find(|one| one.name == name).unwrap().value;
        assert_eq!(of("hecha_witness_size"), 9.0);
        assert_eq!(of("hecha_witness_failures_total"), 1.0);
        assert_eq!(of("hecha_witness_contradiction"), 1.0);
    }
}
