//! The pipeline's jobs: what is to be done, what is being done, what was given up, and what an operator wants.

use actors::domain::{JobId, JobRecord, JobState, RecordingSid, Stage};
use actors::ports::{CatalogError, JobFilter};
use actors::{JobsView, RunningJobView, StageView};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::no_store;
use crate::http::caller::Operator;
use crate::http::problem::Problem;
use crate::http::{Service, rfc3339};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// Newest first: `?stage=transcribe`, `?state=dead`, `?recording=RE…`, `?limit=50`, `?before=` an id.
pub(in crate::http) async fn list(
    State(service): State<Service>,
    _: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let mut filter = filter(uri.query().unwrap_or_default())?;
    let limit = filter.limit as usize;
    filter.limit += 1;
    let counts = service.job_store.job_counts().await?;
    let mut found = service.job_store.jobs(&filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let view = service.board.jobs.borrow().clone();
    let body = json!({
        "generated_at": rfc3339(service.clock.now()),
        "stages": view.stages.iter().map(|stage| stage_json(stage, &counts)).collect::<Vec<_>>(),
        "jobs": found.iter().map(|record| job(record, &view)).collect::<Vec<_>>(),
        "next_before": found.last().filter(|_| more).map(|record| record.id.0),
        "last_error": view.last_error,
    });
    Ok((no_store(), Json(body)).into_response())
}

pub(in crate::http) async fn show(
    State(service): State<Service>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok((no_store(), Json(one(&service, parse(&id)?).await?)).into_response())
}

/// Runs it now, with all its attempts.
pub(in crate::http) async fn retry(
    State(service): State<Service>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let done = service.job_store.retry_job(id, service.clock.now()).await;
    service.jobs.hurry();
    settled(&service, id, done, "it runs already, or is done").await
}

/// Also one that is running: what it finds has no effect any more.
pub(in crate::http) async fn cancel(
    State(service): State<Service>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let done = service.job_store.cancel_job(id, service.clock.now()).await;
    service.jobs.look_again();
    settled(&service, id, done, "it is over already").await
}

async fn settled(
    service: &Service,
    id: JobId,
    done: Result<bool, CatalogError>,
    why_not: &'static str,
) -> Result<Response, Problem> {
    match done {
        Ok(true) => {
            tracing::info!(job.id = %id, "an operator changed a job");
            Ok((StatusCode::ACCEPTED, no_store(), Json(one(service, id).await?)).into_response())
        }
        Ok(false) => Err(Problem::Conflict(why_not)),
        Err(CatalogError::Unknown(_)) => Err(NO_SUCH_JOB),
        Err(error) => Err(error.into()),
    }
}

const NO_SUCH_JOB: Problem = Problem::NoSuchThing("there is no such job");

async fn one(service: &Service, id: JobId) -> Result<Value, Problem> {
    let before = Some(JobId(id.0.saturating_add(1)));
    let newest = JobFilter { limit: 1, before, ..JobFilter::default() };
    let found = service.job_store.jobs(&newest).await?.into_iter().find(|record| record.id == id);
    Ok(job(&found.ok_or(NO_SUCH_JOB)?, &service.board.jobs.borrow()))
}

fn parse(id: &str) -> Result<JobId, Problem> {
    id.parse().map(JobId).map_err(|_| Problem::Malformed("a job's id is a number"))
}

fn filter(query: &str) -> Result<JobFilter, Problem> {
    let mut filter = JobFilter { limit: LIMIT_DEFAULT, ..JobFilter::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                filter.limit =
                    limit.ok_or(Problem::Malformed("limit is a number from 1 to 200"))?;
            }
            "stage" => {
                let bad = Problem::Malformed("stage is measure, transcribe, summarise or extract");
                filter.stage = Some(Stage::parse(&value).ok_or(bad)?);
            }
            "state" => {
                let bad = Problem::Malformed("state is waiting, running, done, dead or cancelled");
                filter.state = Some(JobState::parse(&value).ok_or(bad)?);
            }
            "recording" => {
                let bad =
                    |_| Problem::Malformed("a recording SID is RE and 32 lower-case hex digits");
                filter.recording = Some(value.parse::<RecordingSid>().map_err(bad)?);
            }
            "before" => filter.before = Some(parse(&value)?),
            _ => return Err(Problem::Malformed("there is a filter that we do not know")),
        }
    }
    Ok(filter)
}

fn stage_json(view: &StageView, counts: &[(Stage, JobState, u64)]) -> Value {
    let count = |state| {
        let found = counts.iter().find(|(stage, of, _)| *stage == view.stage && *of == state);
        found.map_or(0, |(_, _, count)| *count)
    };
    json!({
        "stage": view.stage.as_str(),
        "workers": view.workers,
        "waiting": count(JobState::Waiting),
        "running": count(JobState::Running),
        "dead": count(JobState::Dead),
        "cancelled": count(JobState::Cancelled),
        "paused_for_seconds": view.paused_for.map(|span| span.as_secs()),
        "finished_total": view.finished_total,
        "failed_total": view.failed_total,
        "postponed_total": view.postponed_total,
        "lost_total": view.lost_total,
        "last_error": view.last_error,
        "next": next_of_stage(view),
    })
}

const fn next_of_stage(view: &StageView) -> &'static str {
    match (view.workers, view.paused_for) {
        (0, _) => "it is switched off: set speech.provider or language_model.provider",
        (_, Some(_)) => "goes on when the pause that its provider wants is over",
        (_, None) => "jobs are claimed as workers free up",
    }
}

fn job(record: &JobRecord, view: &JobsView) -> Value {
    let running = view.running.iter().find(|running| running.job.lease.job == record.id);
    json!({
        "id": record.id.0,
        "stage": record.stage.as_str(),
        "state": record.state.as_str(),
        "business": record.call.business.as_str(),
        "call_sid": record.call.call.to_string(),
        "recording_sid": record.recording.to_string(),
        "attempt": record.attempt,
        "progress": running.map(RunningJobView::progress),
        "run_at": rfc3339(record.run_at),
        "lease_until": record.lease_until.map(rfc3339),
        "last_error": record.last_error,
        "result": record.result,
        "created_at": rfc3339(record.created_at),
        "finished_at": record.finished_at.map(rfc3339),
        "next": match record.state {
            JobState::Waiting => "run when its time has come and a worker is free",
            JobState::Running => "finished by its worker, or taken up again when its lease runs out",
            JobState::Done => "nothing",
            JobState::Dead => "nothing, unless an operator has it tried again",
            JobState::Cancelled => "nothing, unless an operator has it tried again",
        },
    })
}
