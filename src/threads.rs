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

/// Does `work`, and whatever it shares out to all cores, on threads below those that answer. Where
/// no such threads can be had it is done at the priority of the caller.
pub fn shared_below_answers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("aside-{number}"))
        .start_handler(|_| stand_below_answers())
        .build();
    match pool {
        Ok(pool) => pool.install(work),
        Err(error) => {
            tracing::warn!(%error, "work that may wait is shared out at the priority of answers");
            work()
        }
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

    #[test]
    fn work_that_is_shared_out_stands_below() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let (one, other) = shared_below_answers(|| rayon::join(priority, priority));
        let below = (before + NICENESS).clamp(NICENESS, 19);
        assert_eq!([one, other, priority()], [below, below, before]);
    }
}
