//! A program that runs for one answer, and not longer than it may.
//!
//! Invariant: however the wait for it ends, its whole process group ends with it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of the last line of its complaints.
const COMPLAINT_BYTES_MAX: usize = 500;
/// Secrets of ours travel in variables of these names, those of the traces' collector among them. They are none of its
/// business.
const PRIVATE_VARIABLES: [&str; 3] = ["HEARBACK_", "TWILIO_", "OTEL_"];

pub(super) enum ChildError {
    /// It cannot be started: there is no such program, or it may not be run.
    NotStarted(io::Error),
    TimedOut,
    /// It talks without end.
    Overflowed,
    Failed(ExitStatus),
    Broken(io::Error),
}

/// Runs a program with its arguments until it ends, and answers with what it printed.
pub(super) async fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, ChildError> {
    let (program, arguments) = words.split_first().expect("there is a program, as it was checked");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        let private = name
            .to_str()
            .is_some_and(|name| PRIVATE_VARIABLES.iter().any(|start| name.starts_with(start)));
        if private {
            command.env_remove(name);
        }
    }
    let child = command.spawn().map_err(ChildError::NotStarted)?;
    let mut group = Group { child };
    timeout(limit, group.finish()).await.map_err(|_| ChildError::TimedOut)?
}

/// The program, and whatever it has started.
struct Group {
    child: Child,
}

impl Group {
    async fn finish(&mut self) -> Result<Vec<u8>, ChildError> {
        let printed = self.child.stdout.take().expect("it is piped");
        let complained = self.child.stderr.take().expect("it is piped");
        let (output, complaint) = tokio::try_join!(output(printed), last_line(complained))?;
        let status = self.child.wait().await.map_err(ChildError::Broken)?;
        if status.success() {
            return Ok(output);
        }
        tracing::debug!(complaint, "the program of speech.command complained");
        Err(ChildError::Failed(status))
    }
}

impl Drop for Group {
    /// Once it has been waited for it has no number any more, and nobody else's is taken for its.
    fn drop(&mut self) {
        let number = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(number) = number {
            // It may have ended this moment.
            let _ = kill_process_group(number, Signal::KILL);
        }
    }
}

async fn output(mut from: impl AsyncRead + Unpin) -> Result<Vec<u8>, ChildError> {
    let mut output = Vec::new();
    let mut bounded = (&mut from).take(OUTPUT_BYTES_MAX as u64 + 1);
    bounded.read_to_end(&mut output).await.map_err(ChildError::Broken)?;
    if output.len() > OUTPUT_BYTES_MAX {
        return Err(ChildError::Overflowed);
    }
    Ok(output)
}

/// Reads to the end, as a program stops whose complaints nobody takes.
async fn last_line(mut from: impl AsyncRead + Unpin) -> Result<String, ChildError> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = from.read(&mut buffer).await.map_err(ChildError::Broken)?;
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(2 * COMPLAINT_BYTES_MAX);
        kept.drain(..surplus);
    }
    let kept = String::from_utf8_lossy(&kept);
    let line = kept.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(line.chars().take(COMPLAINT_BYTES_MAX).collect())
}
