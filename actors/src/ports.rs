//! What the core asks of the world.
//!
//! Invariant: traits and their errors only. Adapters implement them; `app` in the service joins the two.

mod catalog;
mod clock;
mod custody;
mod events;
mod source;
mod vault;

pub use catalog::{
    Business, CallFilter, CallPage, CallRecord, Catalog, CatalogError, NewBusiness,
    RecordingRecord, TwilioAccount, VaultUse,
};
pub use clock::{Chance, Clock};
pub use custody::{Custody, Order, OrderOutcome, PresentCopy};
pub use events::{Assignment, EventOutcome, EventStore, InboxEvent, UnassignedEvent};
pub use source::{
    Listing, PageToken, RecordingSource, RecordingsPage, Resume, SourceBody, SourceRequest,
};
pub use vault::{
    AudioStream, Reseal, SealedAudio, SealedByMaster, SealedKeys, UnsealedCopy, Vault, VaultError,
    VaultWriter,
};
