//! Labelled pairs of names: how well the matcher tells them apart.
//!
//! In: pairs, tab-separated, with a label each. Out: a score for each pair, and for persons and
//! organisations apart precision, recall and F1 at the default threshold, the best F1, the recall
//! at 99 % precision, and the same class by class. Contract, section 6. The matcher sees the two
//! names and their kind, nothing else of a pair. Reads no files.

use crate::name::fold::fold;
use crate::name::query::NameQuery;
use crate::name::similarity::{NameKind, THRESHOLD};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The precision at which recall is asked for besides the default threshold.
pub const HIGH_PRECISION: f64 = 0.99;

/// Two names and whether they denote the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Names the pair in the scores.
    pub id: String,
    /// The name that is looked for, as somebody wrote it.
    pub query: String,
    /// The listed name, as its list writes it.
    pub listed: String,
    /// What bears the names.
    pub kind: NameKind,
    /// The process that made the pair.
    pub class: String,
    /// Whether they denote the same name.
    pub is_match: bool,
}

/// Why a file is no file of pairs.
#[derive(Debug, thiserror::Error)]
pub enum PairFault {
    /// The head line lacks a column.
    #[error(
        "{file}:1: the head line has no column `{column}`; wanted are id, query, listed, kind, \
         class and label, separated by tabs"
    )]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// A line has too few fields or is not text.
    #[error("{file}:{line}: {what}; give the fields of the head line, separated by tabs")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A field has a value that is none of those it can have.
    #[error("{file}:{line}: `{column}` is `{value}`; give {wanted}")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        wanted: &'static str,
    },
}

/// Parses the pairs of a file; `file` is its name in faults.
pub fn parse(file: &str, text: &str) -> Result<Vec<Pair>, PairFault> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .quoting(false)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let head = reader.headers().cloned().unwrap_or_default();
    let place = |column: &'static str| {
        head.iter()
            .position(|name| name == column)
            .ok_or_else(|| PairFault::Column {
                file: file.to_owned(),
                column,
            })
    };
    let [id, query, listed] = [place("id")?, place("query")?, place("listed")?];
    let [kind, class, label] = [place("kind")?, place("class")?, place("label")?];
    let mut pairs = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let line = index as u64 + 2;
        let fault = |what: String| PairFault::Line {
            file: file.to_owned(),
            line,
            what,
        };
        let record = record.map_err(|error| fault(error.to_string()))?;
        let field = |place: usize| {
            let missing = || fault(format!("{} fields", record.len()));
            record.get(place).ok_or_else(missing)
        };
        let wrong = |column, value: &str, wanted| PairFault::Value {
            file: file.to_owned(),
            line,
            column,
            value: value.to_owned(),
            wanted,
        };
        pairs.push(Pair {
            id: field(id)?.to_owned(),
            query: field(query)?.to_owned(),
            listed: field(listed)?.to_owned(),
            kind: match field(kind)? {
                "person" => NameKind::Person,
                "org" | "organisation" => NameKind::Organisation,
                other => return Err(wrong("kind", other, "`person` or `org`")),
            },
            class: field(class)?.to_owned(),
            is_match: match field(label)? {
                "match" => true,
                "non-match" => false,
                other => return Err(wrong("label", other, "`match` or `non-match`")),
            },
        });
    }
    Ok(pairs)
}

/// The score of each pair, in order.
pub fn scores(pairs: &[Pair]) -> Vec<f32> {
    pairs
        .par_iter()
        .map(|pair| {
            let query = NameQuery::parse(pair.kind, &pair.query);
            query.compare(&fold(&pair.listed)).score
        })
        .collect()
}

/// What a set of pairs yields, for one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct KindReport {
    /// What bears the names.
    pub kind: NameKind,
    /// Pairs of this kind.
    pub pairs: usize,
    /// At the default threshold.
    pub at_default: Figures,
    /// Where F1 is best: the threshold and what it yields.
    pub best: (f32, Figures),
    /// The lowest threshold whose precision is at least 0.99, and what it yields.
    pub at_high_precision: Option<(f32, Figures)>,
    /// Class by class, in order of their names, those that match first.
    pub classes: Vec<ClassReport>,
}

/// Precision, recall and their harmonic mean, each 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Share of the accepted pairs that match; 1.0 where none is accepted.
    pub precision: f64,
    /// Share of the matching pairs that are accepted.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// What one class of pairs yields.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// Whether its pairs match.
    pub is_match: bool,
    /// Pairs in it.
    pub pairs: usize,
    /// Share accepted at the default threshold: recall of a matching class, error of another.
    pub accepted_default: f64,
    /// Share accepted at the threshold of 99 % precision; 0 where there is none.
    pub accepted_high_precision: f64,
    /// Of a matching class against all non-matches of its kind, both at equal weight, at the
    /// default threshold.
    pub balanced: Option<Figures>,
    /// The best F1 of a matching class against all non-matches of its kind, at equal weight.
    pub balanced_best_f1: Option<f64>,
}

impl Figures {
    fn of(true_accepted: f64, false_accepted: f64, matches: f64) -> Self {
        let accepted = true_accepted + false_accepted;
        let precision = if accepted > 0.0 {
            true_accepted / accepted
        } else {
            1.0
        };
        let recall = if matches > 0.0 {
            true_accepted / matches
        } else {
            0.0
        };
        let sum = precision + recall;
        let f1 = if sum > 0.0 {
            2.0 * precision * recall / sum
        } else {
            0.0
        };
        Self {
            precision,
            recall,
            f1,
        }
    }
}

/// The figures of each kind that has pairs.
pub fn report(pairs: &[Pair], scores: &[f32]) -> Vec<KindReport> {
    [NameKind::Person, NameKind::Organisation]
        .into_iter()
        .filter_map(|kind| {
            let of_kind: Vec<(&Pair, f32)> = pairs
                .iter()
                .zip(scores.iter().copied())
                .filter(|(pair, _)| pair.kind == kind)
                .collect();
            (!of_kind.is_empty()).then(|| kind_report(kind, &of_kind))
        })
        .collect()
}

fn kind_report(kind: NameKind, pairs: &[(&Pair, f32)]) -> KindReport {
    let labelled: Vec<(bool, f32)> = pairs
        .iter()
        .map(|(pair, score)| (pair.is_match, *score))
        .collect();
    let steps = steps(&labelled, 1.0);
    let best = steps
        .iter()
        .copied()
        .reduce(|best, step| if step.1.f1 > best.1.f1 { step } else { best });
    let high = steps
        .iter()
        .copied()
        .rfind(|(_, figures)| figures.precision >= HIGH_PRECISION)
        .filter(|(_, figures)| figures.recall > 0.0);
    KindReport {
        kind,
        pairs: pairs.len(),
        at_default: at(&labelled, THRESHOLD, 1.0),
        best: best.unwrap_or((1.0, Figures::of(0.0, 0.0, 0.0))),
        at_high_precision: high,
        classes: classes(pairs, high.map(|(threshold, _)| threshold)),
    }
}

/// What a threshold yields; false acceptances count `weight` each.
fn at(labelled: &[(bool, f32)], threshold: f32, weight: f64) -> Figures {
    let accepted = |is_match: bool| {
        let accepted = |(label, score): &&(bool, f32)| *label == is_match && *score >= threshold;
        labelled.iter().filter(accepted).count() as f64
    };
    let matches = labelled.iter().filter(|(is_match, _)| *is_match).count();
    Figures::of(accepted(true), accepted(false) * weight, matches as f64)
}

/// Every score as a threshold, from the highest, and what it yields. A score of zero accepts
/// all and is no threshold.
fn steps(labelled: &[(bool, f32)], weight: f64) -> Vec<(f32, Figures)> {
    let mut falling = labelled.to_vec();
    falling.sort_by(|a, b| b.1.total_cmp(&a.1));
    let matches = labelled.iter().filter(|(is_match, _)| *is_match).count() as f64;
    let (mut true_accepted, mut false_accepted) = (0.0, 0.0);
    let mut steps = Vec::new();
    for (place, (is_match, score)) in falling.iter().enumerate() {
        if *is_match {
            true_accepted += 1.0;
        } else {
            false_accepted += weight;
        }
        let is_last = falling.get(place + 1).is_none_or(|next| next.1 < *score);
        if is_last && *score > 0.0 {
            steps.push((*score, Figures::of(true_accepted, false_accepted, matches)));
        }
    }
    steps
}

fn classes(pairs: &[(&Pair, f32)], high: Option<f32>) -> Vec<ClassReport> {
    let mut by_class: BTreeMap<(bool, &str), Vec<f32>> = BTreeMap::new();
    for (pair, score) in pairs {
        let class = (!pair.is_match, pair.class.as_str());
        by_class.entry(class).or_default().push(*score);
    }
    let others: Vec<(bool, f32)> = pairs
        .iter()
        .filter(|(pair, _)| !pair.is_match)
        .map(|(_, score)| (false, *score))
        .collect();
    by_class
        .into_iter()
        .map(|((differs, class), scores)| {
            let mut against = others.clone();
            against.extend(scores.iter().map(|score| (true, *score)));
            let weight = scores.len() as f64 / others.len().max(1) as f64;
            let best = steps(&against, weight)
                .into_iter()
                .map(|(_, figures)| figures.f1)
                .fold(0.0, f64::max);
            ClassReport {
                class: class.to_owned(),
                is_match: !differs,
                pairs: scores.len(),
                accepted_default: share(&scores, THRESHOLD),
                accepted_high_precision: high.map_or(0.0, |threshold| share(&scores, threshold)),
                balanced: (!differs).then(|| at(&against, THRESHOLD, weight)),
                balanced_best_f1: (!differs).then_some(best),
            }
        })
        .collect()
}

fn share(scores: &[f32], threshold: f32) -> f64 {
    let accepted = scores.iter().filter(|score| **score >= threshold).count();
    accepted as f64 / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id\tquery\tlisted\tkind\tclass\tlabel\tnote\n";

    fn pair(class: &str, is_match: bool) -> Pair {
        Pair {
            id: "p".to_owned(),
            query: "甲".to_owned(),
            listed: "乙".to_owned(),
            kind: NameKind::Person,
            class: class.to_owned(),
            is_match,
        }
    }

    #[test]
    fn pairs_are_read_by_the_names_of_their_columns() {
        let text = format!(
            "{HEAD}d1\t\"张 伟\t张伟\tperson\texact\tmatch\tx\nd2\ta\tb\torg\tc\tnon-match\t\n"
        );
        let pairs = parse("p.tsv", &text).unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[0].query, "\"张 伟", "quotes are characters");
        assert!(pairs[0].is_match);
        assert_eq!(pairs[1].kind, NameKind::Organisation);
    }

    #[test]
    fn faults_name_file_line_and_column() {
        let fault = |text: &str| parse("p.tsv", text).unwrap_err().to_string();
        assert_eq!(
            fault("id\tquery\n"),
            "p.tsv:1: the head line has no column `listed`; wanted are id, query, listed, kind, \
             class and label, separated by tabs"
        );
        assert_eq!(
            fault(&format!("{HEAD}d1\ta\tb\tfirm\tc\tmatch\t\n")),
            "p.tsv:2: `kind` is `firm`; give `person` or `org`"
        );
        assert_eq!(
            fault(&format!(
                "{HEAD}d1\ta\tb\torg\tc\tmatch\t\nd2\ta\tb\torg\tc\tyes\t\n"
            )),
            "p.tsv:3: `label` is `yes`; give `match` or `non-match`"
        );
        assert_eq!(
            fault(&format!("{HEAD}d1\ta\tb\n")),
            "p.tsv:2: 3 fields; give the fields of the head line, separated by tabs"
        );
    }

    #[test]
    fn figures_follow_from_the_scores() {
        let pairs = [
            pair("same", true),
            pair("same", true),
            pair("slip", true),
            pair("other", false),
            pair("other", false),
        ];
        let reports = report(&pairs, &[1.0, 0.9, 0.4, 0.6, 0.0]);
        assert_eq!(reports.len(), 1, "no organisations, no report");
        let persons = &reports[0];
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        close(persons.at_default.precision, 2.0 / 3.0);
        close(persons.at_default.recall, 2.0 / 3.0);
        let (threshold, best) = persons.best;
        assert!((threshold - 0.4).abs() < 1e-6);
        close(best.f1, 6.0 / 7.0);
        let (threshold, high) = persons.at_high_precision.unwrap();
        assert!((threshold - 0.9).abs() < 1e-6);
        close(high.recall, 2.0 / 3.0);
        let names: Vec<&str> = persons.classes.iter().map(|c| c.class.as_str()).collect();
        assert_eq!(names, ["same", "slip", "other"]);
        close(persons.classes[0].accepted_default, 1.0);
        close(persons.classes[0].balanced.unwrap().precision, 2.0 / 3.0);
        close(persons.classes[1].balanced_best_f1.unwrap(), 0.8);
        close(persons.classes[2].accepted_default, 0.5);
        close(persons.classes[2].accepted_high_precision, 0.0);
        assert_eq!(persons.classes[2].balanced, None);
    }

    #[test]
    fn a_matcher_that_accepts_nothing_has_no_recall_at_high_precision() {
        let reports = report(&[pair("same", true), pair("other", false)], &[0.0, 0.0]);
        assert_eq!(reports[0].at_high_precision, None);
        assert!(reports[0].at_default.recall.abs() < 1e-9);
    }
}
