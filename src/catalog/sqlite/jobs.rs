//! Jobs in SQLite. One process runs them, so a claim needs no more than the writer's turn.

use std::time::Duration;

use actors::domain::{AudioKey, ClaimedJob, JobId, JobRecord, JobState, Lease, Stage, Timestamp};
use actors::ports::{CatalogError, Claim, Failure, Finding, JobFilter, JobStore};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::SqliteCatalog;
use crate::catalog::{findings, jobs};

#[async_trait]
impl JobStore for SqliteCatalog {
    async fn claim_jobs(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<ClaimedJob>, CatalogError> {
        let claim = claim.clone();
        self.database.write(move |db| jobs::claim(db, claim, now).boxed()).await
    }

    async fn renew_leases(
        &self,
        leases: &[Lease],
        span: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, CatalogError> {
        let (leases, until) = (leases.to_vec(), now.plus(span));
        self.database.write(move |db| jobs::renew(db, leases, until, now).boxed()).await
    }

    async fn release_job(&self, lease: Lease, now: Timestamp) -> Result<(), CatalogError> {
        self.database.write(move |db| jobs::release(db, lease, now).boxed()).await
    }

    async fn fail_job(
        &self,
        lease: Lease,
        Failure { words, retry_at, counts }: Failure<'_>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let (error, next) = (words.to_owned(), (retry_at, counts));
        self.database.write(move |db| jobs::fail(db, lease, error, next, now).boxed()).await
    }

    async fn finish_job(
        &self,
        lease: Lease,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let finding = finding.clone();
        self.database.write(move |db| findings::finish(db, lease, finding, now).boxed()).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, CatalogError> {
        let filter = filter.clone();
        self.database.read(move |db| jobs::list(db, filter).boxed()).await
    }

    async fn job_counts(&self) -> Result<Vec<(Stage, JobState, u64)>, CatalogError> {
        self.database.read(|db| jobs::counts(db).boxed()).await
    }

    async fn oldest_waiting(&self) -> Result<Vec<(Stage, Timestamp)>, CatalogError> {
        self.database.read(|db| jobs::oldest_waiting(db).boxed()).await
    }

    async fn jobs_of(&self, audio: &AudioKey) -> Result<Vec<JobRecord>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| jobs::of_recording(db, audio).boxed()).await
    }

    async fn retry_job(&self, id: JobId, now: Timestamp) -> Result<bool, CatalogError> {
        self.database.write(move |db| jobs::retry(db, id, now).boxed()).await
    }

    async fn cancel_job(&self, id: JobId, now: Timestamp) -> Result<bool, CatalogError> {
        self.database.write(move |db| jobs::cancel(db, id, now).boxed()).await
    }
}
