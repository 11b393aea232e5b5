//! A catalog in memory. Each method is one transaction, and `away` refuses them all.

mod custody;
mod events;
mod rows;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actors::domain::{
    AccountSid, AudioKey, BusinessId, Call, CallDetails, CallKey, CallSid, CopyId, FailureKind,
    FetchHistory, HeldCopy, PhoneNumber, Recording, RecordingSid, Retention, SourceStatus,
    StoredCopy, Timestamp, WebhookEvent,
};
use actors::ports::{
    Business, CallFilter, CallPage, CallRecord, Catalog, CatalogError, ColdCopy, Condition,
    NewBusiness, Order, RecordingRecord, TwilioAccount, VaultUse,
};
use async_trait::async_trait;

use super::{ACCOUNT, FakeClock, Gate, Journal, business, call, recording};
use rows::Rows;

pub(crate) struct FakeCatalog {
    /// Holds up answers about calls.
    pub(crate) loading: Gate,
    /// Held up before a copy is committed.
    pub(crate) committing: Gate,
    /// Held up before attempts are written down.
    pub(crate) remembering: Gate,
    pub(crate) away: AtomicBool,
    loads: AtomicUsize,
    pub(super) inbox_looks: AtomicUsize,
    slow_loads: Mutex<VecDeque<Duration>>,
    commit_faults: Mutex<VecDeque<CommitFault>>,
    rows: Mutex<Rows>,
    pub(super) journal: Journal,
    pub(super) clock: Arc<FakeClock>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum CommitFault {
    Refused,
    Panic,
}

impl FakeCatalog {
    pub(crate) fn new(journal: Journal, clock: Arc<FakeClock>) -> Self {
        Self {
            loading: Gate::default(),
            committing: Gate::default(),
            remembering: Gate::default(),
            away: AtomicBool::new(false),
            loads: AtomicUsize::new(0),
            inbox_looks: AtomicUsize::new(0),
            slow_loads: Mutex::default(),
            commit_faults: Mutex::default(),
            rows: Mutex::default(),
            journal,
            clock,
        }
    }

    /// Adds call `n` with one completed recording `n`.
    pub(crate) fn add(&self, n: u128) {
        self.add_with(n, |_| {});
    }

    pub(crate) fn add_with(&self, n: u128, change: impl FnOnce(&mut Recording)) {
        let now = self.clock.reading();
        let mut recording = Recording {
            business: business(),
            sid: recording(n),
            call: call(n).call,
            account: ACCOUNT,
            status: SourceStatus::Completed,
            channels: Some(1),
            duration: None,
            started_at: None,
            completed_at: Some(now),
            expires_at: None,
            held: false,
        };
        change(&mut recording);
        let mut rows = self.rows.lock().expect("whole");
        let call = Call {
            business: business(),
            sid: recording.call,
            account: recording.account,
            details: CallDetails::default(),
            heard_at: now,
        };
        let key = CallKey { business: business(), call: call.sid };
        rows.looked_up.insert(key.clone());
        rows.calls.entry(key).or_insert(call);
        rows.recordings.insert(
            recording.sid,
            RecordingRecord { recording, copy: None, history: FetchHistory::default() },
        );
    }

    /// Forgets that the source was asked about call `n`.
    pub(crate) fn lacks_details(&self, n: u128) {
        self.rows.lock().expect("whole").looked_up.remove(&call(n));
    }

    pub(crate) fn set_status(&self, n: u128, status: SourceStatus) {
        let mut rows = self.rows.lock().expect("whole");
        if let Some(row) = rows.recordings.get_mut(&recording(n)) {
            row.recording.status = status;
        }
    }

    /// The row of this order makes no sense.
    pub(crate) fn garble(&self, order: &Order) {
        self.rows.lock().expect("whole").garbled.push(order.clone());
    }

    /// From now on no event of call `n` can be applied, and nothing of it expunged.
    pub(crate) fn corrupt(&self, n: u128) {
        self.rows.lock().expect("whole").corrupt.insert(call(n).call);
    }

    /// How long recordings are kept from now on, as told to nobody.
    pub(crate) fn keep_for(&self, retention: Retention) {
        self.rows.lock().expect("whole").retention = Some(retention);
    }

    /// Adds the business, with its account.
    pub(crate) fn incorporate(&self) {
        let mut rows = self.rows.lock().expect("whole");
        rows.tokens.push((ACCOUNT, Vec::new()));
        rows.businesses.push(Business {
            id: business(),
            name: "Acme".to_owned(),
            account: ACCOUNT,
            numbers: Vec::new(),
        });
    }

    /// Adds an account that is known, but of which no number is anybody's.
    pub(crate) fn adds_nobodys(&self, account: AccountSid) {
        self.rows.lock().expect("whole").tokens.push((account, Vec::new()));
    }

    /// From now on whoever applies an event of call `n` panics.
    pub(crate) fn break_on(&self, n: u128) {
        self.rows.lock().expect("whole").breaking.insert(call(n).call);
    }

    fn break_down(&self, event: &WebhookEvent) {
        let breaks = self.rows.lock().expect("whole").breaking.contains(&event.call());
        assert!(!breaks, "the catalog broke");
    }

    pub(crate) fn next_commit(&self, fault: CommitFault) {
        self.commit_faults.lock().expect("whole").push_back(fault);
    }

    /// The next answer to `load_call` takes so long; several are taken in turn.
    pub(crate) fn next_load_takes(&self, span: Duration) {
        self.slow_loads.lock().expect("whole").push_back(span);
    }

    /// How often somebody looked for events.
    pub(crate) fn inbox_looks(&self) -> usize {
        self.inbox_looks.load(Ordering::SeqCst)
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn played_at(&self, n: u128) -> Option<Timestamp> {
        self.rows.lock().expect("whole").played.get(&recording(n)).copied()
    }

    /// An earlier process sent bytes of call `n` under this version, and no copy came of it.
    pub(crate) fn promise(&self, n: u128, version: actors::domain::Version) {
        let mut rows = self.rows.lock().expect("whole");
        let row = rows.recordings.get_mut(&recording(n)).expect("a row");
        row.history.promised = Some(version);
    }

    pub(crate) fn row(&self, n: u128) -> Option<RecordingRecord> {
        self.rows.lock().expect("whole").recordings.get(&recording(n)).cloned()
    }

    pub(crate) fn details(&self, n: u128) -> Option<CallDetails> {
        let rows = self.rows.lock().expect("whole");
        rows.calls.get(&call(n)).map(|call| call.details.clone())
    }

    fn open(&self) -> Result<MutexGuard<'_, Rows>, CatalogError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(CatalogError::Away("unplugged".to_owned()));
        }
        Ok(self.rows.lock().expect("whole"))
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    fn condition(&self) -> Condition {
        Condition::default()
    }

    async fn ping(&self) -> Result<(), CatalogError> {
        self.open().map(drop)
    }

    async fn add_business(&self, new: &NewBusiness, _: Timestamp) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        if rows.businesses.iter().any(|known| known.id == new.id) {
            return Err(CatalogError::Exists(format!("business {}", new.id)));
        }
        rows.tokens.push((new.account, new.sealed_token.clone()));
        rows.businesses.push(Business {
            id: new.id.clone(),
            name: new.name.clone(),
            account: new.account,
            numbers: new.numbers.clone(),
        });
        Ok(())
    }

    async fn businesses(&self) -> Result<Vec<Business>, CatalogError> {
        Ok(self.open()?.businesses.clone())
    }

    async fn add_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
        _: Timestamp,
    ) -> Result<(), CatalogError> {
        self.open()?.tokens.push((account, sealed_token));
        Ok(())
    }

    async fn remove_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
    ) -> Result<(), CatalogError> {
        self.open()?.tokens.retain(|known| *known != (account, sealed_token.clone()));
        Ok(())
    }

    async fn add_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        let known = rows.businesses.iter_mut().find(|known| known.id == *business);
        known.map(|known| known.numbers.push(number.clone())).ok_or_else(|| nobody(business))
    }

    async fn remove_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        let known = rows.businesses.iter_mut().find(|known| known.id == *business);
        known
            .map(|known| known.numbers.retain(|kept| kept != number))
            .ok_or_else(|| nobody(business))
    }

    async fn accounts(&self) -> Result<Vec<TwilioAccount>, CatalogError> {
        let mut accounts: BTreeMap<AccountSid, Vec<Vec<u8>>> = BTreeMap::new();
        for (account, token) in self.open()?.tokens.iter().rev() {
            accounts.entry(*account).or_default().push(token.clone());
        }
        let account = |(sid, sealed_tokens)| TwilioAccount { sid, sealed_tokens };
        Ok(accounts.into_iter().map(account).collect())
    }

    async fn find_call(&self, key: &CallKey) -> Result<Option<CallKey>, CatalogError> {
        let found = self.open()?.parent(key);
        // What was read is what it was then, however long the answer takes.
        self.loading.pass().await;
        Ok(found)
    }

    async fn find_call_anywhere(&self, call: CallSid) -> Result<Option<CallKey>, CatalogError> {
        let rows = self.open()?;
        let key = rows.calls.keys().find(|key| key.call == call);
        Ok(key.and_then(|key| rows.parent(key)))
    }

    async fn load_call(&self, key: &CallKey) -> Result<Option<CallRecord>, CatalogError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let found = {
            let rows = self.open()?;
            let parent = rows.calls.get(key).filter(|call| call.details.parent.is_none());
            parent.map(|call| rows.record(call))
        };
        // What was read is what it was then, however long the answer takes.
        self.loading.pass().await;
        let takes = self.slow_loads.lock().expect("whole").pop_front();
        tokio::time::sleep(takes.unwrap_or_default()).await;
        Ok(found)
    }

    async fn list_calls(
        &self,
        business: &BusinessId,
        filter: &CallFilter,
    ) -> Result<CallPage, CatalogError> {
        let rows = self.open()?;
        let mut parents: Vec<&Call> = rows
            .calls
            .values()
            .filter(|call| call.business == *business && call.details.parent.is_none())
            .collect();
        parents.sort_by_key(|call| std::cmp::Reverse(call.heard_at));
        let page = parents.into_iter().take(filter.limit as usize);
        Ok(CallPage { calls: page.map(|call| rows.record(call)).collect(), next_cursor: None })
    }

    async fn calls_without_details(
        &self,
        limit: u32,
    ) -> Result<Vec<(CallKey, AccountSid)>, CatalogError> {
        let rows = self.open()?;
        let mut lacking: Vec<(&CallKey, &Call)> = rows
            .calls
            .iter()
            .filter(|(key, call)| {
                let told = call.details.direction.is_some() && call.details.started_at.is_some();
                !told && !rows.looked_up.contains(key)
            })
            .collect();
        lacking.sort_by_key(|(_, call)| std::cmp::Reverse(call.heard_at));
        let newest = lacking.into_iter().take(limit as usize);
        Ok(newest.map(|(key, call)| (key.clone(), call.account)).collect())
    }

    async fn record_details(
        &self,
        key: &CallKey,
        details: &CallDetails,
    ) -> Result<(), CatalogError> {
        let now = self.clock.reading();
        let mut rows = self.open()?;
        if !rows.calls.contains_key(key) {
            return Err(CatalogError::Unknown(format!("call {}", key.call)));
        }
        rows.looked_up.insert(key.clone());
        rows.fill_in(key, details, now);
        Ok(())
    }

    async fn record_status(
        &self,
        key: &AudioKey,
        status: SourceStatus,
    ) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        let row = rows.recordings.get_mut(&key.recording).ok_or_else(|| unknown(key))?;
        if status.rank() >= row.recording.status.rank() {
            row.recording.status = status;
        }
        Ok(())
    }

    async fn wanted(&self, limit: u32) -> Result<Vec<(CallKey, RecordingSid)>, CatalogError> {
        let rows = self.open()?;
        let never_copied = rows
            .recordings
            .values()
            .filter(|row| row.copy.is_none() && row.recording.status == SourceStatus::Completed)
            .filter(|row| {
                let kind = row.history.failure.as_ref().map(|failure| failure.kind);
                !matches!(kind, Some(FailureKind::RefusedRecording | FailureKind::Particular))
            });
        let mut wanted: Vec<&Recording> = never_copied.map(|row| &row.recording).collect();
        wanted.sort_by_key(|recording| std::cmp::Reverse(recording.completed_at));
        let newest = wanted.into_iter().take(limit as usize);
        Ok(newest.map(|recording| (key_of(recording), recording.sid)).collect())
    }

    async fn remember_fetches(
        &self,
        key: &AudioKey,
        history: &FetchHistory,
    ) -> Result<(), CatalogError> {
        self.remembering.pass().await;
        let mut rows = self.open()?;
        let row = rows.unexpunged(key)?;
        row.history = history.clone();
        Ok(())
    }

    async fn commit_copy(
        &self,
        key: &AudioKey,
        copy: &StoredCopy,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.committing.pass().await;
        let fault = self.commit_faults.lock().expect("whole").pop_front();
        match fault {
            Some(CommitFault::Refused) => return Err(CatalogError::Away("disk full".to_owned())),
            Some(CommitFault::Panic) => panic!("the catalog broke"),
            None => {}
        }
        let mut rows = self.open()?;
        let row = rows.unexpunged(key)?;
        row.copy = Some(HeldCopy { copy: copy.clone(), present: true });
        row.history = FetchHistory::default();
        if row.recording.status == SourceStatus::Missing {
            row.recording.status = SourceStatus::Completed;
        }
        rows.played.insert(key.recording, now);
        self.journal.note(format!("commit {}", copy.id));
        Ok(())
    }

    async fn withdraw_copy(&self, key: &AudioKey, id: CopyId) -> Result<(), CatalogError> {
        let mut rows = self.open()?;
        self.journal.note(format!("withdraw {id}"));
        if let Some(row) = rows.recordings.get_mut(&key.recording)
            && let Some(held) = row.copy.as_mut().filter(|held| held.copy.id == id)
        {
            held.present = false;
        }
        Ok(())
    }

    async fn is_held(&self, key: &AudioKey, id: CopyId) -> Result<bool, CatalogError> {
        let rows = self.open()?;
        let held =
            rows.present().any(|(row, copy)| row.recording.sid == key.recording && copy.id == id);
        Ok(held)
    }

    async fn record_played(&self, key: &AudioKey, now: Timestamp) -> Result<(), CatalogError> {
        self.open()?.played.insert(key.recording, now);
        Ok(())
    }

    async fn vault_use(&self) -> Result<VaultUse, CatalogError> {
        let rows = self.open()?;
        let lengths: Vec<u64> = rows.present().map(|(_, copy)| copy.length).collect();
        Ok(VaultUse { copies: lengths.len() as u64, bytes: lengths.iter().sum() })
    }

    async fn coldest_copies(
        &self,
        after: Option<&ColdCopy>,
        limit: u32,
    ) -> Result<Vec<ColdCopy>, CatalogError> {
        let rows = self.open()?;
        let place = |cold: &ColdCopy| (cold.used_at, cold.audio.recording);
        let mut coldest = rows.may_leave();
        coldest.retain(|cold| after.is_none_or(|after| place(cold) > place(after)));
        coldest.sort_by_key(place);
        coldest.truncate(limit as usize);
        Ok(coldest)
    }
}

fn key_of(recording: &Recording) -> CallKey {
    CallKey { business: recording.business.clone(), call: recording.call }
}

fn nobody(business: &BusinessId) -> CatalogError {
    CatalogError::Unknown(format!("business {business}"))
}

fn unknown(key: &AudioKey) -> CatalogError {
    CatalogError::Unknown(format!("recording {}", key.recording))
}
