//! Where every actor publishes what it is doing, and operators, tests and metrics read it.
//!
//! Invariant: reading never touches a mailbox, so it answers while every actor is busy.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;

use crate::domain::{CallKey, Timestamp};
use crate::fetcher::FetcherView;
use crate::inbox::InboxView;
use crate::keepers::vault::VaultKeeperView;
use crate::recording::CallView;
use crate::recordings::RecordingsView;

#[derive(Debug)]
pub struct Board {
    pub recordings: watch::Receiver<RecordingsView>,
    pub fetcher: watch::Receiver<FetcherView>,
    pub inbox: watch::Receiver<InboxView>,
    pub vault_keeper: watch::Receiver<VaultKeeperView>,
    pub children: watch::Receiver<Vec<ChildView>>,
    calls: RwLock<BTreeMap<CallKey, Posting>>,
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
}

/// The writing ends of a board, one for each kind of actor.
pub(crate) struct BoardSenders {
    pub(crate) recordings: watch::Sender<RecordingsView>,
    pub(crate) fetcher: watch::Sender<FetcherView>,
    pub(crate) inbox: watch::Sender<InboxView>,
    pub(crate) vault_keeper: watch::Sender<VaultKeeperView>,
    pub(crate) children: watch::Sender<Vec<ChildView>>,
}

impl Board {
    pub(crate) fn new() -> (Self, BoardSenders) {
        let recordings = watch::Sender::default();
        let fetcher = watch::Sender::default();
        let inbox = watch::Sender::default();
        let vault_keeper = watch::Sender::default();
        let children = watch::Sender::default();
        let board = Self {
            recordings: recordings.subscribe(),
            fetcher: fetcher.subscribe(),
            inbox: inbox.subscribe(),
            vault_keeper: vault_keeper.subscribe(),
            children: children.subscribe(),
            calls: RwLock::default(),
        };
        (board, BoardSenders { recordings, fetcher, inbox, vault_keeper, children })
    }

    /// Up to `limit` live call actors, and how many there are.
    pub fn calls(&self, limit: usize) -> (Vec<(CallKey, Posting)>, usize) {
        let calls = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        let listed = calls.iter().take(limit).map(|(key, posting)| (key.clone(), posting.clone()));
        (listed.collect(), calls.len())
    }

    pub fn call(&self, key: &CallKey) -> Option<Posting> {
        self.calls.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
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
