//! Measures Hearback beside nginx, varnish and the old way, on one machine and in one run: `make bench`.
//!
//! Servers have one core and clients another. Rounds are interleaved, every response is checked, and the figures
//! are medians. A wrong response ends the run with 1; a goal that is missed is shown and does not.

mod abandoned;
mod catalog;
mod cold;
mod crowd;
mod hot;
mod http;
mod load;
mod machine;
mod memory;
mod old_way;
mod peers;
mod pipeline;
mod process;
mod profile;
mod report;
mod service;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

use report::Row;

#[derive(Debug, Parser)]
#[command(about = "Measures Hearback beside nginx, varnish and the old way.")]
struct Options {
    /// Only workloads whose name begins so; see --list.
    #[arg(long, default_value = "")]
    workload: String,
    /// How often each workload is repeated.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a round of a hot workload lasts, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    round_ms: u64,
    /// Shows where the service's time goes in hot workloads, with perf.
    #[arg(long)]
    profile: bool,
    /// Prints the workloads' names.
    #[arg(long)]
    list: bool,
    /// Where data and results are kept.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the old way, for this program's own use.
    #[command(name = old_way::COMMAND, hide = true)]
    OldWay { listen: SocketAddr, source: SocketAddr },
}

/// What was asked for.
struct Plan {
    workload: String,
    rounds: usize,
    round_ms: u64,
    profile: bool,
    /// What is worth keeping between runs, and the results.
    kept: PathBuf,
}

type Measure = fn(&Plan, &Path) -> anyhow::Result<Vec<Row>>;

/// Workloads that share servers, and how they are measured.
const GROUPS: [(&str, &[&str], Measure); 6] = [
    ("hot", &hot::NAMES, hot::measure),
    ("cold", &cold::NAMES, cold::measure),
    ("memory", &memory::NAMES, memory::measure),
    ("catalog", &catalog::NAMES, catalog::measure),
    ("abandoned", &abandoned::NAMES, abandoned::measure),
    ("pipeline", &pipeline::NAMES, pipeline::measure),
];

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    if let Some(Command::OldWay { listen, source }) = options.command {
        return old_way::serve(listen, source);
    }
    if options.list {
        GROUPS.iter().flat_map(|(_, names, _)| *names).for_each(|name| say(name));
        return Ok(());
    }
    std::fs::create_dir_all(&options.folder)?;
    let plan = Plan {
        workload: options.workload,
        rounds: options.rounds.max(1),
        round_ms: options.round_ms,
        profile: options.profile,
        kept: options.folder.canonicalize()?,
    };
    if !GROUPS.iter().flat_map(|(_, names, _)| *names).any(|name| plan.wants(name)) {
        bail!("there is no workload {}: see --list", plan.workload);
    }
    machine::pin_this_process()?;
    measure(&plan)
}

fn measure(plan: &Plan) -> anyhow::Result<()> {
    let work = plan.kept.join("work");
    let _ = std::fs::remove_dir_all(&work);
    let mut rows = Vec::new();
    for (group, names, measure) in GROUPS {
        if names.iter().any(|name| plan.wants(name)) {
            let measured = measure(plan, &work.join(group));
            rows.extend(measured.with_context(|| format!("{group}: a wrong response or none"))?);
        }
    }
    for line in machine::description() {
        say(&line);
    }
    say(&format!("load average {}", machine::load()));
    report::print_heading();
    rows.iter().for_each(Row::print);
    let file = plan.kept.join("results.json");
    report::write(&rows, &file)?;
    say(&format!("written to {}", file.display()));
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

impl Plan {
    fn wants(&self, name: &str) -> bool {
        name.starts_with(&self.workload)
    }

    fn span(&self) -> Duration {
        Duration::from_millis(self.round_ms)
    }
}

#[expect(clippy::print_stderr, reason = "progress of a program that somebody waits for")]
pub(crate) fn say(line: &str) {
    eprintln!("bench: {line}");
}
