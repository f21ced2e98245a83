//! The log as a whole, on disks that lose, tear, fill up and fail.

mod damage;
mod expiry;
mod faults;
mod fast_start;
mod golden;
mod life;
mod model;
mod months;
mod paged;
mod proofs;
mod receipts;
mod replayed;
mod schedules;
mod support;
mod tree;
mod sides;
mod verified;
