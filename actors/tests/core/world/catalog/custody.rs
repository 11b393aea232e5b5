//! Expiry, erasure, hold and orders of the catalog in memory.

use actors::domain::{
    AudioKey, BusinessId, CallDetails, CallKey, CopyId, FetchHistory, Format, RecordingSid,
    Retention, SourceStatus, Timestamp,
};
use actors::ports::{
    CatalogError, Custody, Order, OrderOutcome, Overdue, PendingOrder, PresentCopy,
};
use async_trait::async_trait;

use super::rows::Rows;
use super::{FakeCatalog, key_of};

type Files = Vec<(AudioKey, CopyId)>;

impl Rows {
    fn refuse_held(&self, call: &CallKey) -> Result<(), CatalogError> {
        match self.held.contains(call) {
            true => Err(CatalogError::Held(format!("call {}", call.call))),
            false => Ok(()),
        }
    }

    fn expunge(&mut self, sid: RecordingSid, status: SourceStatus) -> Files {
        let Some(row) = self.recordings.get_mut(&sid) else { return Files::new() };
        row.recording.status = status;
        row.history = FetchHistory::default();
        let business = row.recording.business.clone();
        let audio = AudioKey { business, recording: sid, format: Format::Mp3 };
        row.copy.take().map(|held| (audio, held.copy.id)).into_iter().collect()
    }
}

#[async_trait]
impl Custody for FakeCatalog {
    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, CatalogError> {
        let rows = self.open()?;
        let recordings = rows.recordings.values().map(|row| rows.with_expiry(&row.recording));
        let mut overdue: Vec<Overdue> = recordings
            .filter(|recording| !recording.status.is_expunged() && recording.ending(now).is_some())
            .map(|it| Overdue {
                call: key_of(&it),
                recording: it.sid,
                ended_at: it.ended_at().expect("an end"),
            })
            .collect();
        let place = |it: &Overdue| (it.ended_at, it.recording);
        overdue.retain(|it| after.is_none_or(|after| place(it) > place(after)));
        overdue.sort_by_key(place);
        overdue.truncate(limit as usize);
        Ok(overdue)
    }

    async fn expire(&self, key: &AudioKey, now: Timestamp) -> Result<Option<Files>, CatalogError> {
        let mut rows = self.open()?;
        let Some(row) = rows.recordings.get(&key.recording) else { return Ok(None) };
        let recording = rows.with_expiry(&row.recording);
        if rows.corrupt.contains(&recording.call) {
            return Err(CatalogError::Corrupt("started_at_ms".to_owned()));
        }
        if recording.status.is_expunged() || recording.ending(now).is_none() {
            return Ok(None);
        }
        self.journal.note(format!("expire {}", key.recording));
        Ok(Some(rows.expunge(key.recording, SourceStatus::Expired)))
    }

    async fn erase(&self, call: &CallKey, _: Timestamp) -> Result<Files, CatalogError> {
        let mut rows = self.open()?;
        rows.refuse_held(call)?;
        if rows.corrupt.contains(&call.call) {
            return Err(CatalogError::Corrupt("sid".to_owned()));
        }
        self.journal.note(format!("erase {}", call.call));
        let known = rows.calls.get_mut(call);
        known.ok_or_else(|| CatalogError::Unknown(format!("call {}", call.call)))?.details =
            CallDetails::default();
        let mine = rows.recordings.values().filter(|row| row.recording.call == call.call);
        let mine: Vec<RecordingSid> = mine.map(|row| row.recording.sid).collect();
        Ok(mine.into_iter().flat_map(|sid| rows.expunge(sid, SourceStatus::Erased)).collect())
    }

    async fn set_hold(&self, call: &CallKey, held: bool, _: Timestamp) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        if held {
            rows.held.insert(call.clone());
        } else {
            rows.held.remove(call);
        }
        rows.orders.push((Order::LookAgain(call.clone()), None));
        Ok(())
    }

    async fn retention(&self, _: &BusinessId) -> Result<Retention, CatalogError> {
        Ok(self.open()?.retention.unwrap_or(Retention::ForEver))
    }

    async fn set_retention(
        &self,
        business: &BusinessId,
        retention: Retention,
        _: Timestamp,
    ) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        rows.retention = Some(retention);
        rows.orders.push((Order::LookAgainAt(business.clone()), None));
        Ok(())
    }

    async fn place_order(&self, order: &Order, _: Timestamp) -> Result<i64, CatalogError> {
        let mut rows = self.open()?;
        rows.orders.push((order.clone(), None));
        Ok(i64::try_from(rows.orders.len()).expect("few orders"))
    }

    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, CatalogError> {
        let rows = self.open()?;
        let pending = (1..).zip(&rows.orders).filter(|(_, (_, outcome))| outcome.is_none());
        let read = |order: &Order| match rows.garbled.contains(order) {
            true => Err("the catalog holds something unreadable: kind".to_owned()),
            false => Ok(order.clone()),
        };
        Ok(pending.take(limit as usize).map(|(id, (order, _))| (id, read(order))).collect())
    }

    async fn settle_order(
        &self,
        id: i64,
        outcome: &OrderOutcome,
        _: Timestamp,
    ) -> Result<(), CatalogError> {
        let index = usize::try_from(id - 1).expect("an id");
        self.open()?.orders[index].1 = Some(outcome.clone());
        Ok(())
    }

    async fn order_outcome(&self, id: i64) -> Result<Option<OrderOutcome>, CatalogError> {
        let index = usize::try_from(id - 1).expect("an id");
        Ok(self.open()?.orders[index].1.clone())
    }

    async fn present_copies(
        &self,
        after: Option<RecordingSid>,
        limit: u32,
    ) -> Result<Vec<PresentCopy>, CatalogError> {
        let rows = self.open()?;
        let behind = rows.present().filter(|(row, _)| Some(row.recording.sid) > after);
        let present = behind.map(|(row, copy)| {
            let recording = &row.recording;
            let business = recording.business.clone();
            let audio = AudioKey { business, recording: recording.sid, format: Format::Mp3 };
            let (call, copy) = (key_of(recording), copy.clone());
            PresentCopy { call, audio, copy, status: recording.status }
        });
        Ok(present.take(limit as usize).collect())
    }
}
