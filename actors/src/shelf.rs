//! What calls' actors last decided, laid out where a reader takes it without asking.
//!
//! A snapshot says that a recording is Ready, and all that is needed to answer for it. The call's actor is the only
//! writer. Whoever plays from it counts as having asked, since it is lent for playing only until its actor is to be
//! asked again.
//!
//! Invariant: it is withdrawn before anything it says stops being true, and with its actor, however that ends.
//! Invariant: the tenant is part of the key, and nobody past a recording's expiry, by the reader's own clock, is
//! given anything.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::domain::{CallKey, Playable, RecordingSid, Timestamp};

/// A recording that may be sent as things are.
pub struct Published {
    pub playable: Playable,
    expires_at: Option<Timestamp>,
    /// Written by the actor alone.
    lent_until: AtomicI64,
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Published {
    /// What a reader makes of it once and needs at every answer. Each snapshot has room for one such thing.
    pub fn derived<T: Any + Send + Sync>(&self, derive: impl FnOnce(&Playable) -> T) -> &T {
        let derived = self.derived.get_or_init(|| Box::new(derive(&self.playable)));
        derived.downcast_ref().expect("one kind of reader")
    }

    /// Whether it may be played, too. Else its actor is to be asked, which counts as one more play.
    pub fn is_lent(&self, now: Timestamp) -> bool {
        now.as_millis() < self.lent_until.load(Ordering::Relaxed)
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { playable, expires_at, lent_until, derived: _ } = self;
        out.debug_struct("Published")
            .field("playable", playable)
            .field("expires_at", expires_at)
            .field("lent_until", lent_until)
            .finish_non_exhaustive()
    }
}

/// All calls' snapshots.
#[derive(Default)]
pub(crate) struct Shelf {
    calls: papaya::HashMap<CallKey, Row, foldhash::fast::RandomState>,
    generations: AtomicU64,
}

/// One call's.
struct Row {
    generation: u64,
    primary: Option<RecordingSid>,
    ready: Vec<Arc<Published>>,
}

impl Shelf {
    pub(crate) fn read(
        &self,
        key: &CallKey,
        named: Option<RecordingSid>,
        now: Timestamp,
    ) -> Option<Arc<Published>> {
        let calls = self.calls.pin();
        let row = calls.get(key)?;
        let wanted = named.or(row.primary)?;
        let mut ready = row.ready.iter();
        let found = ready.find(|published| published.playable.key.recording == wanted)?;
        found.is_kept(now).then(|| Arc::clone(found))
    }

    /// Room for an actor's snapshots.
    pub(crate) fn place(self: &Arc<Self>, key: CallKey) -> Place {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        Place { shelf: Arc::clone(self), key, generation, primary: None, ready: Vec::new() }
    }
}

/// Where one actor lays out what it decided; cleared when it is dropped.
pub(crate) struct Place {
    shelf: Arc<Shelf>,
    key: CallKey,
    /// A successor's snapshots are not ours to withdraw.
    generation: u64,
    primary: Option<RecordingSid>,
    ready: Vec<Arc<Published>>,
}

impl Place {
    /// Shows just these recordings, each with the end of its retention.
    pub(crate) fn show(
        &mut self,
        primary: Option<RecordingSid>,
        ready: impl Iterator<Item = (Playable, Option<Timestamp>)>,
    ) {
        let ready: Vec<_> =
            ready.map(|(playable, expires_at)| self.keep(playable, expires_at)).collect();
        let same = |(new, old): (&Arc<Published>, &Arc<Published>)| Arc::ptr_eq(new, old);
        if self.primary == primary
            && self.ready.len() == ready.len()
            && ready.iter().zip(&self.ready).all(same)
        {
            return;
        }
        if ready.is_empty() {
            return self.withdraw();
        }
        (self.primary, self.ready) = (primary, ready);
        let row = Row { generation: self.generation, primary, ready: self.ready.clone() };
        self.shelf.calls.pin().insert(self.key.clone(), row);
    }

    /// Shows nothing until the next `show`.
    pub(crate) fn withdraw(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        self.ready.clear();
        let is_ours = |_: &CallKey, row: &Row| row.generation == self.generation;
        let _ = self.shelf.calls.pin().remove_if(&self.key, is_ours);
    }

    /// The actor was asked, and need not be again until then.
    pub(crate) fn lend(&self, recording: RecordingSid, until: Timestamp) {
        for published in &self.ready {
            if published.playable.key.recording == recording {
                published.lent_until.store(until.as_millis(), Ordering::Relaxed);
            }
        }
    }

    /// What is shown already is shown on, with all that readers made of it.
    fn keep(&self, playable: Playable, expires_at: Option<Timestamp>) -> Arc<Published> {
        let shown = self.ready.iter().find(|shown| shown.playable == playable);
        match shown {
            Some(shown) if shown.expires_at == expires_at => Arc::clone(shown),
            _ => {
                let lent_until =
                    shown.map_or(i64::MIN, |shown| shown.lent_until.load(Ordering::Relaxed));
                Arc::new(Published {
                    playable,
                    expires_at,
                    lent_until: lent_until.into(),
                    derived: OnceLock::new(),
                })
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.withdraw();
    }
}
