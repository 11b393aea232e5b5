//! One binary for everything that is tested from outside the crates.

mod contracts;
mod playback;
mod simulator;
mod support;
mod twilio;
