//! `hearback migrate`

use std::sync::Arc;

use crate::app::Foundation;
use crate::config::Config;
use crate::telemetry;
use crate::world::SystemClock;

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let foundation = Foundation::lay(config, Arc::new(SystemClock)).await?;
    foundation.catalog.close().await;
    println!("{} is up to date", config.database_url());
    Ok(())
}
