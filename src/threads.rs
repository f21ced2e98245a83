//! Threads whose work may wait: whoever answers takes the processor from them as soon as it asks.

/// Steps of priority below the threads that answer.
const NICENESS: i32 = 10;

/// Puts the calling thread, and it alone, below the threads that answer. Where that is not allowed
/// its work is done all the same, at the priority of all.
pub fn stand_below_answers() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "work that may wait runs at the priority of answers");
    }
}

/// Puts the threads that hash and compare whole snapshots, of which a gateway serves another one
/// meanwhile, below those that answer. Once, before any of them works.
pub fn share_work_below_answers() {
    let built = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("aside-{number}"))
        .start_handler(|_| stand_below_answers())
        .build_global();
    if let Err(error) = built {
        tracing::warn!(%error, "snapshots are checked at the priority of answers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_thread_alone_stands_below() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let below = std::thread::spawn(move || {
            stand_below_answers();
            priority()
        });
        assert_eq!(
            below.join().unwrap(),
            (before + NICENESS).clamp(NICENESS, 19)
        );
        assert_eq!(priority(), before);
    }
}
