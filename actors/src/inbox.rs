//! Works off the webhooks that were stored, and asks the source for what they did not say.
//!
//! Supervised by the root. Owns nothing that matters: stored events are rows, and a message here only says that
//! there are some. What a crash interrupted is found again at the next start, and what another program stored
//! or assigned at the next poll.

mod enquiry;
mod pass;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr, RpcReplyPort};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::aside::aside;
use crate::domain::{CallKey, Distribution, Timestamp};
use crate::fetcher::Pacer;
use crate::ports::{Catalog, CatalogError, Clock, RecordingSource};
use crate::recordings::RecordingsHandle;
use enquiry::Enquiry;
use pass::{Batch, Errand, Pass};

#[derive(Clone)]
pub struct InboxHandle {
    address: Address<Message>,
}

impl InboxHandle {
    pub(crate) const fn new(address: Address<Message>) -> Self {
        Self { address }
    }

    /// An event was stored.
    pub fn event_stored(&self) {
        self.address.tell(Message::Look);
    }

    /// Returns when what is stored by now is worked off, or after so long.
    pub(crate) async fn settle(&self, patience: Duration) {
        if let Some(inbox) = self.address.current() {
            // Whoever waits in vain asks the catalog all the same.
            let _ = inbox.call(Message::Settle, Some(patience)).await;
        }
    }
}

/// What operators see of the inbox.
#[derive(Debug, Clone, Default)]
pub struct InboxView {
    pub applied_total: u64,
    pub unassigned_total: u64,
    /// Given up: they failed again and again.
    pub set_aside_total: u64,
    pub pruned_total: u64,
    pub details_total: u64,
    /// From when an event was received to when it was applied.
    pub lag: Distribution,
    pub backlog: InboxBacklog,
    pub last_error: Option<String>,
}

/// Events that wait to be applied, as they were counted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InboxBacklog {
    pub waiting: u64,
    pub oldest: Option<Timestamp>,
}

pub(crate) enum Message {
    /// There may be something to do.
    Look,
    /// As `Look`, if nothing has failed a moment ago.
    Poll,
    /// As `Look`, and ask the source for details.
    Tick,
    /// As `Look`, and say when it is done.
    Settle(RpcReplyPort<()>),
    /// A pass goes on.
    Worked(Box<Batch>),
    Passed(Box<Pass>),
    Enquired(Box<Enquiry>),
}

pub(crate) struct Inbox {
    pub(crate) desk: Arc<Desk>,
    pub(crate) view: watch::Sender<InboxView>,
}

/// What passes and enquiries work with.
pub(crate) struct Desk {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) source: Arc<dyn RecordingSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) recordings: RecordingsHandle,
}

#[derive(Default)]
pub(crate) struct Rounds {
    passing: bool,
    /// Asked for while a pass was running.
    pass_again: bool,
    enquiring: bool,
    /// A pass ended while an enquiry was running.
    enquire_again: bool,
    /// The next pass is followed by an enquiry, whatever it brings.
    enquiry_due: bool,
    resumed: bool,
    /// The last pass failed, so that a timer runs anyway.
    failed: bool,
    pruned_at: Option<Instant>,
    /// Who waits for the pass that runs, and who came too late for it.
    settling: Vec<RpcReplyPort<()>>,
    settling_next: Vec<RpcReplyPort<()>>,
    /// Events that could not be applied, and how often it was tried.
    tries: HashMap<i64, u32>,
    unknown: HashMap<CallKey, u32>,
    /// At most one timer runs, or a long outage would gather them; a newer one takes its place.
    retry: Option<AbortOnDropHandle<Result<(), MessagingErr<Message>>>>,
    view: InboxView,
}

const TICK: Duration = Duration::from_secs(30);
/// For what other programs do to the inbox.
const POLL: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_secs(1);
const PRUNE_PERIOD: Duration = Duration::from_hours(1);
/// Asks that wait for one pass; beyond it they do not wait.
const SETTLING_MAX: usize = 1_024;

impl Actor for Inbox {
    type Msg = Message;
    type State = Rounds;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Rounds, ActorProcessingErr> {
        let _ = myself.cast(Message::Tick);
        myself.send_interval(TICK, || Message::Tick);
        myself.send_interval(POLL, || Message::Poll);
        Ok(Rounds::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        rounds: &mut Rounds,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => self.begin(&myself, rounds),
            Message::Poll if rounds.failed || rounds.passing => {}
            Message::Poll => self.begin(&myself, rounds),
            Message::Tick => {
                rounds.enquiry_due = true;
                self.begin(&myself, rounds);
            }
            Message::Settle(reply) => {
                if rounds.settling_next.len() < SETTLING_MAX {
                    rounds.settling_next.push(reply);
                }
                self.begin(&myself, rounds);
            }
            Message::Worked(batch) => rounds.view.count(&batch),
            Message::Passed(pass) => self.settle(*pass, &myself, rounds),
            Message::Enquired(enquiry) => self.take_in(*enquiry, &myself, rounds),
        }
        self.view.send_replace(rounds.view.clone());
        Ok(())
    }
}

impl Inbox {
    fn begin(&self, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        if rounds.passing {
            rounds.pass_again = true;
            return;
        }
        rounds.passing = true;
        rounds.settling = std::mem::take(&mut rounds.settling_next);
        let prune = rounds.pruned_at.is_none_or(|at| at.elapsed() >= PRUNE_PERIOD);
        if prune {
            rounds.pruned_at = Some(Instant::now());
        }
        let tries = std::mem::take(&mut rounds.tries);
        let errand = Errand { resume: !rounds.resumed, prune, tries };
        let desk = Arc::clone(&self.desk);
        let died = |died| Pass {
            error: Some(CatalogError::Away(format!("the pass died: {died}"))),
            ..Pass::default()
        };
        let passed =
            move |pass: Result<Pass, _>| Message::Passed(Box::new(pass.unwrap_or_else(died)));
        let told = myself.clone();
        let tell = Box::new(move |batch| {
            let _ = told.cast(Message::Worked(Box::new(batch)));
        });
        aside(myself, async move { desk.pass(errand, tell).await }, passed);
    }

    fn settle(&self, pass: Pass, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        rounds.passing = false;
        rounds.resumed |= pass.resumed;
        rounds.failed = pass.error.is_some() || !pass.tries.is_empty();
        rounds.tries = pass.tries;
        let view = &mut rounds.view;
        view.pruned_total += pass.pruned;
        view.last_error = pass.error.as_ref().map(ToString::to_string).or(pass.complaint);
        for reply in rounds.settling.drain(..) {
            let _ = reply.send(());
        }
        if rounds.failed {
            rounds.look_again(myself);
        }
        if let Some(error) = pass.error {
            tracing::warn!(%error, "webhooks wait in the inbox; tried again in a second");
        } else if pass.applied > 0 || std::mem::take(&mut rounds.enquiry_due) {
            self.enquire(myself, rounds);
        }
        if std::mem::take(&mut rounds.pass_again) {
            self.begin(myself, rounds);
        }
    }

    fn enquire(&self, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        if rounds.enquiring {
            rounds.enquire_again = true;
            return;
        }
        rounds.enquiring = true;
        let (desk, unknown) = (Arc::clone(&self.desk), std::mem::take(&mut rounds.unknown));
        let died = |died| Enquiry {
            error: Some(CatalogError::Away(format!("the enquiry died: {died}"))),
            ..Enquiry::default()
        };
        let enquired = move |enquiry: Result<Enquiry, _>| {
            Message::Enquired(Box::new(enquiry.unwrap_or_else(died)))
        };
        aside(myself, async move { desk.enquire(unknown).await }, enquired);
    }

    fn take_in(&self, enquiry: Enquiry, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        rounds.enquiring = false;
        rounds.unknown = enquiry.unknown;
        rounds.view.details_total += enquiry.details;
        if enquiry.more || enquiry.error.is_some() {
            rounds.look_again(myself);
        }
        if let Some(error) = enquiry.error {
            tracing::warn!(%error, "details of calls not recorded; tried again in a second");
            rounds.view.last_error = Some(error.to_string());
        }
        if std::mem::take(&mut rounds.enquire_again) {
            self.enquire(myself, rounds);
        }
    }
}

impl InboxView {
    fn count(&mut self, batch: &Batch) {
        self.applied_total += batch.applied;
        self.unassigned_total += batch.unassigned;
        self.set_aside_total += batch.set_aside;
        self.lag.add(&batch.lag);
        if let Some((waiting, oldest)) = batch.left {
            self.backlog = InboxBacklog { waiting, oldest };
        }
    }
}

impl Rounds {
    fn look_again(&mut self, myself: &ActorRef<Message>) {
        self.retry = Some(AbortOnDropHandle::new(myself.send_after(RETRY, || Message::Tick)));
    }
}
