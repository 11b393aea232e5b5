//! Hearback's shell: everything that touches the world. What is decided is decided in `actors`.
//!
//! Floors, each importing only lower ones: `config`, `auth`, `twilio::{signature, webhook, resources}` · the
//! adapters (`twilio::client`, `catalog`, `vault`, `audio`, `world`; not each other) and `tenants` · `http` (never
//! an adapter) · `app`, the only file that joins adapters to ports · `cli`. Beside them stands `simulator`, which
//! knows Twilio's wire types only.

pub mod app;
pub mod audio;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
mod http;
pub mod server;
pub mod simulator;
pub mod telemetry;
mod tenants;
pub mod twilio;
pub mod vault;
pub mod world;
