//! One stage's pool of workers, and how a job is handed to one of them.
//!
//! The pool is ractor's factory: workers that die are replaced, and its queue stays empty, because nothing is claimed
//! that no worker is free for.

use std::sync::Arc;
use std::time::Duration;

use ractor::factory::{
    Factory, FactoryArguments, FactoryRef, queues::DefaultQueue, routing::QueuerRouting,
    worker_builder,
};
use ractor::{Actor, ActorRef, SpawnErr};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::view::StageOutcome;
use super::worker::{Bench, StageWorker};
use super::{Jobs, Message};
use crate::domain::{ClaimedJob, JobId, Lease, Stage};

pub(super) struct Pool {
    pub(super) stage: Stage,
    pub(super) workers: usize,
    factory: FactoryRef<JobId, Errand>,
    paused_until: Option<Instant>,
    /// How often its provider was out of order since it last worked.
    outages: u32,
    /// The different jobs that its provider failed at since it last worked, as far as they matter.
    failed_at: Vec<JobId>,
}

/// While a provider is out of order it is asked ever more seldom, by one worker.
const OUTAGE_PAUSE_FIRST: Duration = Duration::from_secs(2);
const OUTAGE_PAUSE_MAX: Duration = Duration::from_mins(5);
/// What a provider fails at may be to blame for it. Of so many different jobs in a row none is.
const FAILED_AT_MAX: usize = 3;

impl Pool {
    pub(super) async fn start(
        stage: Stage,
        workers: usize,
        jobs: &Jobs,
        parent: &ActorRef<Message>,
    ) -> Result<Self, SpawnErr> {
        let bench = Arc::new(Bench {
            store: Arc::clone(&jobs.store),
            clock: Arc::clone(&jobs.clock),
            chance: Arc::clone(&jobs.chance),
            stages: Arc::clone(&jobs.stages),
            retry: jobs.settings.retry.clone(),
        });
        let definition = Factory::<
            JobId,
            Errand,
            Arc<Bench>,
            StageWorker,
            QueuerRouting<JobId, Errand>,
            DefaultQueue<JobId, Errand>,
        >::default();
        let arguments = FactoryArguments::builder()
            .worker_builder(Box::new(worker_builder(move |_| (StageWorker, Arc::clone(&bench)))))
            .queue(DefaultQueue::default())
            .router(QueuerRouting::default())
            .num_initial_workers(workers)
            .build();
        let cell = parent.get_cell();
        let (factory, _) = Actor::spawn_linked(None, definition, arguments, cell).await?;
        Ok(Self { stage, workers, factory, paused_until: None, outages: 0, failed_at: Vec::new() })
    }

    /// An errand that cannot be delivered says so when it is dropped.
    pub(super) fn dispatch(&self, job: ClaimedJob, orders: Orders, to: ActorRef<Message>) {
        let report = Report { lease: job.lease, to: Some(to) };
        let errand = Errand { job, orders, doubtful: self.is_doubtful(), report };
        let _ = self.factory.dispatch(errand.job.lease.job, errand);
    }

    /// Its provider is out of order, and perhaps said for how long.
    pub(super) fn fails(&mut self, told: Option<Duration>) {
        self.outages = self.outages.saturating_add(1);
        let doubled = OUTAGE_PAUSE_FIRST.saturating_mul(1 << (self.outages - 1).min(16));
        let pause = told.unwrap_or_else(|| doubled.min(OUTAGE_PAUSE_MAX));
        self.paused_until = self.paused_until.max(Some(Instant::now() + pause));
    }

    /// Its provider answered, and failed at this job.
    pub(super) fn fails_at(&mut self, job: JobId) {
        if !self.is_doubtful() && !self.failed_at.contains(&job) {
            self.failed_at.push(job);
        }
    }

    /// Whether its provider seems to fail at whatever it is asked.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.failed_at.len() >= FAILED_AT_MAX
    }

    /// Its provider works, or somebody thinks so.
    pub(super) fn works(&mut self) {
        self.outages = 0;
        self.paused_until = None;
        self.failed_at.clear();
    }

    /// How many workers may be busy now.
    pub(super) fn admits(&self, now: Instant) -> usize {
        match (self.paused_for(now), self.outages) {
            (Some(_), _) => 0,
            (None, 0) => self.workers,
            (None, 1..) => 1,
        }
    }

    pub(super) fn paused_for(&self, now: Instant) -> Option<Duration> {
        self.paused_until.filter(|at| *at > now).map(|at| {
            // In whole seconds, so that a view changes no oftener.
            Duration::from_secs((at - now).as_secs() + 1)
        })
    }
}

/// A job on its way to a worker and back. However it ends, its sender hears of it once.
pub(crate) struct Errand {
    pub(super) job: ClaimedJob,
    pub(super) orders: Orders,
    /// Whether its provider seemed to fail at everything when it was handed out.
    pub(super) doubtful: bool,
    report: Report,
}

impl Errand {
    /// Says how far it is.
    pub(super) fn progress(&self) -> Progress {
        Progress { lease: self.job.lease, to: self.report.to.clone() }
    }

    pub(super) fn ended(mut self, outcome: StageOutcome) {
        self.report.send(outcome);
    }
}

struct Report {
    lease: Lease,
    to: Option<ActorRef<Message>>,
}

impl Report {
    fn send(&mut self, outcome: StageOutcome) {
        if let Some(to) = self.to.take() {
            let _ = to.cast(Message::Ended(self.lease, outcome));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.send(StageOutcome::Lost);
    }
}

/// Tells whoever handed out the job how far it is.
#[derive(Clone)]
pub(crate) struct Progress {
    lease: Lease,
    to: Option<ActorRef<Message>>,
}

impl Progress {
    pub(crate) fn tell(&self, permille: u16) {
        if let Some(to) = &self.to {
            let _ = to.cast(Message::Progressed(self.lease, permille.min(1_000)));
        }
    }
}

/// What a worker may be told while it works.
#[derive(Clone, Default)]
pub(crate) struct Orders {
    left: CancellationToken,
    given_back: CancellationToken,
}

impl Orders {
    /// The lease is lost: stop, and change nothing.
    pub(super) fn leave(&self) {
        self.left.cancel();
    }

    /// The process ends: stop, and let somebody else have the job.
    pub(super) fn give_back(&self) {
        self.given_back.cancel();
    }

    pub(super) async fn to_leave(&self) {
        self.left.cancelled().await;
    }

    pub(super) async fn to_give_back(&self) {
        self.given_back.cancelled().await;
    }
}
