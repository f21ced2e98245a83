//! Random bytes: from the system, or from a seed in tests and for builds that must be byte-equal.
//!
//! In: a buffer. Out: the buffer filled. One of the two traits of this program that exist for a
//! second implementor. Never a clock, a process number or a user-space generator in production.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

/// A source of random bytes.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The system's generator.
///
/// Small requests are served from bytes that the system gave to this thread beforehand, each byte
/// once and wiped as it is handed out, so that an answer's record costs no system call of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

/// Bytes asked of the system at once.
const POOL_BYTES: usize = 4_096;

struct Pool {
    bytes: [u8; POOL_BYTES],
    /// Bytes handed out so far.
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

impl Entropy for OsEntropy {
    /// Ends the program if the system has no random bytes: a guessable key, token or nonce is worse
    /// than no answer. On Linux this cannot happen once the system has started.
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > POOL_BYTES / 8 {
            return from_system(buffer);
        }
        POOL.with_borrow_mut(|pool| {
            if pool.used + buffer.len() > POOL_BYTES {
                from_system(&mut pool.bytes);
                pool.used = 0;
            }
            let fresh = &mut pool.bytes[pool.used..pool.used + buffer.len()];
            buffer.copy_from_slice(fresh);
            fresh.zeroize();
            pool.used += buffer.len();
        });
    }
}

fn from_system(buffer: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "nothing may go on without random bytes")]
    getrandom::fill(buffer).expect("the system gives random bytes");
}

/// The same bytes for the same seed, for tests and reproducible samples: no secret may come of it.
pub struct SeededEntropy {
    stream: Mutex<blake3::OutputReader>,
}

impl SeededEntropy {
    /// A stream of bytes that `seed` alone decides.
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("hecha seeded entropy");
        hasher.update(&seed.to_le_bytes());
        Self {
            stream: Mutex::new(hasher.finalize_xof()),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // A panic elsewhere cannot leave the reader half changed: poisoning tells nothing here.
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.fill(buffer);
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededEntropy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
        let mut buffer = [0; N];
        entropy.fill(&mut buffer);
        buffer
    }

    #[test]
    fn a_seed_decides_the_stream_however_it_is_cut() {
        let whole: [u8; 48] = bytes(&SeededEntropy::new(7));
        let cut = SeededEntropy::new(7);
        let parts: [[u8; 16]; 3] = [bytes(&cut), bytes(&cut), bytes(&cut)];
        assert_eq!(whole, *parts.as_flattened());
        assert_ne!(whole, bytes::<48>(&SeededEntropy::new(8)));
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        assert_ne!(bytes::<32>(&OsEntropy), bytes::<32>(&OsEntropy));
    }
}
