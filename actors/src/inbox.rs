//! Works off the webhooks that were stored, and asks the source for what they did not say.
//!
//! Supervised by the root. Owns nothing: stored events are rows, and a message here only says that there are
//! some. What a crash interrupted is found again at the next start.

mod enquiry;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::domain::{CallKey, WebhookEvent};
use crate::fetcher::Pacer;
use crate::ports::{Catalog, CatalogError, Clock, EventOutcome, RecordingSource};
use crate::recordings::RecordingsHandle;
use enquiry::Enquiry;

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
}

/// What operators see of the inbox.
#[derive(Debug, Clone, Default)]
pub struct InboxView {
    pub applied_total: u64,
    pub unassigned_total: u64,
    pub details_total: u64,
    pub last_error: Option<String>,
}

pub(crate) enum Message {
    /// There may be something to do.
    Look,
    Passed(Box<Pass>),
    Enquired(Box<Enquiry>),
}

/// What one pass through the inbox did.
#[derive(Default)]
pub(crate) struct Pass {
    applied: u64,
    unassigned: u64,
    resumed: bool,
    error: Option<CatalogError>,
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
    resumed: bool,
    unknown: HashMap<CallKey, u32>,
    /// At most one timer runs, or a long outage would gather them; a newer one takes its place.
    retry: Option<AbortOnDropHandle<Result<(), MessagingErr<Message>>>>,
    view: InboxView,
}

const TICK: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);
const EVENTS_BATCH: u32 = 100;
/// Interrupted prefetches that a start takes up again.
const RESUMED_MAX: u32 = 1_000;

impl Actor for Inbox {
    type Msg = Message;
    type State = Rounds;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Rounds, ActorProcessingErr> {
        let _ = myself.cast(Message::Look);
        myself.send_interval(TICK, || Message::Look);
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
        let (desk, resumed) = (Arc::clone(&self.desk), rounds.resumed);
        let pass = tokio::spawn(async move { desk.pass(resumed).await });
        let myself = myself.clone();
        tokio::spawn(async move {
            let died = |died| Pass {
                error: Some(CatalogError::Away(format!("the pass died: {died}"))),
                ..Pass::default()
            };
            let pass = pass.await.unwrap_or_else(died);
            let _ = myself.cast(Message::Passed(Box::new(pass)));
        });
    }

    fn settle(&self, pass: Pass, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        rounds.passing = false;
        rounds.resumed = pass.resumed;
        let view = &mut rounds.view;
        view.applied_total += pass.applied;
        view.unassigned_total += pass.unassigned;
        view.last_error = pass.error.as_ref().map(ToString::to_string);
        if let Some(error) = pass.error {
            tracing::warn!(%error, "webhooks wait in the inbox; tried again in a second");
            rounds.look_again(myself);
        } else {
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
        let enquiry = tokio::spawn(async move { desk.enquire(unknown).await });
        let myself = myself.clone();
        tokio::spawn(async move {
            let died = |died| Enquiry {
                error: Some(CatalogError::Away(format!("the enquiry died: {died}"))),
                ..Enquiry::default()
            };
            let enquiry = enquiry.await.unwrap_or_else(died);
            let _ = myself.cast(Message::Enquired(Box::new(enquiry)));
        });
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

impl Rounds {
    fn look_again(&mut self, myself: &ActorRef<Message>) {
        self.retry = Some(AbortOnDropHandle::new(myself.send_after(RETRY, || Message::Look)));
    }
}

impl Desk {
    async fn pass(&self, resumed: bool) -> Pass {
        let mut pass = Pass { resumed, ..Pass::default() };
        pass.error = self.work(&mut pass).await.err();
        pass
    }

    async fn work(&self, pass: &mut Pass) -> Result<(), CatalogError> {
        self.apply_events(pass).await?;
        if !pass.resumed {
            for (call, recording) in self.catalog.wanted(RESUMED_MAX).await? {
                self.recordings.refresh(call, Some(recording));
            }
            pass.resumed = true;
        }
        Ok(())
    }

    async fn apply_events(&self, pass: &mut Pass) -> Result<(), CatalogError> {
        loop {
            let events = self.catalog.pending_events(EVENTS_BATCH).await?;
            if events.is_empty() {
                return Ok(());
            }
            let before = pass.applied + pass.unassigned;
            for (id, event) in events {
                match self.catalog.apply_event(id, &event, self.clock.now()).await {
                    Ok(outcome) => self.pass_on(&event, outcome, pass),
                    Err(error @ CatalogError::Away(_)) => return Err(error),
                    // A row that cannot be right must not hold up those behind it.
                    Err(error) => {
                        tracing::error!(call.sid = %event.call(), %error, "webhook not applied");
                    }
                }
            }
            if before == pass.applied + pass.unassigned {
                return Ok(());
            }
        }
    }

    /// Tells the actors of what an event changed.
    fn pass_on(&self, event: &WebhookEvent, outcome: EventOutcome, pass: &mut Pass) {
        match outcome {
            EventOutcome::Applied { call, recording } => {
                pass.applied += 1;
                // A leg that was just found to be one may have an actor of its own.
                if call.call != event.call() {
                    let business = call.business.clone();
                    self.recordings.refresh(CallKey { business, call: event.call() }, None);
                }
                if recording.is_some() {
                    self.recordings.refresh(call, recording);
                }
            }
            EventOutcome::Unassigned => {
                pass.unassigned += 1;
                tracing::warn!(
                    account.sid = %event.account(), call.sid = %event.call(),
                    "webhook fits no business; kept as unassigned"
                );
            }
        }
    }
}
