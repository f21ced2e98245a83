//! HTTP: two listeners, their limits, and the way from a request to the gateway and back.

/// Options of the listeners.
pub mod limits;

/// What part of a runtime each unit had.
pub mod shares;
/// Requests that stand back, and their turns.
pub mod turns;
/// Whether those that stand back wait too long.
pub mod queue;
/// How long requests wait, and who is turned away.
pub mod overload;

/// The bytes of a connection, held to one reading.
pub mod framing;
/// The head of a check as nearly all of them come.
pub mod usual;

/// What a connection is doing.
pub mod progress;

/// Answers as hyper sends them.
pub mod reply;

/// TLS of a listener: its files.
pub mod tls;

/// A socket, in clear or under TLS.
pub mod socket;

/// HTTP/2 and its limits.
pub mod http2;

/// Bodies within their limits.
pub mod body;

/// What every request of one runtime shares.
pub mod context;
/// Who asks.
pub mod auth;
/// One request off the hot path.
pub mod exchange;
/// Checks.
pub mod check;
/// Checks line by line.
pub mod stream;
/// Scans.
pub mod scan;
/// Feedback.
pub mod feedback;
/// What operators ask of the snapshot that serves.
pub mod snapshot;
/// Words behind a path.
pub mod query;
/// Acts on entries.
pub mod acts;
/// Units and their limits.
pub mod clients;
/// What operators ask.
pub mod ops;
/// What auditors read of the log.
pub mod log;
/// Acts that need two persons.
pub mod approvals;
/// Who asked about a person.
pub mod subject;
/// From a request to its handler.
pub mod route;
/// Checks answered without hyper.
pub mod lane;
/// One connection and its end.
pub mod connection;
/// Listeners and their threads.
pub mod listen;
/// Certificates that change.
pub mod tls_watch;
/// Both listeners together.
pub mod server;
/// Asking a witness.
pub mod witness_client;
/// Each checkpoint to the witnesses, and what they have seen at the start.
pub mod cosigning;
/// The listener of a witness, which is a process of its own.
pub mod witness;
