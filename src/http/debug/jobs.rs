//! The pipeline's jobs: what is to be done, what is being done, what was given up, and what an operator wants.

use actors::domain::{JobId, JobRecord, JobState, RecordingSid, Stage};
use actors::ports::{CatalogError, JobFilter};
use actors::{JobsView, RunningJobView, StageView};
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::no_store;
use crate::http::caller::Operator;
use crate::http::openapi::parameters::{ListOfJobs, Numbered};
use crate::http::openapi::{refusals, words};
use crate::http::problem::Problem;
use crate::http::{Service, rfc3339};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// How the pipeline stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Jobs {
    #[schema(value_type = words::Time)]
    generated_at: String,
    stages: Vec<StageJson>,
    jobs: Vec<JobJson>,
    /// Where the next page begins; null on the last one.
    next_before: Option<i64>,
    last_error: Option<String>,
}

/// A stage's pool of workers, and its backlog.
#[derive(Serialize, ToSchema)]
#[schema(as = StageOfPipeline)]
struct StageJson {
    #[schema(value_type = words::StageName)]
    stage: &'static str,
    /// None where it is switched off.
    workers: usize,
    waiting: u64,
    running: u64,
    dead: u64,
    cancelled: u64,
    /// While its provider wants a pause.
    paused_for_seconds: Option<u64>,
    finished_total: u64,
    failed_total: u64,
    postponed_total: u64,
    lost_total: u64,
    last_error: Option<String>,
    next: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(in crate::http) struct JobJson {
    id: i64,
    #[schema(value_type = words::StageName)]
    stage: &'static str,
    #[schema(value_type = words::JobStateName)]
    state: &'static str,
    business: String,
    #[schema(value_type = words::CallSid)]
    call_sid: String,
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    /// Attempts begun.
    attempt: u32,
    /// From 0 to 1, while it runs.
    progress: Option<f64>,
    #[schema(value_type = words::Time)]
    run_at: String,
    #[schema(value_type = Option<words::Time>)]
    lease_until: Option<String>,
    last_error: Option<String>,
    result: Option<String>,
    #[schema(value_type = words::Time)]
    created_at: String,
    #[schema(value_type = Option<words::Time>)]
    finished_at: Option<String>,
    /// What happens next, in words.
    next: &'static str,
}

/// Every stage's pool and backlog, and jobs, newest first.
#[utoipa::path(
    get, path = "/debug/jobs", tag = "debug", params(ListOfJobs),
    responses((status = 200, description = "A page of them.", body = Jobs), refusals::ToOperator),
)]
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
    let body = Jobs {
        generated_at: rfc3339(service.clock.now()),
        stages: view.stages.iter().map(|stage| stage_json(stage, &counts)).collect(),
        jobs: found.iter().map(|record| job(record, &view)).collect(),
        next_before: found.last().filter(|_| more).map(|record| record.id.0),
        last_error: view.last_error,
    };
    Ok((no_store(), Json(body)).into_response())
}

/// One job.
#[utoipa::path(
    get, path = "/debug/jobs/{id}", tag = "debug", params(Numbered),
    responses((status = 200, description = "The job.", body = JobJson), refusals::ToJob),
)]
pub(in crate::http) async fn show(
    State(service): State<Service>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok((no_store(), Json(one(&service, parse(&id)?).await?)).into_response())
}

/// Runs a job now, with all its attempts.
#[utoipa::path(
    post, path = "/debug/jobs/{id}/retry", tag = "debug", params(Numbered),
    responses((status = 202, description = "How it stands now.", body = JobJson), refusals::ToJobsOrder),
)]
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

/// Cancels a job, also one that is running: what it finds has no effect any more.
#[utoipa::path(
    post, path = "/debug/jobs/{id}/cancel", tag = "debug", params(Numbered),
    responses((status = 202, description = "How it stands now.", body = JobJson), refusals::ToJobsOrder),
)]
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

async fn one(service: &Service, id: JobId) -> Result<JobJson, Problem> {
    let before = Some(JobId(id.0.saturating_add(1)));
    let newest = JobFilter { limit: 1, before, ..JobFilter::default() };
    let found = service.job_store.jobs(&newest).await?.into_iter().find(|record| record.id == id);
    Ok(job(&found.ok_or(NO_SUCH_JOB)?, &service.board.jobs.borrow()))
}

fn parse(id: &str) -> Result<JobId, Problem> {
    let id = id.parse().ok().filter(|id| *id >= 0).map(JobId);
    id.ok_or(Problem::Malformed("a job's id is a number"))
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

fn stage_json(view: &StageView, counts: &[(Stage, JobState, u64)]) -> StageJson {
    let count = |state| {
        let found = counts.iter().find(|(stage, of, _)| *stage == view.stage && *of == state);
        found.map_or(0, |(_, _, count)| *count)
    };
    StageJson {
        stage: view.stage.as_str(),
        workers: view.workers,
        waiting: count(JobState::Waiting),
        running: count(JobState::Running),
        dead: count(JobState::Dead),
        cancelled: count(JobState::Cancelled),
        paused_for_seconds: view.paused_for.map(|span| span.as_secs()),
        finished_total: view.finished_total,
        failed_total: view.failed_total,
        postponed_total: view.postponed_total,
        lost_total: view.lost_total,
        last_error: view.last_error.clone(),
        next: next_of_stage(view),
    }
}

const fn next_of_stage(view: &StageView) -> &'static str {
    match (view.workers, view.paused_for) {
        (0, _) => "it is switched off: set speech.provider or language_model.provider",
        (_, Some(_)) => "goes on when the pause that its provider wants is over",
        (_, None) => "jobs are claimed as workers free up",
    }
}

fn job(record: &JobRecord, view: &JobsView) -> JobJson {
    let running = view.running.iter().find(|running| running.job.lease.job == record.id);
    JobJson {
        id: record.id.0,
        stage: record.stage.as_str(),
        state: record.state.as_str(),
        business: record.call.business.to_string(),
        call_sid: record.call.call.to_string(),
        recording_sid: record.recording.to_string(),
        attempt: record.attempt,
        progress: running.map(RunningJobView::progress),
        run_at: rfc3339(record.run_at),
        lease_until: record.lease_until.map(rfc3339),
        last_error: record.last_error.clone(),
        result: record.result.clone(),
        created_at: rfc3339(record.created_at),
        finished_at: record.finished_at.map(rfc3339),
        next: match record.state {
            JobState::Waiting => "run when its time has come and a worker is free",
            JobState::Running => {
                "finished by its worker, or taken up again when its lease runs out"
            }
            JobState::Done => "nothing",
            JobState::Dead => "nothing, unless an operator has it tried again",
            JobState::Cancelled => "nothing, unless an operator has it tried again",
        },
    }
}
