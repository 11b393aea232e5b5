//! The executable as operators meet it: started, killed, stopped, misconfigured, and played by real players.
//!
//! `tests/setup` installs the players and makes the human speech that these tests need.

mod backup;
#[path = "../campaign.rs"]
#[expect(unreachable_pub, reason = "shared by two test binaries")]
mod campaign;
mod clients;
mod collector;
mod commit;
mod crash;
mod custody;
mod disk;
mod doctor;
mod documents;
mod home;
mod import;
mod ledger;
mod measured;
mod mounts;
#[path = "../nginx.rs"]
#[expect(unreachable_pub, reason = "shared by two test binaries")]
mod nginx;
#[path = "../nobody.rs"]
mod nobody;
mod packages;
mod pipeline;
mod players;
mod power;
mod restart;
mod silence;
mod start;
mod strace;
mod traces;
mod upgrade;
mod webhooks;
