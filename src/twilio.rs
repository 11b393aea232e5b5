//! Twilio: what it sends us, and how we ask it.
//!
//! `signature`, `webhook` and `resources` are pure; `client` alone touches the network.

pub mod client;
pub mod resources;
pub mod signature;
pub mod webhook;
