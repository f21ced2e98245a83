//! Time that goes back: what has ended stays ended, over a restart too.

use crate::harness::{Installation, first_list, now, ticket};
use hecha::model::entry::{Act, ActKind, EntryId};
use hecha::model::term::{Day, Moment};
use hecha::overlay::journal::Journal;
use hecha::storage::disk::RealDisk;
use serde_json::json;

#[test]
fn a_clock_that_went_back_over_a_restart_revives_nothing() {
    let installation = Installation::new();
    let token = &installation.token;
    let today = now().day();
    let mut list = first_list();
    list[0]["in_force_until"] = json!(today.next().next().to_string());
    installation.publish(list);
    let server = installation.serve();
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
    assert_eq!(server.metric("hecha_clock_behind_seconds"), 0.0);
    assert!(server.stop().success());
    // An act of the day after its last day is on record: the clock had been there.
    let later = Day(today.0 + 3).start();
    let path = installation.path("state/acts.journal");
    let (mut journal, _) = Journal::open(&RealDisk, &path).unwrap();
    let act = Act {
        entry_id: EntryId("another".into()),
        kind: ActKind::Hold,
        at: Moment(later.0 + 1),
        version: None,
    };
    journal.append(&act, "court", "objection", "no. 1").unwrap();
    drop(journal);
    let server = installation.serve();
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    assert!(server.metric("hecha_clock_behind_seconds") > 0.0);
    // The log has that moment now as well; another restart forgets nothing.
    server.kill();
    let server = installation.serve();
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
}
