//! Finds what webhooks missed: compares each account's list of recordings at the source with what is known.
//!
//! Supervised by the root. Owns only how far it is within a list; up to when an account was read is a row.
//!
//! Invariant: what it finds takes the way of every announcement, through the inbox. Invariant: it keeps to the
//! account's pace, and one account that hangs holds up no other for long.

mod pass;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch;

use crate::aside::aside;
use crate::domain::{AccountSid, Timestamp};
use crate::fetcher::Pacer;
use crate::inbox::InboxHandle;
use crate::ports::{Catalog, Clock, RecordingSource};
use crate::recordings::RecordingsHandle;
use pass::{Pass, Places};

/// What operators see of the reconciler.
#[derive(Debug, Clone, Default)]
pub struct ReconcilerView {
    /// `None` where it is switched off.
    pub every: Option<Duration>,
    pub passes_total: u64,
    pub found_total: u64,
    pub accounts: BTreeMap<AccountSid, AccountReconciliation>,
    /// How many passes ended so, and when the last one did.
    pub outcomes: BTreeMap<PassOutcome, (u64, Timestamp)>,
    pub last_error: Option<String>,
}

/// How a pass over all accounts ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassOutcome {
    /// Every list was read as far as one pass goes.
    Complete,
    /// Some account's was not.
    Partial,
    /// Nothing was compared.
    Failed,
}

impl PassOutcome {
    pub const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// How an account's last comparison went.
#[derive(Debug, Clone, Default)]
pub struct AccountReconciliation {
    pub at: Timestamp,
    /// Recordings in the source's list, and how many of them were news.
    pub listed: u64,
    pub found: u64,
    /// Whether the list was read to its end; otherwise the next pass goes on.
    pub complete: bool,
    pub error: Option<String>,
}

pub(crate) enum Message {
    Tick,
    Passed(Result<Box<Pass>, String>),
}

pub(crate) struct Reconciler {
    pub(crate) desk: Arc<Desk>,
    pub(crate) every: Option<Duration>,
    pub(crate) view: watch::Sender<ReconcilerView>,
}

/// What a pass works with.
pub(crate) struct Desk {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) source: Arc<dyn RecordingSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) inbox: InboxHandle,
    pub(crate) recordings: RecordingsHandle,
    /// Whether recordings without a copy are fetched unasked.
    pub(crate) prefetch: bool,
}

#[derive(Default)]
pub(crate) struct Rounds {
    passing: bool,
    places: Places,
    view: ReconcilerView,
}

/// Soon after the start, when what waits at the door has been served.
const FIRST_AFTER: Duration = Duration::from_secs(1);

impl Actor for Reconciler {
    type Msg = Message;
    type State = Rounds;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Rounds, ActorProcessingErr> {
        if let Some(every) = self.every {
            myself.send_after(FIRST_AFTER.min(every), || Message::Tick);
            myself.send_interval(every, || Message::Tick);
        }
        let view = ReconcilerView { every: self.every, ..ReconcilerView::default() };
        self.view.send_replace(view.clone());
        Ok(Rounds { view, ..Rounds::default() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        rounds: &mut Rounds,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // A pass that takes longer than the period is not doubled.
            Message::Tick if rounds.passing => {}
            Message::Tick => self.begin(&myself, rounds),
            Message::Passed(outcome) => settle(outcome, self.desk.clock.now(), rounds),
        }
        self.view.send_replace(rounds.view.clone());
        Ok(())
    }
}

impl Reconciler {
    fn begin(&self, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        rounds.passing = true;
        let desk = Arc::clone(&self.desk);
        let places = std::mem::take(&mut rounds.places);
        aside(myself, async move { desk.pass(places).await }, |pass| {
            Message::Passed(match pass {
                Ok(pass) => Ok(Box::new(pass)),
                Err(died) => Err(format!("the pass died: {died}")),
            })
        });
    }
}

fn settle(outcome: Result<Box<Pass>, String>, now: Timestamp, rounds: &mut Rounds) {
    rounds.passing = false;
    let view = &mut rounds.view;
    view.passes_total += 1;
    let error = match outcome {
        Ok(pass) => {
            let Pass { accounts, places, error } = *pass;
            rounds.places = places;
            view.found_total += accounts.values().map(|account| account.found).sum::<u64>();
            if error.is_none() {
                view.last_error = accounts.values().find_map(|account| account.error.clone());
                view.accounts = accounts;
            }
            error.map(|error| error.to_string())
        }
        Err(died) => Some(died),
    };
    let ended = match error {
        None if view.last_error.is_some() => PassOutcome::Partial,
        None => PassOutcome::Complete,
        Some(error) => {
            tracing::warn!(error, "recordings were not compared with the source's; tried again");
            view.last_error = Some(error);
            PassOutcome::Failed
        }
    };
    let (count, at) = view.outcomes.entry(ended).or_default();
    *count += 1;
    *at = now;
}
