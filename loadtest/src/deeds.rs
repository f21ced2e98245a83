//! What happens beside the checks of a long run: feedback, objections and their outcome, swaps.
//!
//! In: deeds, in order. Out: how many were done, and what was said to those that failed. A thread
//! of its own waits for their answers, so that the load does not.

use crate::call::post_done;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// One deed.
#[derive(Debug)]
pub enum Deed {
    /// Feedback on an answer that blocked, given its body.
    Feedback(Vec<u8>),
    /// An objection against the first entry of such an answer, and that it was not upheld: the
    /// entry is out, then counts again.
    Objection(Vec<u8>),
    /// Another snapshot of the folder is chosen.
    Swap(String),
}

/// Where deeds are sent, and by whom.
#[derive(Clone)]
pub struct Doer {
    /// Where checks are answered.
    pub checks: SocketAddr,
    /// Where operators are answered.
    pub ops: SocketAddr,
    /// Token of a checker and steward.
    pub token: String,
}

/// Deeds that were done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Feedback given.
    pub feedback: u64,
    /// Objections made and answered.
    pub objections: u64,
    /// Snapshots chosen.
    pub swaps: u64,
    /// Deeds that failed.
    pub failed: u64,
}

/// The thread, and what it has to say.
pub struct Deeds {
    sender: mpsc::Sender<Deed>,
    results: mpsc::Receiver<(Deed, Result<()>)>,
    thread: JoinHandle<()>,
    /// What was done so far, as far as it was looked at.
    pub done: Done,
    /// What the first deed that failed was told.
    pub first_fault: Option<String>,
}

impl Deeds {
    /// Starts the thread.
    pub fn start(doer: Doer) -> Self {
        let (sender, deeds) = mpsc::channel::<Deed>();
        let (told, results) = mpsc::channel();
        let thread = thread::spawn(move || {
            for (number, deed) in deeds.iter().enumerate() {
                let result = doer.does(&deed, number);
                if told.send((deed, result)).is_err() {
                    return;
                }
            }
        });
        Self {
            sender,
            results,
            thread,
            done: Done::default(),
            first_fault: None,
        }
    }

    /// Asks for a deed; it is done when those before it are.
    pub fn ask(&self, deed: Deed) -> Result<()> {
        let sent = self.sender.send(deed).ok();
        sent.context("the thread that does deeds ended")
    }

    /// Looks at what was done meanwhile; does not wait.
    pub fn look(&mut self) {
        for (deed, result) in self.results.try_iter() {
            count(&mut self.done, &mut self.first_fault, &deed, result);
        }
    }

    /// Waits for the last ones.
    pub fn finish(self) -> (Done, Option<String>) {
        let (mut done, mut fault) = (self.done, self.first_fault);
        drop(self.sender);
        for (deed, result) in self.results.iter() {
            count(&mut done, &mut fault, &deed, result);
        }
        // A panic of the thread would have shown as missing deeds; there is nothing to pass on.
        let _ = self.thread.join();
        (done, fault)
    }
}

fn count(done: &mut Done, fault: &mut Option<String>, deed: &Deed, result: Result<()>) {
    match (result, deed) {
        (Ok(()), Deed::Feedback(_)) => done.feedback += 1,
        (Ok(()), Deed::Objection(_)) => done.objections += 1,
        (Ok(()), Deed::Swap(_)) => done.swaps += 1,
        (Err(error), _) => {
            done.failed += 1;
            fault.get_or_insert_with(|| format!("{error:#}"));
        }
    }
}

impl Doer {
    fn does(&self, deed: &Deed, number: usize) -> Result<()> {
        let post = |address, path: &str, body: Value| {
            post_done(address, path, &self.token, &body.to_string()).map(drop)
        };
        match deed {
            Deed::Feedback(answer) => {
                let check_id = text(answer, "/check_id")?;
                let body = json!({"check_id": check_id, "action": "enforced"});
                post(self.checks, "/v1/feedback", body)
            }
            Deed::Objection(answer) => {
                let entry = text(answer, "/matches/0/entry_id")?;
                let reference = format!("objection {number}");
                let hold = json!({"reason": "load test", "reference": reference});
                post(self.ops, &format!("/v1/entries/{entry}/hold"), hold)?;
                let outcome = json!({"outcome": "upheld", "reference": reference});
                let path = format!("/v1/entries/{entry}/hold/outcome");
                post(self.ops, &path, outcome)
            }
            Deed::Swap(file) => post(self.ops, "/v1/snapshot", json!({"file": file})),
        }
    }
}

fn text(answer: &[u8], place: &str) -> Result<String> {
    let answer: Value = serde_json::from_slice(answer)?;
    let text = answer.pointer(place).and_then(Value::as_str);
    let text = text.with_context(|| format!("an answer without {place}"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_that_fail_are_counted_and_the_first_is_told() {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let doer = Doer {
            checks: nobody,
            ops: nobody,
            token: "t".to_owned(),
        };
        let deeds = Deeds::start(doer);
        deeds.ask(Deed::Feedback(b"{}".to_vec())).unwrap();
        deeds.ask(Deed::Swap("a.hecha".to_owned())).unwrap();
        let (done, fault) = deeds.finish();
        let expected = Done {
            failed: 2,
            ..Done::default()
        };
        assert_eq!(done, expected);
        assert_eq!(fault.unwrap(), "an answer without /check_id");
    }
}
