//! Keys and what is done with them: entropy, master keys, derivation, sealing, tokens.
//!
//! In: files with keys, bytes to protect. Out: derived keys, sealed bytes, hashes of tokens. No key
//! is ever printed, logged or written anywhere but into its own file. Every algorithm has a number
//! in the format that uses it, so that an SM3/SM4 profile can stand beside.

mod hex;

/// Random bytes, from the system or, in tests, from a seed.
pub mod entropy;

/// Where the file of a key stands: a path, or a credential of systemd.
pub mod place;

/// Master keys and their files.
pub mod keys;

/// Signing keys, their public parts, signatures.
pub mod sign;

/// Keys for one purpose, derived from a master key.
pub mod derive;

/// Authenticated encryption of small records.
pub mod aead;

/// Bearer tokens and their hashes.
pub mod token;

/// Certificates of calling units, known by their public key.
pub mod certificate;
