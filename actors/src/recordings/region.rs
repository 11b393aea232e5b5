//! Which actor a call has, or who waits for it to have one.

use std::collections::HashMap;
use std::time::Duration;

use ractor::{ActorId, ActorRef};
use tokio::sync::watch;
use tokio::time::Instant;

use super::RecordingsView;
use super::crashes::Crashes;
use super::errand::Errand;
use crate::domain::{BusinessId, CallKey};
use crate::recording::{self, CallView};

#[derive(Default)]
pub(crate) struct Region {
    pub(super) entries: HashMap<CallKey, Entry>,
    pub(super) keys: HashMap<ActorId, CallKey>,
    pub(super) crashes: Crashes,
}

pub(super) enum Entry {
    Loading {
        parked: Vec<Errand>,
        /// How many of them came before the reading began: it answers them, whatever it finds.
        early: usize,
    },
    Live {
        actor: ActorRef<recording::Message>,
        view: watch::Receiver<CallView>,
        /// When somebody was last sent there.
        sent_at: Instant,
    },
    /// Works off what it was sent before; whatever comes now is for its successor.
    Draining(Vec<Errand>),
    /// Crashed, and not yet to be started again.
    Cooling(Vec<Errand>),
}

impl Region {
    pub(super) fn is_live(&self, key: &CallKey) -> bool {
        matches!(self.entries.get(key), Some(Entry::Live { .. }))
    }

    /// The calls of a business that have an actor, or will have one.
    pub(super) fn known_of(&self, business: &BusinessId) -> Vec<CallKey> {
        self.entries.keys().filter(|key| key.business == *business).cloned().collect()
    }

    /// Whoever was sent to the actor a moment ago may not have arrived yet.
    pub(super) fn is_left_alone(&self, key: &CallKey, idle_after: Duration) -> bool {
        match self.entries.get(key) {
            Some(Entry::Live { sent_at, .. }) => sent_at.elapsed() >= idle_after,
            Some(Entry::Loading { .. } | Entry::Draining(_) | Entry::Cooling(_)) | None => false,
        }
    }

    /// What the actor was sent is worked off, what comes now is parked for its successor.
    pub(super) fn drain(&mut self, key: CallKey, leaving: ActorId) {
        if let Some(Entry::Live { actor, .. }) = self.entries.get(&key)
            && actor.get_id() == leaving
            && actor.get_cell().drain().is_ok()
        {
            self.entries.insert(key, Entry::Draining(Vec::new()));
        }
    }

    pub(super) fn take_parked(&mut self, key: &CallKey) -> Vec<Errand> {
        match self.entries.remove(key) {
            Some(
                Entry::Loading { parked, .. } | Entry::Draining(parked) | Entry::Cooling(parked),
            ) => parked,
            Some(Entry::Live { .. }) | None => Vec::new(),
        }
    }

    pub(super) fn view(&self, live_max: usize) -> RecordingsView {
        let (crashes, crashed_total) = (self.crashes.view(), self.crashes.total());
        let mut view =
            RecordingsView { live_max, crashes, crashed_total, ..RecordingsView::default() };
        for entry in self.entries.values() {
            let (count, parked) = match entry {
                Entry::Live { .. } => (&mut view.live, 0),
                Entry::Loading { parked, .. } => (&mut view.loading, parked.len()),
                Entry::Draining(parked) => (&mut view.draining, parked.len()),
                Entry::Cooling(parked) => (&mut view.cooling, parked.len()),
            };
            *count += 1;
            view.parked += parked;
        }
        view
    }
}
