//! What the catalog in memory holds.

use std::collections::{BTreeMap, BTreeSet};

use actors::domain::{
    AccountSid, AudioKey, BusinessId, Call, CallDetails, CallKey, CallSid, Format, Recording,
    RecordingSid, Retention, StoredCopy, Timestamp, WebhookEvent,
};
use actors::ports::{
    Business, CallRecord, CatalogError, ColdCopy, InboxEvent, Order, OrderOutcome, RecordingRecord,
};

use super::super::{ACCOUNT, OTHER_ACCOUNT, business};

/// Of the recordings of a call, those that started last.
pub(in super::super) const LISTED_MAX: usize = 64;

#[derive(Default)]
pub(in super::super) struct Rows {
    pub(in super::super) businesses: Vec<Business>,
    pub(in super::super) tokens: Vec<(AccountSid, Vec<u8>)>,
    pub(in super::super) calls: BTreeMap<CallKey, Call>,
    pub(in super::super) recordings: BTreeMap<RecordingSid, RecordingRecord>,
    pub(in super::super) played: BTreeMap<RecordingSid, Timestamp>,
    pub(in super::super) looked_up: BTreeSet<CallKey>,
    pub(in super::super) events: Vec<InboxEvent>,
    pub(in super::super) events_total: i64,
    pub(in super::super) pending: BTreeMap<i64, WebhookEvent>,
    pub(in super::super) unassigned: BTreeMap<i64, WebhookEvent>,
    pub(in super::super) reconciled: BTreeMap<AccountSid, Timestamp>,
    /// Of calls of which some row makes no sense.
    pub(in super::super) corrupt: BTreeSet<CallSid>,
    /// Of calls whose events break whoever applies them.
    pub(in super::super) breaking: BTreeSet<CallSid>,
    /// For ever, unless somebody says otherwise.
    pub(in super::super) retention: Option<Retention>,
    pub(in super::super) held: BTreeSet<CallKey>,
    pub(in super::super) orders: Vec<(Order, Option<OrderOutcome>)>,
    /// Whose rows make no sense.
    pub(in super::super) garbled: Vec<Order>,
}

impl Rows {
    pub(in super::super) fn business_of(&self, account: AccountSid) -> Option<BusinessId> {
        [ACCOUNT, OTHER_ACCOUNT].contains(&account).then(business)
    }

    pub(in super::super) fn parent(&self, key: &CallKey) -> Option<CallKey> {
        let call = self.calls.get(key)?;
        let sid = call.details.parent.unwrap_or(call.sid);
        Some(CallKey { business: key.business.clone(), call: sid })
    }

    pub(in super::super) fn record(&self, call: &Call) -> CallRecord {
        let mine = |row: &&RecordingRecord| row.recording.call == call.sid;
        let dated = |row: &RecordingRecord| RecordingRecord {
            recording: self.with_expiry(&row.recording),
            ..row.clone()
        };
        let mut recordings: Vec<_> = self.recordings.values().filter(mine).map(dated).collect();
        let began = |row: &RecordingRecord| (row.recording.started_at, row.recording.sid);
        recordings.sort_by_key(began);
        let recordings = recordings.split_off(recordings.len().saturating_sub(LISTED_MAX));
        CallRecord { call: call.clone(), recordings }
    }

    pub(in super::super) fn with_expiry(&self, recording: &Recording) -> Recording {
        let key = CallKey { business: recording.business.clone(), call: recording.call };
        let held = self.held.contains(&key);
        let ended_at = recording.ended_at().filter(|_| !held);
        let retention = self.retention.unwrap_or(Retention::ForEver);
        let expires_at = ended_at.and_then(|at| retention.expiry(at));
        Recording { expires_at, held, ..recording.clone() }
    }

    /// What may still be fetched.
    pub(in super::super) fn unexpunged(
        &mut self,
        key: &AudioKey,
    ) -> Result<&mut RecordingRecord, CatalogError> {
        let row = self.recordings.get_mut(&key.recording);
        row.filter(|row| !row.recording.status.is_expunged())
            .ok_or_else(|| CatalogError::Unknown(format!("recording {}", key.recording)))
    }

    pub(in super::super) fn hear_of(
        &mut self,
        key: &CallKey,
        account: AccountSid,
        now: Timestamp,
    ) -> &mut Call {
        self.calls.entry(key.clone()).or_insert_with(|| Call {
            business: key.business.clone(),
            sid: key.call,
            account,
            details: CallDetails::default(),
            heard_at: now,
        })
    }

    pub(in super::super) fn fill_in(
        &mut self,
        key: &CallKey,
        details: &CallDetails,
        now: Timestamp,
    ) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let (account, known) = (call.account, &mut call.details);
        known.direction = details.direction.or(known.direction);
        known.started_at = details.started_at.or(known.started_at);
        known.status = details.status.or(known.status);
        if let (Some(parent), None) = (details.parent, known.parent) {
            known.parent = Some(parent);
            self.hear_of(&CallKey { business: key.business.clone(), call: parent }, account, now);
            for row in self.recordings.values_mut().filter(|row| row.recording.call == key.call) {
                row.recording.call = parent;
            }
        }
    }

    /// All copies that may.
    pub(in super::super) fn may_leave(&self) -> Vec<ColdCopy> {
        let replaceable = self.present().filter(|(row, _)| {
            let recording = self.with_expiry(&row.recording);
            recording.status.gone().is_none() && !recording.held
        });
        let cold = replaceable.map(|(RecordingRecord { recording, .. }, copy)| ColdCopy {
            call: CallKey { business: recording.business.clone(), call: recording.call },
            account: recording.account,
            audio: AudioKey {
                business: recording.business.clone(),
                recording: recording.sid,
                format: Format::Mp3,
            },
            copy: copy.clone(),
            used_at: self.played[&recording.sid],
        });
        cold.collect()
    }

    pub(in super::super) fn present(
        &self,
    ) -> impl Iterator<Item = (&RecordingRecord, &StoredCopy)> {
        self.recordings.values().filter_map(|row| {
            let held = row.copy.as_ref().filter(|held| held.present)?;
            Some((row, &held.copy))
        })
    }
}
