//! What a process that holds keys and numbers must not leave behind: a core dump, a panic's text.
//!
//! In: nothing, at the start of every command. Out: a process that the kernel does not dump and
//! that others of the same user cannot look into; a panic says where it was and nothing of the
//! data. Not here: locking pages (keys live in prepared states all over the heap, and locking the
//! whole process would lock snapshots of gigabytes): run without swap, as deploy/ does.

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::process::{getrlimit, set_dumpable_behavior, setrlimit};
use std::any::Any;
use std::io::{self, Write};
use std::panic::{self, Location};

/// Core dumps off, panics without their text. Before anything is read.
pub fn begin() {
    allow_core_dumps(false);
    panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let line = panic_line(info.payload(), info.location(), thread.name());
        // Before the own log is set up, and in commands without one, to standard error.
        match tracing::dispatcher::has_been_set() {
            true => tracing::error!("{line}"),
            false => drop(writeln!(io::stderr().lock(), "hecha: {line}")),
        }
    }));
}

/// Whether the kernel may write the memory of this process to a file when it dies. `true` is for
/// hunting a fault with invented data: a dump holds keys and the numbers of the last requests.
pub fn allow_core_dumps(allowed: bool) {
    let hard = getrlimit(Resource::Core).maximum;
    let (behaviour, soft) = match allowed {
        true => (DumpableBehavior::Dumpable, hard),
        false => (DumpableBehavior::NotDumpable, Some(0)),
    };
    let limit = Rlimit {
        current: soft,
        maximum: hard,
    };
    let set = set_dumpable_behavior(behaviour).and(setrlimit(Resource::Core, limit));
    if let Err(fault) = set {
        // Seen by who starts it; a gateway that does not start for this would harm more.
        let _ = writeln!(
            io::stderr().lock(),
            "hecha: core dumps stay as they were ({fault})"
        );
    }
}

/// What is said of a panic. A text that was put together at run time may hold a name or a number
/// of the data (that of a slice outside its bounds does): only a fixed one is repeated.
fn panic_line(
    payload: &(dyn Any + Send),
    place: Option<&Location<'_>>,
    thread: Option<&str>,
) -> String {
    let place = place.map_or_else(|| "?".to_owned(), ToString::to_string);
    let thread = thread.unwrap_or("?");
    let text = match payload.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => "its text is left out, because it may hold data",
    };
    format!("internal error at {place}, thread `{thread}`: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_says_where_and_nothing_of_the_data() {
        let here = Location::caller();
        let number = "990102198003071239";
        let with_data = catch_unwind(|| panic!("number {number}")).unwrap_err();
        let line = panic_line(&*with_data, Some(here), Some("check-1"));
        assert!(
            line.contains("src/cli/hygiene.rs:") && line.contains("`check-1`"),
            "{line}"
        );
        assert!(!line.contains("9901"), "{line}");
        let of_slice = catch_unwind(|| String::from(&"张三丰"[..number.len() - 17])).unwrap_err();
        let line = panic_line(&*of_slice, Some(here), None);
        assert!(!line.contains('张'), "{line}");
        let fixed = catch_unwind(|| panic!("the table has no rows")).unwrap_err();
        let line = panic_line(&*fixed, None, None);
        assert_eq!(
            line,
            "internal error at ?, thread `?`: the table has no rows"
        );
    }
}
