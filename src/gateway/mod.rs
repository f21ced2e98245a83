//! The running service without HTTP: who may ask, what a check sees, how that changes.
//!
//! A check loads one `View` and asks `question::answer`; one actor thread publishes new views when
//! an operator acts, a snapshot or catalogue comes, or a day begins.

/// Client records as written: their file and its shape.
pub mod client_record;
/// Its limits.
pub mod client_limits;
/// A client as used: what it may ask.
pub mod client;
/// The law that answers were given by, kept for later.
pub mod kept;
/// All clients: who asks.
pub mod clients;
/// The clients file of a running gateway.
pub mod clients_source;
/// Tokens and certificates given and taken away.
pub mod client_edit;
/// Who at the unit asks.
pub mod operator;
/// The same case under a new entry_id while the old one is held.
pub mod relisted;
/// What a unit is told that is not answered now.
pub mod limited;
/// All that a check depends on besides request and moment.
pub mod view;
/// One question from its bytes to its answer.
pub mod question;
/// One scan from its bytes to its answer.
pub mod scan;
/// Threads for work that takes long.
pub mod bulk;
/// The moment it is.
pub mod clock;
/// Answers kept for repeated requests.
pub mod idempotency;
/// Room on the disk of the log.
pub mod space;
/// The decision log as the gateway uses it.
pub mod recorder;
/// The highest version ever activated here.
pub mod activated;
/// Entries and questions with a known answer.
pub mod canaries;
/// What a new snapshot must keep to before it serves.
pub mod gates;
/// Whether memory holds one more snapshot.
pub mod room;
/// Where snapshots come from.
pub mod source;
/// Opens them.
pub mod opening;
/// One of them opened and held against what serves.
pub mod trial;
/// Entries taken back as wrong, and the answers that relied on them.
pub mod recalls;
/// Who asked about a person.
pub mod subjects;
/// Acts on entries, from an order to its line in the journal.
pub mod acts;
/// Acts that wait for a second person.
pub mod approvals;
/// Acts of other gateways.
pub mod deltas;
/// The one place where views change.
pub mod actor;
/// Stewards' and activators' orders, as the actor obeys them.
mod swap;
/// The newest checkpoint of the log's tree.
pub mod checkpoint;
/// Logged checks decided again.
pub mod replay;
/// What the metrics show of the witnesses.
pub mod witnesses;
/// The thread that watches how units ask.
pub mod limiter;
/// The running gateway as its listeners see it.
pub mod service;
/// Admission of requests by the limits of their unit.
mod admission;
/// Checks line by line.
pub mod stream;
