//! Checks that come in line by line and are answered line by line.
//!
//! In: the lines that have arrived, what their request has brought. Out: a line of answer for each,
//! once its record has reached its level: those that arrived together wait for the disk together.
//! Each line is asked on the view of its own moment, not all on one: a stream may last for hours,
//! and an act, a new snapshot or a revoked token takes effect on the very next check. Where its
//! unit has a rate, a line waits for room rather than fail, in stated time.

use super::clients::Brought;
use super::operator::Operator;
use super::question::Asker;
use super::service::{Gateway, Pending, unauthorised};
use crate::decision_log::record::Appended;
use crate::model::decision::Level;
use crate::model::language::Language;
use crate::telemetry::Durations;
use crate::wire::checks;
use crate::wire::problem::{Problem, ProblemKind};

const ROUTE: &str = "/v1/checks";

/// Who asks, of all lines of a stream.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What the request has brought, looked up again for each line.
    pub brought: Brought<'a>,
    /// The person at the unit.
    pub operator: &'a Operator<'a>,
    /// Language of the messages.
    pub language: Language,
}

/// Answers of lines, and whether further ones can be answered.
pub struct Answered {
    /// A line for each line.
    pub lines: Vec<u8>,
    /// False where the unit is no longer recognised, or the log has ended.
    pub goes_on: bool,
}

impl Gateway {
    /// Answers the lines that have arrived.
    pub async fn lines(
        &self,
        asking: Asking<'_>,
        lines: &[impl AsRef<[u8]>],
        waits: &Durations,
    ) -> Answered {
        let mut asked: Vec<Result<Pending, Problem>> = Vec::with_capacity(lines.len());
        let mut goes_on = true;
        for line in lines {
            if let Err(problem) = self.admit_line(asking.brought).await {
                // A unit that is stopped, or has no room for long: the rest would fare no better.
                asked.push(Err(problem));
                goes_on = false;
                break;
            }
            let one = self.line(asking, line.as_ref());
            goes_on = one.as_ref().map_or_else(is_of_one_line, |_| true);
            asked.push(one);
            if !goes_on {
                break;
            }
        }
        let pending = || asked.iter().filter_map(|one| one.as_ref().ok());
        let level = pending().map(|one| one.level).max();
        let recorded: Vec<Appended> = pending().map(|one| one.recorded).collect();
        let waited = self.wait(level.unwrap_or(Level::Kernel), &recorded, waits);
        if let Err(problem) = waited.await {
            goes_on = false;
            take_back(&mut asked, &problem);
        }
        let mut out = Vec::with_capacity(512 * asked.len());
        for one in asked {
            match one {
                Ok(pending) => out.extend_from_slice(&pending.body),
                Err(problem) => problem.write(&mut out),
            }
            out.push(b'\n');
        }
        Answered {
            lines: out,
            goes_on,
        }
    }

    fn line(&self, asking: Asking<'_>, line: &[u8]) -> Result<Pending, Problem> {
        checks::fits(line)?;
        let view = self.shared.view.load();
        let now = self.shared.clock.now();
        let Some(client) = view.law.clients.authenticate(asking.brought, now) else {
            let problem = unauthorised();
            self.refused(&problem, None, ROUTE);
            return Err(problem);
        };
        let asker = Asker {
            client,
            operator: asking.operator,
            language: asking.language,
        };
        self.ask(&view, asker, line, now, ROUTE)
    }
}

/// No answer without a durable record: each gets the problem with its own check_id.
fn take_back(asked: &mut [Result<Pending, Problem>], problem: &Problem) {
    for one in asked {
        let Ok(pending) = one else { continue };
        let check_id = pending.recorded.check_id.to_string();
        *one = Err(problem.clone().with_check_id(check_id));
    }
}

/// Whether the next line may fare better.
fn is_of_one_line(problem: &Problem) -> bool {
    !matches!(
        problem.kind,
        ProblemKind::Unauthorised | ProblemKind::Unavailable
    )
}
