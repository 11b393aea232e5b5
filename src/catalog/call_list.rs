//! A business's calls, newest first, page by page.

use std::collections::HashMap;

use actors::domain::{
    BusinessId, Call, CallSid, CallStatus, Direction, PhoneNumber, Retention, Timestamp,
};
use actors::ports::{CallFilter, CallPage, CallRecord, CatalogError, RecordingRecord};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sqlx::{SqliteConnection, query};

use super::failure::Answer;
use super::{recordings, rows, said};

const PAGE_MAX: u32 = 500;

/// A number may be on a leg only: a call set up by the agent's side dials the customer on its second leg.
/// A call has a recording while there is audio, or may still be. Of an erased one there is nothing to list.
const PAGE: &str = "
    SELECT sid, business_id, account_sid, direction, from_number, to_number, status,
           started_at_ms, duration_ms, heard_at_ms
    FROM calls
    WHERE business_id = $1
      AND parent_sid IS NULL
      AND erased_at_ms IS NULL
      AND COALESCE(started_at_ms, heard_at_ms) BETWEEN $2 AND $3
      AND (COALESCE(started_at_ms, heard_at_ms), sid) < ($3, $4)
      AND ($5 IS NULL OR direction = $5)
      AND ($6 IS NULL OR status = $6)
      AND ($7 IS NULL OR from_number = $7 OR to_number = $7 OR EXISTS (
          SELECT 1 FROM calls AS leg
          WHERE leg.business_id = calls.business_id
            AND leg.parent_sid = calls.sid
            AND (leg.from_number = $7 OR leg.to_number = $7)
      ))
      AND ($8 IS NULL OR $8 = EXISTS (
          SELECT 1 FROM recordings
          LEFT JOIN copies
              ON copies.business_id = recordings.business_id
             AND copies.recording_sid = recordings.sid
          WHERE recordings.business_id = calls.business_id
            AND recordings.call_sid = calls.sid
            AND (recordings.status IN ('in-progress', 'completed') OR copies.present)
      ))
      AND ($10 IS NULL OR sid IN (
          SELECT recordings.call_sid
          FROM said
          JOIN transcripts ON transcripts.id = said.rowid
          JOIN recordings
              ON recordings.business_id = transcripts.business_id
             AND recordings.sid = transcripts.recording_sid
          WHERE said MATCH $10 AND transcripts.business_id = $1
      ))
    ORDER BY COALESCE(started_at_ms, heard_at_ms) DESC, sid DESC
    LIMIT $9";

pub(super) async fn page(
    db: &mut SqliteConnection,
    business: BusinessId,
    filter: CallFilter,
    retention: Retention,
) -> Answer<CallPage> {
    let limit = filter.limit.clamp(1, PAGE_MAX);
    let below = below(&filter)?;
    let question = filter.said.as_deref().map(|words| said::question(&business, words));
    // Nothing can be looked for, so nothing is found.
    let Some(question) = question.map_or(Some(None), |words| words.map(Some)) else {
        return Ok(CallPage { calls: Vec::new(), next_cursor: None });
    };
    let found = query(PAGE)
        .bind(business.as_str())
        .bind(filter.from.map_or(i64::MIN, Timestamp::as_millis))
        .bind(below.at_ms)
        .bind(below.sid)
        .bind(filter.direction.map(Direction::as_str))
        .bind(filter.status.map(CallStatus::as_str))
        .bind(filter.number.as_ref().map(PhoneNumber::as_str))
        .bind(filter.has_recording)
        .bind(i64::from(limit) + 1)
        .bind(question)
        .fetch_all(&mut *db)
        .await?;
    let mut calls = found.iter().map(rows::call).collect::<Answer<Vec<Call>>>()?;
    let more = calls.len() > limit as usize;
    calls.truncate(limit as usize);
    let next_cursor = calls.last().filter(|_| more).map(|last| Place::of(last).to_cursor());
    Ok(CallPage { calls: with_recordings(db, &business, calls, retention).await?, next_cursor })
}

async fn with_recordings(
    db: &mut SqliteConnection,
    business: &BusinessId,
    calls: Vec<Call>,
    retention: Retention,
) -> Answer<Vec<CallRecord>> {
    let sids: Vec<CallSid> = calls.iter().map(|call| call.sid).collect();
    let mut of_call: HashMap<CallSid, Vec<RecordingRecord>> = HashMap::new();
    for record in recordings::of_calls(db, business, &sids, retention).await? {
        of_call.entry(record.recording.call).or_default().push(record);
    }
    let record = |call: Call| {
        let recordings = of_call.remove(&call.sid).unwrap_or_default();
        CallRecord { call, recordings }
    };
    Ok(calls.into_iter().map(record).collect())
}

/// Where a call stands in the list. The SID decides between calls of the same millisecond.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at_ms: i64,
    sid: String,
}

/// The place before which the page begins: where the last one ended, or the end of the time asked for.
fn below(filter: &CallFilter) -> Result<Place, CatalogError> {
    let at_ms = filter.to.map_or(i64::MAX, Timestamp::as_millis);
    let end = Place { at_ms, sid: String::new() };
    match &filter.cursor {
        Some(cursor) => Ok(Place::from_cursor(cursor).ok_or(CatalogError::Cursor)?.min(end)),
        None => Ok(end),
    }
}

impl Place {
    fn of(call: &Call) -> Self {
        let at = call.details.started_at.unwrap_or(call.heard_at);
        Self { at_ms: at.as_millis(), sid: call.sid.to_string() }
    }

    fn to_cursor(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{} {}", self.at_ms, self.sid))
    }

    fn from_cursor(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (at_ms, sid) = text.split_once(' ')?;
        let sid: CallSid = sid.parse().ok()?;
        Some(Self { at_ms: at_ms.parse().ok()?, sid: sid.to_string() })
    }
}
