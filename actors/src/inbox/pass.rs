//! One pass through the inbox: every stored event is applied, in order, and whom it concerns is told.
//!
//! Invariant: an event that fails, or that breaks what applies it, holds up no other; after some tries it is
//! set aside. An outage counts as no try.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::Desk;
use crate::domain::{CallKey, WebhookEvent};
use crate::ports::{CatalogError, EventOutcome};

const EVENTS_BATCH: u32 = 100;
const TRIES_MAX: u32 = 5;
/// Interrupted prefetches that a start takes up again.
const RESUMED_MAX: u32 = 1_000;
/// Duplicates are known as such for so long, and operators have so long to assign what fits no business.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);
const PRUNE_BATCH: u32 = 1_000;
const PRUNE_BATCHES_MAX: usize = 100;

/// What a pass is asked to do beside applying events.
pub(super) struct Errand {
    pub(super) resume: bool,
    pub(super) prune: bool,
    pub(super) tries: HashMap<i64, u32>,
}

/// What one pass through the inbox did.
#[derive(Default)]
pub(crate) struct Pass {
    pub(super) applied: u64,
    pub(super) unassigned: u64,
    pub(super) set_aside: u64,
    pub(super) pruned: u64,
    pub(super) resumed: bool,
    /// Events that wait for another try, and how many they had.
    pub(super) tries: HashMap<i64, u32>,
    /// Why the last of them failed.
    pub(super) complaint: Option<String>,
    pub(super) error: Option<CatalogError>,
}

impl Desk {
    pub(super) async fn pass(&self, errand: Errand) -> Pass {
        let mut pass = Pass::default();
        pass.error = self.work(errand, &mut pass).await.err();
        pass
    }

    async fn work(&self, errand: Errand, pass: &mut Pass) -> Result<(), CatalogError> {
        self.apply_events(errand.tries, pass).await?;
        if errand.resume {
            for (call, recording) in self.catalog.wanted(RESUMED_MAX).await? {
                self.recordings.refresh(call, Some(recording));
            }
            pass.resumed = true;
        }
        if errand.prune {
            self.prune(pass).await?;
        }
        Ok(())
    }

    async fn apply_events(
        &self,
        mut tries: HashMap<i64, u32>,
        pass: &mut Pass,
    ) -> Result<(), CatalogError> {
        loop {
            let events = self.catalog.pending_events(EVENTS_BATCH).await?;
            let before = pass.applied + pass.unassigned + pass.set_aside;
            for (id, event) in &events {
                if pass.tries.contains_key(id) {
                    continue;
                }
                match self.apply(*id, event).await {
                    Ok(outcome) => self.pass_on(event, outcome, pass),
                    Err(error @ CatalogError::Away(_)) => {
                        // Tries that were counted stay counted.
                        pass.tries.extend(tries);
                        return Err(error);
                    }
                    Err(error) => {
                        let tried = tries.remove(id).unwrap_or(0) + 1;
                        self.fail(*id, event, tried, &error, pass).await?;
                    }
                }
            }
            // Whatever else is pending waits for another try.
            if events.is_empty() || before == pass.applied + pass.unassigned + pass.set_aside {
                return Ok(());
            }
        }
    }

    /// A panic is this event's alone.
    async fn apply(&self, id: i64, event: &WebhookEvent) -> Result<EventOutcome, CatalogError> {
        let applying = async { self.catalog.apply_event(id, event, self.clock.now()).await };
        AssertUnwindSafe(applying)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(CatalogError::Corrupt("applying it panics".to_owned())))
    }

    async fn fail(
        &self,
        id: i64,
        event: &WebhookEvent,
        tried: u32,
        error: &CatalogError,
        pass: &mut Pass,
    ) -> Result<(), CatalogError> {
        tracing::error!(call.sid = %event.call(), event = id, tried, %error, "webhook not applied");
        pass.complaint = Some(error.to_string());
        if tried < TRIES_MAX {
            pass.tries.insert(id, tried);
            return Ok(());
        }
        self.catalog.set_event_aside(id, self.clock.now()).await?;
        tracing::error!(call.sid = %event.call(), event = id, "webhook set aside: it never works");
        pass.set_aside += 1;
        Ok(())
    }

    /// Tells the actors of what an event changed.
    fn pass_on(&self, event: &WebhookEvent, outcome: EventOutcome, pass: &mut Pass) {
        match outcome {
            EventOutcome::Applied { call, recording } => {
                pass.applied += 1;
                // A leg that was just found to be one may have an actor of its own.
                if call.call != event.call() {
                    let business = call.business.clone();
                    self.recordings.refresh(CallKey { business, call: event.call() }, None);
                }
                if recording.is_some() {
                    self.recordings.refresh(call, recording);
                }
            }
            EventOutcome::Unassigned => {
                pass.unassigned += 1;
                tracing::warn!(
                    account.sid = %event.account(), call.sid = %event.call(),
                    "webhook fits no business; kept for hearback webhook assign"
                );
            }
        }
    }

    async fn prune(&self, pass: &mut Pass) -> Result<(), CatalogError> {
        let before = self.clock.now().minus(REMEMBERED);
        for _ in 0..PRUNE_BATCHES_MAX {
            let pruned = self.catalog.prune_events(before, PRUNE_BATCH).await?;
            pass.pruned += pruned;
            if pruned < u64::from(PRUNE_BATCH) {
                break;
            }
        }
        Ok(())
    }
}
