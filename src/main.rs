//! The `hearback` command.

use std::process::ExitCode;

use clap::Parser;
use hearback::cli::Cli;
use hearback::server::Inherited;

fn main() -> anyhow::Result<ExitCode> {
    // Before the runtime: it changes the environment, which nobody may be reading then.
    let inherited = Inherited::from_environment()?;
    let runtime = runtime().enable_all().build()?;
    runtime.block_on(Cli::parse().run(inherited))
}

/// On one processor nobody can take over another's work, and looking whether somebody could costs each request.
fn runtime() -> tokio::runtime::Builder {
    match std::thread::available_parallelism() {
        Ok(processors) if processors.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        Ok(_) | Err(_) => tokio::runtime::Builder::new_multi_thread(),
    }
}
