//! Durable jobs.
//!
//! Invariant: what a lease does, it does while its job is running under its epoch and its time is not over; the one
//! statement that says so is the first of its transaction.

use actors::domain::{
    AudioKey, BusinessId, ClaimedJob, JobId, JobRecord, JobState, Lease, RecordingSid, Stage,
    Timestamp,
};
use actors::ports::{CatalogError, Claim, JobFilter};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Failure};
use super::{profiles, rows};

/// One that is interrupted so often takes its process with it, it seems.
const INTERRUPTIONS_MAX: i64 = 20;
const LISTED_MAX: u32 = 500;
const ERROR_LENGTH_MAX: usize = 500;

/// Not for what was expunged, whatever is heard of it afterwards.
const BEGIN: &str = "
    INSERT INTO jobs (stage, business_id, recording_sid, dedup_key, state, priority, run_at_ms,
                      created_at_ms)
    SELECT $1, $2, $3, $4, 'waiting', $5, $6, $6
    WHERE EXISTS (
        SELECT 1 FROM recordings
        WHERE business_id = $2 AND sid = $3 AND status NOT IN ('expired', 'erased')
    )
    ON CONFLICT (dedup_key) DO NOTHING";

/// It was about other bytes; whoever is still at it is about those too, and loses the lease.
const BEGIN_ANEW: &str = "
    UPDATE jobs
    SET state = 'waiting', attempt = 0, interruptions = 0, run_at_ms = $2, created_at_ms = $2,
        priority = $3, lease_epoch = lease_epoch + 1, lease_owner = NULL, lease_until_ms = NULL,
        finished_at_ms = NULL, result = NULL
    WHERE dedup_key = $1 AND state IN ('running', 'done', 'dead')";

const BURY_ORPHANS: &str = "
    UPDATE jobs
    SET state = 'dead', finished_at_ms = $1, lease_owner = NULL, lease_until_ms = NULL,
        interruptions = interruptions + 1, last_error = 'it was interrupted too often'
    WHERE state = 'running' AND lease_until_ms <= $1 AND interruptions >= $2";

/// An interruption is no failure: the attempt is given back.
const TAKE_UP_ORPHANS: &str = "
    UPDATE jobs
    SET state = 'waiting', run_at_ms = $1, lease_owner = NULL, lease_until_ms = NULL,
        attempt = attempt - 1, interruptions = interruptions + 1
    WHERE state = 'running' AND lease_until_ms <= $1";

/// (PostgreSQL: the inner one is `FOR UPDATE SKIP LOCKED`, and the clock is its own.)
const CLAIM: &str = "
    UPDATE jobs
    SET state = 'running', attempt = attempt + 1, lease_epoch = lease_epoch + 1,
        lease_owner = $4, lease_until_ms = $5
    WHERE id IN (
        SELECT id FROM jobs
        WHERE stage = $1 AND state = 'waiting' AND priority = $6 AND run_at_ms <= $2
        ORDER BY run_at_ms, id
        LIMIT $3
    )
    RETURNING id, lease_epoch, stage, attempt, business_id, recording_sid, created_at_ms,
              (SELECT call_sid FROM recordings
               WHERE recordings.business_id = jobs.business_id
                 AND recordings.sid = jobs.recording_sid) AS call_sid";

const RENEW: &str = "
    UPDATE jobs SET lease_until_ms = $4
    WHERE id = $1 AND lease_epoch = $2 AND state = 'running' AND lease_until_ms > $3";

const RELEASE: &str = "
    UPDATE jobs
    SET state = 'waiting', run_at_ms = $3, attempt = attempt - 1, lease_owner = NULL,
        lease_until_ms = NULL
    WHERE id = $1 AND lease_epoch = $2 AND state = 'running' AND lease_until_ms > $3";

const FAIL: &str = "
    UPDATE jobs
    SET state = $4, run_at_ms = COALESCE($5, run_at_ms), last_error = $6, finished_at_ms = $7,
        attempt = attempt - $8, lease_owner = NULL, lease_until_ms = NULL
    WHERE id = $1 AND lease_epoch = $2 AND state = 'running' AND lease_until_ms > $3";

const FINISH: &str = "
    UPDATE jobs
    SET state = 'done', result = $4, last_error = NULL, finished_at_ms = $3, lease_owner = NULL,
        lease_until_ms = NULL
    WHERE id = $1 AND lease_epoch = $2 AND state = 'running' AND lease_until_ms > $3
    RETURNING business_id, recording_sid";

const LISTED: &str = "
    SELECT jobs.*, recordings.call_sid
    FROM jobs
    JOIN recordings
        ON recordings.business_id = jobs.business_id AND recordings.sid = jobs.recording_sid
    WHERE ($1 IS NULL OR jobs.stage = $1)
      AND ($2 IS NULL OR jobs.state = $2)
      AND ($3 IS NULL OR jobs.recording_sid = $3)
      AND ($4 IS NULL OR jobs.id < $4)
    ORDER BY jobs.id DESC
    LIMIT $5";

/// Those that are done are as many as there are recordings: they are not counted.
const COUNTS: &str = "
    SELECT stage, state, COUNT(*) AS jobs FROM jobs WHERE state <> 'done' GROUP BY stage, state";

/// By the index of those that are not done, in which an id stands behind its stage and state: found, not searched for.
const OLDEST_WAITING: &str = "
    SELECT created_at_ms FROM jobs
    WHERE id = (SELECT MIN(id) FROM jobs WHERE stage = $1 AND state = 'waiting' AND state <> 'done')";

const OF_RECORDING: &str = "
    SELECT jobs.*, recordings.call_sid
    FROM jobs
    JOIN recordings
        ON recordings.business_id = jobs.business_id AND recordings.sid = jobs.recording_sid
    WHERE jobs.business_id = $1 AND jobs.recording_sid = $2
    ORDER BY jobs.id";

const RETRY: &str = "
    UPDATE jobs
    SET state = 'waiting', attempt = 0, interruptions = 0, run_at_ms = $2, created_at_ms = $2,
        finished_at_ms = NULL
    WHERE id = $1 AND state IN ('waiting', 'dead', 'cancelled')";

const CANCEL: &str = "
    UPDATE jobs
    SET state = 'cancelled', finished_at_ms = $2, lease_owner = NULL, lease_until_ms = NULL
    WHERE id = $1 AND state IN ('waiting', 'running', 'dead')";

const EXISTS: &str = "SELECT 1 FROM jobs WHERE id = $1";

/// What goes first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Priority {
    Fresh = 1,
    Backlog = 2,
}

/// Begins a stage, unless the business skips it or it was begun before.
pub(super) async fn begin(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    stage: Stage,
    priority: Priority,
    now: Timestamp,
) -> Answer<()> {
    if !profiles::load(db, business).await?.runs(stage) {
        return Ok(());
    }
    query(BEGIN)
        .bind(stage.as_str())
        .bind(business.as_str())
        .bind(recording.to_string())
        .bind(dedup_key(stage, recording))
        .bind(priority as i64)
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Begins a stage that is about a copy, again if it was about an earlier one.
pub(super) async fn begin_anew(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    stage: Stage,
    now: Timestamp,
) -> Answer<()> {
    let again = query(BEGIN_ANEW)
        .bind(dedup_key(stage, recording))
        .bind(now.as_millis())
        .bind(Priority::Fresh as i64);
    match again.execute(&mut *db).await?.rows_affected() {
        0 => begin(db, business, recording, stage, Priority::Fresh, now).await,
        1.. => Ok(()),
    }
}

fn dedup_key(stage: Stage, recording: RecordingSid) -> String {
    format!("{}:{recording}", stage.as_str())
}

pub(super) async fn claim(
    db: &mut SqliteConnection,
    claim: Claim,
    now: Timestamp,
) -> Answer<Vec<ClaimedJob>> {
    query(BURY_ORPHANS).bind(now.as_millis()).bind(INTERRUPTIONS_MAX).execute(&mut *db).await?;
    query(TAKE_UP_ORPHANS).bind(now.as_millis()).execute(&mut *db).await?;
    let mut claimed = Vec::new();
    for (stage, mut wanted) in claim.wanted {
        // One after the other: what is not due yet is then passed over without being looked at.
        for priority in [Priority::Fresh, Priority::Backlog] {
            if wanted == 0 {
                break;
            }
            let found = query(CLAIM)
                .bind(stage.as_str())
                .bind(now.as_millis())
                .bind(i64::from(wanted))
                .bind(&claim.owner)
                .bind(now.plus(claim.span).as_millis())
                .bind(priority as i64)
                .fetch_all(&mut *db)
                .await?;
            wanted = wanted.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            claimed.extend(found.iter().map(claimed_job).collect::<Answer<Vec<_>>>()?);
        }
    }
    Ok(claimed)
}

/// Returns those that were lost.
pub(super) async fn renew(
    db: &mut SqliteConnection,
    leases: Vec<Lease>,
    until: Timestamp,
    now: Timestamp,
) -> Answer<Vec<Lease>> {
    let mut lost = Vec::new();
    for lease in leases {
        let renewed = query(RENEW)
            .bind(lease.job.0)
            .bind(lease.epoch)
            .bind(now.as_millis())
            .bind(until.as_millis())
            .execute(&mut *db)
            .await?;
        if renewed.rows_affected() == 0 {
            lost.push(lease);
        }
    }
    Ok(lost)
}

pub(super) async fn release(db: &mut SqliteConnection, lease: Lease, now: Timestamp) -> Answer<()> {
    let done = query(RELEASE)
        .bind(lease.job.0)
        .bind(lease.epoch)
        .bind(now.as_millis())
        .execute(db)
        .await?;
    held(lease, done.rows_affected())
}

pub(super) async fn fail(
    db: &mut SqliteConnection,
    lease: Lease,
    error: String,
    (retry_at, counts): (Option<Timestamp>, bool),
    now: Timestamp,
) -> Answer<()> {
    let state = if retry_at.is_some() { JobState::Waiting } else { JobState::Dead };
    let finished_at = retry_at.is_none().then(|| now.as_millis());
    let done = query(FAIL)
        .bind(lease.job.0)
        .bind(lease.epoch)
        .bind(now.as_millis())
        .bind(state.as_str())
        .bind(retry_at.map(Timestamp::as_millis))
        .bind(error.chars().take(ERROR_LENGTH_MAX).collect::<String>())
        .bind(finished_at)
        .bind(i64::from(!counts))
        .execute(db)
        .await?;
    held(lease, done.rows_affected())
}

/// Whose job it was.
pub(super) async fn finish(
    db: &mut SqliteConnection,
    lease: Lease,
    result: &str,
    now: Timestamp,
) -> Answer<(BusinessId, RecordingSid)> {
    let row = query(FINISH)
        .bind(lease.job.0)
        .bind(lease.epoch)
        .bind(now.as_millis())
        .bind(result)
        .fetch_optional(db)
        .await?;
    let row = row.ok_or_else(|| lost(lease))?;
    Ok((rows::id(&row, "business_id")?, rows::id(&row, "recording_sid")?))
}

pub(super) async fn list(db: &mut SqliteConnection, filter: JobFilter) -> Answer<Vec<JobRecord>> {
    let found = query(LISTED)
        .bind(filter.stage.map(Stage::as_str))
        .bind(filter.state.map(JobState::as_str))
        .bind(filter.recording.map(|sid| sid.to_string()))
        .bind(filter.before.map(|id| id.0))
        .bind(i64::from(filter.limit.clamp(1, LISTED_MAX)))
        .fetch_all(db)
        .await?;
    found.iter().map(record).collect()
}

pub(super) async fn counts(db: &mut SqliteConnection) -> Answer<Vec<(Stage, JobState, u64)>> {
    let found = query(COUNTS).fetch_all(db).await?;
    let count = |row: &SqliteRow| {
        let stage = rows::required(row, "stage", Stage::parse)?;
        let state = rows::required(row, "state", JobState::parse)?;
        Ok((stage, state, rows::fit(row.try_get("jobs")?, "jobs")?))
    };
    found.iter().map(count).collect()
}

pub(super) async fn oldest_waiting(db: &mut SqliteConnection) -> Answer<Vec<(Stage, Timestamp)>> {
    let mut oldest = Vec::new();
    for stage in Stage::ALL {
        let found = query(OLDEST_WAITING).bind(stage.as_str()).fetch_optional(&mut *db).await?;
        if let Some(row) = found {
            oldest.push((stage, Timestamp::from_millis(row.try_get("created_at_ms")?)));
        }
    }
    Ok(oldest)
}

pub(super) async fn of_recording(
    db: &mut SqliteConnection,
    audio: AudioKey,
) -> Answer<Vec<JobRecord>> {
    let found = query(OF_RECORDING)
        .bind(audio.business.as_str())
        .bind(audio.recording.to_string())
        .fetch_all(db)
        .await?;
    let mut jobs = found.iter().map(record).collect::<Answer<Vec<JobRecord>>>()?;
    jobs.sort_by_key(|job| job.stage);
    Ok(jobs)
}

pub(super) async fn retry(db: &mut SqliteConnection, id: JobId, now: Timestamp) -> Answer<bool> {
    change(db, RETRY, id, now).await
}

pub(super) async fn cancel(db: &mut SqliteConnection, id: JobId, now: Timestamp) -> Answer<bool> {
    change(db, CANCEL, id, now).await
}

async fn change(
    db: &mut SqliteConnection,
    statement: &'static str,
    id: JobId,
    now: Timestamp,
) -> Answer<bool> {
    if query(EXISTS).bind(id.0).fetch_optional(&mut *db).await?.is_none() {
        return Err(Failure::unknown(format!("job {id}")));
    }
    let done = query(statement).bind(id.0).bind(now.as_millis()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

fn held(lease: Lease, rows: u64) -> Answer<()> {
    if rows == 1 { Ok(()) } else { Err(lost(lease)) }
}

fn lost(lease: Lease) -> Failure {
    CatalogError::LeaseLost(format!("job {}", lease.job)).into()
}

fn claimed_job(row: &SqliteRow) -> Answer<ClaimedJob> {
    let (call, recording) = named(row)?;
    Ok(ClaimedJob {
        lease: Lease { job: JobId(row.try_get("id")?), epoch: row.try_get("lease_epoch")? },
        stage: rows::required(row, "stage", Stage::parse)?,
        call,
        recording,
        attempt: rows::fit(row.try_get("attempt")?, "attempt")?,
        created_at: Timestamp::from_millis(row.try_get("created_at_ms")?),
    })
}

fn record(row: &SqliteRow) -> Answer<JobRecord> {
    let (call, recording) = named(row)?;
    Ok(JobRecord {
        id: JobId(row.try_get("id")?),
        stage: rows::required(row, "stage", Stage::parse)?,
        call,
        recording,
        state: rows::required(row, "state", JobState::parse)?,
        attempt: rows::fit(row.try_get("attempt")?, "attempt")?,
        run_at: Timestamp::from_millis(row.try_get("run_at_ms")?),
        lease_until: rows::moment(row, "lease_until_ms")?,
        last_error: row.try_get("last_error")?,
        result: row.try_get("result")?,
        created_at: Timestamp::from_millis(row.try_get("created_at_ms")?),
        finished_at: rows::moment(row, "finished_at_ms")?,
    })
}

fn named(row: &SqliteRow) -> Answer<(actors::domain::CallKey, RecordingSid)> {
    let (business, call) = (rows::id(row, "business_id")?, rows::id(row, "call_sid")?);
    Ok((actors::domain::CallKey { business, call }, rows::id(row, "recording_sid")?))
}
