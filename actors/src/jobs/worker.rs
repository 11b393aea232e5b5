//! One worker: runs a job's stage, and writes down how it ended under the job's lease.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorProcessingErr;
use ractor::factory::{FactoryRef, Job, Worker, WorkerId};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::pool::{Errand, Progress};
use super::view::StageOutcome;
use crate::domain::{ClaimedJob, JobId, JobRetry, Lease};
use crate::ports::{CatalogError, Chance, Clock, Failure, Finding, JobStore};
use crate::stages::{Fault, StageError, Stages};

pub(super) struct StageWorker;

/// What workers work with.
pub(crate) struct Bench {
    pub(super) store: Arc<dyn JobStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chance: Arc<dyn Chance>,
    pub(super) stages: Arc<Stages>,
    pub(super) retry: JobRetry,
}

/// Between two tries to write down what came of a job, while the catalog is away and the lease lasts.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// The catalog would have been away for five minutes, and the lease with it, unless it dislikes just this.
const WRITES_MAX: u32 = 300;

impl Worker for StageWorker {
    type Key = JobId;
    type Message = Errand;
    type Arguments = Arc<Bench>;
    type State = Arc<Bench>;

    async fn pre_start(
        &self,
        _: WorkerId,
        _: &FactoryRef<JobId, Errand>,
        bench: Arc<Bench>,
    ) -> Result<Arc<Bench>, ActorProcessingErr> {
        Ok(bench)
    }

    async fn handle(
        &self,
        _: WorkerId,
        _: &FactoryRef<JobId, Errand>,
        Job { key, msg: errand, .. }: Job<JobId, Errand>,
        bench: &mut Arc<Bench>,
    ) -> Result<JobId, ActorProcessingErr> {
        let orders = errand.orders.clone();
        let outcome = tokio::select! {
            biased;
            () = orders.to_leave() => StageOutcome::Lost,
            outcome = bench.work(&errand) => outcome,
        };
        errand.ended(outcome);
        Ok(key)
    }
}

impl Bench {
    async fn work(&self, errand: &Errand) -> StageOutcome {
        let job = &errand.job;
        let ran = tokio::select! {
            biased;
            () = errand.orders.to_give_back() => return self.release(job).await,
            ran = self.run(job.clone(), errand.progress()) => ran,
        };
        match ran {
            Ok(finding) => self.finish(job, &finding).await,
            Err(error) if errand.doubtful => self.fail(job, error.of_doubtful_provider()).await,
            Err(error) => self.fail(job, error).await,
        }
    }

    /// In a task of its own: a panic is a failure of this job and of nothing else.
    async fn run(&self, job: ClaimedJob, progress: Progress) -> Result<Finding, StageError> {
        let stages = Arc::clone(&self.stages);
        let running = tokio::spawn(async move { stages.run(&job, &progress).await });
        AbortOnDropHandle::new(running).await.unwrap_or_else(|_| {
            // What it panicked with may be words from the call.
            tracing::error!("a stage of the pipeline panicked");
            Err(StageError::lasting("our own code failed".to_owned()))
        })
    }

    async fn finish(&self, job: &ClaimedJob, finding: &Finding) -> StageOutcome {
        match self.write_down(job.lease, Ending::Finished(finding)).await {
            Ok(()) => {
                tracing::info!(
                    business.id = %job.call.business, call.sid = %job.call.call,
                    recording.sid = %job.recording, stage = job.stage.as_str(),
                    attempt = job.attempt, "stage finished"
                );
                // Where there is no voice nobody is asked.
                StageOutcome::Finished { by_provider: *finding != Finding::NoSpeech }
            }
            Err(CatalogError::LeaseLost(_)) => lost(job),
            Err(error) => {
                // The finding itself cannot be stored.
                self.fail(job, StageError::lasting(error.to_string())).await
            }
        }
    }

    async fn fail(&self, job: &ClaimedJob, error: StageError) -> StageOutcome {
        let StageError { words, fault } = error;
        let (now, chance) = (self.clock.now(), self.chance.unit());
        let is_young = now.since(job.created_at) < self.retry.outage_max;
        let (counts, told) = match fault {
            Fault::Lasting | Fault::Passing | Fault::ProviderFailure => (true, None),
            Fault::Outage => (!is_young, None),
            Fault::ProviderOutage(told) => (!is_young, told),
        };
        let attempt = if counts { job.attempt } else { 1 };
        let next_at = self.retry.next_at(attempt, told, now, chance);
        let retry_at = next_at.filter(|_| fault != Fault::Lasting);
        let ending = Ending::Failed(Failure { words: &words, retry_at, counts });
        if self.write_down(job.lease, ending).await.is_err() {
            return lost(job);
        }
        let again = retry_at.is_some();
        tracing::warn!(
            business.id = %job.call.business, call.sid = %job.call.call,
            recording.sid = %job.recording, stage = job.stage.as_str(), attempt = job.attempt,
            again, error = words, "stage failed"
        );
        if counts {
            let by_provider = fault == Fault::ProviderFailure;
            return StageOutcome::Failed { error: words, again, by_provider };
        }
        let of_provider = matches!(fault, Fault::ProviderOutage(_));
        StageOutcome::Postponed { error: words, of_provider, told }
    }

    async fn release(&self, job: &ClaimedJob) -> StageOutcome {
        match self.store.release_job(job.lease, self.clock.now()).await {
            Ok(()) => StageOutcome::Released,
            // Its lease runs out soon enough.
            Err(_) => StageOutcome::Lost,
        }
    }

    /// Until the catalog has taken it; the lease ends the wait, whose holder is then told to leave.
    async fn write_down(&self, lease: Lease, ending: Ending<'_>) -> Result<(), CatalogError> {
        for _ in 1..WRITES_MAX {
            let now = self.clock.now();
            let written = match ending {
                Ending::Finished(finding) => self.store.finish_job(lease, finding, now).await,
                Ending::Failed(failure) => self.store.fail_job(lease, failure, now).await,
            };
            match written {
                Err(CatalogError::Away(error)) => {
                    tracing::warn!(error, "what came of a job is not written down; tried again");
                    sleep(WRITE_AGAIN).await;
                }
                written => return written,
            }
        }
        Err(CatalogError::LeaseLost(format!("job {}", lease.job)))
    }
}

/// What is to be written down of a job.
#[derive(Clone, Copy)]
enum Ending<'a> {
    Finished(&'a Finding),
    Failed(Failure<'a>),
}

fn lost(job: &ClaimedJob) -> StageOutcome {
    tracing::warn!(
        recording.sid = %job.recording, stage = job.stage.as_str(),
        "a job's lease was lost: what was found has no effect"
    );
    StageOutcome::Lost
}
