//! Hearback's shell: everything that touches the world. What is decided is decided in `actors`.
//!
//! Floors, each importing only lower ones: `config`, `auth`, `twilio::{signature, webhook, resources}` · the
//! adapters (`twilio::client`, `catalog`, `vault`, `audio`, `speech`, `language_model`, `world`; not each other) and
//! `tenants` · `http` (never an adapter) · `app`, the only file that joins adapters to ports · `cli`. Adapters that
//! ask over the network stand on `http_client`, and those of OpenAI-compatible services on `openai`. Beside them
//! stands `simulator`, which knows Twilio's wire types only; and `doctor`, on `app`, which looks and touches nothing.

pub mod app;
pub mod audio;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
mod doctor;
mod http;
pub mod http_client;
pub mod language_model;
pub mod openai;
pub mod server;
pub mod simulator;
pub mod speech;
pub mod telemetry;
mod tenants;
pub mod twilio;
pub mod vault;
pub mod world;
