//! Durable jobs: claimed for a while, renewed, finished once.
//!
//! Invariant: whatever a lease does (finish, fail, release) has an effect only while the job is running under just this
//! lease and the lease has not run out; else it is refused as `LeaseLost`, and nothing has changed.
//! Invariant: what a stage found is written in the same transaction that finishes its job.

use std::time::Duration;

use async_trait::async_trait;

use super::CatalogError;
use crate::domain::{
    AudioKey, ClaimedJob, Facts, JobId, JobRecord, JobState, Lease, RecordingSid, Stage, Summary,
    Timestamp, Transcript, Waveform,
};

#[async_trait]
pub trait JobStore: Send + Sync {
    /// Claims jobs whose time has come, and those whose lease ran out, the most urgent and then the oldest first; of
    /// each stage at most so many. One whose lease ran out again and again dies.
    async fn claim_jobs(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<ClaimedJob>, CatalogError>;

    /// Prolongs leases, and says which of them were lost.
    async fn renew_leases(
        &self,
        leases: &[Lease],
        span: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, CatalogError>;

    /// Gives a job back untried: the process ends.
    async fn release_job(&self, lease: Lease, now: Timestamp) -> Result<(), CatalogError>;

    async fn fail_job(
        &self,
        lease: Lease,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> Result<(), CatalogError>;

    /// Ends a job with what came of it, and begins the stages that stem from that.
    async fn finish_job(
        &self,
        lease: Lease,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), CatalogError>;

    // What operators see and do.

    /// Newest first.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, CatalogError>;
    async fn job_counts(&self) -> Result<Vec<(Stage, JobState, u64)>, CatalogError>;
    /// When the oldest job that waits was begun, of each stage that has one.
    async fn oldest_waiting(&self) -> Result<Vec<(Stage, Timestamp)>, CatalogError>;
    /// Of one recording, in the order of their stages.
    async fn jobs_of(&self, audio: &AudioKey) -> Result<Vec<JobRecord>, CatalogError>;
    /// Lets a dead, cancelled or waiting job run now, with all its attempts. False: it runs, or is done.
    async fn retry_job(&self, id: JobId, now: Timestamp) -> Result<bool, CatalogError>;
    /// Of one that is running nothing has an effect any more. False: it is over already.
    async fn cancel_job(&self, id: JobId, now: Timestamp) -> Result<bool, CatalogError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// How many jobs of which stage.
    pub wanted: Vec<(Stage, u32)>,
    /// Names this process's incarnation, for operators.
    pub owner: String,
    pub span: Duration,
}

/// How an attempt ended without a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// For operators: never words from the call.
    pub words: &'a str,
    /// When it is tried again; without that the job is dead.
    pub retry_at: Option<Timestamp>,
    /// Whether this was one of the job's attempts.
    pub counts: bool,
}

/// What a stage came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    Waveform(Waveform),
    Transcript {
        transcript: Transcript,
        channels: u8,
    },
    /// Nobody says a word in the recording.
    NoSpeech,
    Summary(Summary),
    Facts(Facts),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub limit: u32,
    pub stage: Option<Stage>,
    pub state: Option<JobState>,
    pub recording: Option<RecordingSid>,
    /// Only those older than this one.
    pub before: Option<JobId>,
}
