//! A server under measurement: a child process on the servers' core, and what it uses.

use std::fs::{File, read_dir, read_to_string};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use crate::http;
use crate::machine::SERVERS_CORE;

const START_MAX: Duration = Duration::from_secs(60);
const START_POLL: Duration = Duration::from_millis(1);

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// `environment` is all that it gets to see, beside a path.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let open = File::options().append(true).create(true).open(&log)?;
        let child = Command::new("taskset")
            .args(["-c", SERVERS_CORE])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(open.try_clone()?)
            .stderr(open)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Self { child, log })
    }

    /// Waits until `path` is answered with `status`, and says how long that took.
    pub(crate) fn await_answer(
        &mut self,
        address: SocketAddr,
        path: &str,
        status: u16,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        loop {
            if http::get(address, path, "").is_ok_and(|answer| answer.status == status) {
                return Ok(started.elapsed());
            }
            if let Some(ended) = self.child.try_wait()? {
                bail!("it ended with {ended}: {}", self.log());
            }
            if started.elapsed() > START_MAX {
                bail!("it does not answer {path} with {status}: {}", self.log());
            }
            sleep(START_POLL);
        }
    }

    /// Processor time of all its threads that live, and of its child processes' threads.
    pub(crate) fn processor_time(&self) -> Duration {
        let id = self.child.id();
        std::iter::once(id).chain(children(id)).map(threads_time).sum()
    }

    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1_024)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn log(&self) -> String {
        read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Child processes of a peer leave when they notice.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of this thread.
pub(crate) fn own_time() -> Duration {
    scheduled("/proc/thread-self/schedstat")
}

pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn threads_time(id: u32) -> Duration {
    let Ok(threads) = read_dir(format!("/proc/{id}/task")) else { return Duration::ZERO };
    let threads = threads.filter_map(Result::ok);
    threads.map(|thread| scheduled(&thread.path().join("schedstat").to_string_lossy())).sum()
}

fn scheduled(path: &str) -> Duration {
    let text = read_to_string(path).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn children(id: u32) -> Vec<u32> {
    let text = read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
