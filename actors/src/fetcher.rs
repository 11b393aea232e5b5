//! The pool that fetches recordings: so many at a time, the most urgent first, each account at its own pace.
//!
//! Supervised by the root. Owns the queue and the running transfers; the order for a fetch carries the way
//! back to the recording that gave it. Never touches a byte itself: `transfer` does, in a task of its own.
//!
//! Invariant: every order is reported on exactly once, also when its task panics or the pool dies.

mod intake;
mod pacer;
mod queue;
mod segments;
mod transfer;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use intake::Unfinished;
pub(crate) use pacer::Pacer;
pub use pacer::{AccountPace, AccountsHandle, PaceView};

use crate::address::Address;
use crate::arrival::{Arrival, Audience};
use crate::domain::{
    AccountSid, AudioKey, CopyId, Distribution, FetchError, FetchId, Intent, Progress, StoredCopy,
};
use crate::ports::{Chance, Clock, RecordingSource, SourceRequest, Vault};
use crate::recording::machine::{Expected, ExpectedBytes};
use queue::FairQueue;
use transfer::Ends;

/// How the rest of the core talks to the pool.
#[derive(Clone)]
pub(crate) struct FetcherHandle {
    address: Address<Message>,
}

/// One recording to be fetched, verified and sealed.
pub(crate) struct FetchOrder {
    pub fetch: FetchId,
    pub key: AudioKey,
    pub request: SourceRequest,
    pub intent: Intent,
    pub ordered_at: Instant,
    pub expected: Expected,
    /// As the source announced it.
    pub duration: Option<Duration>,
    /// What an earlier fetch of it left, and where this one leaves what the next may go on from.
    pub unfinished: Unfinished,
    pub progress: watch::Sender<Progress>,
    /// Told when it begins as it should: whoever waits may listen.
    pub admission: Admission,
    pub audience: Audience,
    /// Cancelled when nobody wants the fetch any more.
    pub cancelled: CancellationToken,
    pub report: FetchReport,
}

pub(crate) type Admission = Box<dyn Fn(Arrival) + Send + Sync>;

/// The way back to whoever ordered. Dropped unused, it reports an interruption.
pub(crate) struct FetchReport(Option<Box<Deliver>>);

type Deliver = dyn FnOnce(Result<StoredCopy, FetchError>) + Send + Sync;

impl FetchReport {
    pub(crate) fn new(
        deliver: impl FnOnce(Result<StoredCopy, FetchError>) + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Box::new(deliver)))
    }

    pub(crate) fn deliver(mut self, outcome: Result<StoredCopy, FetchError>) {
        if let Some(deliver) = self.0.take() {
            deliver(outcome);
        }
    }
}

impl Drop for FetchReport {
    fn drop(&mut self) {
        if let Some(deliver) = self.0.take() {
            deliver(Err(FetchError::Interrupted));
        }
    }
}

/// What operators see of the pool.
#[derive(Debug, Clone, Default)]
pub struct FetcherView {
    pub running: usize,
    pub parallel_max: usize,
    /// By intent, in the order of `Intent::ALL`.
    pub queued: [usize; Intent::ALL.len()],
    pub accounts: Vec<AccountPace>,
    pub fetched_total: u64,
    pub failed_total: u64,
    pub fetched_bytes_total: u64,
    /// Orders that came to nothing, by `FetchError::name`, also those that never began.
    pub failures: BTreeMap<&'static str, u64>,
    /// How long orders waited for a place in the pool and their account's turn.
    pub waited: Distribution,
    /// How long those took that brought a copy, and the others.
    pub fetched_in: Distribution,
    pub failed_in: Distribution,
}

impl FetcherHandle {
    pub(crate) const fn new(address: Address<Message>) -> Self {
        Self { address }
    }

    /// Queues an order. When the pool is not there, dropping the order reports the interruption.
    pub(crate) fn fetch(&self, order: FetchOrder) {
        self.address.tell(Message::Fetch(Box::new(order)));
    }

    pub(crate) fn prioritise(&self, key: AudioKey, fetch: FetchId, intent: Intent) {
        self.address.tell(Message::Prioritise { ticket: (key, fetch), intent });
    }
}

pub(crate) enum Message {
    Fetch(Box<FetchOrder>),
    Prioritise {
        ticket: Ticket,
        intent: Intent,
    },
    Ended {
        place: Place,
        ended: Ended,
    },
    /// An account may have become open again.
    Wake,
}

type Ticket = (AudioKey, FetchId);

/// Names one transfer of this pool. A ticket does not: a crashed actor's successor counts from the start.
type Place = u64;

/// How a transfer ended, as far as the pool cares.
pub(crate) struct Ended {
    began: Instant,
    /// The bytes it brought, or the failure's name.
    outcome: Result<u64, &'static str>,
}

pub(crate) struct TwilioFetcher {
    pub(crate) source: Arc<dyn RecordingSource>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) parallel_max: usize,
    pub(crate) queued_max: usize,
    pub(crate) view: watch::Sender<FetcherView>,
    /// For what failed fetches leave to the next.
    pub(crate) places: Arc<Semaphore>,
}

/// So many downloads that were cut may be kept for the fetch that is to go on from them: each is an open file and up to
/// 8 MiB of memory.
pub(crate) const UNFINISHED_MAX: usize = 32;

#[derive(Default)]
pub(crate) struct Pool {
    queue: FairQueue<Box<FetchOrder>>,
    running: HashMap<Place, AbortOnDropHandle<()>>,
    started_total: Place,
    /// At most one timer runs; a newer one takes its place.
    wake: Option<AbortOnDropHandle<Result<(), MessagingErr<Message>>>>,
    counts: Counts,
}

/// What the pool has done since it began.
#[derive(Default)]
struct Counts {
    fetched: u64,
    failed: u64,
    bytes: u64,
    failures: BTreeMap<&'static str, u64>,
    waited: Distribution,
    fetched_in: Distribution,
    failed_in: Distribution,
}

impl Actor for TwilioFetcher {
    type Msg = Message;
    type State = Pool;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<Pool, ActorProcessingErr> {
        let pool = Pool::default();
        self.publish(&pool);
        Ok(pool)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        pool: &mut Pool,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Fetch(order) => self.admit(order, pool),
            Message::Prioritise { ticket, intent } => {
                pool.queue.prioritise(intent, |order| order.ticket() == ticket);
            }
            Message::Ended { place, ended } => pool.settle(place, ended),
            Message::Wake => {}
        }
        self.dispatch(&myself, pool);
        self.publish(pool);
        Ok(())
    }
}

impl TwilioFetcher {
    fn admit(&self, order: Box<FetchOrder>, pool: &mut Pool) {
        // A crashed actor's successor may order the same again: only the new order counts.
        drop(pool.queue.remove(|waiting| waiting.cancelled.is_cancelled()));
        // Said without a place in the queue, or a turn at the account: nobody need be asked.
        if order.expected.bytes == ExpectedBytes::Continued && order.unfinished.is_empty() {
            return pool.turn_away(order, FetchError::ContentChanged);
        }
        if pool.queue.len() >= self.queued_max {
            match pool.queue.give_way(order.intent) {
                Some(less_urgent) => pool.turn_away(less_urgent, FetchError::QueueFull),
                None => return pool.turn_away(order, FetchError::QueueFull),
            }
        }
        pool.queue.push(order.intent, order);
    }

    /// Starts what may start. An order whose account is closed waits in the queue, not in a place of the pool.
    fn dispatch(&self, myself: &ActorRef<Message>, pool: &mut Pool) {
        for order in pool.queue.remove(|order| self.pacer.is_refused(order.request.account)) {
            pool.turn_away(order, FetchError::RefusedAccount);
        }
        let mut closed: HashMap<AccountSid, Duration> = HashMap::new();
        while pool.running.len() < self.parallel_max {
            let next = pool.queue.pop(|order| {
                let account = order.request.account;
                if closed.contains_key(&account) {
                    return false;
                }
                self.pacer.admit(account).map_err(|wait| closed.insert(account, wait)).is_ok()
            });
            let Some(order) = next else { break };
            self.start(myself, order, pool);
        }
        let opens = closed.into_values().min();
        pool.wake =
            opens.map(|wait| AbortOnDropHandle::new(myself.send_after(wait, || Message::Wake)));
    }

    fn start(&self, myself: &ActorRef<Message>, order: Box<FetchOrder>, pool: &mut Pool) {
        pool.started_total += 1;
        let place = pool.started_total;
        pool.counts.waited.record(order.ordered_at.elapsed());
        let account = order.request.account;
        let ended = Ended { began: Instant::now(), outcome: Err(FetchError::Interrupted.name()) };
        let ending = Ending { pool: myself.clone(), place, ended: Some(ended) };
        let (source, vault) = (Arc::clone(&self.source), Arc::clone(&self.vault));
        let (pacer, clock) = (Arc::clone(&self.pacer), Arc::clone(&self.clock));
        let places = Arc::clone(&self.places);
        let ids = [(); 2].map(|()| CopyId::from_bits(self.chance.bits()));
        let task = tokio::spawn(async move {
            let mut ending = ending;
            let ends = Ends { source: &*source, vault: &vault, pacer: &pacer, places: &places };
            let outcome = tokio::select! {
                biased;
                () = order.cancelled.cancelled() => Err(FetchError::Interrupted),
                outcome = transfer::transfer(&order, ids, ends) => outcome,
            };
            if let Some(ended) = &mut ending.ended {
                ended.outcome = outcome.as_ref().map(|copy| copy.length).map_err(FetchError::name);
            }
            // Before anybody acts upon the outcome.
            pacer.learn(account, outcome.as_ref().map(drop), clock.now());
            order.report.deliver(outcome);
        });
        pool.running.insert(place, AbortOnDropHandle::new(task));
    }

    fn publish(&self, pool: &Pool) {
        self.view.send_replace(FetcherView {
            running: pool.running.len(),
            parallel_max: self.parallel_max,
            queued: pool.queue.lengths(),
            accounts: self.pacer.view(),
            fetched_total: pool.counts.fetched,
            failed_total: pool.counts.failed,
            fetched_bytes_total: pool.counts.bytes,
            failures: pool.counts.failures.clone(),
            waited: pool.counts.waited.clone(),
            fetched_in: pool.counts.fetched_in.clone(),
            failed_in: pool.counts.failed_in.clone(),
        });
    }
}

impl Pool {
    fn settle(&mut self, place: Place, ended: Ended) {
        self.running.remove(&place);
        let counts = &mut self.counts;
        match ended.outcome {
            Ok(bytes) => {
                counts.fetched += 1;
                counts.bytes += bytes;
                counts.fetched_in.record(ended.began.elapsed());
            }
            Err(name) => {
                counts.failed += 1;
                *counts.failures.entry(name).or_default() += 1;
                counts.failed_in.record(ended.began.elapsed());
            }
        }
    }

    /// An order that is not begun.
    fn turn_away(&mut self, order: Box<FetchOrder>, why: FetchError) {
        *self.counts.failures.entry(why.name()).or_default() += 1;
        order.report.deliver(Err(why));
    }
}

impl FetchOrder {
    fn admit(&self, arrival: &Arrival) {
        (self.admission)(arrival.clone());
    }

    fn ticket(&self) -> Ticket {
        (self.key.clone(), self.fetch)
    }
}

/// Tells the pool that a place is free, whatever became of the task that held it.
struct Ending {
    pool: ActorRef<Message>,
    place: Place,
    /// Taken when it is told.
    ended: Option<Ended>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            let _ = self.pool.cast(Message::Ended { place: self.place, ended });
        }
    }
}
