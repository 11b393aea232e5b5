//! Expiry, erasure and legal hold.
//!
//! Invariant: whoever expunges leaves no row that names a copy, no key that opens one, and a status that outranks
//! all news. Invariant: a call under legal hold is passed over by both.

use actors::domain::{
    AudioKey, BusinessId, CallKey, CallSid, CopyId, RecordingSid, Retention, SourceStatus,
    Timestamp, WebhookEvent,
};
use actors::ports::{CatalogError, Order, Overdue, PresentCopy};
use sqlx::{SqliteConnection, query, query_scalar};

use super::failure::{Answer, Failure};
use super::{calls, orders, recordings, rows};

/// By business, each with its own retention: the index has each one's recordings in the order of their ends.
/// In this order, and no other: by itself SQLite begins with all calls there are.
const OVERDUE: &str = "
    SELECT recordings.business_id, recordings.call_sid, recordings.sid,
           COALESCE(recordings.started_at_ms + recordings.duration_ms, recordings.completed_at_ms)
               AS ended_at_ms
    FROM businesses
    CROSS JOIN recordings
    CROSS JOIN calls
    WHERE recordings.business_id = businesses.id
      AND calls.business_id = recordings.business_id AND calls.sid = recordings.call_sid
      AND recordings.status NOT IN ('in-progress', 'expired', 'erased')
      AND COALESCE(businesses.retention_days, $2) > 0
      AND COALESCE(recordings.started_at_ms + recordings.duration_ms, recordings.completed_at_ms)
          <= $1 - COALESCE(businesses.retention_days, $2) * 86400000
      AND COALESCE(recordings.started_at_ms + recordings.duration_ms, recordings.completed_at_ms)
          >= $4
      AND (COALESCE(recordings.started_at_ms + recordings.duration_ms, recordings.completed_at_ms)
          > $4 OR recordings.sid > $5)
      AND NOT calls.held
    ORDER BY COALESCE(recordings.started_at_ms + recordings.duration_ms, recordings.completed_at_ms),
             recordings.sid
    LIMIT $3";

const COPIES_OF_RECORDING: &str = "
    SELECT recording_sid, format, copy_id FROM copies
    WHERE business_id = $1 AND recording_sid = $2";

const DELETE_COPIES: &str = "
    DELETE FROM copies WHERE business_id = $1 AND recording_sid = $2";

const DELETE_HISTORIES: &str = "
    DELETE FROM fetch_histories WHERE business_id = $1 AND recording_sid = $2";

const MARK_EXPIRED: &str = "
    UPDATE recordings SET status = $3, status_rank = $4, wrapped_key = NULL
    WHERE business_id = $1 AND sid = $2";

const MARK_ERASED: &str = "
    UPDATE recordings
    SET status = $3, status_rank = $4, wrapped_key = NULL, channels = NULL, duration_ms = NULL,
        started_at_ms = NULL, completed_at_ms = NULL
    WHERE business_id = $1 AND sid = $2";

const RECORDINGS_OF: &str = "
    SELECT sid FROM recordings WHERE business_id = $1 AND call_sid = $2";

const IS_HELD: &str = "SELECT held FROM calls WHERE business_id = $1 AND sid = $2";

const ERASED_AT: &str = "
    SELECT MAX(erased_at_ms) FROM calls WHERE business_id = $1 AND sid IN ($2, $3)";

/// Also when we heard of it: it tells of the call's time.
const BLANK_CALL_AND_LEGS: &str = "
    UPDATE calls
    SET direction = NULL, from_number = NULL, to_number = NULL, status = NULL, status_rank = NULL,
        started_at_ms = NULL, duration_ms = NULL, looked_up = TRUE,
        heard_at_ms = COALESCE(erased_at_ms, $3), erased_at_ms = COALESCE(erased_at_ms, $3)
    WHERE business_id = $1 AND (sid = $2 OR parent_sid = $2)";

/// The events stay, so that a replay is known for one.
const BLANK_EVENTS: &str = "
    UPDATE inbox
    SET raw_form = '', outcome = 'applied', applied_at_ms = COALESCE(applied_at_ms, $3)
    WHERE EXISTS (
        SELECT 1 FROM calls
        WHERE calls.business_id = $1 AND (calls.sid = $2 OR calls.parent_sid = $2)
          AND calls.account_sid = inbox.account_sid AND calls.sid = inbox.call_sid
    )";

const BLANK_EVENT: &str = "UPDATE inbox SET raw_form = '' WHERE id = $1";

const SET_HOLD: &str = "UPDATE calls SET held = $3 WHERE business_id = $1 AND sid = $2";

const HOLD_AS: &str = "
    UPDATE calls SET held = TRUE
    WHERE business_id = $1 AND sid = $3
      AND EXISTS (SELECT 1 FROM calls WHERE business_id = $1 AND sid = $2 AND held)";

const RETENTION: &str = "SELECT retention_days FROM businesses WHERE id = $1";

const SET_RETENTION: &str = "UPDATE businesses SET retention_days = $2 WHERE id = $1";

const PRESENT_COPIES: &str = "
    SELECT copies.business_id, recordings.call_sid, copies.recording_sid, copies.format,
           copies.copy_id, copies.version, copies.sha256, copies.length_bytes, copies.audio_type,
           copies.duration_ms AS copy_duration_ms, copies.segment_digests, recordings.status
    FROM copies
    JOIN recordings
        ON recordings.business_id = copies.business_id
       AND recordings.sid = copies.recording_sid
    WHERE copies.present AND copies.recording_sid > $1
    ORDER BY copies.recording_sid
    LIMIT $2";

type Files = Vec<(AudioKey, CopyId)>;

pub(super) async fn overdue(
    db: &mut SqliteConnection,
    retention: Retention,
    now: Timestamp,
    after: Option<Overdue>,
    limit: u32,
) -> Answer<Vec<Overdue>> {
    let (ended_at_ms, sid) = match after {
        Some(after) => (after.ended_at.as_millis(), after.recording.to_string()),
        None => (i64::MIN, String::new()),
    };
    let found = query(OVERDUE)
        .bind(now.as_millis())
        .bind(i64::from(retention.days()))
        .bind(i64::from(limit))
        .bind(ended_at_ms)
        .bind(sid)
        .fetch_all(db)
        .await?;
    found.iter().map(rows::overdue).collect()
}

pub(super) async fn expire(
    db: &mut SqliteConnection,
    key: AudioKey,
    retention: Retention,
    now: Timestamp,
) -> Answer<Option<Files>> {
    let recording = recordings::one(db, &key, retention).await?;
    let Some(recording) = recording.filter(|recording| !recording.status.is_expunged()) else {
        return Ok(None);
    };
    if recording.ending(now).is_none() {
        return Ok(None);
    }
    expunge(db, &key.business, key.recording, SourceStatus::Expired).await.map(Some)
}

pub(super) async fn erase(
    db: &mut SqliteConnection,
    leg: CallKey,
    now: Timestamp,
) -> Answer<Files> {
    let call = known(db, leg).await?;
    refuse_held(db, &call).await?;
    let (business, sid) = (call.business.as_str(), call.call.to_string());
    for blank in [BLANK_EVENTS, BLANK_CALL_AND_LEGS] {
        query(blank).bind(business).bind(&sid).bind(now.as_millis()).execute(&mut *db).await?;
    }
    let mut files = Files::new();
    for row in query(RECORDINGS_OF).bind(business).bind(&sid).fetch_all(&mut *db).await? {
        let recording = rows::id(&row, "sid")?;
        files.extend(expunge(db, &call.business, recording, SourceStatus::Erased).await?);
    }
    Ok(files)
}

/// What was found out about it goes with its new status: a trigger sees to that.
async fn expunge(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    status: SourceStatus,
) -> Answer<Files> {
    let sid = recording.to_string();
    let copies =
        query(COPIES_OF_RECORDING).bind(business.as_str()).bind(&sid).fetch_all(&mut *db).await?;
    let files = copies.iter().map(|row| rows::file(row, business)).collect::<Answer<Files>>()?;
    for delete in [DELETE_COPIES, DELETE_HISTORIES] {
        query(delete).bind(business.as_str()).bind(&sid).execute(&mut *db).await?;
    }
    let mark = if status == SourceStatus::Erased { MARK_ERASED } else { MARK_EXPIRED };
    query(mark)
        .bind(business.as_str())
        .bind(&sid)
        .bind(status.as_str())
        .bind(status.rank())
        .execute(db)
        .await?;
    Ok(files)
}

/// News of an erased call leaves nothing but names behind.
pub(super) async fn stay_erased(
    db: &mut SqliteConnection,
    id: i64,
    event: &WebhookEvent,
    call: &CallKey,
) -> Answer<()> {
    if erased_at(db, call, event.call()).await?.is_none() {
        return Ok(());
    }
    query(BLANK_EVENT).bind(id).execute(&mut *db).await?;
    match event {
        WebhookEvent::Recording(event) => {
            expunge(db, &call.business, event.recording, SourceStatus::Erased).await.map(drop)
        }
        WebhookEvent::Call(_) => Ok(()),
    }
}

/// A call turned out to be a leg of another, and its recordings moved there: they share its fate.
pub(super) async fn share_fate(
    db: &mut SqliteConnection,
    leg: &CallKey,
    call: &CallKey,
) -> Answer<()> {
    let (business, sid) = (call.business.as_str(), call.call.to_string());
    query(HOLD_AS).bind(business).bind(leg.call.to_string()).bind(&sid).execute(&mut *db).await?;
    match erased_at(db, call, call.call).await? {
        Some(then) => orders::store(db, &Order::Erase(call.clone()), then).await.map(drop),
        None => Ok(()),
    }
}

/// When a call was erased, or the leg that was taken for one.
async fn erased_at(
    db: &mut SqliteConnection,
    call: &CallKey,
    leg: CallSid,
) -> Answer<Option<Timestamp>> {
    let erased_at: Option<i64> = query_scalar(ERASED_AT)
        .bind(call.business.as_str())
        .bind(call.call.to_string())
        .bind(leg.to_string())
        .fetch_one(db)
        .await?;
    Ok(erased_at.map(Timestamp::from_millis))
}

pub(super) async fn set_hold(
    db: &mut SqliteConnection,
    leg: CallKey,
    held: bool,
    now: Timestamp,
) -> Answer<()> {
    let call = known(db, leg).await?;
    if erased_at(db, &call, call.call).await?.is_some() {
        return Err(Failure::unknown(format!("call {} any more: it was erased", call.call)));
    }
    query(SET_HOLD)
        .bind(call.business.as_str())
        .bind(call.call.to_string())
        .bind(held)
        .execute(&mut *db)
        .await?;
    orders::store(db, &Order::LookAgain(call), now).await.map(drop)
}

pub(super) async fn retention(
    db: &mut SqliteConnection,
    business: BusinessId,
) -> Answer<Option<Retention>> {
    let days: Option<Option<i64>> =
        query_scalar(RETENTION).bind(business.as_str()).fetch_optional(db).await?;
    let days = days.ok_or_else(|| Failure::unknown(format!("business {business}")))?;
    days.map(|days| rows::fit(days, "retention_days").map(Retention::of_days)).transpose()
}

pub(super) async fn set_retention(
    db: &mut SqliteConnection,
    business: BusinessId,
    retention: Retention,
    now: Timestamp,
) -> Answer<()> {
    let done = query(SET_RETENTION)
        .bind(business.as_str())
        .bind(i64::from(retention.days()))
        .execute(&mut *db)
        .await?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(format!("business {business}"))),
        1.. => orders::store(db, &Order::LookAgainAt(business), now).await.map(drop),
    }
}

pub(super) async fn present_copies(
    db: &mut SqliteConnection,
    after: Option<RecordingSid>,
    limit: u32,
) -> Answer<Vec<PresentCopy>> {
    let found = query(PRESENT_COPIES)
        .bind(after.map(|sid| sid.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    let present = |row| {
        let (call, audio, copy) = rows::named_copy(row)?;
        Ok(PresentCopy { call, audio, copy, status: rows::status(row)? })
    };
    found.iter().map(present).collect()
}

/// The call that a leg belongs to.
pub(super) async fn known(db: &mut SqliteConnection, leg: CallKey) -> Answer<CallKey> {
    let unknown = Failure::unknown(format!("call {} of business {}", leg.call, leg.business));
    calls::find(db, leg).await?.ok_or(unknown)
}

pub(super) async fn refuse_held(db: &mut SqliteConnection, call: &CallKey) -> Answer<()> {
    let held: Option<bool> = query_scalar(IS_HELD)
        .bind(call.business.as_str())
        .bind(call.call.to_string())
        .fetch_optional(db)
        .await?;
    match held {
        Some(true) => Err(CatalogError::Held(format!("call {}", call.call)).into()),
        Some(false) | None => Ok(()),
    }
}
