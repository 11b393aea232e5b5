//! Appointments that extraction proposed, and the calendars they stand in.

use actors::domain::{
    Appointment, AppointmentChange, AppointmentStatus, AudioKey, BusinessId, Calendar, Facts,
    RecordingSid, Timestamp,
};
use actors::ports::{AppointmentFilter, CatalogError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Constrained, Failure};
use super::rows;

const LISTED_MAX: u32 = 500;
const CALENDARS_MAX: usize = 100;

/// What somebody confirmed, moved or dismissed stays as it is.
const PROPOSE: &str = "
    INSERT INTO appointments (business_id, recording_sid, calendar_id, status, starts_at_ms,
                              subject, customer_name, confidence, proposed_at_ms)
    VALUES ($1, $2,
            (SELECT id FROM business_calendars WHERE business_id = $1 AND is_default),
            'proposed', $3, $4, $5, $6, $7)
    ON CONFLICT (recording_sid) DO UPDATE
    SET starts_at_ms = excluded.starts_at_ms,
        subject = excluded.subject,
        customer_name = excluded.customer_name,
        confidence = excluded.confidence,
        proposed_at_ms = excluded.proposed_at_ms
    WHERE appointments.business_id = excluded.business_id AND appointments.changed_at_ms IS NULL";

const LIST: &str = "
    SELECT * FROM appointments
    WHERE business_id = $1
      AND ($2 IS NULL OR status = $2)
      AND starts_at_ms >= $3 AND starts_at_ms < $4
      AND (starts_at_ms, id) > ($5, $6)
    ORDER BY starts_at_ms, id
    LIMIT $7";

const OF_RECORDING: &str = "
    SELECT * FROM appointments WHERE business_id = $1 AND recording_sid = $2";

const ONE: &str = "SELECT * FROM appointments WHERE business_id = $1 AND id = $2";

const CHANGE: &str = "
    UPDATE appointments
    SET status = COALESCE($3, status),
        starts_at_ms = COALESCE($4, starts_at_ms),
        calendar_id = CASE WHEN $5 THEN $6 ELSE calendar_id END,
        changed_at_ms = $7
    WHERE business_id = $1 AND id = $2";

const CALENDARS: &str = "
    SELECT id, name, is_default FROM business_calendars WHERE business_id = $1 ORDER BY id";

const HAS_CALENDAR: &str = "SELECT 1 FROM business_calendars WHERE business_id = $1 AND id = $2";

const YIELD_DEFAULT: &str = "
    UPDATE business_calendars SET is_default = FALSE WHERE business_id = $1 AND is_default";

const ADD_CALENDAR: &str = "
    INSERT INTO business_calendars (business_id, name, is_default)
    VALUES ($1, $2, $3 OR NOT EXISTS (
        SELECT 1 FROM business_calendars WHERE business_id = $1 AND is_default
    ))
    RETURNING id, name, is_default";

const REMOVE_CALENDAR: &str = "DELETE FROM business_calendars WHERE business_id = $1 AND id = $2";

pub(super) async fn propose(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    facts: &Facts,
    now: Timestamp,
) -> Answer<()> {
    let Some(appointment) = &facts.appointment else { return Ok(()) };
    query(PROPOSE)
        .bind(business.as_str())
        .bind(recording.to_string())
        .bind(appointment.value.starts_at.as_millis())
        .bind(&appointment.value.subject)
        .bind(facts.customer_name.as_ref().map(|name| name.value.as_str()))
        .bind(appointment.confidence)
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn list(
    db: &mut SqliteConnection,
    business: BusinessId,
    filter: AppointmentFilter,
) -> Answer<Vec<Appointment>> {
    let (after, after_id) =
        filter.after.map_or((i64::MIN, i64::MIN), |(at, id)| (at.as_millis(), id));
    let found = query(LIST)
        .bind(business.as_str())
        .bind(filter.status.map(AppointmentStatus::as_str))
        .bind(filter.from.map_or(i64::MIN, Timestamp::as_millis))
        .bind(filter.to.map_or(i64::MAX, Timestamp::as_millis))
        .bind(after)
        .bind(after_id)
        .bind(i64::from(filter.limit.clamp(1, LISTED_MAX)))
        .fetch_all(db)
        .await?;
    found.iter().map(appointment).collect()
}

pub(super) async fn of_recording(
    db: &mut SqliteConnection,
    audio: AudioKey,
) -> Answer<Option<Appointment>> {
    let found = query(OF_RECORDING)
        .bind(audio.business.as_str())
        .bind(audio.recording.to_string())
        .fetch_optional(db)
        .await?;
    found.as_ref().map(appointment).transpose()
}

pub(super) async fn change(
    db: &mut SqliteConnection,
    business: BusinessId,
    id: i64,
    change: AppointmentChange,
    now: Timestamp,
) -> Answer<Option<Appointment>> {
    if let Some(Some(calendar)) = change.calendar {
        let known = query(HAS_CALENDAR).bind(business.as_str()).bind(calendar);
        if known.fetch_optional(&mut *db).await?.is_none() {
            return Err(Failure::unknown(format!("calendar {calendar}")));
        }
    }
    query(CHANGE)
        .bind(business.as_str())
        .bind(id)
        .bind(change.status.map(AppointmentStatus::as_str))
        .bind(change.starts_at.map(Timestamp::as_millis))
        .bind(change.calendar.is_some())
        .bind(change.calendar.flatten())
        .bind(now.as_millis())
        .execute(&mut *db)
        .await?;
    let found = query(ONE).bind(business.as_str()).bind(id).fetch_optional(db).await?;
    found.as_ref().map(appointment).transpose()
}

pub(super) async fn calendars(
    db: &mut SqliteConnection,
    business: BusinessId,
) -> Answer<Vec<Calendar>> {
    let found = query(CALENDARS).bind(business.as_str()).fetch_all(db).await?;
    found.iter().map(calendar).collect()
}

pub(super) async fn add_calendar(
    db: &mut SqliteConnection,
    business: BusinessId,
    name: String,
    is_default: bool,
) -> Answer<Calendar> {
    let taken = || format!("a calendar named {name}");
    let nobody = || format!("business {business}");
    if calendars(db, business.clone()).await?.len() >= CALENDARS_MAX {
        return Err(CatalogError::Conflict("the number of calendars".to_owned()).into());
    }
    if is_default {
        query(YIELD_DEFAULT).bind(business.as_str()).execute(&mut *db).await?;
    }
    let added = query(ADD_CALENDAR).bind(business.as_str()).bind(&name).bind(is_default);
    calendar(&added.fetch_one(db).await.or_exists(taken).or_unknown(nobody)?)
}

pub(super) async fn remove_calendar(
    db: &mut SqliteConnection,
    business: BusinessId,
    id: i64,
) -> Answer<bool> {
    let done = query(REMOVE_CALENDAR).bind(business.as_str()).bind(id).execute(&mut *db).await?;
    Ok(done.rows_affected() == 1)
}

fn appointment(row: &SqliteRow) -> Answer<Appointment> {
    Ok(Appointment {
        id: row.try_get("id")?,
        recording: rows::id(row, "recording_sid")?,
        calendar: row.try_get("calendar_id")?,
        status: rows::required(row, "status", AppointmentStatus::parse)?,
        starts_at: Timestamp::from_millis(row.try_get("starts_at_ms")?),
        subject: row.try_get("subject")?,
        customer_name: row.try_get("customer_name")?,
        confidence: row.try_get("confidence")?,
        proposed_at: Timestamp::from_millis(row.try_get("proposed_at_ms")?),
        changed_at: rows::moment(row, "changed_at_ms")?,
    })
}

fn calendar(row: &SqliteRow) -> Answer<Calendar> {
    Ok(Calendar {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        is_default: row.try_get("is_default")?,
    })
}
