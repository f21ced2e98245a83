//! What a connection is doing, noted in two words.
//!
//! HOT: relaxed stores only.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Waits for a request, or sends the end of an answer.
    Idle = 0,
    /// Part of a head has arrived.
    Head = 1,
    /// A head is read; its body may be on the way, or its answer in the making.
    Serving = 2,
}

/// Phase of one connection, and how often anything moved.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    moves: AtomicU32,
}

impl Progress {
    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.moved();
    }

    /// Notes that bytes went out.
    pub fn moved(&self) {
        // Two threads never move one connection: no need for an atomic addition.
        let moves = self.moves.load(Ordering::Relaxed);
        self.moves.store(moves.wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes that bytes came in: after an answer they begin a new head.
    pub fn has_read(&self) {
        if self.phase.load(Ordering::Relaxed) == Phase::Idle as u8 {
            self.enter(Phase::Head);
        }
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Serving,
        }
    }

    /// Changes whenever anything moved.
    pub fn moves(&self) -> u32 {
        self.moves.load(Ordering::Relaxed)
    }
}
