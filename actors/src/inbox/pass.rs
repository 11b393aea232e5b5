//! One pass through the inbox: every stored event is applied, in order, and whom it concerns is told.
//!
//! Invariant: an event that fails, or that breaks what applies it, holds up no other; after some tries it is
//! set aside. An outage counts as no try.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::Desk;
use crate::domain::{CallKey, Distribution, Timestamp, WebhookEvent};
use crate::ports::{CatalogError, EventOutcome, PendingEvent};

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
    pub(super) pruned: u64,
    pub(super) resumed: bool,
    /// Events that wait for another try, and how many they had.
    pub(super) tries: HashMap<i64, u32>,
    /// Why the last of them failed.
    pub(super) complaint: Option<String>,
    pub(super) error: Option<CatalogError>,
}

/// What became of some events in a row. Told at once: a pass through a full inbox takes minutes.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) applied: u64,
    pub(super) unassigned: u64,
    pub(super) set_aside: u64,
    /// How long those that were applied had waited for it.
    pub(super) lag: Distribution,
    /// What is left, and since when the oldest of it waits; `None` where the catalog could not say.
    pub(super) left: Option<(u64, Option<Timestamp>)>,
}

/// Told of each batch.
pub(super) type Tell = dyn Fn(Batch) + Send + Sync;

impl Batch {
    const fn settled(&self) -> u64 {
        self.applied + self.unassigned + self.set_aside
    }
}

impl Desk {
    pub(super) async fn pass(&self, errand: Errand, tell: Box<Tell>) -> Pass {
        let mut pass = Pass::default();
        pass.error = self.work(errand, &mut pass, &*tell).await.err();
        pass
    }

    async fn work(&self, errand: Errand, pass: &mut Pass, tell: &Tell) -> Result<(), CatalogError> {
        self.apply_events(errand.tries, pass, tell).await?;
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
        tell: &Tell,
    ) -> Result<(), CatalogError> {
        loop {
            let events = self.catalog.pending_events(EVENTS_BATCH).await?;
            tell(Batch { left: Some(self.left(&events).await?), ..Batch::default() });
            let mut batch = Batch::default();
            let applied = self.apply_batch(&events, &mut tries, pass, &mut batch).await;
            let settled = batch.settled();
            pass.applied += batch.applied;
            tell(batch);
            applied?;
            // Whatever else is pending waits for another try.
            if settled == 0 {
                return Ok(());
            }
        }
    }

    /// How many there are in all, and since when the first waits.
    async fn left(
        &self,
        events: &[PendingEvent],
    ) -> Result<(u64, Option<Timestamp>), CatalogError> {
        let more = events.len() >= EVENTS_BATCH as usize;
        let count = if more { self.catalog.pending_count().await? } else { events.len() as u64 };
        Ok((count, events.iter().map(|pending| pending.received_at).min()))
    }

    async fn apply_batch(
        &self,
        events: &[PendingEvent],
        tries: &mut HashMap<i64, u32>,
        pass: &mut Pass,
        batch: &mut Batch,
    ) -> Result<(), CatalogError> {
        for PendingEvent { id, received_at, event } in events {
            if pass.tries.contains_key(id) {
                continue;
            }
            match self.apply(*id, event).await {
                Ok(outcome) => self.pass_on(event, *received_at, outcome, batch),
                Err(error @ CatalogError::Away(_)) => {
                    // Tries that were counted stay counted.
                    pass.tries.extend(std::mem::take(tries));
                    return Err(error);
                }
                Err(error) => {
                    let tried = tries.remove(id).unwrap_or(0) + 1;
                    batch.set_aside += self.fail(*id, event, tried, &error, pass).await?;
                }
            }
        }
        Ok(())
    }

    /// A panic is this event's alone.
    async fn apply(&self, id: i64, event: &WebhookEvent) -> Result<EventOutcome, CatalogError> {
        let applying = async { self.catalog.apply_event(id, event, self.clock.now()).await };
        AssertUnwindSafe(applying)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(CatalogError::Corrupt("applying it panics".to_owned())))
    }

    /// Returns how many were given up: this one, or none.
    async fn fail(
        &self,
        id: i64,
        event: &WebhookEvent,
        tried: u32,
        error: &CatalogError,
        pass: &mut Pass,
    ) -> Result<u64, CatalogError> {
        tracing::error!(call.sid = %event.call(), event = id, tried, %error, "webhook not applied");
        pass.complaint = Some(error.to_string());
        if tried < TRIES_MAX {
            pass.tries.insert(id, tried);
            return Ok(0);
        }
        self.catalog.set_event_aside(id, self.clock.now()).await?;
        tracing::error!(call.sid = %event.call(), event = id, "webhook set aside: it never works");
        Ok(1)
    }

    /// Tells the actors of what an event changed.
    fn pass_on(
        &self,
        event: &WebhookEvent,
        received_at: Timestamp,
        outcome: EventOutcome,
        batch: &mut Batch,
    ) {
        match outcome {
            EventOutcome::Applied { call, recording } => {
                batch.applied += 1;
                batch.lag.record(self.clock.now().since(received_at));
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
                batch.unassigned += 1;
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
