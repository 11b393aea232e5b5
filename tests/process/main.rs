//! The executable as operators meet it: started, killed, stopped, misconfigured, and played by real players.
//!
//! `tests/setup` installs the players and makes the human speech that these tests need.

#[path = "../campaign.rs"]
#[expect(unreachable_pub, reason = "shared by two test binaries")]
mod campaign;
mod clients;
mod commit;
mod crash;
mod custody;
mod disk;
mod doctor;
mod home;
mod ledger;
mod measured;
mod mounts;
mod pipeline;
mod players;
mod power;
mod restart;
mod silence;
mod start;
mod strace;
mod webhooks;
