//! Works off the webhooks that were stored, and asks the source for what they did not say.
//!
//! Supervised by the root. Owns nothing: stored events are rows, and a message here only says that there are
//! some. What a crash interrupted is found again at the next start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::domain::{CallDetails, CallKey, FetchError, WebhookEvent};
use crate::fetcher::Pacer;
use crate::ports::{Catalog, CatalogError, Clock, EventOutcome, RecordingSource};
use crate::recordings::RecordingsHandle;

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
}

/// What one pass did, and what it leaves.
#[derive(Default)]
pub(crate) struct Pass {
    applied: u64,
    unassigned: u64,
    details: u64,
    resumed: bool,
    /// There are calls that it was not the time to ask for.
    more: bool,
    /// Calls that the source does not know, and how often it was asked.
    unknown: HashMap<CallKey, u32>,
    error: Option<CatalogError>,
}

pub(crate) struct Inbox {
    pub(crate) desk: Arc<Desk>,
    pub(crate) view: watch::Sender<InboxView>,
}

/// What a pass works with.
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
    again: bool,
    resumed: bool,
    unknown: HashMap<CallKey, u32>,
    /// At most one timer runs, or a long outage would gather them.
    retry: Option<AbortOnDropHandle<Result<(), MessagingErr<Message>>>>,
    view: InboxView,
}

const TICK: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);
const EVENTS_BATCH: u32 = 100;
const DETAILS_BATCH: u32 = 20;
const DETAILS_ASKED_MAX: u32 = 5;
const UNKNOWN_MAX: usize = 10_000;
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
        }
        self.view.send_replace(rounds.view.clone());
        Ok(())
    }
}

impl Inbox {
    fn begin(&self, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        if rounds.passing {
            rounds.again = true;
            return;
        }
        rounds.passing = true;
        let desk = Arc::clone(&self.desk);
        let before = Pass {
            resumed: rounds.resumed,
            unknown: std::mem::take(&mut rounds.unknown),
            ..Pass::default()
        };
        let pass = tokio::spawn(async move { desk.pass(before).await });
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
        rounds.unknown = pass.unknown;
        let view = &mut rounds.view;
        view.applied_total += pass.applied;
        view.unassigned_total += pass.unassigned;
        view.details_total += pass.details;
        view.last_error = pass.error.as_ref().map(ToString::to_string);
        let unfinished = pass.more || pass.error.is_some();
        if let Some(error) = pass.error {
            tracing::warn!(%error, "webhooks wait in the inbox; tried again in a second");
        }
        rounds.retry =
            unfinished.then(|| AbortOnDropHandle::new(myself.send_after(RETRY, || Message::Look)));
        if std::mem::take(&mut rounds.again) {
            self.begin(myself, rounds);
        }
    }
}

impl Desk {
    async fn pass(&self, mut pass: Pass) -> Pass {
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
        self.ask_for_details(pass).await
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

    /// Asks the source for what no webhook said. What it does not know, asked again and again, counts as
    /// said: it must not stand in the way of others. An outage counts as nothing.
    async fn ask_for_details(&self, pass: &mut Pass) -> Result<(), CatalogError> {
        for (key, account) in self.catalog.calls_without_details(DETAILS_BATCH).await? {
            if self.pacer.admit(account).is_err() {
                pass.more = true;
                continue;
            }
            match self.source.call(account, key.call).await {
                Ok(details) => {
                    self.catalog.record_details(&key, &details).await?;
                    pass.unknown.remove(&key);
                    pass.details += 1;
                    if details.parent.is_some() {
                        self.recordings.refresh(key, None);
                    }
                }
                Err(FetchError::NotFound) => {
                    let asked = pass.unknown.get(&key).map_or(1, |asked| asked + 1);
                    if asked >= DETAILS_ASKED_MAX || pass.unknown.len() >= UNKNOWN_MAX {
                        self.catalog.record_details(&key, &CallDetails::default()).await?;
                        pass.unknown.remove(&key);
                    } else {
                        pass.unknown.insert(key, asked);
                    }
                }
                Err(FetchError::Throttled { retry_after }) => {
                    self.pacer.pause(account, retry_after);
                    pass.more = true;
                }
                Err(error) => {
                    tracing::debug!(call.sid = %key.call, %error, "no details of the call yet");
                }
            }
        }
        Ok(())
    }
}
