//! Sees to it that what is kept no longer goes, and does what operators ordered by command.
//!
//! Supervised by the root. Owns nothing: the catalog says what is overdue and what was ordered, each recording's
//! actor expunges what expired.
//!
//! Invariant: an order is settled only after it was obeyed; one that was half obeyed is obeyed again.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::aside::aside;
use crate::domain::{
    AudioKey, CallKey, CopyId, Intent, Recording, RecordingSid, StoredCopy, Timestamp,
};
use crate::ports::{
    Catalog, CatalogError, Clock, Order, OrderOutcome, Overdue, RecordingRecord, Vault,
};
use crate::recording::Ask;
use crate::recordings::RecordingsHandle;
use crate::still_there::{StaysError, StillThere};

#[derive(Clone)]
pub(crate) struct RetentionKeeperHandle {
    address: Address<Message>,
}

impl RetentionKeeperHandle {
    pub(crate) const fn new(address: Address<Message>) -> Self {
        Self { address }
    }

    /// A recording was expunged: its retention is over.
    pub(crate) fn expired(&self) {
        self.address.tell(Message::Expired);
    }
}

/// What operators see of the keeper.
#[derive(Debug, Clone, Default)]
pub struct RetentionKeeperView {
    /// Recordings.
    pub expired_total: u64,
    /// Calls.
    pub erased_total: u64,
    pub last_error: Option<String>,
    /// When it looks for overdue recordings again.
    pub next_at: Timestamp,
}

pub(crate) enum Message {
    Look,
    Passed(Pass),
    Expired,
}

/// What one pass did.
#[derive(Default)]
pub(crate) struct Pass {
    erased: u64,
    looked: Option<Looked>,
    error: Option<String>,
}

/// For overdue recordings.
struct Looked {
    at: Timestamp,
    /// Where the next batch begins; `None` where there were no more than one pass takes.
    last: Option<Overdue>,
}

pub(crate) struct RetentionKeeper {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recordings: RecordingsHandle,
    pub(crate) still_there: Arc<StillThere>,
    pub(crate) view: watch::Sender<RetentionKeeperView>,
}

#[derive(Default)]
pub(crate) struct Rounds {
    passing: bool,
    /// When overdue recordings are looked for next; at once in the beginning.
    due_at: Option<Instant>,
    /// Up to where they were looked for: what does not go, for whatever reason, keeps nothing behind it from going.
    /// `None`: from the front.
    after: Option<Overdue>,
    view: RetentionKeeperView,
}

/// Commands wait for their orders to be noticed.
const ORDERS_PERIOD: Duration = Duration::from_secs(2);
const ORDERS_BATCH: u32 = 100;
/// No other copy is looked at in a pass that has looked at copies for so long.
const MENDING_MAX: Duration = Duration::from_secs(10);
/// Of one copy; other orders wait for it.
const LOOK_MAX: Duration = Duration::from_mins(1);
const EXPIRY_PERIOD: Duration = Duration::from_mins(1);
/// Each of them wakes an actor.
const EXPIRY_BATCH: u32 = 256;
/// Time for those of a full batch to go before the next is taken.
const EXPIRY_SETTLE: Duration = Duration::from_secs(4);

impl Actor for RetentionKeeper {
    type Msg = Message;
    type State = Rounds;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Rounds, ActorProcessingErr> {
        let _ = myself.cast(Message::Look);
        myself.send_interval(ORDERS_PERIOD, || Message::Look);
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
            Message::Passed(pass) => rounds.settle(pass),
            Message::Expired => rounds.view.expired_total += 1,
        }
        self.view.send_replace(rounds.view.clone());
        Ok(())
    }
}

impl RetentionKeeper {
    fn begin(&self, myself: &ActorRef<Message>, rounds: &mut Rounds) {
        if rounds.passing {
            return;
        }
        rounds.passing = true;
        let due = rounds.due_at.is_none_or(|at| at <= Instant::now());
        let work = Work {
            catalog: Arc::clone(&self.catalog),
            vault: Arc::clone(&self.vault),
            clock: Arc::clone(&self.clock),
            recordings: self.recordings.clone(),
            still_there: Arc::clone(&self.still_there),
        };
        let pass = work.pass(due.then(|| rounds.after.clone()));
        aside(myself, pass, |pass| {
            let died = |died: JoinError| Pass { error: Some(died.to_string()), ..Pass::default() };
            Message::Passed(pass.unwrap_or_else(died))
        });
    }
}

impl Rounds {
    fn settle(&mut self, pass: Pass) {
        self.passing = false;
        self.view.erased_total += pass.erased;
        if let Some(Looked { at, last }) = pass.looked {
            let pause = if last.is_some() { EXPIRY_SETTLE } else { EXPIRY_PERIOD };
            self.after = last;
            self.due_at = Some(Instant::now() + pause);
            self.view.next_at = at.plus(pause);
        }
        if let Some(error) = &pass.error {
            tracing::warn!(error, "retention and orders not looked after; tried again in seconds");
        }
        self.view.last_error = pass.error;
    }
}

/// One pass, in a task of its own.
struct Work {
    catalog: Arc<dyn Catalog>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    recordings: RecordingsHandle,
    still_there: Arc<StillThere>,
}

impl Work {
    /// Looks for overdue recordings, if that is due, whatever becomes of the orders.
    async fn pass(self, due: Option<Option<Overdue>>) -> Pass {
        let mut pass = Pass::default();
        let looked = match due {
            Some(after) => self.look(after, &mut pass).await,
            None => Ok(()),
        };
        let obeyed = self.obey_all(&mut pass).await;
        pass.error = looked.and(obeyed).err().map(|error| error.to_string());
        pass
    }

    /// An order that cannot be obeyed now stays pending, and holds up no other. An outage holds up all.
    async fn obey_all(&self, pass: &mut Pass) -> Result<(), CatalogError> {
        let mut last = Ok(());
        let mut orders = self.catalog.pending_orders(ORDERS_BATCH).await?;
        // What has to read copies comes after what is done at once, and leaves what it does not manage to the next pass.
        let reads = |order: &Result<Order, String>| matches!(order, Ok(Order::Mend { .. }));
        orders.sort_by_key(|(_, order)| reads(order));
        let begun = Instant::now();
        for (id, order) in orders {
            if reads(&order) && begun.elapsed() > MENDING_MAX {
                break;
            }
            match self.deal_with(id, order, pass).await {
                Ok(()) => {}
                Err(error @ CatalogError::Away(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(order = id, %error, "order not obeyed");
                    last = Err(error);
                }
            }
        }
        last
    }

    async fn deal_with(
        &self,
        id: i64,
        order: Result<Order, String>,
        pass: &mut Pass,
    ) -> Result<(), CatalogError> {
        let outcome = match order {
            Ok(order) => self.obey(order, pass).await?,
            Err(why) => OrderOutcome::Refused(why),
        };
        if let OrderOutcome::Refused(why) = &outcome {
            tracing::warn!(order = id, why, "order refused");
        }
        self.catalog.settle_order(id, &outcome, self.clock.now()).await
    }

    async fn look(&self, after: Option<Overdue>, pass: &mut Pass) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let overdue = self.catalog.overdue(now, after.as_ref(), EXPIRY_BATCH).await?;
        let full = overdue.len() == EXPIRY_BATCH as usize;
        pass.looked = Some(Looked { at: now, last: overdue.last().filter(|_| full).cloned() });
        for Overdue { call, recording, .. } in overdue {
            self.recordings.refresh(call, Some(recording));
        }
        Ok(())
    }

    async fn obey(&self, order: Order, pass: &mut Pass) -> Result<OrderOutcome, CatalogError> {
        match order {
            Order::Erase(call) => {
                let outcome = self.erase(call).await?;
                pass.erased += u64::from(outcome == OrderOutcome::Done);
                return Ok(outcome);
            }
            Order::LookAgain(call) => self.recordings.refresh(call, None),
            Order::LookAgainAt(business) => self.recordings.refresh_all_of(business),
            Order::Mend { call, recording, copy } => return self.mend(call, recording, copy).await,
        }
        Ok(OrderOutcome::Done)
    }

    /// Rows before files: from then on no actor can play, fetch or commit it, whatever it has not heard yet. What
    /// may be played without asking its actor is withdrawn before the rows.
    async fn erase(&self, call: CallKey) -> Result<OrderOutcome, CatalogError> {
        self.recordings.withhold(&call).await;
        let erased = self.catalog.erase(&call, self.clock.now()).await;
        self.recordings.refresh(call.clone(), None);
        let files = match erased {
            Ok(files) => files,
            Err(refused @ (CatalogError::Held(_) | CatalogError::Unknown(_))) => {
                return Ok(OrderOutcome::Refused(refused.to_string()));
            }
            Err(error) => return Err(error),
        };
        tracing::info!(business.id = %call.business, call.sid = %call.call, "call erased");
        for (audio, id) in files {
            self.discard(&audio, id).await;
        }
        Ok(OrderOutcome::Done)
    }

    async fn discard(&self, audio: &AudioKey, id: CopyId) {
        if let Err(error) = self.vault.discard(audio, id).await {
            tracing::warn!(recording.sid = %audio.recording, %error, "file not removed; swept later");
        }
    }

    /// Whoever ordered it read another's vault: the owner looks for itself before it gives the copy up.
    async fn mend(
        &self,
        call: CallKey,
        recording: RecordingSid,
        copy: CopyId,
    ) -> Result<OrderOutcome, CatalogError> {
        let record = self.catalog.load_call(&call).await?;
        let rows = record.into_iter().flat_map(|record| record.recordings);
        let mut named = rows.filter(|row| row.recording.sid == recording);
        let Some(RecordingRecord { recording: known, copy: Some(held), .. }) = named.next() else {
            return Ok(OrderOutcome::Done);
        };
        if !held.present || held.copy.id != copy {
            return Ok(OrderOutcome::Done);
        }
        let playable = known.playable(&held.copy);
        match timeout(LOOK_MAX, self.vault.verify(&playable)).await {
            Ok(Ok(())) => Ok(OrderOutcome::Refused("the copy is sound".to_owned())),
            Ok(Err(error)) if error.is_damage() => self.replace(call, known, held.copy).await,
            Ok(Err(error)) => Ok(OrderOutcome::Refused(error.to_string())),
            Err(_) => Ok(OrderOutcome::Refused("the copy was not read in time".to_owned())),
        }
    }

    /// A damaged copy is worth more than none: it goes only where the source says that there is another.
    async fn replace(
        &self,
        call: CallKey,
        known: Recording,
        copy: StoredCopy,
    ) -> Result<OrderOutcome, CatalogError> {
        let recording = known.sid;
        let audio = known.playable(&copy).key;
        match self.still_there.ask(&call, known.account, &audio).await {
            Ok(()) => {}
            Err(StaysError::Away(error)) => return Err(error),
            Err(stays) => return Ok(OrderOutcome::Refused(stays.to_string())),
        }
        self.recordings.report_damage(call.clone(), recording, copy);
        let ask =
            Ask { recording: Some(recording), intent: Intent::Backfill, wait: Duration::ZERO };
        if let Err(error) = self.recordings.ask(&call, ask).await {
            tracing::debug!(recording.sid = %recording, %error, "fetched when somebody asks for it");
        }
        Ok(OrderOutcome::Done)
    }
}
