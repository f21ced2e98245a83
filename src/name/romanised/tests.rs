//! Names in every system and layout beside listed names.
