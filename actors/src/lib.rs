//! The core of Hearback: it decides, and never touches the world.
//!
//! `supervisor` is the tree. `recordings` finds or wakes the one actor of a call, `recording` runs it, and
//! `recording/machine.rs` decides. `fetcher` brings the bytes, which listeners may follow as an `arrival`, `inbox` the
//! news, `keepers` look after what is kept, of which nothing leaves to make room before `still_there` has asked the
//! source; `jobs` runs the `stages` of the pipeline, out of everybody's way. What plays without asking lies on the
//! `shelf`; what each is doing is on the `board`.
//!
//! | fact | owner |
//! |---|---|
//! | which actor a call has | `recordings` |
//! | where a recording stands, who waits for it | its `RecordingActor` |
//! | what of it may be read without asking | its `RecordingActor`, on the `shelf` |
//! | what is being fetched, and what is next | `fetcher` |
//! | what survives a crash | the catalog and the vault, through `ports` |
//!
//! Invariant: no web server, database or HTTP client here; handles and words leave this crate, actors do not.

mod address;
mod arrival;
mod aside;
mod board;
pub mod domain;
mod fetcher;
mod happening;
mod inbox;
mod jobs;
mod keepers;
pub mod ports;
mod recording;
mod recordings;
mod search;
mod shelf;
mod stages;
mod still_there;
mod supervisor;

pub use arrival::{Arrival, FollowError, FollowedAudio};
pub use board::{Board, ChildView, Posting};
pub use fetcher::{AccountPace, AccountsHandle, FetcherView, PaceView};
pub use happening::{Failure, Happening, What};
pub use inbox::{InboxBacklog, InboxHandle, InboxView};
pub use jobs::{
    JobBacklog, JobSettings, JobsHandle, JobsView, RunningJobView, StageOutcome, StageView,
};
pub use keepers::reconciler::{AccountReconciliation, PassOutcome, ReconcilerView};
pub use keepers::retention::RetentionKeeperView;
pub use keepers::vault::VaultKeeperView;
pub use recording::{ActorEnded, Ask, AsksView, CallView, RecordingView, RecordingWatch};
pub use recordings::{AskError, CrashView, RecordingsHandle, RecordingsView};
pub use shelf::Published;
pub use still_there::StaysError;
pub use supervisor::{Core, Pipeline, Ports, Settings};
