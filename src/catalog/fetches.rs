//! Attempts to fetch a recording, kept until there is a copy.

use actors::domain::{
    Attempts, AudioKey, FailureKind, FetchHistory, PastFailure, Timestamp, Version,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Constrained, Failure};
use super::rows;

/// Not of what was expunged: nothing may fetch it.
const REMEMBER: &str = "
    INSERT INTO fetch_histories (business_id, recording_sid, format, attempts_at_ms,
                                 failure_kind, failure_words, promised_version)
    SELECT $1, $2, $3, $4, $5, $6, $7
    WHERE NOT EXISTS (
        SELECT 1 FROM recordings
        WHERE business_id = $1 AND sid = $2 AND status IN ('expired', 'erased')
    )
    ON CONFLICT (recording_sid, format) DO UPDATE
    SET attempts_at_ms = excluded.attempts_at_ms,
        failure_kind = excluded.failure_kind,
        failure_words = excluded.failure_words,
        promised_version = excluded.promised_version
    WHERE fetch_histories.business_id = excluded.business_id";

const FORGET: &str = "
    DELETE FROM fetch_histories
    WHERE business_id = $1 AND recording_sid = $2 AND format = $3";

pub(super) async fn remember(
    db: &mut SqliteConnection,
    key: AudioKey,
    history: FetchHistory,
) -> Answer<()> {
    let unknown = || format!("recording {}", key.recording);
    let times: Vec<i64> = history.attempts.times().iter().map(|at| at.as_millis()).collect();
    let done = query(REMEMBER)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .bind(serde_json::json!(times).to_string())
        .bind(history.failure.as_ref().map(|failure| failure.kind.as_str()))
        .bind(history.failure.as_ref().map(|failure| failure.words.clone()))
        .bind(history.promised.map(|version| i64::from(version.0)))
        .execute(db)
        .await
        .or_unknown(unknown)?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(unknown())),
        1.. => Ok(()),
    }
}

pub(super) async fn forget(db: &mut SqliteConnection, key: &AudioKey) -> Answer<()> {
    query(FORGET)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .bind(key.format.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Of a row that was joined with its history, if there is one.
pub(super) fn history(row: &SqliteRow) -> Answer<FetchHistory> {
    let Some(times) = row.try_get::<Option<&str>, _>("attempts_at_ms")? else {
        return Ok(FetchHistory::default());
    };
    let times: Vec<i64> =
        serde_json::from_str(times).map_err(|_| Failure::corrupt("attempts_at_ms"))?;
    let attempts = Attempts::made_at(times.into_iter().map(Timestamp::from_millis).collect());
    let kind = rows::word(row, "failure_kind", FailureKind::parse)?;
    let words: Option<String> = row.try_get("failure_words")?;
    let failure = kind.zip(words).map(|(kind, words)| PastFailure { kind, words });
    let promised = row.try_get::<Option<i64>, _>("promised_version")?;
    let promised = promised.map(|version| rows::fit(version, "promised_version")).transpose()?;
    Ok(FetchHistory { attempts, failure, promised: promised.map(Version) })
}
