//! The life of one recording, as a pure function.
//!
//! ```text
//!             asked, announced      admitted, fetched, committed
//!   Absent ───────────────────▶ Downloading ──────────────▶ Ready
//!     ▲  ▲                        │  ▲   │                    │
//!     │  └── 404 in the grace, ───┘  │   │ failed             │
//!     │      429, queue full    asked│   ▼                    │
//!     │                         or due Failed(n)              │
//!     │◀──────────────── evicted, damaged ────────────────────┘
//!   Absent, Downloading, Failed ── the source will never have it ──▶ Gone
//!   all of them ── retention over, erased ──▶ Gone ── spared before it was expunged ──▶ as the rows say
//! ```
//!
//! Invariant: no clock, no chance, no I/O, no runtime. What a step needs comes in `Context`.
//! Invariant: at most one fetch is in flight, and every ask is answered exactly once.

use crate::domain::{
    Attempts, Denial, FetchError, FetchHistory, FetchId, GoneCause, Intent, Permit, Progress,
    Recording, RetryPolicy, SourceStatus, StoredCopy, Timestamp, Version,
};

mod ending;
mod failure;
mod remembered;
mod turn;

#[cfg(test)]
mod tests;

pub(crate) use failure::{Failure, Plan};
use turn::Turn;

/// One recording: what is known in every state, and the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    pub facts: Facts,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub recording: Recording,
    /// The last copy there was: its version and hash outlive its bytes.
    pub known: Option<StoredCopy>,
    /// Under which version bytes may have been sent that no copy was made of.
    pub promised: Option<Version>,
    pub attempts: Attempts,
    /// Asks that wait for audio; none in Ready and Gone.
    pub waiting: Vec<AskId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// No bytes here, and nobody fetching them.
    Absent(Absence),
    /// One fetch in flight; whoever asks waits for the same bytes, or follows them.
    Downloading(Download),
    /// Verified and durable.
    Ready(StoredCopy),
    /// The last fetch brought nothing.
    Failed(Failure),
    /// There will never be audio. Final, but for an expiry that was called off in time, and for a 404 that the
    /// source's own list disproves.
    Gone(GoneCause),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absence {
    BeingRecorded,
    /// At the source, and nobody asked for it yet, or evicted.
    NotFetched,
    /// The source says 404 in the grace, `asked` times so far.
    NotThereYet {
        asked: u32,
        next: FetchId,
        at: Timestamp,
        intent: Intent,
    },
    /// No fetch may start before `at`; that is nobody's failed attempt.
    Paused {
        cause: FetchError,
        next: FetchId,
        at: Timestamp,
        intent: Intent,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Download {
    pub fetch: FetchId,
    pub intent: Intent,
    pub expected: Expected,
    /// How often the source said 404 before, in the grace.
    pub absences: u32,
    /// It begins as it should: listeners may follow.
    pub admitted: bool,
    /// Sealed in the vault, and not yet in the catalog.
    pub sealed: Option<StoredCopy>,
}

/// Which version a fetch will become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub version: Version,
    pub bytes: ExpectedBytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExpectedBytes {
    /// None of the version were ever sent.
    Any,
    /// Those of the copy that there was.
    Known(StoredCopy),
    /// Some were sent, and it is not written down which: only what goes on from them will do.
    Continued,
}

/// Names one ask. Never reused within an actor's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AskId(pub u64);

/// Everything that can happen. Closed: a new cause is a new variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Asked {
        ask: AskId,
        intent: Intent,
        patience: Patience,
    },
    /// The asker's patience is over.
    AskDue(AskId),
    /// A webhook, or the source when asked, told what the recording is by now.
    Announced(Box<Recording>),
    /// Its head is right: status, type, first bytes, length.
    Admitted(FetchId),
    /// Sealed in the vault, byte for byte.
    Fetched(FetchId, StoredCopy),
    FetchFailed(FetchId, FetchError),
    Committed(FetchId),
    CommitFailed(FetchId, FetchError),
    /// The time that `Effect::SetTimer` named has come.
    Due(FetchId),
    EvictionWanted,
    /// An operator wants it fetched now, whatever was tried before.
    RetryWanted,
    /// A reader found the copy missing or rotten.
    DamageFound(StoredCopy),
    /// It expired and was spared before anything was deleted: this is how the catalog remembers it.
    Spared(Box<Life>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Answer with what is.
    AtOnce,
    /// Answer when there is audio, or a reason why there will not be, or when `AskDue` says so.
    Park,
}

/// Everything the machine may order. The shell has exactly one place that obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Write down that the attempt is made, then make it.
    StartFetch {
        fetch: FetchId,
        intent: Intent,
        expected: Expected,
        history: FetchHistory,
    },
    /// Write down how it went.
    Remember(FetchHistory),
    Prioritise {
        fetch: FetchId,
        intent: Intent,
    },
    /// Write the row that makes the sealed file the copy; answer with `Committed`.
    Commit {
        fetch: FetchId,
        copy: StoredCopy,
    },
    /// The row first, the file afterwards.
    Discard(StoredCopy),
    /// If the rows agree that its retention is over: row and key first, the file afterwards.
    Expire,
    RecordStatus(SourceStatus),
    SetTimer {
        next: FetchId,
        at: Timestamp,
    },
    Answer(AskId, Decision),
}

/// Which arrival is to be followed needs no saying: there is one at a time.
pub(crate) type Decision = Permit<()>;

/// Time, identity, chance and policy: whatever a decision needs and the state does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Context<'a> {
    pub now: Timestamp,
    pub fresh: FetchId,
    pub chance: f64,
    pub progress: Progress,
    /// When anything of the account was last fetched.
    pub worked_at: Option<Timestamp>,
    /// When the account last got other credentials.
    pub trusted_at: Option<Timestamp>,
    pub policy: &'a Policy,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub retry: RetryPolicy,
    /// Whether what nobody waits for is fetched as soon as it is announced.
    pub prefetch: bool,
    pub waiting_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub life: Life,
    pub effects: Vec<Effect>,
    /// Why nothing happened, if so.
    pub ignored: Option<&'static str>,
}

const NOT_GONE: &str = "it was not gone";
const GONE_IS_FINAL: &str = "Gone is final";

/// The table. One function per state below, in the order of `State`.
pub(crate) fn step(life: Life, event: Event, context: &Context<'_>) -> Step {
    let turn = Turn::new(life.facts, context);
    if let Some(cause) = turn.ending(&life.state, &event) {
        return turn.end(life.state, event, cause);
    }
    if let Event::AskDue(ask) = event {
        return turn.lose_patience(ask, life.state);
    }
    match life.state {
        State::Absent(why) => in_absent(why, event, turn),
        State::Downloading(download) => in_downloading(download, event, turn),
        State::Ready(copy) => in_ready(copy, event, turn),
        State::Failed(failure) => in_failed(failure, event, turn),
        State::Gone(cause) => in_gone(cause, event, turn),
    }
}

fn in_absent(why: Absence, event: Event, turn: Turn<'_>) -> Step {
    match (event, why) {
        (Event::Asked { ask, intent, patience }, Absence::NotFetched) => {
            let context = turn.context;
            turn.start(context.fresh, intent, 0).and_wait(ask, patience, context)
        }
        (
            Event::Asked { ask, intent: asked_for, patience },
            mut
            why @ (Absence::BeingRecorded | Absence::NotThereYet { .. } | Absence::Paused { .. }),
        ) => {
            if let Absence::NotThereYet { intent, .. } | Absence::Paused { intent, .. } = &mut why {
                *intent = asked_for.min(*intent);
            }
            let context = turn.context;
            turn.to(State::Absent(why)).and_wait(ask, patience, context)
        }
        (Event::Announced(recording), why) => turn.announced(*recording, why),
        (Event::Due(due), Absence::NotThereYet { asked, next, intent, .. }) if due == next => {
            let intent = turn.intent_or(intent);
            turn.start(next, intent, asked)
        }
        (Event::Due(due), Absence::Paused { next, intent, .. }) if due == next => {
            let intent = turn.intent_or(intent);
            turn.start(next, intent, 0)
        }
        (Event::Due(_), why) => turn.ignore(State::Absent(why), "timer of an earlier wait"),
        (Event::RetryWanted, Absence::BeingRecorded) => {
            turn.ignore(State::Absent(Absence::BeingRecorded), "it is still being recorded")
        }
        (
            Event::RetryWanted,
            Absence::NotFetched | Absence::NotThereYet { .. } | Absence::Paused { .. },
        ) => turn.retry_at_once(),
        (
            Event::Admitted(_)
            | Event::Fetched(..)
            | Event::FetchFailed(..)
            | Event::Committed(_)
            | Event::CommitFailed(..),
            why,
        ) => turn.ignore(State::Absent(why), "news of a fetch that is over"),
        (Event::EvictionWanted | Event::DamageFound(_) | Event::AskDue(_), why) => {
            turn.ignore(State::Absent(why), "there is no copy")
        }
        (Event::Spared(_), why) => turn.ignore(State::Absent(why), NOT_GONE),
    }
}

fn in_downloading(mut download: Download, event: Event, mut turn: Turn<'_>) -> Step {
    match event {
        Event::Asked { ask, intent, patience } => {
            if intent < download.intent {
                download.intent = intent;
                turn.effects.push(Effect::Prioritise { fetch: download.fetch, intent });
            }
            let context = turn.context;
            if download.admitted {
                return turn.to(State::Downloading(download)).and_follow([ask], context);
            }
            turn.to(State::Downloading(download)).and_wait(ask, patience, context)
        }
        Event::Announced(recording) => {
            turn.facts.recording = *recording;
            turn.ignore(State::Downloading(download), "the download will tell")
        }
        Event::Admitted(fetch) if fetch == download.fetch && download.sealed.is_none() => {
            turn.admit(download)
        }
        Event::Fetched(fetch, copy) if fetch == download.fetch && download.sealed.is_none() => {
            download.sealed = Some(copy.clone());
            turn.effects.push(Effect::Commit { fetch, copy });
            turn.to(State::Downloading(download))
        }
        Event::FetchFailed(fetch, error)
            if fetch == download.fetch && download.sealed.is_none() =>
        {
            turn.fetch_failed(&download, error)
        }
        Event::Committed(fetch) if fetch == download.fetch => match download.sealed {
            Some(copy) => turn.ready(copy),
            None => turn.ignore(State::Downloading(download), "nothing was sealed"),
        },
        Event::CommitFailed(fetch, error) if fetch == download.fetch => {
            match download.sealed.take() {
                Some(copy) => {
                    turn.effects.push(Effect::Discard(copy));
                    turn.fetch_failed(&download, error)
                }
                None => turn.ignore(State::Downloading(download), "nothing was sealed"),
            }
        }
        Event::Admitted(_)
        | Event::Fetched(..)
        | Event::FetchFailed(..)
        | Event::Committed(_)
        | Event::CommitFailed(..) => {
            turn.ignore(State::Downloading(download), "news of a fetch that is over")
        }
        Event::Due(_) => turn.ignore(State::Downloading(download), "timer of an earlier wait"),
        Event::RetryWanted => turn.ignore(State::Downloading(download), "it is being fetched"),
        Event::EvictionWanted | Event::DamageFound(_) | Event::AskDue(_) => {
            turn.ignore(State::Downloading(download), "there is no copy yet")
        }
        Event::Spared(_) => turn.ignore(State::Downloading(download), NOT_GONE),
    }
}

fn in_ready(copy: StoredCopy, event: Event, mut turn: Turn<'_>) -> Step {
    match event {
        Event::Asked { ask, .. } => {
            let permit = turn.play(&copy);
            turn.effects.push(Effect::Answer(ask, permit));
            turn.to(State::Ready(copy))
        }
        Event::Announced(recording) => {
            turn.facts.recording = *recording;
            turn.ignore(State::Ready(copy), "a verified copy plays whatever the source says by now")
        }
        Event::EvictionWanted => turn.evict(copy),
        Event::DamageFound(damaged)
            if damaged.id == copy.id && turn.facts.recording.status.gone().is_some() =>
        {
            turn.ignore(State::Ready(copy), "its other parts are the last there are")
        }
        Event::DamageFound(damaged) if damaged.id == copy.id => turn.discard(copy),
        Event::DamageFound(_) => turn.ignore(State::Ready(copy), "another copy took its place"),
        Event::RetryWanted => turn.ignore(State::Ready(copy), "a verified copy is here"),
        Event::Admitted(_)
        | Event::Fetched(..)
        | Event::FetchFailed(..)
        | Event::Committed(_)
        | Event::CommitFailed(..) => {
            turn.ignore(State::Ready(copy), "news of a fetch that is over")
        }
        Event::Due(_) | Event::AskDue(_) => {
            turn.ignore(State::Ready(copy), "timer of an earlier wait")
        }
        Event::Spared(_) => turn.ignore(State::Ready(copy), NOT_GONE),
    }
}

fn in_failed(failure: Failure, event: Event, mut turn: Turn<'_>) -> Step {
    match event {
        Event::Asked { ask, intent, patience } => {
            turn.asked_after_failure(failure, intent, ask, patience)
        }
        Event::Announced(recording) => {
            turn.facts.recording = *recording;
            match turn.facts.recording.status.gone() {
                Some(cause) => turn.gone(cause),
                None if turn.context.policy.prefetch
                    && failure.is_over(&turn.facts.attempts, turn.context) =>
                {
                    turn.facts.attempts.make_room(&turn.context.policy.retry);
                    let (fetch, intent) = (turn.context.fresh, turn.unasked());
                    turn.start(fetch, intent, 0)
                }
                None => turn.ignore(State::Failed(failure), "the plan for trying again stands"),
            }
        }
        Event::Due(due) if matches!(failure.plan, Plan::Retry { next, .. } if next == due) => {
            turn.start(due, Intent::Listen, 0)
        }
        Event::Due(_) => turn.ignore(State::Failed(failure), "timer of an earlier wait"),
        Event::RetryWanted => turn.retry_at_once(),
        Event::Admitted(_)
        | Event::Fetched(..)
        | Event::FetchFailed(..)
        | Event::Committed(_)
        | Event::CommitFailed(..) => {
            turn.ignore(State::Failed(failure), "news of a fetch that is over")
        }
        Event::EvictionWanted | Event::DamageFound(_) | Event::AskDue(_) => {
            turn.ignore(State::Failed(failure), "there is no copy")
        }
        Event::Spared(_) => turn.ignore(State::Failed(failure), NOT_GONE),
    }
}

fn in_gone(cause: GoneCause, event: Event, mut turn: Turn<'_>) -> Step {
    match event {
        Event::Asked { ask, .. } => {
            turn.effects.push(Effect::Answer(ask, Permit::Deny(Denial::Gone(cause))));
            turn.to(State::Gone(cause))
        }
        Event::RetryWanted if cause == GoneCause::Missing => turn.retry_at_once(),
        Event::Spared(life) if cause == GoneCause::Expired => turn.spare(*life),
        // A 404 was believed too soon: the source has it in its list.
        Event::Announced(recording)
            if cause == GoneCause::Missing && recording.status == SourceStatus::Completed =>
        {
            in_absent(Absence::NotFetched, Event::Announced(recording), turn)
        }
        Event::Announced(_)
        | Event::Admitted(_)
        | Event::Fetched(..)
        | Event::FetchFailed(..)
        | Event::Committed(_)
        | Event::CommitFailed(..)
        | Event::Due(_)
        | Event::EvictionWanted
        | Event::RetryWanted
        | Event::DamageFound(_)
        | Event::Spared(_)
        | Event::AskDue(_) => turn.ignore(State::Gone(cause), GONE_IS_FINAL),
    }
}
