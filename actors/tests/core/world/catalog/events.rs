//! Stored events, beside the rows they change.

use std::sync::atomic::Ordering;

use actors::domain::{
    AccountSid, BusinessId, CallKey, FetchHistory, Recording, SourceStatus, Timestamp, WebhookEvent,
};
use actors::ports::{
    Assignment, CatalogError, EventOutcome, EventStore, InboxEvent, PendingEvent, RecordingRecord,
    UnassignedCall, UnassignedEvent,
};
use async_trait::async_trait;

use super::FakeCatalog;

#[async_trait]
impl EventStore for FakeCatalog {
    async fn store_found(
        &self,
        found: &[WebhookEvent],
        now: Timestamp,
    ) -> Result<u64, CatalogError> {
        let mut news = 0;
        for event in found {
            let mut lifted = String::new();
            let known = match event {
                WebhookEvent::Recording(event) => {
                    let mut rows = self.open()?;
                    let row = rows.recordings.get_mut(&event.recording);
                    if let Some(row) = row {
                        let is_back = row.recording.status == SourceStatus::Missing
                            && event.status == SourceStatus::Completed;
                        if is_back {
                            row.recording.status = SourceStatus::Completed;
                            lifted = format!(" at {}", now.as_millis());
                        }
                        !is_back && row.recording.status.rank() >= event.status.rank()
                    } else {
                        false
                    }
                }
                WebhookEvent::Call(_) => false,
            };
            let event = InboxEvent {
                event: event.clone(),
                dedup_key: format!("found {event:?}{lifted}"),
                raw_form: String::new(),
                received_at: now,
            };
            news += u64::from(!known && self.store_event(&event).await?);
        }
        Ok(news)
    }

    async fn is_expected(&self, key: &CallKey) -> Result<bool, CatalogError> {
        let rows = self.open()?;
        let named = rows.pending.values().any(|event| match event {
            WebhookEvent::Call(event) => {
                event.call == key.call || event.details.parent == Some(key.call)
            }
            WebhookEvent::Recording(event) => event.call == key.call,
        });
        Ok(named || rows.calls.contains_key(key))
    }

    async fn set_event_aside(&self, id: i64, _: Timestamp) -> Result<(), CatalogError> {
        self.open()?.pending.remove(&id);
        Ok(())
    }

    async fn unassigned_events(&self, limit: u32) -> Result<Vec<UnassignedEvent>, CatalogError> {
        let rows = self.open()?;
        let oldest = rows.unassigned.iter().take(limit as usize);
        let event = |(id, event): (&i64, &WebhookEvent)| UnassignedEvent {
            id: *id,
            received_at: self.clock.reading(),
            event: event.clone(),
        };
        Ok(oldest.map(event).collect())
    }

    async fn unassigned_calls(
        &self,
        account: AccountSid,
        after: i64,
        limit: u32,
    ) -> Result<Vec<UnassignedCall>, CatalogError> {
        let rows = self.open()?;
        let mut oldest: Vec<UnassignedCall> = Vec::new();
        for (id, event) in rows.unassigned.iter().filter(|(_, event)| event.account() == account) {
            if oldest.iter().all(|known| known.call != event.call()) {
                oldest.push(UnassignedCall { event: *id, call: event.call() });
            }
        }
        let later = oldest.into_iter().filter(|known| known.event > after);
        Ok(later.take(limit as usize).collect())
    }

    async fn assign_events(&self, _: &BusinessId, _: &Assignment) -> Result<u64, CatalogError> {
        // Whose an account is stands fixed here, so that nothing could change it.
        Ok(0)
    }

    async fn prune_events(&self, before: Timestamp, _: u32) -> Result<u64, CatalogError> {
        let mut rows = self.open()?;
        let stored = rows.events.len();
        rows.events.retain(|event| event.received_at >= before);
        Ok((stored - rows.events.len()) as u64)
    }

    async fn reconciled(&self, account: AccountSid) -> Result<Option<Timestamp>, CatalogError> {
        Ok(self.open()?.reconciled.get(&account).copied())
    }

    async fn record_reconciled(
        &self,
        account: AccountSid,
        through: Timestamp,
    ) -> Result<(), CatalogError> {
        self.open()?.reconciled.insert(account, through);
        Ok(())
    }

    async fn store_event(&self, event: &InboxEvent) -> Result<bool, CatalogError> {
        let mut rows = self.open()?;
        if rows.events.iter().any(|known| known.dedup_key == event.dedup_key) {
            return Ok(false);
        }
        rows.events.push(event.clone());
        rows.events_total += 1;
        let id = rows.events_total;
        rows.pending.insert(id, event.event.clone());
        Ok(true)
    }

    async fn pending_events(&self, limit: u32) -> Result<Vec<PendingEvent>, CatalogError> {
        self.inbox_looks.fetch_add(1, Ordering::SeqCst);
        let rows = self.open()?;
        let oldest = rows.pending.iter().take(limit as usize);
        let pending = |(id, event): (&i64, &WebhookEvent)| PendingEvent {
            id: *id,
            received_at: rows
                .events
                .get(*id as usize - 1)
                .map_or_else(|| self.clock.reading(), |it| it.received_at),
            event: event.clone(),
        };
        Ok(oldest.map(pending).collect())
    }

    async fn pending_count(&self) -> Result<u64, CatalogError> {
        Ok(self.open()?.pending.len() as u64)
    }

    async fn apply_event(
        &self,
        id: i64,
        event: &WebhookEvent,
        now: Timestamp,
    ) -> Result<EventOutcome, CatalogError> {
        self.break_down(event);
        let mut rows = self.open()?;
        if rows.corrupt.contains(&event.call()) {
            return Err(CatalogError::Corrupt("a call without a business".to_owned()));
        }
        self.journal.note(format!("apply {id}"));
        rows.pending.remove(&id);
        let Some(business) = rows.business_of(event.account()) else {
            rows.unassigned.insert(id, event.clone());
            return Ok(EventOutcome::Unassigned);
        };
        let leg = CallKey { business: business.clone(), call: event.call() };
        rows.hear_of(&leg, event.account(), now);
        let recording = match event {
            WebhookEvent::Call(event) => {
                rows.fill_in(&leg, &event.details, now);
                None
            }
            WebhookEvent::Recording(event) => {
                let parent = rows.parent(&leg).expect("heard of");
                let row =
                    rows.recordings.entry(event.recording).or_insert_with(|| RecordingRecord {
                        recording: Recording {
                            business,
                            sid: event.recording,
                            call: parent.call,
                            account: event.account,
                            status: event.status,
                            channels: event.channels,
                            duration: event.duration,
                            started_at: event.started_at,
                            completed_at: None,
                            expires_at: None,
                            held: false,
                        },
                        copy: None,
                        history: FetchHistory::default(),
                    });
                if event.status.rank() > row.recording.status.rank() {
                    row.recording.status = event.status;
                    row.recording.duration = event.duration;
                }
                if event.status == SourceStatus::Completed {
                    row.recording.completed_at.get_or_insert(now);
                }
                Some(event.recording)
            }
        };
        let call = rows.parent(&leg).expect("heard of");
        Ok(EventOutcome::Applied { call, recording })
    }
}
