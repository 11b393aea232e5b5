//! What moves without being an event of its own: bytes that arrive, jobs that get on, calls that wake, the vault.

use actors::{Board, Posting};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::LISTED_MAX;
use crate::http::rfc3339;
use crate::http::streams::PACE;

/// How everything that moves was when it was last shown to one operator.
pub(super) struct Moving {
    shown: Value,
    looked_at: Instant,
}

impl Default for Moving {
    fn default() -> Self {
        Self { shown: Value::Null, looked_at: Instant::now() }
    }
}

impl Moving {
    /// Returns when something has moved, at the streams' pace. May be dropped and called again.
    pub(super) async fn changed(&mut self, board: &Board) -> &Value {
        loop {
            sleep_until(self.looked_at + PACE).await;
            self.looked_at = Instant::now();
            let now = look(board);
            if now != self.shown {
                self.shown = now;
                return &self.shown;
            }
        }
    }
}

fn look(board: &Board) -> Value {
    json!({ "fetches": fetches(board), "jobs": jobs(board), "awake": awake(board), "vault": vault(board) })
}

fn awake(board: &Board) -> Value {
    let view = board.recordings.borrow();
    json!({
        "live": view.live,
        "loading": view.loading,
        "draining": view.draining,
        "cooling": view.cooling,
        "parked": view.parked,
    })
}

fn vault(board: &Board) -> Value {
    let view = board.vault_keeper.borrow();
    json!({ "copies": view.copies, "bytes": view.bytes })
}

/// Those that have a place in the pool, of which there are few: only while there is one, all calls are looked through.
fn fetches(board: &Board) -> Vec<Value> {
    if board.fetcher.borrow().running == 0 {
        return Vec::new();
    }
    let (calls, _) = board.calls_where(LISTED_MAX, Posting::is_fetching);
    let mut fetches = Vec::new();
    for (key, posting) in calls {
        for recording in posting.view().recordings {
            let Some(progress) = recording.progress().filter(|_| recording.is_being_fetched())
            else {
                continue;
            };
            fetches.push(json!({
                "business": key.business.as_str(),
                "call_sid": key.call.to_string(),
                "recording_sid": recording.recording.to_string(),
                "phase": progress.phase.as_str(),
                "received_bytes": progress.received,
                "total_bytes": progress.total.or(recording.length),
            }));
        }
    }
    fetches
}

fn jobs(board: &Board) -> Vec<Value> {
    let view = board.jobs.borrow();
    let running = view.running.iter().take(LISTED_MAX);
    running
        .map(|running| {
            json!({
                "id": running.job.lease.job.0,
                "stage": running.job.stage.as_str(),
                "business": running.job.call.business.as_str(),
                "call_sid": running.job.call.call.to_string(),
                "attempt": running.job.attempt,
                "since": rfc3339(running.since),
                "progress": running.progress(),
            })
        })
        .collect()
}
