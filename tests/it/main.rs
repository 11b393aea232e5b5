//! One binary for everything that is tested from outside the crates.

#![expect(unreachable_pub, reason = "nothing of a test binary can be reached from outside")]

mod at_once;
mod behind_nginx;
mod calls;
#[path = "../campaign.rs"]
mod campaign;
mod canary;
mod clients;
mod contracts;
mod debug;
mod described;
mod ear;
mod events;
mod failures;
mod faults;
mod following;
mod herd;
mod hostile;
mod life;
mod links;
mod listeners;
mod metrics;
#[path = "../nginx.rs"]
mod nginx;
#[path = "../nobody.rs"]
mod nobody;
mod pages;
mod pipeline;
mod playback;
mod ranges;
mod requests;
mod session;
mod simulator;
mod sse;
mod support;
mod tenancy;
mod twilio;
mod unannounced;
mod webhooks;
