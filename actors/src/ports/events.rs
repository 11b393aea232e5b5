//! What we heard, before it changes what we know: verified webhooks, and news found by asking the source.
//!
//! Invariant: an event is stored before anybody is told that it was taken, and applied afterwards, all or nothing.

use async_trait::async_trait;

use super::CatalogError;
use crate::domain::{
    AccountSid, BusinessId, CallKey, CallSid, RecordingSid, Timestamp, WebhookEvent,
};

#[async_trait]
pub trait EventStore: Send + Sync {
    /// Stores a verified event durably. False when the same event was stored before.
    async fn store_event(&self, event: &InboxEvent) -> Result<bool, CatalogError>;
    /// Stores what the source said when it was asked as if it had announced it, and says how much of it was
    /// news. Recordings of which as much is known are passed over; one that was taken for missing, and is listed as
    /// complete, is missing no more.
    async fn store_found(
        &self,
        found: &[WebhookEvent],
        now: Timestamp,
    ) -> Result<u64, CatalogError>;
    /// Events neither applied nor set aside, the oldest first.
    async fn pending_events(&self, limit: u32) -> Result<Vec<PendingEvent>, CatalogError>;
    /// How many those are.
    async fn pending_count(&self) -> Result<u64, CatalogError>;
    /// Whether the business has the call, or an event of its account that was not applied yet names it.
    async fn is_expected(&self, key: &CallKey) -> Result<bool, CatalogError>;
    /// Finds the business, brings call and recording up to date and marks the event, all or nothing.
    /// News that is older than what is known changes nothing.
    async fn apply_event(
        &self,
        id: i64,
        event: &WebhookEvent,
        now: Timestamp,
    ) -> Result<EventOutcome, CatalogError>;
    /// Gives up on an event that can never be applied. It stays to be looked at.
    async fn set_event_aside(&self, id: i64, now: Timestamp) -> Result<(), CatalogError>;

    /// Events that fit no business, the oldest first.
    async fn unassigned_events(&self, limit: u32) -> Result<Vec<UnassignedEvent>, CatalogError>;
    /// The calls of an account's events that fit no business, in the order of the oldest event of each, after that
    /// one.
    async fn unassigned_calls(
        &self,
        account: AccountSid,
        after: i64,
        limit: u32,
    ) -> Result<Vec<UnassignedCall>, CatalogError>;
    /// Makes unassigned events of the business's own account pending again, as the business's, and says how
    /// many. A call that is known stays whose it is all the same.
    async fn assign_events(
        &self,
        business: &BusinessId,
        which: &Assignment,
    ) -> Result<u64, CatalogError>;

    /// Forgets at most so many events that were dealt with and stored before then.
    async fn prune_events(&self, before: Timestamp, limit: u32) -> Result<u64, CatalogError>;

    /// Up to when an account's list of recordings was read; `None` if it never was.
    async fn reconciled(&self, account: AccountSid) -> Result<Option<Timestamp>, CatalogError>;
    async fn record_reconciled(
        &self,
        account: AccountSid,
        through: Timestamp,
    ) -> Result<(), CatalogError>;
}

/// A verified webhook as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEvent {
    pub event: WebhookEvent,
    /// Equal for duplicates and replays.
    pub dedup_key: String,
    /// The form as it came, with parameters we do not know.
    pub raw_form: String,
    pub received_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventOutcome {
    Applied {
        call: CallKey,
        recording: Option<RecordingSid>,
    },
    /// Fits no business: kept for the operator.
    Unassigned,
}

/// An event that waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    pub id: i64,
    pub received_at: Timestamp,
    pub event: WebhookEvent,
}

/// An event that waits for an operator to say whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnassignedEvent {
    pub id: i64,
    pub received_at: Timestamp,
    pub event: WebhookEvent,
}

/// A call of which there are events that fit no business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnassignedCall {
    /// The oldest of them.
    pub event: i64,
    pub call: CallSid,
}

/// Which unassigned events an operator gives to a business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// All of the business's account.
    Account,
    Call(CallSid),
    Event(i64),
}
