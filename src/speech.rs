//! The port `Speech`: over OpenAI's interface, as OpenAI and many local servers speak it, or with a local program.
//!
//! Invariant: neither errors nor logs hold what was said. A program's complaints are the one exception: their last
//! line is logged where the level is `debug`.

pub mod command;
pub mod openai;

mod child;
mod heard;
mod languages;
mod spans;
pub(crate) mod wav;
mod wire;
