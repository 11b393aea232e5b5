//! The vault port on the local disk: sealed segments, durable before they are announced.
//!
//! Invariant: nothing in the clear reaches the disk, and nothing leaves it unverified.
//! Invariant: no map of files into memory, no `tokio::fs`; whatever may block runs where it may.

pub mod keys;
pub mod local;
pub mod owner;

mod cipher;
mod disk;
mod key_file;
mod memory;
mod room;
mod segments;
