//! Rows in our words: the only place that knows how a value is written in a column.
//!
//! Invariant: an unreadable value is named by its column, never shown: it may be a phone number.

use std::str::FromStr;
use std::time::Duration;

use actors::domain::{
    AudioKey, AudioType, BusinessId, Call, CallDetails, CallKey, CallStatus, CopyId, Direction,
    Format, HeldCopy, PhoneNumber, Recording, RecordingSid, Retention, SegmentDigests,
    SourceStatus, StoredCopy, Timestamp, Version,
};
use actors::ports::{ColdCopy, Overdue, RecordingRecord};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::failure::{Answer, Failure};
use super::fetches;

pub(super) fn call(row: &SqliteRow) -> Answer<Call> {
    Ok(Call {
        business: id(row, "business_id")?,
        sid: id(row, "sid")?,
        account: id(row, "account_sid")?,
        details: CallDetails {
            parent: None,
            direction: word(row, "direction", Direction::parse)?,
            from: row.try_get::<Option<String>, _>("from_number")?.map(PhoneNumber::new),
            to: row.try_get::<Option<String>, _>("to_number")?.map(PhoneNumber::new),
            status: word(row, "status", CallStatus::parse)?,
            started_at: moment(row, "started_at_ms")?,
            duration: span(row, "duration_ms")?,
        },
        heard_at: Timestamp::from_millis(row.try_get("heard_at_ms")?),
    })
}

/// A recording joined with what decides how long it is kept.
pub(super) fn recording(row: &SqliteRow) -> Answer<Recording> {
    let mut recording = Recording {
        business: id(row, "business_id")?,
        sid: id(row, "sid")?,
        call: id(row, "call_sid")?,
        account: id(row, "account_sid")?,
        status: status(row)?,
        channels: row
            .try_get::<Option<i64>, _>("channels")?
            .map(|n| fit(n, "channels"))
            .transpose()?,
        duration: span(row, "duration_ms")?,
        started_at: moment(row, "started_at_ms")?,
        completed_at: moment(row, "completed_at_ms")?,
        expires_at: None,
        held: row.try_get("held")?,
    };
    let retention = Retention::of_days(fit(row.try_get("retention_days")?, "retention_days")?);
    let ended_at = recording.ended_at().filter(|_| !recording.held);
    recording.expires_at = ended_at.and_then(|at| retention.expiry(at));
    Ok(recording)
}

/// The same joined with its last copy, if there was one.
pub(super) fn recording_with_copy(row: &SqliteRow) -> Answer<RecordingRecord> {
    let copy = match row.try_get::<Option<bool>, _>("present")? {
        Some(present) => Some(HeldCopy { copy: stored_copy(row)?, present }),
        None => None,
    };
    Ok(RecordingRecord { recording: recording(row)?, copy, history: fetches::history(row)? })
}

pub(super) fn status(row: &SqliteRow) -> Answer<SourceStatus> {
    required(row, "status", SourceStatus::parse)
}

/// A recording by the names under which the core knows it.
pub(super) fn named_recording(row: &SqliteRow) -> Answer<(CallKey, RecordingSid)> {
    let call = CallKey { business: id(row, "business_id")?, call: id(row, "call_sid")? };
    Ok((call, id(row, "sid")?))
}

pub(super) fn overdue(row: &SqliteRow) -> Answer<Overdue> {
    let (call, recording) = named_recording(row)?;
    let ended_at = Timestamp::from_millis(row.try_get("ended_at_ms")?);
    Ok(Overdue { call, recording, ended_at })
}

pub(super) fn stored_copy(row: &SqliteRow) -> Answer<StoredCopy> {
    let sha256: Vec<u8> = row.try_get("sha256")?;
    let segments = row.try_get::<Option<&[u8]>, _>("segment_digests")?.unwrap_or_default();
    Ok(StoredCopy {
        id: required(row, "copy_id", CopyId::parse)?,
        version: Version(fit(row.try_get("version")?, "version")?),
        sha256: sha256.try_into().map_err(|_| Failure::corrupt("sha256"))?,
        length: fit(row.try_get("length_bytes")?, "length_bytes")?,
        audio_type: required(row, "audio_type", AudioType::from_media_type)?,
        duration: span(row, "copy_duration_ms")?
            .ok_or_else(|| Failure::corrupt("copy_duration_ms"))?,
        segments: SegmentDigests::from_bytes(segments),
    })
}

/// A present copy with the names under which the core knows it.
pub(super) fn named_copy(row: &SqliteRow) -> Answer<(CallKey, AudioKey, StoredCopy)> {
    let call = CallKey { business: id(row, "business_id")?, call: id(row, "call_sid")? };
    let (audio, _) = file(row, &call.business)?;
    Ok((call, audio, stored_copy(row)?))
}

pub(super) fn cold_copy(row: &SqliteRow) -> Answer<ColdCopy> {
    let (call, audio, copy) = named_copy(row)?;
    let used_at = Timestamp::from_millis(row.try_get("used_at_ms")?);
    Ok(ColdCopy { call, account: id(row, "account_sid")?, audio, copy, used_at })
}

pub(super) fn file(row: &SqliteRow, business: &BusinessId) -> Answer<(AudioKey, CopyId)> {
    let audio = AudioKey {
        business: business.clone(),
        recording: id(row, "recording_sid")?,
        format: required(row, "format", format)?,
    };
    Ok((audio, required(row, "copy_id", CopyId::parse)?))
}

pub(super) fn id<T: FromStr>(row: &SqliteRow, column: &'static str) -> Answer<T> {
    required(row, column, |text| text.parse().ok())
}

/// How a number of ours is written; lengths and times beyond a signed 64-bit one do not occur.
pub(super) fn as_column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn as_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn fit<T: TryFrom<i64>>(number: i64, column: &'static str) -> Answer<T> {
    T::try_from(number).map_err(|_| Failure::corrupt(column))
}

fn format(text: &str) -> Option<Format> {
    [Format::Mp3].into_iter().find(|format| format.as_str() == text)
}

pub(super) fn required<T>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Answer<T> {
    word(row, column, parse)?.ok_or_else(|| Failure::corrupt(column))
}

pub(super) fn word<T>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Answer<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| parse(text).ok_or_else(|| Failure::corrupt(column))).transpose()
}

pub(super) fn moment(row: &SqliteRow, column: &'static str) -> Answer<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

fn span(row: &SqliteRow, column: &'static str) -> Answer<Option<Duration>> {
    let millis: Option<i64> = row.try_get(column)?;
    millis.map(|millis| fit(millis, column).map(Duration::from_millis)).transpose()
}
