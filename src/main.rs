//! The `hearback` command.

use clap::Parser;
use hearback::cli::Cli;
use hearback::server::Inherited;

fn main() -> anyhow::Result<()> {
    // Before the runtime: it changes the environment, which nobody may be reading then.
    let inherited = Inherited::from_environment()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Cli::parse().run(inherited))
}
