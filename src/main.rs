//! The `hearback` command.

use clap::Parser;
use hearback::cli::Cli;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Cli::parse().run().await
}
