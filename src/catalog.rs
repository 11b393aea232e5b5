//! The catalog port on a database.
//!
//! `sqlite` is the adapter; the statements are grouped by subject beside it and keep to what SQLite and
//! PostgreSQL both understand, but for the few that say so.
//! Invariant: a statement that concerns a call, a recording or a copy names the business.

mod appointments;
mod businesses;
mod call_list;
mod calls;
mod copies;
mod custody;
mod events;
mod failure;
mod fetches;
mod findings;
mod inbox;
mod jobs;
mod keys;
mod orders;
mod profiles;
mod recordings;
mod rows;
mod said;
mod sqlite;

pub use sqlite::{Migrations, SqliteCatalog};
