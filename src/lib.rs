//! Hearback's shell: everything that touches the world. What is decided is decided in `actors`.
//!
//! Floors, each importing only lower ones: `config`, `twilio::{signature, webhook, resources}` · the adapters
//! (`twilio::client`, `catalog`, `vault`; not each other) · `http` (never an adapter) · `app`, the only file
//! that joins adapters to ports · `cli`. Beside them stands `simulator`, which knows Twilio's wire types only.

pub mod catalog;
pub mod simulator;
pub mod twilio;
pub mod vault;
