//! How far the pipeline is with a recording.

use actors::domain::{AudioKey, JobRecord, JobState};
use actors::{JobsView, RunningJobView};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::words;
use super::problem::Problem;
use super::{Service, rfc3339};

/// One stage of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = StageOfRecording)]
pub(super) struct StageJson {
    #[schema(value_type = words::StageName)]
    stage: &'static str,
    /// The job's; `off` where it waits for somebody to switch the stage on.
    #[schema(value_type = words::StageState)]
    state: &'static str,
    /// Attempts begun.
    attempt: u32,
    /// From 0 to 1, while it runs.
    progress: Option<f64>,
    #[schema(value_type = Option<words::Time>)]
    retry_at: Option<String>,
    /// Why the last attempt failed.
    reason: Option<String>,
}

/// Every stage that was begun, in their order.
pub(super) async fn stages(service: &Service, audio: &AudioKey) -> Result<Vec<StageJson>, Problem> {
    let records = service.jobs_of(audio).await?;
    let view = service.board.jobs.borrow();
    Ok(records.into_iter().map(|record| stage(record, &view)).collect())
}

/// Whether nothing more happens unless somebody does something.
pub(super) fn are_settled(stages: &[StageJson]) -> bool {
    let goes_on = [JobState::Waiting.as_str(), JobState::Running.as_str()];
    stages.iter().all(|stage| !goes_on.contains(&stage.state))
}

fn stage(record: JobRecord, view: &JobsView) -> StageJson {
    let running = view.running.iter().find(|running| running.job.lease.job == record.id);
    let progress = running.map(RunningJobView::progress);
    let waits = record.state == JobState::Waiting;
    StageJson {
        stage: record.stage.as_str(),
        state: if waits && is_off(&record, view) { "off" } else { record.state.as_str() },
        attempt: record.attempt,
        progress: progress.filter(|_| record.state == JobState::Running),
        retry_at: (waits && record.last_error.is_some()).then(|| rfc3339(record.run_at)),
        reason: record.last_error,
    }
}

pub(super) fn is_off(record: &JobRecord, view: &JobsView) -> bool {
    view.stages.iter().any(|stage| stage.stage == record.stage && stage.workers == 0)
}
