//! The machine that is measured on: what it is, and which of its cores does what.

use std::fs::read_to_string;
use std::process::Command;

use anyhow::{Context, ensure};

/// Whatever is measured runs there, one at a time.
pub(crate) const SERVERS_CORE: &str = "0";
/// Clients, the source, and this program.
pub(crate) const CLIENTS_CORE: &str = "1";

/// Before any thread is started: each inherits its core.
pub(crate) fn pin_this_process() -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores >= 2, "servers and clients need a core each, and there is {cores}");
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-p", "-c", CLIENTS_CORE, &id]).output();
    ensure!(pinned.context("taskset")?.status.success(), "taskset cannot pin this process");
    Ok(())
}

/// One line each.
pub(crate) fn description() -> Vec<String> {
    let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpus.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let models: Vec<&str> = models.map(|(_, model)| model.trim()).collect();
    let model = models.first().unwrap_or(&"a processor without a name");
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        format!("{model}, {} cores; Linux {}", models.len(), kernel.trim()),
        format!("servers on core {SERVERS_CORE}, clients and source on core {CLIENTS_CORE}"),
        [version("nginx", "-v"), version("varnishd", "-V")].join("; "),
    ]
}

/// How busy the machine is with other things, in processes that want to run.
pub(crate) fn load() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn version(program: &str, flag: &str) -> String {
    let Ok(said) = Command::new(program).arg(flag).output() else {
        return format!("{program} is not installed");
    };
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    said.lines().next().unwrap_or_default().to_owned()
}
