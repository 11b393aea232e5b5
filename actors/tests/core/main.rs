//! The core under test, through its public face: `Core`, handles and board, with a made-up world behind the ports.

mod asking;
mod committing;
mod crashing;
mod fetching;
mod following;
mod keeping;
mod passivating;
mod reading_off;
mod receiving;
mod reconciling;
mod resuming;
mod retaining;
mod supervising;
mod working;
mod world;
