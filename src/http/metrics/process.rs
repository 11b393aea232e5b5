//! The process, its database, and whether it is ready.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::page::Page;
use super::{flag, number};
use crate::http::Service;

/// The inbox and the jobs ask it every second or two: with so long a silence it hangs.
const SILENCE_MAX: Duration = Duration::from_secs(15);

pub(super) fn write(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    database(page, service)?;
    page.gauge(
        "hearback_build_info",
        "Always 1; its labels say what is running.",
        [([("version", env!("CARGO_PKG_VERSION"))], 1.0)],
    )?;
    let started_at = Duration::from_millis(service.traffic.started_at().as_millis().unsigned_abs());
    page.gauge(
        "process_start_time_seconds",
        "When the process started, since 1970.",
        [([], started_at.as_secs_f64())],
    )?;
    system(page)
}

fn database(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let condition = service.catalog.condition();
    let hangs = condition.silent_for > SILENCE_MAX;
    let is_ready = !condition.is_away && !hangs && !service.stopping.is_cancelled();
    page.gauge(
        "hearback_ready",
        "Whether it is ready for requests, as far as is known without asking the database.",
        [([], flag(is_ready))],
    )?;
    page.gauge(
        "hearback_database_away",
        "Whether the database's last answer was none.",
        [([], flag(condition.is_away))],
    )?;
    page.gauge(
        "hearback_database_silence_seconds",
        "Since the database's last good answer.",
        [([], condition.silent_for.as_secs_f64())],
    )?;
    page.counter(
        "hearback_database_errors_total",
        "How often the database was away when it was asked.",
        [([], condition.away_total)],
    )
}

/// As the kernel says it without a disk; where there is none that does, nothing.
fn system(page: &mut Page<'_>) -> fmt::Result {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = field(&status, "VmRSS:").map(|kilobytes| kilobytes * 1_024.0);
    page.gauge(
        "process_resident_memory_bytes",
        "Memory that the process has in use.",
        resident.map(|bytes| ([], bytes)),
    )?;
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| number(entries.count() as u64));
    page.gauge("process_open_fds", "Descriptors that are open.", open.map(|count| ([], count)))?;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = field(&limits, "Max open files");
    page.gauge("process_max_fds", "How many descriptors may be open.", most.map(|max| ([], max)))
}

/// The first number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
