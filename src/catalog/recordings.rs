//! Recordings, each under its call's parent leg.

use actors::domain::{
    AudioKey, BusinessId, CallKey, CallSid, Format, Recording, RecordingEvent, RecordingSid,
    Retention, SourceStatus, Timestamp,
};
use actors::ports::RecordingRecord;
use sqlx::{SqliteConnection, query, query_scalar};

use super::failure::{Answer, Failure};
use super::rows;

/// So many recordings of one call are listed, the ones that started last: a call's answer stays bounded. The others are
/// kept no longer for that, see `custody::overdue`.
const RECORDINGS_OF_CALL_MAX: i64 = 64;

const OWNER: &str = "SELECT business_id FROM recordings WHERE sid = $1";

/// Late news changes nothing, and what it leaves out stays as it was known.
const BRING_UP_TO_DATE: &str = "
    INSERT INTO recordings (sid, business_id, call_sid, account_sid, status, status_rank,
                            channels, duration_ms, started_at_ms, completed_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (sid) DO UPDATE
    SET status = excluded.status,
        status_rank = excluded.status_rank,
        channels = COALESCE(excluded.channels, recordings.channels),
        duration_ms = COALESCE(excluded.duration_ms, recordings.duration_ms),
        started_at_ms = COALESCE(excluded.started_at_ms, recordings.started_at_ms),
        completed_at_ms = COALESCE(recordings.completed_at_ms, excluded.completed_at_ms)
    WHERE recordings.business_id = excluded.business_id
      AND recordings.status_rank <= excluded.status_rank";

const EXISTS: &str = "SELECT 1 FROM recordings WHERE business_id = $1 AND sid = $2";

const RECORD_STATUS: &str = "
    UPDATE recordings SET status = $3, status_rank = $4
    WHERE business_id = $1 AND sid = $2 AND status_rank <= $4";

const CORRECT_MISSING: &str = "
    UPDATE recordings SET status = $3, status_rank = $4
    WHERE business_id = $1 AND sid = $2 AND status = 'missing'";

/// Late webhooks say so, too; whoever has just seen the list knows better.
const LIFT_MISSING: &str = "
    UPDATE recordings SET status = $3, status_rank = $4
    WHERE account_sid = $1 AND sid = $2 AND status = 'missing'";

const NOTE_COPIED: &str = "
    UPDATE recordings SET copied = TRUE
    WHERE business_id = $1 AND sid = $2 AND NOT copied";

const MOVE_TO: &str = "
    UPDATE recordings SET call_sid = $3 WHERE business_id = $1 AND call_sid = $2";

/// SQLite has no arrays: the calls come as JSON (PostgreSQL: `= ANY($2)`).
const OF_CALLS: &str = "
    SELECT ranked.sid, ranked.business_id, ranked.call_sid, ranked.account_sid, ranked.status,
           ranked.channels, ranked.duration_ms, ranked.started_at_ms, ranked.completed_at_ms,
           calls.held, COALESCE(businesses.retention_days, $5) AS retention_days,
           copies.present, copies.copy_id, copies.version, copies.sha256, copies.length_bytes,
           copies.audio_type, copies.duration_ms AS copy_duration_ms, copies.segment_digests,
           fetch_histories.attempts_at_ms, fetch_histories.failure_kind,
           fetch_histories.failure_words, fetch_histories.promised_version
    FROM (
        SELECT recordings.*,
               ROW_NUMBER() OVER (
                   PARTITION BY call_sid
                   ORDER BY COALESCE(started_at_ms, completed_at_ms, 0) DESC, sid DESC
               ) AS place
        FROM recordings
        WHERE business_id = $1 AND call_sid IN (SELECT value FROM json_each($2))
    ) AS ranked
    JOIN calls ON calls.business_id = ranked.business_id AND calls.sid = ranked.call_sid
    JOIN businesses ON businesses.id = ranked.business_id
    LEFT JOIN copies
        ON copies.business_id = ranked.business_id
       AND copies.recording_sid = ranked.sid
       AND copies.format = $3
    LEFT JOIN fetch_histories
        ON fetch_histories.business_id = ranked.business_id
       AND fetch_histories.recording_sid = ranked.sid
       AND fetch_histories.format = $3
    WHERE ranked.place <= $4
    ORDER BY ranked.call_sid, ranked.place DESC";

const ONE: &str = "
    SELECT recordings.*, calls.held, COALESCE(businesses.retention_days, $3) AS retention_days
    FROM recordings
    JOIN calls
        ON calls.business_id = recordings.business_id AND calls.sid = recordings.call_sid
    JOIN businesses ON businesses.id = recordings.business_id
    WHERE recordings.business_id = $1 AND recordings.sid = $2";

/// Copies of an older release, which runs beside this one for a while, are not noted.
const WANTED: &str = "
    SELECT business_id, call_sid, sid FROM recordings
    WHERE status = 'completed'
      AND NOT copied
      AND NOT EXISTS (
          SELECT 1 FROM copies
          WHERE copies.business_id = recordings.business_id
            AND copies.recording_sid = recordings.sid
      )
      AND NOT EXISTS (
          SELECT 1 FROM fetch_histories
          WHERE fetch_histories.business_id = recordings.business_id
            AND fetch_histories.recording_sid = recordings.sid
            AND fetch_histories.failure_kind IN ('refused-recording', 'particular')
      )
    ORDER BY COALESCE(started_at_ms, completed_at_ms) DESC, sid DESC
    LIMIT $1";

/// Whose a recording is, whoever asks: to notice news that names somebody else's.
pub(super) async fn owner(
    db: &mut SqliteConnection,
    recording: RecordingSid,
) -> Answer<Option<BusinessId>> {
    let owner: Option<String> =
        query_scalar(OWNER).bind(recording.to_string()).fetch_optional(db).await?;
    owner.map(|id| id.parse().map_err(|_| Failure::corrupt("business_id"))).transpose()
}

/// There is a copy, or was one.
pub(super) async fn note_copied(db: &mut SqliteConnection, key: &AudioKey) -> Answer<()> {
    query(NOTE_COPIED)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn bring_up_to_date(
    db: &mut SqliteConnection,
    call: &CallKey,
    event: &RecordingEvent,
    now: Timestamp,
) -> Answer<()> {
    let completed_at = (event.status == SourceStatus::Completed).then_some(now);
    query(BRING_UP_TO_DATE)
        .bind(event.recording.to_string())
        .bind(call.business.as_str())
        .bind(call.call.to_string())
        .bind(event.account.to_string())
        .bind(event.status.as_str())
        .bind(event.status.rank())
        .bind(event.channels.map(i64::from))
        .bind(event.duration.map(rows::as_millis))
        .bind(event.started_at.map(Timestamp::as_millis))
        .bind(completed_at.map(Timestamp::as_millis))
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn record_status(
    db: &mut SqliteConnection,
    key: AudioKey,
    status: SourceStatus,
) -> Answer<()> {
    let recording = key.recording.to_string();
    let known = query(EXISTS).bind(key.business.as_str()).bind(&recording);
    if known.fetch_optional(&mut *db).await?.is_none() {
        return Err(Failure::unknown(format!("recording {recording}")));
    }
    query(RECORD_STATUS)
        .bind(key.business.as_str())
        .bind(recording)
        .bind(status.as_str())
        .bind(status.rank())
        .execute(db)
        .await?;
    Ok(())
}

/// What was taken for missing is at Twilio after all.
pub(super) async fn correct_missing(db: &mut SqliteConnection, key: &AudioKey) -> Answer<()> {
    let completed = SourceStatus::Completed;
    query(CORRECT_MISSING)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(completed.as_str())
        .bind(completed.rank())
        .execute(db)
        .await?;
    Ok(())
}

/// Whether the source lists as complete what was taken for missing, which it is then no more.
pub(super) async fn is_there_after_all(
    db: &mut SqliteConnection,
    listed: &RecordingEvent,
) -> Answer<bool> {
    if listed.status != SourceStatus::Completed {
        return Ok(false);
    }
    let done = query(LIFT_MISSING)
        .bind(listed.account.to_string())
        .bind(listed.recording.to_string())
        .bind(listed.status.as_str())
        .bind(listed.status.rank())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn move_to(
    db: &mut SqliteConnection,
    from: &CallKey,
    call: CallSid,
) -> Answer<()> {
    query(MOVE_TO)
        .bind(from.business.as_str())
        .bind(from.call.to_string())
        .bind(call.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// The recordings of some calls of one business, call by call, the ones that started last at the end.
pub(super) async fn of_calls(
    db: &mut SqliteConnection,
    business: &BusinessId,
    calls: &[CallSid],
    retention: Retention,
) -> Answer<Vec<RecordingRecord>> {
    let calls: Vec<String> = calls.iter().map(CallSid::to_string).collect();
    let found = query(OF_CALLS)
        .bind(business.as_str())
        .bind(serde_json::json!(calls).to_string())
        .bind(Format::Mp3.as_str())
        .bind(RECORDINGS_OF_CALL_MAX)
        .bind(i64::from(retention.days()))
        .fetch_all(db)
        .await?;
    found.iter().map(rows::recording_with_copy).collect()
}

pub(super) async fn one(
    db: &mut SqliteConnection,
    key: &AudioKey,
    retention: Retention,
) -> Answer<Option<Recording>> {
    let row = query(ONE)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(i64::from(retention.days()))
        .fetch_optional(db)
        .await?;
    row.as_ref().map(rows::recording).transpose()
}

pub(super) async fn wanted(
    db: &mut SqliteConnection,
    limit: u32,
) -> Answer<Vec<(CallKey, RecordingSid)>> {
    let found = query(WANTED).bind(i64::from(limit)).fetch_all(db).await?;
    found.iter().map(rows::named_recording).collect()
}
