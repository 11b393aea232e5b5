//! What every actor is doing: read from what they publish, so that it answers while they are busy.

pub(super) mod call;
pub(super) mod events;
pub(super) mod jobs;
mod moving;

use actors::domain::{CallKey, Intent, Phase, StateName, Timestamp};
use actors::{
    AccountPace, Board, ChildView, CrashView, Failure, FetcherView, Posting, ReconcilerView,
    RecordingView,
};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::Operator;
use super::openapi::parameters::ListOfActors;
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::{Service, rfc3339};

/// So much is listed of anything; how much there is is said beside it.
const LISTED_MAX: usize = 500;

/// What every actor does.
#[derive(Serialize, ToSchema)]
pub(super) struct Actors {
    #[schema(value_type = words::Time)]
    generated_at: String,
    /// Who supervises whom, from the root's children on.
    tree: Vec<ChildJson>,
    calls: Vec<CallJson>,
    /// Not listed.
    calls_more: usize,
    calls_total: usize,
    /// The latest, each as its event among `/debug/events` tells it, with `event`, its name, `times` and `first_at`.
    #[schema(value_type = Vec<Object>)]
    failures: Vec<Value>,
    /// Who are being sent audio.
    listeners: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SupervisedActor)]
struct ChildJson {
    name: &'static str,
    kind: &'static str,
    /// `running` or `restarting`.
    state: &'static str,
    #[schema(value_type = words::Time)]
    since: String,
    restarts: u32,
    last_error: Option<String>,
    /// What it publishes: counts, queues, paces.
    #[schema(value_type = Object, nullable)]
    detail: Value,
}

/// A call's actor.
#[derive(Serialize, ToSchema)]
#[schema(as = CallActor)]
pub(super) struct CallJson {
    business: String,
    #[schema(value_type = words::CallSid)]
    call_sid: String,
    /// Whether it is awake.
    live: bool,
    /// When it woke.
    #[schema(value_type = Option<words::Time>)]
    since: Option<String>,
    restarts: u32,
    last_error: Option<String>,
    /// Since it woke.
    asks: u64,
    /// Asks that wait now.
    waiting: usize,
    recordings: Vec<RecordingJson>,
}

/// A recording as its actor sees it, or, where that sleeps, as the catalog does.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum RecordingJson {
    Live(LiveJson),
    Resting(call::RestingJson),
}

#[derive(Serialize, ToSchema)]
#[schema(as = LiveRecording)]
pub(super) struct LiveJson {
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    #[schema(value_type = words::State)]
    state: &'static str,
    #[schema(value_type = words::Time)]
    since: String,
    #[schema(value_type = Option<words::FetchPhase>)]
    phase: Option<&'static str>,
    #[schema(value_type = Option<words::FetchIntent>)]
    intent: Option<&'static str>,
    /// Attempts begun in the current window of ten minutes.
    attempt: u32,
    received_bytes: Option<u64>,
    total_bytes: Option<u64>,
    /// Asks that wait now.
    waiting: usize,
    #[schema(value_type = Option<words::Time>)]
    retry_at: Option<String>,
    /// Why it is so, in words.
    reason: Option<String>,
    /// What an operator may do about it.
    remedy: Option<&'static str>,
    /// What happens next, in words.
    next: &'static str,
}

/// Everything, or the calls that have a recording in one state.
///
/// Read from what the actors publish, so that it answers while they are busy.
#[utoipa::path(
    get, path = "/debug/actors", tag = "debug", params(ListOfActors),
    responses((status = 200, description = "All of them.", body = Actors), refusals::ToOperator),
)]
pub(super) async fn actors(
    State(service): State<Service>,
    _: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let Selection { limit, state } = selection(uri.query().unwrap_or_default())?;
    let now = service.clock.now();
    let is_wanted =
        |posting: &Posting| state.is_none_or(|state| posting.has_recording_in(state, now));
    let (calls, total) = service.board.calls_where(limit, is_wanted);
    let body = Actors {
        generated_at: rfc3339(now),
        tree: tree(&service.board),
        calls_more: total - calls.len(),
        calls: calls.iter().map(|(key, posting)| live_call(key, posting, now)).collect(),
        calls_total: total,
        failures: service.board.failures().iter().map(failure).collect(),
        listeners: *service.board.audience.borrow(),
    };
    Ok((no_store(), Json(body)).into_response())
}

struct Selection {
    limit: usize,
    state: Option<StateName>,
}

fn selection(query: &str) -> Result<Selection, Problem> {
    let mut selection = Selection { limit: LISTED_MAX, state: None };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LISTED_MAX).contains(limit));
                let bad = Problem::Malformed("limit is a number from 1 to 500");
                selection.limit = limit.ok_or(bad)?;
            }
            "state" => {
                let state = StateName::ALL.into_iter().find(|state| state.as_str() == value);
                let bad = Problem::Malformed("state is absent, downloading, ready, failed or gone");
                selection.state = Some(state.ok_or(bad)?);
            }
            _ => return Err(Problem::Malformed("there is a filter that we do not know")),
        }
    }
    Ok(selection)
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

fn tree(board: &Board) -> Vec<ChildJson> {
    board.children.borrow().iter().map(|child| branch(child, board)).collect()
}

fn branch(child: &ChildView, board: &Board) -> ChildJson {
    let (kind, detail) = match child.name {
        "recordings" => ("Recordings", recordings(board)),
        "fetcher" => ("TwilioFetcher", fetcher(&board.fetcher.borrow())),
        "inbox" => ("Inbox", inbox(board)),
        "jobs" => ("Jobs", pipeline(board)),
        "reconciler" => ("Reconciler", reconciler(&board.reconciler.borrow())),
        "vault-keeper" => ("VaultKeeper", vault_keeper(board)),
        "retention-keeper" => ("RetentionKeeper", retention_keeper(board)),
        _ => ("Actor", Value::Null),
    };
    ChildJson {
        name: child.name,
        kind,
        state: if child.running { "running" } else { "restarting" },
        since: rfc3339(child.since),
        restarts: child.restarts,
        last_error: child.last_error.clone(),
        detail,
    }
}

fn recordings(board: &Board) -> Value {
    let view = board.recordings.borrow();
    let crashes: Vec<Value> = view.crashes.iter().take(LISTED_MAX).map(crash).collect();
    json!({
        "live": view.live,
        "live_max": view.live_max,
        "loading": view.loading,
        "draining": view.draining,
        "cooling": view.cooling,
        "parked": view.parked,
        "crashes": crashes,
        "crashes_total": view.crashes.len(),
    })
}

fn crash(crash: &CrashView) -> Value {
    json!({
        "business": crash.key.business.as_str(),
        "call_sid": crash.key.call.to_string(),
        "count": crash.count,
        "error": crash.error,
        "at": rfc3339(crash.at),
    })
}

/// As its event says it, which `event` names.
fn failure(failure: &Failure) -> Value {
    let (event, mut shown) = events::told(&failure.last);
    shown["event"] = event.into();
    shown["times"] = failure.times.into();
    shown["first_at"] = rfc3339(failure.first_at).into();
    shown
}

fn fetcher(view: &FetcherView) -> Value {
    let queued: serde_json::Map<String, Value> = Intent::ALL
        .iter()
        .zip(view.queued)
        .map(|(intent, count)| (intent.as_str().to_owned(), count.into()))
        .collect();
    let accounts: Vec<Value> = view.accounts.iter().take(LISTED_MAX).map(account).collect();
    json!({
        "running": view.running,
        "parallel_max": view.parallel_max,
        "queued": queued,
        "accounts": accounts,
        "accounts_total": view.accounts.len(),
        "fetched_total": view.fetched_total,
        "failed_total": view.failed_total,
    })
}

fn account(pace: &AccountPace) -> Value {
    json!({
        "account": pace.account.to_string(),
        "requests_per_second": pace.requests_per_second,
        "paused_for_seconds": pace.paused_for.map(|span| span.as_secs_f64()),
        "breaker": if pace.probed_in.is_some() { "open" } else { "closed" },
        "probed_in_seconds": pace.probed_in.map(|span| span.as_secs_f64()),
        "worked_at": pace.worked_at.map(rfc3339),
        "next": match (pace.probed_in, pace.paused_for) {
            (Some(_), _) => "its credentials are refused: tried again with one request; give the current auth token",
            (None, Some(_)) => "asked again when the pause that Twilio wants is over",
            (None, None) => "asked at its pace",
        },
    })
}

fn inbox(board: &Board) -> Value {
    let view = board.inbox.borrow();
    json!({
        "applied_total": view.applied_total,
        "unassigned_total": view.unassigned_total,
        "set_aside_total": view.set_aside_total,
        "pruned_total": view.pruned_total,
        "details_total": view.details_total,
        "last_error": view.last_error,
    })
}

fn pipeline(board: &Board) -> Value {
    let view = board.jobs.borrow();
    let pools: Vec<Value> = view
        .stages
        .iter()
        .map(|stage| {
            let running = view.running.iter().filter(|it| it.job.stage == stage.stage).count();
            json!({
                "stage": stage.stage.as_str(),
                "workers": stage.workers,
                "running": running,
                "paused_for_seconds": stage.paused_for.map(|span| span.as_secs()),
                "finished_total": stage.finished_total,
                "failed_total": stage.failed_total,
                "postponed_total": stage.postponed_total,
                "lost_total": stage.lost_total,
                "last_error": stage.last_error,
            })
        })
        .collect();
    json!({ "pools": pools, "last_error": view.last_error })
}

fn retention_keeper(board: &Board) -> Value {
    let view = board.retention_keeper.borrow();
    json!({
        "expired_total": view.expired_total,
        "erased_total": view.erased_total,
        "next_at": rfc3339(view.next_at),
        "last_error": view.last_error,
    })
}

fn reconciler(view: &ReconcilerView) -> Value {
    let accounts: Vec<Value> = view
        .accounts
        .iter()
        .map(|(account, said)| {
            json!({
                "account": account.to_string(),
                "at": rfc3339(said.at),
                "listed": said.listed,
                "found": said.found,
                "complete": said.complete,
                "error": said.error,
            })
        })
        .collect();
    json!({
        "every_seconds": view.every.map(|span| span.as_secs_f64()),
        "passes_total": view.passes_total,
        "found_total": view.found_total,
        "accounts": accounts,
        "last_error": view.last_error,
    })
}

fn vault_keeper(board: &Board) -> Value {
    let view = board.vault_keeper.borrow();
    json!({
        "copies": view.copies,
        "bytes": view.bytes,
        "limit_bytes": view.bytes_max,
        "evicted_total": view.evicted_total,
        "swept_total": view.swept_total,
        "last_error": view.last_error,
    })
}

fn live_call(key: &CallKey, posting: &Posting, now: Timestamp) -> CallJson {
    let view = posting.view();
    let recordings = view.recordings.iter().map(|view| recording(view, now));
    CallJson {
        business: key.business.to_string(),
        call_sid: key.call.to_string(),
        live: posting.is_live(),
        since: Some(rfc3339(posting.since)),
        restarts: posting.restarts,
        last_error: posting.last_error.clone(),
        asks: view.asks,
        waiting: view.waiting,
        recordings: recordings.map(RecordingJson::Live).collect(),
    }
}

/// As it is at that moment, whether or not its actor has noticed.
fn recording(view: &RecordingView, now: Timestamp) -> LiveJson {
    let view = view.clone().as_of(now);
    let progress = view.progress();
    LiveJson {
        recording_sid: view.recording.to_string(),
        state: view.state.as_str(),
        since: rfc3339(view.since),
        phase: view.phase().map(Phase::as_str),
        intent: view.intent.map(Intent::as_str),
        attempt: view.attempt,
        received_bytes: progress.map(|progress| progress.received),
        total_bytes: progress.and_then(|progress| progress.total).or(view.length),
        waiting: view.waiting,
        retry_at: view.retry_at.map(rfc3339),
        reason: view.reason,
        remedy: view.remedy,
        next: view.next,
    }
}
