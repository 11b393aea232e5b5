//! A recording whose retention is over, or that was erased: whatever happens to it, it is Gone.
//!
//! The clock decides, not whoever deletes the bytes: not a byte is played, fetched or committed any more.

use super::turn::Turn;
use super::{Download, Effect, Event, GONE_IS_FINAL, Life, State, Step};
use crate::domain::{Denial, GoneCause, Permit, Recording, StoredCopy, Timestamp};

impl Turn<'_> {
    /// Why it has ended, if so, by what is known when this event has been heard.
    pub(super) fn ending(&self, state: &State, event: &Event) -> Option<GoneCause> {
        self.latest(state, event).ending(self.context.now)
    }

    /// What was expunged stays expunged, whatever is heard of it later.
    fn latest<'e>(&'e self, state: &State, event: &'e Event) -> &'e Recording {
        let known = &self.facts.recording;
        let heard = match event {
            Event::Announced(heard) => heard,
            Event::Spared(life) if matches!(state, State::Gone(_)) => &life.facts.recording,
            Event::Spared(_)
            | Event::Asked { .. }
            | Event::AskDue(_)
            | Event::Admitted(_)
            | Event::Fetched(..)
            | Event::FetchFailed(..)
            | Event::Committed(_)
            | Event::CommitFailed(..)
            | Event::Due(_)
            | Event::EvictionWanted
            | Event::RetryWanted
            | Event::DamageFound(_) => known,
        };
        let undone = known.status.is_expunged() && heard.status.rank() < known.status.rank();
        if undone { known } else { heard }
    }

    pub(super) fn end(mut self, state: State, event: Event, cause: GoneCause) -> Step {
        let news = matches!(event, Event::Announced(_));
        self.facts.recording = self.latest(&state, &event).clone();
        let was_known = matches!(&state, State::Gone(known) if *known == cause);
        let expunged = self.facts.recording.status.is_expunged();
        for file in left_behind(&state, &event, expunged) {
            self.effects.push(Effect::Discard(file));
        }
        // Said again with every news: an earlier order may have failed.
        if !expunged && (news || !was_known) {
            self.effects.push(Effect::Expire);
        }
        if let Event::Asked { ask, .. } = event {
            self.effects.push(Effect::Answer(ask, Permit::Deny(Denial::Gone(cause))));
        }
        let step = self.gone(cause);
        let idle = was_known && step.effects.is_empty();
        Step { ignored: idle.then_some(GONE_IS_FINAL), ..step }
    }

    pub(super) fn spare(self, life: Life) -> Step {
        Step { life, effects: self.effects, ignored: None }
    }
}

impl Life {
    /// Whether it was given up for expired, and is none by what the row says now.
    pub(crate) fn is_spared_by(&self, row: &Recording, now: Timestamp) -> bool {
        matches!(self.state, State::Gone(GoneCause::Expired)) && row.ending(now).is_none()
    }
}

/// Files that no row names, or soon none will: the copy of a recording that the rows still keep is not among them.
fn left_behind(state: &State, event: &Event, expunged: bool) -> Vec<StoredCopy> {
    let sealed = match state {
        State::Downloading(Download { sealed, .. }) => sealed.clone(),
        State::Ready(copy) if expunged => Some(copy.clone()),
        State::Ready(_) | State::Absent(_) | State::Failed(_) | State::Gone(_) => None,
    };
    let arrived = match event {
        Event::Fetched(_, copy) => Some(copy.clone()),
        Event::Announced(_)
        | Event::Spared(_)
        | Event::Asked { .. }
        | Event::AskDue(_)
        | Event::Admitted(_)
        | Event::FetchFailed(..)
        | Event::Committed(_)
        | Event::CommitFailed(..)
        | Event::Due(_)
        | Event::EvictionWanted
        | Event::RetryWanted
        | Event::DamageFound(_) => None,
    };
    sealed.into_iter().chain(arrived).collect()
}
