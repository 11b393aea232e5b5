//! How long recordings are kept, which must not be let go, and what operators want done about them.
//!
//! Invariant: what was expunged stays so, whatever is heard afterwards; a call under legal hold loses nothing.

use async_trait::async_trait;

use super::CatalogError;
use crate::domain::{
    AudioKey, BusinessId, CallKey, CopyId, RecordingSid, Retention, SourceStatus, StoredCopy,
    Timestamp,
};

#[async_trait]
pub trait Custody: Send + Sync {
    // Expiry.

    /// Recordings whose retention is over and that were not expunged yet, those that ended first at the front; those
    /// behind `after`.
    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, CatalogError>;
    /// Expunges a recording whose retention is over by what the rows say at this moment: the row stops naming a
    /// copy, and its key is destroyed. Returns the files that are to go now; `None` if there was nothing to do.
    async fn expire(
        &self,
        key: &AudioKey,
        now: Timestamp,
    ) -> Result<Option<Vec<(AudioKey, CopyId)>>, CatalogError>;

    // Erasure.

    /// Leaves of a call, its legs, recordings and webhooks nothing but their names, and returns the files that are
    /// to go now. Erasing again does no harm. A call under legal hold is refused as `Held`.
    async fn erase(
        &self,
        call: &CallKey,
        now: Timestamp,
    ) -> Result<Vec<(AudioKey, CopyId)>, CatalogError>;

    // What operators decide.

    /// Sets or releases a call's legal hold, and orders that a running service notices.
    async fn set_hold(
        &self,
        call: &CallKey,
        held: bool,
        now: Timestamp,
    ) -> Result<(), CatalogError>;
    /// What a business has; the default, where it has none of its own.
    async fn retention(&self, business: &BusinessId) -> Result<Retention, CatalogError>;
    /// Gives a business a retention of its own, and orders that a running service notices.
    async fn set_retention(
        &self,
        business: &BusinessId,
        retention: Retention,
        now: Timestamp,
    ) -> Result<(), CatalogError>;

    // Orders to the running service.

    /// Refused at once where it makes no sense: no such call, or under legal hold.
    async fn place_order(&self, order: &Order, now: Timestamp) -> Result<i64, CatalogError>;
    /// Those not yet obeyed, the oldest first; of one that cannot be understood, why.
    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, CatalogError>;
    /// Says what became of an order. Settled ones are forgotten after a day.
    async fn settle_order(
        &self,
        id: i64,
        outcome: &OrderOutcome,
        now: Timestamp,
    ) -> Result<(), CatalogError>;
    /// `None` while it is pending.
    async fn order_outcome(&self, id: i64) -> Result<Option<OrderOutcome>, CatalogError>;

    // Inspection.

    /// Present copies in the order of their recordings, those behind `after`.
    async fn present_copies(
        &self,
        after: Option<RecordingSid>,
        limit: u32,
    ) -> Result<Vec<PresentCopy>, CatalogError>;
}

/// A recording whose retention is over, and since when that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    pub call: CallKey,
    pub recording: RecordingSid,
    pub ended_at: Timestamp,
}

/// An order by its number.
pub type PendingOrder = (i64, Result<Order, String>);

/// What a command asks of the running service. It notices within seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Erase(CallKey),
    /// A call's rows have changed.
    LookAgain(CallKey),
    /// All rows of a business mean something else now.
    LookAgainAt(BusinessId),
    /// A check found this copy damaged.
    Mend {
        call: CallKey,
        recording: RecordingSid,
        copy: CopyId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderOutcome {
    Done,
    Refused(String),
}

/// A copy that the catalog says is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentCopy {
    pub call: CallKey,
    pub audio: AudioKey,
    pub copy: StoredCopy,
    /// Of its recording: tells whether it can be fetched again.
    pub status: SourceStatus,
}
