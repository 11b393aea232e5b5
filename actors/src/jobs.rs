//! Claims durable jobs as workers free up, keeps their leases alive, and lets the pools work them off.
//!
//! Supervised by the root; supervises one pool of workers for each stage. Owns nothing: the rows say what is to be
//! done, and a message here only says that there may be something. What a crash interrupted is claimed again when
//! its lease has run out.
//!
//! Invariant: nothing is claimed that no worker is free for; the backlog stays in the catalog.
//! Invariant: who can no longer be sure of a lease stops working on it.

mod pool;
mod view;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::aside::aside;
use crate::board::Board;
use crate::domain::{ClaimedJob, JobRetry, Lease, Stage, Timestamp};
use crate::happening::What;
use crate::ports::{CatalogError, Chance, Claim, Clock, JobStore};
use crate::stages::Stages;
pub(crate) use pool::Progress;
use pool::{Orders, Pool};
pub use view::{JobBacklog, JobsView, RunningJobView, StageOutcome, StageView};

#[derive(Clone)]
pub struct JobsHandle {
    address: Address<Message>,
}

impl JobsHandle {
    pub(crate) const fn new(address: Address<Message>) -> Self {
        Self { address }
    }

    /// An operator wants something to be run now.
    pub fn hurry(&self) {
        self.address.tell(Message::Hurry);
    }

    /// Somebody cancelled something, which may be running.
    pub fn look_again(&self) {
        self.address.tell(Message::Renew);
    }

    /// Claims nothing any more; what is running goes on.
    pub(crate) fn close(&self) {
        self.address.tell(Message::Close);
    }

    /// Ends what is running and gives it back untried. Returns when that is done, or after so long.
    pub(crate) async fn stop(&self, patience: Duration) {
        if let Some(jobs) = self.address.current() {
            // What is not given back in time is claimed again when its lease has run out.
            let _ = timeout(patience.min(STOP_MAX), jobs.call(Message::Stop, None)).await;
        }
    }
}

pub(crate) enum Message {
    Look,
    /// As `Look`, whatever providers asked for.
    Hurry,
    Claimed(Result<Vec<ClaimedJob>, CatalogError>, Instant),
    Renew,
    Renewed(Result<Vec<Lease>, CatalogError>, Vec<Lease>, Instant),
    /// How far it is, in thousandths.
    Progressed(Lease, u16),
    Ended(Lease, StageOutcome),
    Count,
    Counted(Result<JobBacklog, CatalogError>),
    Close,
    Stop(RpcReplyPort<()>),
}

/// Bounds of the pipeline.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// How long a claim counts without being renewed.
    pub lease: Duration,
    pub retry: JobRetry,
    /// Without workers a stage's jobs wait.
    pub measurers: usize,
    pub transcribers: usize,
    /// Of each of the stages that ask the language model.
    pub readers: usize,
}

pub(crate) struct Jobs {
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) stages: Arc<Stages>,
    pub(crate) settings: JobSettings,
    pub(crate) board: Arc<Board>,
    pub(crate) view: watch::Sender<JobsView>,
}

pub(crate) struct Books {
    pools: Vec<Pool>,
    running: HashMap<Lease, Running>,
    claiming: bool,
    claim_again: bool,
    renewing: bool,
    counting: bool,
    closed: bool,
    stopping: Vec<RpcReplyPort<()>>,
    /// Names this incarnation.
    owner: String,
    view: JobsView,
}

/// A job that a worker has.
struct Running {
    job: ClaimedJob,
    orders: Orders,
    since: Timestamp,
    permille: u16,
    /// By our own count of the lease; after that somebody else may have it.
    good_until: Instant,
}

/// Whatever there is to be written down must not keep a successor from the vault.
const STOP_MAX: Duration = Duration::from_secs(5);
/// For jobs that other transactions began.
const POLL: Duration = Duration::from_secs(1);
/// For those who watch over the backlog.
const COUNT_PERIOD: Duration = Duration::from_secs(5);
/// A lease is renewed so often before it would run out.
const RENEWALS_PER_LEASE: u32 = 3;

impl Actor for Jobs {
    type Msg = Message;
    type State = Books;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Books, ActorProcessingErr> {
        let mut pools = Vec::new();
        for stage in Stage::ALL.into_iter().filter(|stage| self.workers(*stage) > 0) {
            pools.push(Pool::start(stage, self.workers(stage), self, &myself).await?);
        }
        let views = Stage::ALL.map(|stage| StageView::new(stage, self.workers(stage)));
        if !pools.is_empty() {
            let _ = myself.cast(Message::Look);
            myself.send_interval(POLL, || Message::Look);
            myself.send_interval(self.settings.lease / RENEWALS_PER_LEASE, || Message::Renew);
        }
        let _ = myself.cast(Message::Count);
        myself.send_interval(COUNT_PERIOD, || Message::Count);
        Ok(Books {
            pools,
            running: HashMap::new(),
            claiming: false,
            claim_again: false,
            renewing: false,
            counting: false,
            closed: false,
            stopping: Vec::new(),
            owner: format!("{:032x}", self.chance.bits()),
            view: JobsView { stages: views.into(), ..JobsView::default() },
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        books: &mut Books,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => {
                books.drop_unsure(Instant::now());
                self.claim(&myself, books);
            }
            Message::Hurry => {
                books.pools.iter_mut().for_each(Pool::works);
                self.claim(&myself, books);
            }
            Message::Claimed(claimed, asked_at) => self.hand_out(claimed, asked_at, &myself, books),
            Message::Renew => self.renew(&myself, books),
            Message::Renewed(lost, of, asked_at) => self.take_in(lost, &of, asked_at, books),
            Message::Progressed(lease, permille) => books.progress(lease, permille),
            Message::Ended(lease, outcome) => self.settle(lease, outcome, &myself, books),
            Message::Count => self.count(&myself, books),
            Message::Counted(backlog) => {
                books.counting = false;
                // Where it cannot be counted what was counted last is shown on.
                if let Ok(backlog) = backlog {
                    books.view.backlog = backlog;
                }
            }
            Message::Close => books.closed = true,
            Message::Stop(reply) => books.stop(reply),
        }
        books.publish(&self.view);
        Ok(())
    }

    /// A pool ended: its jobs' leases run out, and whoever takes our place starts it anew.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Message>,
        event: SupervisionEvent,
        _: &mut Books,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, error) => Err(error),
            SupervisionEvent::ActorTerminated(..) => Err("a pool of workers ended".into()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }
}

impl Jobs {
    fn workers(&self, stage: Stage) -> usize {
        match stage {
            Stage::Measure => self.settings.measurers,
            Stage::Transcribe | Stage::Summarise | Stage::Extract if !self.stages.can(stage) => 0,
            Stage::Transcribe => self.settings.transcribers,
            Stage::Summarise | Stage::Extract => self.settings.readers,
        }
    }

    fn claim(&self, myself: &ActorRef<Message>, books: &mut Books) {
        let wanted = books.wanted(Instant::now());
        if books.closed || wanted.is_empty() {
            return;
        }
        if books.claiming {
            books.claim_again = true;
            return;
        }
        books.claiming = true;
        let (owner, span) = (books.owner.clone(), self.settings.lease);
        let claim = Claim { wanted, owner, span };
        let (store, now, asked_at) = (Arc::clone(&self.store), self.clock.now(), Instant::now());
        aside(myself, async move { store.claim_jobs(&claim, now).await }, move |claimed| {
            Message::Claimed(claimed.unwrap_or_else(died), asked_at)
        });
    }

    fn hand_out(
        &self,
        claimed: Result<Vec<ClaimedJob>, CatalogError>,
        asked_at: Instant,
        myself: &ActorRef<Message>,
        books: &mut Books,
    ) {
        books.claiming = false;
        books.view.last_error = claimed.as_ref().err().map(ToString::to_string);
        let (now, good_until) = (self.clock.now(), asked_at + self.settings.lease);
        for job in claimed.unwrap_or_default() {
            let orders = Orders::default();
            if !books.stopping.is_empty() {
                orders.give_back();
            }
            let Some(pool) = books.pools.iter().find(|pool| pool.stage == job.stage) else {
                continue;
            };
            pool.dispatch(job.clone(), orders.clone(), myself.clone());
            self.announce(&job, "running", None);
            let running = Running { job, orders, since: now, permille: 0, good_until };
            books.running.insert(running.job.lease, running);
        }
        if std::mem::take(&mut books.claim_again) {
            self.claim(myself, books);
        }
        books.end_stop();
    }

    fn count(&self, myself: &ActorRef<Message>, books: &mut Books) {
        if books.counting || books.closed {
            return;
        }
        books.counting = true;
        let store = Arc::clone(&self.store);
        let counting = async move {
            let (counts, oldest) = (store.job_counts().await?, store.oldest_waiting().await?);
            Ok(JobBacklog { counts, oldest })
        };
        aside(myself, counting, |backlog| Message::Counted(backlog.unwrap_or_else(died)));
    }

    fn renew(&self, myself: &ActorRef<Message>, books: &mut Books) {
        books.drop_unsure(Instant::now());
        let leases: Vec<Lease> = books.running.keys().copied().collect();
        if leases.is_empty() || books.renewing {
            return;
        }
        books.renewing = true;
        let (store, span, now) = (Arc::clone(&self.store), self.settings.lease, self.clock.now());
        let (of, asked_at) = (leases.clone(), Instant::now());
        aside(myself, async move { store.renew_leases(&leases, span, now).await }, move |lost| {
            Message::Renewed(lost.unwrap_or_else(died), of, asked_at)
        });
    }

    fn take_in(
        &self,
        lost: Result<Vec<Lease>, CatalogError>,
        of: &[Lease],
        asked_at: Instant,
        books: &mut Books,
    ) {
        books.renewing = false;
        match lost {
            Ok(lost) => {
                for (lease, running) in &mut books.running {
                    if lost.contains(lease) {
                        running.orders.leave();
                    } else if of.contains(lease) {
                        running.good_until = asked_at + self.settings.lease;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "leases of jobs not renewed; tried again");
                books.view.last_error = Some(error.to_string());
            }
        }
    }

    fn settle(
        &self,
        lease: Lease,
        outcome: StageOutcome,
        myself: &ActorRef<Message>,
        books: &mut Books,
    ) {
        let Some(running) = books.running.remove(&lease) else { return };
        let stage = running.job.stage;
        let asks_the_same = |pool: &&mut Pool| pool.stage.provider() == stage.provider();
        for pool in books.pools.iter_mut().filter(asks_the_same) {
            match &outcome {
                StageOutcome::Finished { by_provider: true } => pool.works(),
                StageOutcome::Postponed { of_provider: true, told, .. } => pool.fails(*told),
                StageOutcome::Failed { by_provider: true, .. } => pool.fails_at(lease.job),
                StageOutcome::Finished { .. }
                | StageOutcome::Postponed { .. }
                | StageOutcome::Failed { .. }
                | StageOutcome::Released
                | StageOutcome::Lost => {}
            }
        }
        self.announce(&running.job, outcome.as_str(), outcome.error());
        if let Some(view) = books.view.stages.iter_mut().find(|view| view.stage == stage) {
            view.count(&outcome);
        }
        books.end_stop();
        self.claim(myself, books);
    }

    fn announce(&self, job: &ClaimedJob, state: &'static str, error: Option<&str>) {
        let what = What::Stage {
            call: job.call.clone(),
            recording: job.recording,
            job: job.lease.job,
            stage: job.stage,
            state,
            attempt: job.attempt,
            error: error.map(str::to_owned),
        };
        self.board.announce(self.clock.now(), what);
    }
}

impl Books {
    /// How many jobs of which stage there are workers for.
    fn wanted(&self, now: Instant) -> Vec<(Stage, u32)> {
        let free = |pool: &Pool| {
            let busy = self.running.values().filter(|it| it.job.stage == pool.stage).count();
            let free = pool.admits(now).saturating_sub(busy);
            (pool.stage, u32::try_from(free).unwrap_or(u32::MAX))
        };
        self.pools.iter().map(free).filter(|(_, free)| *free > 0).collect()
    }

    /// The catalog was away for so long that somebody else may have taken these over.
    fn drop_unsure(&self, now: Instant) {
        for running in self.running.values().filter(|running| running.good_until <= now) {
            running.orders.leave();
        }
    }

    fn progress(&mut self, lease: Lease, permille: u16) {
        if let Some(running) = self.running.get_mut(&lease) {
            running.permille = permille;
        }
    }

    fn stop(&mut self, reply: RpcReplyPort<()>) {
        self.closed = true;
        self.stopping.push(reply);
        for running in self.running.values() {
            running.orders.give_back();
        }
        self.end_stop();
    }

    /// Nothing runs, and nothing that was claimed is on its way to us.
    fn end_stop(&mut self) {
        if self.running.is_empty() && !self.claiming {
            for reply in self.stopping.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    fn publish(&mut self, view: &watch::Sender<JobsView>) {
        let now = Instant::now();
        for stage in &mut self.view.stages {
            let pool = self.pools.iter().find(|pool| pool.stage == stage.stage);
            stage.paused_for = pool.and_then(|pool| pool.paused_for(now));
        }
        let mut running: Vec<RunningJobView> = self
            .running
            .values()
            .map(|running| RunningJobView {
                job: running.job.clone(),
                since: running.since,
                permille: running.permille,
            })
            .collect();
        running.sort_by_key(|running| running.job.lease.job);
        self.view.running = running;
        view.send_if_modified(|shown| {
            let changed = *shown != self.view;
            if changed {
                shown.clone_from(&self.view);
            }
            changed
        });
    }
}

fn died<T>(died: JoinError) -> Result<T, CatalogError> {
    Err(CatalogError::Away(format!("the task that asked it died: {died}")))
}
