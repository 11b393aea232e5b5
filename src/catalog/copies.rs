//! Copies in the vault: which sealed file holds a recording, and what it held once it is gone.

use actors::domain::{AudioKey, CopyId, Stage, StoredCopy, Timestamp};
use actors::ports::{ColdCopy, VaultUse};
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Constrained, Failure};
use super::{fetches, jobs, recordings, rows};

/// A new copy counts as just used: it must not be the next to leave because the old one was cold. What was
/// expunged gets none.
const COMMIT: &str = "
    INSERT INTO copies (business_id, recording_sid, format, copy_id, present, version, sha256,
                        length_bytes, audio_type, duration_ms, stored_at_ms, segment_digests)
    SELECT $1, $2, $3, $4, TRUE, $5, $6, $7, $8, $9, $10, $11
    WHERE NOT EXISTS (
        SELECT 1 FROM recordings
        WHERE business_id = $1 AND sid = $2 AND status IN ('expired', 'erased')
    )
    ON CONFLICT (recording_sid, format) DO UPDATE
    SET copy_id = excluded.copy_id,
        present = TRUE,
        version = excluded.version,
        sha256 = excluded.sha256,
        length_bytes = excluded.length_bytes,
        audio_type = excluded.audio_type,
        duration_ms = excluded.duration_ms,
        stored_at_ms = excluded.stored_at_ms,
        segment_digests = excluded.segment_digests,
        last_played_at_ms = NULL
    WHERE copies.business_id = excluded.business_id";

const WITHDRAW: &str = "
    UPDATE copies SET present = FALSE
    WHERE business_id = $1 AND recording_sid = $2 AND format = $3 AND copy_id = $4";

const IS_HELD: &str = "
    SELECT 1 FROM copies
    WHERE business_id = $1 AND recording_sid = $2 AND format = $3 AND copy_id = $4 AND present";

const RECORD_PLAYED: &str = "
    UPDATE copies SET last_played_at_ms = $4
    WHERE business_id = $1 AND recording_sid = $2 AND format = $3
      AND (last_played_at_ms IS NULL OR last_played_at_ms < $4)";

const VAULT_USE: &str = "
    SELECT COUNT(*) AS copies, CAST(COALESCE(SUM(length_bytes), 0) AS BIGINT) AS bytes
    FROM copies WHERE present";

/// Never the last copy of something that Twilio no longer has, as far as we heard; nothing under legal hold.
const COLDEST: &str = "
    SELECT copies.business_id, recordings.call_sid, recordings.account_sid, copies.recording_sid,
           COALESCE(copies.last_played_at_ms, copies.stored_at_ms) AS used_at_ms, copies.format,
           copies.copy_id, copies.version, copies.sha256, copies.length_bytes, copies.audio_type,
           copies.duration_ms AS copy_duration_ms, copies.segment_digests
    FROM copies
    JOIN recordings
        ON recordings.business_id = copies.business_id
       AND recordings.sid = copies.recording_sid
    JOIN calls
        ON calls.business_id = recordings.business_id AND calls.sid = recordings.call_sid
    WHERE copies.present AND recordings.status = 'completed'
      AND NOT calls.held
      AND COALESCE(copies.last_played_at_ms, copies.stored_at_ms) >= $2
      AND (COALESCE(copies.last_played_at_ms, copies.stored_at_ms) > $2
           OR copies.recording_sid > $3)
    ORDER BY COALESCE(copies.last_played_at_ms, copies.stored_at_ms), copies.recording_sid
    LIMIT $1";

pub(super) async fn commit(
    db: &mut SqliteConnection,
    key: AudioKey,
    copy: StoredCopy,
    now: Timestamp,
) -> Answer<()> {
    let unknown = || format!("recording {}", key.recording);
    let done = query(COMMIT)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .bind(copy.id.to_string())
        .bind(i64::from(copy.version.0))
        .bind(copy.sha256.to_vec())
        .bind(rows::as_column(copy.length))
        .bind(copy.audio_type.media_type())
        .bind(rows::as_millis(copy.duration))
        .bind(now.as_millis())
        .bind(copy.segments.as_bytes())
        .execute(&mut *db)
        .await
        .or_unknown(unknown)?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(unknown())),
        1.. => {
            recordings::correct_missing(db, &key).await?;
            recordings::note_copied(db, &key).await?;
            let (business, stage) = (&key.business, Stage::Measure);
            jobs::begin_anew(db, business, key.recording, stage, now).await?;
            fetches::forget(db, &key).await
        }
    }
}

pub(super) async fn withdraw(db: &mut SqliteConnection, key: AudioKey, id: CopyId) -> Answer<()> {
    query(WITHDRAW)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn is_held(db: &mut SqliteConnection, key: AudioKey, id: CopyId) -> Answer<bool> {
    let held = query(IS_HELD)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    Ok(held.is_some())
}

pub(super) async fn record_played(
    db: &mut SqliteConnection,
    key: AudioKey,
    now: Timestamp,
) -> Answer<()> {
    query(RECORD_PLAYED)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn vault_use(db: &mut SqliteConnection) -> Answer<VaultUse> {
    let row = query(VAULT_USE).fetch_one(db).await?;
    Ok(VaultUse {
        copies: rows::fit(row.try_get("copies")?, "copies")?,
        bytes: rows::fit(row.try_get("bytes")?, "bytes")?,
    })
}

pub(super) async fn coldest(
    db: &mut SqliteConnection,
    after: Option<ColdCopy>,
    limit: u32,
) -> Answer<Vec<ColdCopy>> {
    let (used_at_ms, sid) = match after {
        Some(after) => (after.used_at.as_millis(), after.audio.recording.to_string()),
        None => (i64::MIN, String::new()),
    };
    let found =
        query(COLDEST).bind(i64::from(limit)).bind(used_at_ms).bind(sid).fetch_all(db).await?;
    found.iter().map(rows::cold_copy).collect()
}
