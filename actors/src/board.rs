//! Where every actor publishes what it is doing, and operators, tests and metrics read it.
//!
//! Invariant: reading never touches a mailbox, so it answers while every actor is busy.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{broadcast, watch};

use crate::arrival::Audience;
use crate::domain::{CallKey, CallSid, StateName, Timestamp};
use crate::fetcher::{FetcherView, PaceView, Pacer};
use crate::happening::{Announcer, Failure, Happening, What};
use crate::inbox::InboxView;
use crate::jobs::JobsView;
use crate::keepers::reconciler::ReconcilerView;
use crate::keepers::retention::RetentionKeeperView;
use crate::keepers::vault::VaultKeeperView;
use crate::recording::{AsksView, CallView, Counts, RecordingView};
use crate::recordings::RecordingsView;

pub struct Board {
    pub recordings: watch::Receiver<RecordingsView>,
    pub fetcher: watch::Receiver<FetcherView>,
    /// How many listen to what is still being downloaded.
    pub audience: watch::Receiver<usize>,
    pub inbox: watch::Receiver<InboxView>,
    pub jobs: watch::Receiver<JobsView>,
    pub vault_keeper: watch::Receiver<VaultKeeperView>,
    pub retention_keeper: watch::Receiver<RetentionKeeperView>,
    pub reconciler: watch::Receiver<ReconcilerView>,
    pub children: watch::Receiver<Vec<ChildView>>,
    calls: RwLock<BTreeMap<CallKey, Posting>>,
    counts: Counts,
    pacer: Arc<Pacer>,
    announcer: Announcer,
}

/// One of the supervisor's children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildView {
    pub name: &'static str,
    pub running: bool,
    pub since: Timestamp,
    pub restarts: u32,
    pub last_error: Option<String>,
}

/// One live call actor, or one that crashed and is not yet forgiven.
#[derive(Debug, Clone)]
pub struct Posting {
    pub since: Timestamp,
    pub restarts: u32,
    pub last_error: Option<String>,
    view: watch::Receiver<CallView>,
}

impl Posting {
    pub(crate) const fn new(since: Timestamp, view: watch::Receiver<CallView>) -> Self {
        Self { since, restarts: 0, last_error: None, view }
    }

    pub fn view(&self) -> CallView {
        self.view.borrow().clone()
    }

    pub fn has_recording_in(&self, state: StateName, now: Timestamp) -> bool {
        self.view.borrow().recordings.iter().any(|recording| recording.state_at(now) == state)
    }

    /// Whether a fetch of it has a place in the pool.
    pub fn is_fetching(&self) -> bool {
        self.view.borrow().recordings.iter().any(RecordingView::is_being_fetched)
    }

    /// Whether the actor lives that published this view.
    pub fn is_live(&self) -> bool {
        self.view.has_changed().is_ok()
    }
}

/// The writing ends of a board, one for each kind of actor.
pub(crate) struct BoardSenders {
    pub(crate) recordings: watch::Sender<RecordingsView>,
    pub(crate) fetcher: watch::Sender<FetcherView>,
    pub(crate) audience: Audience,
    pub(crate) counts: Counts,
    pub(crate) inbox: watch::Sender<InboxView>,
    pub(crate) jobs: watch::Sender<JobsView>,
    pub(crate) vault_keeper: watch::Sender<VaultKeeperView>,
    pub(crate) retention_keeper: watch::Sender<RetentionKeeperView>,
    pub(crate) reconciler: watch::Sender<ReconcilerView>,
    pub(crate) children: watch::Sender<Vec<ChildView>>,
}

impl Board {
    pub(crate) fn new(pacer: Arc<Pacer>) -> (Self, BoardSenders) {
        let recordings = watch::Sender::default();
        let fetcher = watch::Sender::default();
        let audience = Audience::default();
        let counts = Counts::default();
        let inbox = watch::Sender::default();
        let jobs = watch::Sender::default();
        let vault_keeper = watch::Sender::default();
        let retention_keeper = watch::Sender::default();
        let reconciler = watch::Sender::default();
        let children = watch::Sender::default();
        let board = Self {
            recordings: recordings.subscribe(),
            fetcher: fetcher.subscribe(),
            audience: audience.subscribe(),
            inbox: inbox.subscribe(),
            jobs: jobs.subscribe(),
            vault_keeper: vault_keeper.subscribe(),
            retention_keeper: retention_keeper.subscribe(),
            reconciler: reconciler.subscribe(),
            children: children.subscribe(),
            calls: RwLock::default(),
            counts: counts.clone(),
            pacer,
            announcer: Announcer::new(),
        };
        let senders = BoardSenders {
            recordings,
            fetcher,
            audience,
            counts,
            inbox,
            jobs,
            vault_keeper,
            retention_keeper,
            reconciler,
            children,
        };
        (board, senders)
    }

    /// Up to `limit` live call actors, and how many there are.
    pub fn calls(&self, limit: usize) -> (Vec<(CallKey, Posting)>, usize) {
        self.calls_where(limit, |_| true)
    }

    /// The same of those that are wanted.
    pub fn calls_where(
        &self,
        limit: usize,
        is_wanted: impl Fn(&Posting) -> bool,
    ) -> (Vec<(CallKey, Posting)>, usize) {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        let mut listed = Vec::new();
        let mut total = 0;
        for (key, posting) in calls.iter().filter(|(_, posting)| is_wanted(posting)) {
            total += 1;
            if listed.len() < limit {
                listed.push((key.clone(), posting.clone()));
            }
        }
        (listed, total)
    }

    pub fn call(&self, key: &CallKey) -> Option<Posting> {
        self.calls.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The same for somebody who sees every business's calls. By the parent leg only.
    pub fn find(&self, call: CallSid) -> Option<(CallKey, Posting)> {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        let found = calls.iter().find(|(key, _)| key.call == call);
        found.map(|(key, posting)| (key.clone(), posting.clone()))
    }

    /// What all calls' actors were asked and found out.
    pub fn asks(&self) -> AsksView {
        self.counts.view()
    }

    /// How the source as a whole may be asked, as of now.
    pub fn pace(&self) -> PaceView {
        self.pacer.pace()
    }

    /// How many recordings of live call actors are in which state, in the order of `StateName::ALL`, and how many
    /// asks wait for an answer.
    pub fn states(&self) -> ([u64; StateName::ALL.len()], u64) {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        let (mut states, mut waiting) = ([0; StateName::ALL.len()], 0);
        for posting in calls.values() {
            let view = posting.view.borrow();
            waiting += view.waiting as u64;
            for recording in &view.recordings {
                states[recording.state as usize] += 1;
            }
        }
        (states, waiting)
    }

    /// What happens from now on.
    pub fn happenings(&self) -> broadcast::Receiver<Happening> {
        self.announcer.subscribe()
    }

    /// What failed lately, newest first; a bounded number.
    pub fn failures(&self) -> Vec<Failure> {
        self.announcer.failures()
    }

    pub(crate) fn announce(&self, at: Timestamp, what: What) {
        self.announcer.announce(at, what);
    }

    pub(crate) fn post(&self, key: CallKey, posting: Posting) {
        self.calls.write().unwrap_or_else(PoisonError::into_inner).insert(key, posting);
    }

    pub(crate) fn remove(&self, key: &CallKey) {
        self.calls.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    pub(crate) fn clear(&self) {
        self.calls.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
