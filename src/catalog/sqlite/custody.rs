//! What is kept, held, and let go, in the SQLite file.

use actors::domain::{AudioKey, BusinessId, CallKey, CopyId, RecordingSid, Retention, Timestamp};
use actors::ports::{
    CatalogError, Custody, Order, OrderOutcome, Overdue, PendingOrder, PresentCopy,
};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::SqliteCatalog;
use crate::catalog::{custody, orders};

#[async_trait]
impl Custody for SqliteCatalog {
    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, CatalogError> {
        let (retention, after) = (self.retention, after.cloned());
        self.database
            .read(move |db| custody::overdue(db, retention, now, after, limit).boxed())
            .await
    }

    async fn expire(
        &self,
        key: &AudioKey,
        now: Timestamp,
    ) -> Result<Option<Vec<(AudioKey, CopyId)>>, CatalogError> {
        let (key, retention) = (key.clone(), self.retention);
        self.database.write(move |db| custody::expire(db, key, retention, now).boxed()).await
    }

    async fn erase(
        &self,
        call: &CallKey,
        now: Timestamp,
    ) -> Result<Vec<(AudioKey, CopyId)>, CatalogError> {
        let call = call.clone();
        self.database.write(move |db| custody::erase(db, call, now).boxed()).await
    }

    async fn set_hold(
        &self,
        call: &CallKey,
        held: bool,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let call = call.clone();
        self.database.write(move |db| custody::set_hold(db, call, held, now).boxed()).await
    }

    async fn retention(&self, business: &BusinessId) -> Result<Retention, CatalogError> {
        let business = business.clone();
        let own = self.database.read(move |db| custody::retention(db, business).boxed()).await?;
        Ok(own.unwrap_or(self.retention))
    }

    async fn set_retention(
        &self,
        business: &BusinessId,
        retention: Retention,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let business = business.clone();
        self.database
            .write(move |db| custody::set_retention(db, business, retention, now).boxed())
            .await
    }

    async fn place_order(&self, order: &Order, now: Timestamp) -> Result<i64, CatalogError> {
        let order = order.clone();
        self.database.write(move |db| orders::place(db, order, now).boxed()).await
    }

    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, CatalogError> {
        self.database.read(move |db| orders::pending(db, limit).boxed()).await
    }

    async fn settle_order(
        &self,
        id: i64,
        outcome: &OrderOutcome,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let outcome = outcome.clone();
        self.database.write(move |db| orders::settle(db, id, outcome, now).boxed()).await
    }

    async fn order_outcome(&self, id: i64) -> Result<Option<OrderOutcome>, CatalogError> {
        self.database.read(move |db| orders::outcome(db, id).boxed()).await
    }

    async fn present_copies(
        &self,
        after: Option<RecordingSid>,
        limit: u32,
    ) -> Result<Vec<PresentCopy>, CatalogError> {
        self.database.read(move |db| custody::present_copies(db, after, limit).boxed()).await
    }
}
