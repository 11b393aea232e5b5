//! The executable as operators meet it: started, killed, stopped, misconfigured, and played by real players.
//!
//! `tests/setup` installs the players and makes the human speech that these tests need.

mod crash;
mod home;
mod players;
mod start;
