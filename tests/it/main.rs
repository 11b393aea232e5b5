//! One binary for everything that is tested from outside the crates.

mod contracts;
mod simulator;
mod twilio;
