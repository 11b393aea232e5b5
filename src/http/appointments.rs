//! Appointments that extraction proposed: listed, confirmed, moved, dismissed; and the calendars they stand in.

use actors::domain::{Appointment, AppointmentChange, AppointmentStatus, Calendar, Timestamp};
use actors::ports::{AppointmentFilter, CatalogError};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::openapi::parameters::{ListOfAppointments, Numbered};
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::{Service, rfc3339, time};
use crate::auth::Caller;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
const NAME_LENGTH_MAX: usize = 200;

/// What somebody arranged in a call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appointment)]
pub(super) struct AppointmentJson {
    id: i64,
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    /// Null where the business has no calendar, or had it removed.
    calendar_id: Option<i64>,
    #[schema(value_type = words::AppointmentState)]
    status: &'static str,
    /// What the business calls that status.
    label: String,
    #[schema(value_type = words::Time)]
    starts_at: String,
    subject: Option<String>,
    customer_name: Option<String>,
    /// How sure extraction was, from 0 to 1.
    confidence: f64,
    #[schema(value_type = words::Time)]
    proposed_at: String,
    #[schema(value_type = Option<words::Time>)]
    changed_at: Option<String>,
}

/// Some appointments, in the order of their times.
#[derive(Serialize, ToSchema)]
#[schema(as = PageOfAppointments)]
pub(super) struct Page {
    appointments: Vec<AppointmentJson>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Calendars)]
pub(super) struct CalendarsJson {
    calendars: Vec<CalendarJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Calendar)]
pub(super) struct CalendarJson {
    id: i64,
    name: String,
    /// Whether it gets what extraction proposes.
    default: bool,
}

/// What somebody does about an appointment; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AppointmentChange, min_properties = 1)]
pub(super) struct Change {
    #[schema(value_type = Option<words::AppointmentState>)]
    status: Option<String>,
    /// Another time (RFC 3339, with any offset).
    #[schema(value_type = Option<words::Time>)]
    starts_at: Option<String>,
    /// Another calendar; null for none.
    #[schema(value_type = Option<i64>)]
    #[serde(default, deserialize_with = "given")]
    calendar_id: Option<Option<i64>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCalendar {
    /// 1 to 200 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 200, pattern = r"[^\s\u0085]")]
    name: String,
    /// Whether it gets what extraction proposes from now on.
    #[serde(default)]
    default: bool,
}

/// The business's appointments, in the order of their times.
#[utoipa::path(
    get, path = "/api/appointments", tag = "appointments", params(ListOfAppointments),
    responses((status = 200, description = "A page of them.", body = Page), refusals::ToList),
)]
pub(super) async fn list(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    let mut filter = filter(uri.query().unwrap_or_default())?;
    let limit = filter.limit as usize;
    filter.limit += 1;
    let mut found = service.findings.appointments(&caller.business, &filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(to_cursor);
    let profile = service.findings.business_profile(&caller.business).await?;
    let appointments: Vec<AppointmentJson> =
        found.into_iter().map(|it| AppointmentJson::of(it, &profile.labels)).collect();
    Ok(private(Page { appointments, next_cursor }))
}

/// Confirms, dismisses, moves to another time or another calendar.
#[utoipa::path(
    patch, path = "/api/appointments/{id}", tag = "appointments", params(Numbered), request_body = Change,
    responses((status = 200, description = "The appointment as it is now.", body = AppointmentJson), refusals::ToChange),
)]
pub(super) async fn change(
    State(service): State<Service>,
    Path(id): Path<String>,
    caller: Caller,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<Response, Problem> {
    const EXPECTED: &str = "the body is {\"status\": \"proposed\"|\"confirmed\"|\"dismissed\", \
                            \"starts_at\": …, \"calendar_id\": …}, each optional";
    let Json(Change { status, starts_at, calendar_id }) =
        body.map_err(|_| Problem::Malformed(EXPECTED))?;
    let id = number(&id)?;
    let parse = |text: String| AppointmentStatus::parse(&text).ok_or(Problem::Malformed(EXPECTED));
    let moment = |text: String| time(&text).ok_or(NO_TIME);
    let change = AppointmentChange {
        status: status.map(parse).transpose()?,
        starts_at: starts_at.map(moment).transpose()?,
        calendar: calendar_id,
    };
    if change == AppointmentChange::default() {
        return Err(Problem::Malformed(EXPECTED));
    }
    let now = service.clock.now();
    let changed = service.findings.change_appointment(&caller.business, id, &change, now).await;
    let changed = match changed {
        Err(CatalogError::Unknown(_)) => return Err(Problem::Malformed(NO_CALENDAR)),
        changed => changed?.ok_or(Problem::NoSuchThing("the business has no such appointment"))?,
    };
    let profile = service.findings.business_profile(&caller.business).await?;
    Ok(private(AppointmentJson::of(changed, &profile.labels)))
}

/// The business's calendars.
#[utoipa::path(
    get, path = "/api/calendars", tag = "appointments",
    responses((status = 200, description = "All of them.", body = CalendarsJson), refusals::ToCaller),
)]
pub(super) async fn calendars(
    State(service): State<Service>,
    caller: Caller,
) -> Result<Response, Problem> {
    let found = service.findings.calendars(&caller.business).await?;
    let calendars = found.into_iter().map(CalendarJson::of).collect();
    Ok(private(CalendarsJson { calendars }))
}

/// Adds a calendar.
#[utoipa::path(
    post, path = "/api/calendars", tag = "appointments", request_body = NewCalendar,
    responses((status = 201, description = "It is there.", body = CalendarJson), refusals::ToAddition),
)]
pub(super) async fn add_calendar(
    State(service): State<Service>,
    caller: Caller,
    body: Result<Json<NewCalendar>, JsonRejection>,
) -> Result<Response, Problem> {
    const EXPECTED: &str =
        "the body is {\"name\": …, \"default\": true|false}, the name 1 to 200 bytes";
    let Json(NewCalendar { name, default }) = body.map_err(|_| Problem::Malformed(EXPECTED))?;
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_LENGTH_MAX {
        return Err(Problem::Malformed(EXPECTED));
    }
    let added = service.findings.add_calendar(&caller.business, name, default).await;
    let added = match added {
        Err(CatalogError::Exists(_)) => {
            return Err(Problem::Conflict("the business has a calendar of that name"));
        }
        Err(CatalogError::Conflict(_)) => {
            return Err(Problem::Conflict("the business has as many calendars as it may have"));
        }
        Err(CatalogError::Unknown(_)) => {
            return Err(Problem::NoSuchThing("there is no such business"));
        }
        added => added?,
    };
    Ok((StatusCode::CREATED, private(CalendarJson::of(added))).into_response())
}

/// Removes a calendar. Its appointments stay, in no calendar.
#[utoipa::path(
    delete, path = "/api/calendars/{id}", tag = "appointments", params(Numbered),
    responses((status = 204, description = "It is gone."), refusals::ToChange),
)]
pub(super) async fn remove_calendar(
    State(service): State<Service>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let removed = service.findings.remove_calendar(&caller.business, number(&id)?).await?;
    removed.then_some(StatusCode::NO_CONTENT).ok_or(Problem::NoSuchThing(NO_CALENDAR))
}

const NO_CALENDAR: &str = "the business has no such calendar";
const NO_TIME: Problem =
    Problem::Malformed("a time is an RFC 3339 one, such as 2026-11-27T10:00:00Z");

fn filter(query: &str) -> Result<AppointmentFilter, Problem> {
    let mut filter = AppointmentFilter { limit: LIMIT_DEFAULT, ..AppointmentFilter::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                filter.limit =
                    limit.ok_or(Problem::Malformed("limit is a number from 1 to 200"))?;
            }
            "status" => {
                let status = AppointmentStatus::parse(&value);
                let bad = Problem::Malformed("status is proposed, confirmed or dismissed");
                filter.status = Some(status.ok_or(bad)?);
            }
            "from" => filter.from = Some(time(&value).ok_or(NO_TIME)?),
            "to" => filter.to = Some(time(&value).ok_or(NO_TIME)?),
            "cursor" => {
                let bad = Problem::Malformed("cursor is not one that we gave");
                filter.after = Some(from_cursor(&value).ok_or(bad)?);
            }
            _ => return Err(Problem::Malformed("there is a filter that we do not know")),
        }
    }
    Ok(filter)
}

fn to_cursor(last: &Appointment) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{} {}", last.starts_at.as_millis(), last.id))
}

fn from_cursor(cursor: &str) -> Option<(Timestamp, i64)> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at_ms, id) = text.split_once(' ')?;
    Some((Timestamp::from_millis(at_ms.parse().ok()?), id.parse().ok()?))
}

fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::Malformed("an id is a number"))
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn private(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}

impl AppointmentJson {
    pub(super) fn of(
        appointment: Appointment,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> Self {
        let status = appointment.status.as_str();
        Self {
            id: appointment.id,
            recording_sid: appointment.recording.to_string(),
            calendar_id: appointment.calendar,
            status,
            label: labels.get(status).cloned().unwrap_or_else(|| status.to_owned()),
            starts_at: rfc3339(appointment.starts_at),
            subject: appointment.subject,
            customer_name: appointment.customer_name,
            confidence: appointment.confidence,
            proposed_at: rfc3339(appointment.proposed_at),
            changed_at: appointment.changed_at.map(rfc3339),
        }
    }
}

impl CalendarJson {
    fn of(Calendar { id, name, is_default }: Calendar) -> Self {
        Self { id, name, default: is_default }
    }
}
