//! Twilio: what it sends us, and how we ask it.

pub mod client;
pub mod resources;
pub mod signature;
pub mod webhook;
