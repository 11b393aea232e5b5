//! The port of stored events, on SQLite.

use actors::domain::{AccountSid, BusinessId, CallKey, Timestamp, WebhookEvent};
use actors::ports::{
    Assignment, CatalogError, EventOutcome, EventStore, InboxEvent, PendingEvent, UnassignedCall,
    UnassignedEvent,
};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::SqliteCatalog;
use crate::catalog::{events, inbox};

#[async_trait]
impl EventStore for SqliteCatalog {
    async fn store_event(&self, event: &InboxEvent) -> Result<bool, CatalogError> {
        let event = event.clone();
        self.database.write(move |db| inbox::store(db, event).boxed()).await
    }

    async fn store_found(
        &self,
        found: &[WebhookEvent],
        now: Timestamp,
    ) -> Result<u64, CatalogError> {
        let found = found.to_vec();
        self.database.write(move |db| inbox::store_found(db, found, now).boxed()).await
    }

    async fn pending_events(&self, limit: u32) -> Result<Vec<PendingEvent>, CatalogError> {
        loop {
            let pending = self.database.read(move |db| inbox::pending(db, limit).boxed()).await?;
            let only_unreadable = pending.events.is_empty() && !pending.unreadable.is_empty();
            if !pending.unreadable.is_empty() {
                tracing::error!(events = ?pending.unreadable, "set aside unreadable webhooks");
                let ids = pending.unreadable;
                self.database.write(move |db| inbox::set_aside(db, ids).boxed()).await?;
            }
            // Readable ones may wait behind a whole batch of the others.
            if !only_unreadable {
                return Ok(pending.events);
            }
        }
    }

    async fn pending_count(&self) -> Result<u64, CatalogError> {
        self.database.read(|db| inbox::pending_count(db).boxed()).await
    }

    async fn is_expected(&self, key: &CallKey) -> Result<bool, CatalogError> {
        let key = key.clone();
        self.database.read(move |db| inbox::is_expected(db, key).boxed()).await
    }

    async fn apply_event(
        &self,
        id: i64,
        event: &WebhookEvent,
        now: Timestamp,
    ) -> Result<EventOutcome, CatalogError> {
        let event = event.clone();
        self.database.write(move |db| events::apply(db, id, event, now).boxed()).await
    }

    async fn set_event_aside(&self, id: i64, now: Timestamp) -> Result<(), CatalogError> {
        self.database.write(move |db| inbox::give_up(db, id, now).boxed()).await
    }

    async fn unassigned_events(&self, limit: u32) -> Result<Vec<UnassignedEvent>, CatalogError> {
        self.database.read(move |db| inbox::unassigned(db, limit).boxed()).await
    }

    async fn unassigned_calls(
        &self,
        account: AccountSid,
        after: i64,
        limit: u32,
    ) -> Result<Vec<UnassignedCall>, CatalogError> {
        self.database
            .read(move |db| inbox::unassigned_calls(db, account, after, limit).boxed())
            .await
    }

    async fn assign_events(
        &self,
        business: &BusinessId,
        which: &Assignment,
    ) -> Result<u64, CatalogError> {
        let (business, which) = (business.clone(), which.clone());
        self.database.write(move |db| inbox::assign(db, business, which).boxed()).await
    }

    async fn prune_events(&self, before: Timestamp, limit: u32) -> Result<u64, CatalogError> {
        self.database.write(move |db| inbox::prune(db, before, limit).boxed()).await
    }

    async fn reconciled(&self, account: AccountSid) -> Result<Option<Timestamp>, CatalogError> {
        self.database.read(move |db| inbox::reconciled(db, account).boxed()).await
    }

    async fn record_reconciled(
        &self,
        account: AccountSid,
        through: Timestamp,
    ) -> Result<(), CatalogError> {
        self.database.write(move |db| inbox::record_reconciled(db, account, through).boxed()).await
    }
}
