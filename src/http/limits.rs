//! Options of the listeners: how much and how long a connection may take.
//!
//! Every figure is a bound that holds for strangers too; none may be switched off.

use std::time::Duration;

/// Bounds of connections, heads and bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Runtimes of the check listener; 0 is one a core. Default 0; at most 1024.
    pub runtimes: usize,
    /// Connections of the check listener at most. Default 10,000.
    pub connections_max: usize,
    /// Connections of the ops listener at most. Default 256.
    pub ops_connections_max: usize,
    /// Longest time from the first byte of a head to its last, in milliseconds. Default 10,000.
    pub header_timeout_ms: u64,
    /// Longest time for a body to arrive, in milliseconds. Default 10,000.
    pub body_timeout_ms: u64,
    /// Longest time without a request, or without progress of an answer, in milliseconds. Default
    /// 60,000.
    pub idle_timeout_ms: u64,
    /// Head of a request at most, in bytes. Default 16,384; 8,192 at least.
    pub head_bytes_max: usize,
    /// Header lines of a request at most. Default 64.
    pub headers_max: usize,
    /// Body of an array of checks at most, in bytes. Default 16 MiB.
    pub checks_bytes_max: usize,
    /// Lines of a stream of checks at most. Default 1,000,000.
    pub stream_lines_max: u64,
    /// Where requests of a check listener's runtime stand back for longer and for a while, in
    /// milliseconds, they are refused. Default 10.
    pub queue_wait_ms_max: u64,
    /// A runtime that stood still for longer refuses what it finds waiting, in milliseconds.
    /// Default 2,000.
    pub stall_ms_max: u64,
    /// Whether HTTP/2 is spoken. Default false.
    pub http2: bool,
    /// Time after SIGTERM during which new connections are still taken, in milliseconds. Default
    /// 1,000.
    pub drain_delay_ms: u64,
    /// Longest time from the end of that delay until every connection is closed, in milliseconds.
    /// Default 20,000.
    pub stop_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runtimes: 0,
            connections_max: 10_000,
            ops_connections_max: 256,
            header_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            head_bytes_max: 16_384,
            headers_max: 64,
            checks_bytes_max: 16 << 20,
            stream_lines_max: 1_000_000,
            queue_wait_ms_max: 10,
            stall_ms_max: 2_000,
            http2: false,
            drain_delay_ms: 1_000,
            stop_ms_max: 20_000,
        }
    }
}

impl Limits {
    /// Runtimes of the check listener, at least one.
    pub fn runtime_count(&self) -> usize {
        match self.runtimes {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            wanted => wanted,
        }
    }

    /// How often a connection is looked at: a quarter of its shortest limit.
    pub fn watch_interval(&self) -> Duration {
        let shortest_ms = self.header_timeout_ms.min(self.idle_timeout_ms);
        Duration::from_millis((shortest_ms / 4).clamp(5, 2_000))
    }

    /// Longest time for a body to arrive.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}
