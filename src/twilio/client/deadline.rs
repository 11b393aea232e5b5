//! When a question must have its answer, whatever its single steps take.

use std::time::Duration;

use actors::domain::FetchError;
use tokio::time::{Instant, timeout_at};

#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// Waits for one step, which has a limit of its own. `step` completes "the source did not … in time".
    pub(super) async fn within<T>(
        self,
        limit: Duration,
        step: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, FetchError> {
        let step_ends = Instant::now() + limit;
        timeout_at(step_ends.min(self.0), work)
            .await
            .map_err(|_| FetchError::TimedOut(if step_ends < self.0 { step } else { "finish" }))
    }
}
