//! What the core asks of the world.
//!
//! Invariant: traits and their errors only. Adapters implement them; `app` in the service joins the two.

mod catalog;
mod clock;
mod custody;
mod ear;
mod events;
mod findings;
mod jobs;
mod language_model;
mod source;
mod speech;
mod vault;

pub use catalog::{
    Business, CallFilter, CallPage, CallRecord, Catalog, CatalogError, ColdCopy, Condition,
    NewBusiness, RecordingRecord, TwilioAccount, VaultUse,
};
pub use clock::{Chance, Clock};
pub use custody::{Custody, Order, OrderOutcome, Overdue, PendingOrder, PresentCopy};
pub use ear::{Ear, EarError, EncodedAudio, PIECE_SAMPLE_RATE, Piece, PieceLimits, PieceStream};
pub use events::{
    Assignment, EventOutcome, EventStore, InboxEvent, PendingEvent, UnassignedCall, UnassignedEvent,
};
pub use findings::{AppointmentFilter, Findings};
pub use jobs::{Claim, Failure, Finding, JobFilter, JobStore};
pub use language_model::{Conversation, LanguageModel, Turn};
pub use source::{
    Listing, PageToken, RecordingSource, RecordingsPage, Resume, SourceBody, SourceRequest,
};
pub use speech::{ProviderError, Speech};
pub use vault::{
    AudioStream, Reseal, SealedAudio, SealedByMaster, SealedKeys, UnsealedCopy, Vault, VaultError,
    VaultReads, VaultWriter,
};
