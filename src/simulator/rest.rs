//! Twilio's REST API, as far as Hearback asks it: a call, a recording, lists of recordings.

use std::cmp::Reverse;
use std::sync::Arc;

use actors::domain::CallSid;
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::switchboard::{Call, Recording, Switchboard};
use super::wire_time::{date, rfc2822};

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

type Board = State<Arc<Switchboard>>;
type Params = Query<Vec<(String, String)>>;

/// The basic credentials must be the account's own.
pub(super) fn authorise(
    board: &Switchboard,
    account: &str,
    request: &Request,
) -> Result<(), Refusal> {
    let genuine = board.accounts.iter().any(|known| {
        let sid = known.sid.to_string();
        let expected = STANDARD.encode(format!("{sid}:{}", known.auth_token));
        sid == account && credentials(request.headers()) == Some(&expected)
    });
    genuine
        .then_some(())
        .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, request.uri().path()))
}

fn credentials(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")
}

/// `…/Calls/{CA}.json`
pub(super) async fn call(
    State(board): Board,
    Path((account, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    authorise(&board, &account, &request)?;
    let missing = || Refusal::new(StatusCode::NOT_FOUND, request.uri().path());
    let sid = file.strip_suffix(".json").and_then(|sid| sid.parse::<CallSid>().ok());
    let mut known = board.known();
    let call = known.calls.get_mut(&sid.ok_or_else(missing)?).ok_or_else(missing)?;
    if call.account.to_string() != account {
        return Err(missing());
    }
    call.lookups += 1;
    Ok(Json(call_json(call)).into_response())
}

/// `…/Recordings/{RE}.json`
pub(super) fn recording(
    board: &Switchboard,
    account: &str,
    sid: &str,
    request: &Request,
) -> Result<Response, Refusal> {
    authorise(board, account, request)?;
    let missing = || Refusal::new(StatusCode::NOT_FOUND, request.uri().path());
    let sid = sid.parse().map_err(|_| missing())?;
    let known = board.known();
    let recording = known.recordings.get(&sid).ok_or_else(missing)?;
    if recording.account.to_string() != account {
        return Err(missing());
    }
    Ok(Json(recording_json(recording, &board.url)).into_response())
}

/// `…/Recordings.json`
pub(super) async fn recordings(
    State(board): Board,
    Path(account): Path<String>,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    authorise(&board, &account, &request)?;
    Ok(page(&board, &account, &params, &request))
}

/// `…/Calls/{CA}/Recordings.json`
pub(super) async fn recordings_of_call(
    State(board): Board,
    Path((account, call)): Path<(String, String)>,
    Query(mut params): Params,
    request: Request,
) -> Result<Response, Refusal> {
    authorise(&board, &account, &request)?;
    params.retain(|(name, _)| name != "CallSid");
    params.push(("CallSid".into(), call));
    Ok(page(&board, &account, &params, &request))
}

pub(super) async fn unknown(request: Request) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, request.uri().path())
}

fn page(
    board: &Switchboard,
    account: &str,
    params: &[(String, String)],
    request: &Request,
) -> Response {
    let value = |name: &str| {
        params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let number = |name| value(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("PageSize").unwrap_or(PAGE_SIZE_DEFAULT).clamp(1, PAGE_SIZE_MAX);
    let number = number("Page").unwrap_or(0);
    let after = value("PageToken").and_then(|token| token.strip_prefix("PA"));
    let known = board.known();
    let mut found: Vec<&Recording> = known
        .recordings
        .values()
        .filter(|recording| recording.account.to_string() == account)
        .filter(|recording| params.iter().all(|(name, value)| fits(recording, name, value)))
        .collect();
    found.sort_by_key(|recording| Reverse(place(recording)));
    // A token names the last one shown, so that new recordings shift nothing.
    let rest =
        found.iter().filter(|recording| after.is_none_or(|after| *place(recording) < *after));
    let mut rest = rest.peekable();
    let shown: Vec<&Recording> = rest.by_ref().take(size).copied().collect();
    let path = request.uri().path();
    let next = shown.last().filter(|_| rest.peek().is_some()).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in params {
            if !["Page", "PageSize", "PageToken"].contains(&name.as_str()) {
                query.append_pair(name, value);
            }
        }
        query.append_pair("PageSize", &size.to_string());
        query.append_pair("Page", &(number + 1).to_string());
        query.append_pair("PageToken", &format!("PA{}", place(last)));
        format!("{path}?{}", query.finish())
    });
    let start = number * size;
    Json(json!({
        "recordings": shown.iter().map(|it| recording_json(it, &board.url)).collect::<Vec<_>>(),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + shown.len().saturating_sub(1),
        "uri": request.uri().to_string(),
        "first_page_uri": format!("{path}?PageSize={size}&Page=0"),
        "previous_page_uri": null,
        "next_page_uri": next,
    }))
    .into_response()
}

/// Sorts as text: by time, then by SID.
fn place(recording: &Recording) -> String {
    format!("{:016x}{}", recording.started_at_ms.max(0), recording.sid)
}

/// Filters that are unknown here let everything pass, as paging parameters must.
fn fits(recording: &Recording, name: &str, value: &str) -> bool {
    let created = date(recording.started_at_ms);
    let day = value.get(..10).unwrap_or(value);
    match name {
        "CallSid" => recording.call.to_string() == value,
        "DateCreated" => created == day,
        "DateCreated>" => created.as_str() >= day,
        "DateCreated<" => created.as_str() <= day,
        _ => true,
    }
}

pub(super) fn call_json(call: &Call) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/Calls/{}", call.account, call.sid);
    let ended_at_ms = call.started_at_ms.saturating_add_unsigned(call.duration_s * 1_000);
    json!({
        "sid": call.sid.to_string(),
        "account_sid": call.account.to_string(),
        "parent_call_sid": call.parent.map(|sid| sid.to_string()),
        "api_version": "2010-04-01",
        "direction": call.direction,
        "from": call.from,
        "from_formatted": call.from,
        "to": call.to,
        "to_formatted": call.to,
        "status": call.status,
        "date_created": rfc2822(call.started_at_ms),
        "date_updated": rfc2822(ended_at_ms),
        "start_time": rfc2822(call.started_at_ms),
        "end_time": rfc2822(ended_at_ms),
        "duration": call.duration_s.to_string(),
        "price": null,
        "price_unit": "USD",
        "uri": format!("{uri}.json"),
        "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
    })
}

pub(super) fn recording_json(recording: &Recording, base_url: &str) -> Value {
    let Recording { sid, account, .. } = recording;
    let uri = format!("/2010-04-01/Accounts/{account}/Recordings/{sid}");
    let error_code = (recording.status == "absent").then_some(16_101);
    json!({
        "sid": sid.to_string(),
        "account_sid": account.to_string(),
        "call_sid": recording.call.to_string(),
        "conference_sid": null,
        "api_version": "2010-04-01",
        "status": recording.status,
        "source": "DialVerb",
        "channels": recording.channels,
        "duration": recording.announced_s.to_string(),
        "start_time": rfc2822(recording.started_at_ms),
        "date_created": rfc2822(recording.started_at_ms),
        "date_updated": rfc2822(recording.started_at_ms),
        "error_code": error_code,
        "encryption_details": null,
        "price": null,
        "price_unit": "USD",
        "media_url": format!("{base_url}{uri}"),
        "uri": format!("{uri}.json"),
    })
}
