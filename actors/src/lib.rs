//! The core of Hearback: it decides, and never touches the world.

pub mod domain;
pub mod ports;
mod recording;
