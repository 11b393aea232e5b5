//! One binary for everything that is tested from outside the crates.

#![expect(unreachable_pub, reason = "nothing of a test binary can be reached from outside")]

mod calls;
#[path = "../campaign.rs"]
mod campaign;
mod contracts;
mod debug;
mod failures;
mod herd;
mod hostile;
mod playback;
mod ranges;
mod session;
mod simulator;
mod support;
mod tenancy;
mod twilio;
mod webhooks;
