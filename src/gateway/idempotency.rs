//! Answers kept for repeated requests: same key and body, same answer; same key, other body, 422.
//!
//! In: unit, path, `Idempotency-Key`, body. Out: the answer of the first time, if there is one.
//! Lives in memory only: what must not happen twice over a restart (feedback, acts) is idempotent
//! in its own store. Bounded: the oldest keys are forgotten.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Keys remembered at most.
pub const KEYS_MAX: usize = 10_000;
/// Characters of a key at most.
pub const KEY_CHARS_MAX: usize = 200;

/// An answer as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
}

/// What a key says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Not seen before: go on, then `keep` the answer or `forget` the key.
    New,
    /// The answer of the first time.
    Again(KeptAnswer),
    /// The key was used with another body or on another path.
    OtherBody,
    /// The first request with this key is not answered yet.
    UnderWay,
}

type Hash = [u8; 32];

struct Kept {
    request: Hash,
    answer: Option<KeptAnswer>,
}

/// All keys in memory.
#[derive(Default)]
pub struct Idempotency {
    kept: DashMap<Hash, Kept>,
    order: Mutex<VecDeque<Hash>>,
}

/// Name of one request under its key.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey {
    key: Hash,
    request: Hash,
}

impl RequestKey {
    /// A key belongs to its unit; a request is its path and body.
    pub fn new(unit: &str, key: &str, path: &str, body: &[u8]) -> Self {
        Self {
            key: hash(&[unit.as_bytes(), key.as_bytes()]),
            request: hash(&[path.as_bytes(), body]),
        }
    }
}

impl Idempotency {
    /// Looks a request up and claims its key if it is new.
    pub fn claim(&self, request: RequestKey) -> Seen {
        match self.kept.entry(request.key) {
            Entry::Occupied(kept) if kept.get().request != request.request => {
                return Seen::OtherBody;
            }
            Entry::Occupied(kept) => {
                let answer = kept.get().answer.clone();
                return answer.map_or(Seen::UnderWay, Seen::Again);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Kept {
                    request: request.request,
                    answer: None,
                });
            }
        }
        // Here no shard is locked any more: forgetting the oldest key locks another one.
        if let Some(oldest) = self.remember(request.key) {
            self.kept.remove(&oldest);
        }
        Seen::New
    }

    /// Keeps the answer of a claimed request.
    pub fn keep(&self, request: RequestKey, answer: KeptAnswer) {
        if let Some(mut kept) = self.kept.get_mut(&request.key) {
            kept.answer = Some(answer);
        }
    }

    /// Forgets a claimed request that had no answer worth repeating.
    pub fn forget(&self, request: RequestKey) {
        self.kept.remove(&request.key);
    }

    /// Notes a new key; the key to forget for it, where there are too many.
    fn remember(&self, key: Hash) -> Option<Hash> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.push_back(key);
        (order.len() > KEYS_MAX)
            .then(|| order.pop_front())
            .flatten()
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str, body: &str) -> RequestKey {
        RequestKey::new("unit", key, "/v1/feedback", body.as_bytes())
    }

    #[test]
    fn the_same_request_gets_the_answer_of_the_first_time() {
        let keys = Idempotency::default();
        let answer = KeptAnswer {
            status: 201,
            body: b"{}".to_vec(),
        };
        assert_eq!(keys.claim(request("a", "1")), Seen::New);
        assert_eq!(keys.claim(request("a", "1")), Seen::UnderWay);
        keys.keep(request("a", "1"), answer.clone());
        assert_eq!(keys.claim(request("a", "1")), Seen::Again(answer));
        assert_eq!(keys.claim(request("a", "2")), Seen::OtherBody);
        assert_eq!(keys.claim(request("b", "2")), Seen::New);
        let of_another = RequestKey::new("other", "a", "/v1/feedback", b"1");
        assert_eq!(keys.claim(of_another), Seen::New);
    }

    #[test]
    fn a_failed_request_may_be_tried_again() {
        let keys = Idempotency::default();
        assert_eq!(keys.claim(request("a", "1")), Seen::New);
        keys.forget(request("a", "1"));
        assert_eq!(keys.claim(request("a", "2")), Seen::New);
    }

    #[test]
    fn the_oldest_keys_are_forgotten() {
        let keys = Idempotency::default();
        for place in 0..=KEYS_MAX {
            assert_eq!(keys.claim(request(&place.to_string(), "1")), Seen::New);
        }
        assert_eq!(keys.kept.len(), KEYS_MAX);
        assert_eq!(keys.claim(request("0", "2")), Seen::New);
    }
}
