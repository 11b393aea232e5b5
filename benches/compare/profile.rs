//! Where a server's processor time goes, as `perf` samples it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::process::Process;
use crate::say;

/// So many of the costliest functions are shown.
const LINES: usize = 40;

pub(crate) struct Recording {
    perf: Child,
    folder: PathBuf,
}

impl Recording {
    /// Begins; it ends by itself.
    pub(crate) fn of(process: &Process, span: Duration, folder: &Path) -> anyhow::Result<Self> {
        let (id, seconds) = (process.id().to_string(), span.as_secs_f64().to_string());
        let perf = Command::new("perf")
            .args(["record", "-q", "-g", "-o", "perf.data", "-p", &id, "--", "sleep", &seconds])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("perf is not installed")?;
        Ok(Self { perf, folder: folder.to_owned() })
    }

    /// All of it is written to a file beside the results.
    pub(crate) fn show(mut self, name: &str) -> anyhow::Result<()> {
        ensure!(self.perf.wait()?.success(), "perf cannot record here");
        let report = ["report", "-i", "perf.data", "--stdio", "--no-children", "-g", "none"];
        let report = Command::new("perf").args(report).current_dir(&self.folder).output()?;
        let text = String::from_utf8_lossy(&report.stdout).into_owned();
        let file = self.folder.join(format!("profile-{name}.txt"));
        std::fs::write(&file, &text)?;
        text.lines().filter(|line| line.contains('%')).take(LINES).for_each(say);
        say(&format!("all of it is in {}", file.display()));
        Ok(())
    }
}
