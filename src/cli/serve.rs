//! `hearback serve`

use actors::ports::Catalog;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, World};
use crate::config::Config;
use crate::server::Inherited;
use crate::telemetry;
use crate::twilio::webhook::CallbackUrls;

pub(super) async fn run(config: &Config, inherited: Inherited) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let app = App::start(config, World { inherited, ..World::default() }, None).await?;
    tracing::info!(address = %app.address, public_url = app.public_url, "serving");
    let CallbackUrls { recording_status, call_status } = CallbackUrls::at(&app.public_url);
    tracing::info!(recording_status, call_status, "callback URLs to give to Twilio");
    if app.foundation.catalog.businesses().await?.is_empty() {
        tracing::warn!(
            "there is no business yet: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or run hearback business add"
        );
    }
    until_stopped(app).await
}

/// Serves until SIGTERM or SIGINT, then finishes what runs; SIGINT is somebody at a terminal, who does not wait for
/// load balancers. A second signal ends the process at once.
pub(super) async fn until_stopped(mut app: App) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        error = app.failed() => return Err(error),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => app.skip_drain(),
    }
    tracing::info!("asked to stop; running responses are finished");
    tokio::select! {
        () = app.stop() => tracing::info!("stopped"),
        _ = terminate.recv() => tracing::warn!("stopped at once"),
        _ = interrupt.recv() => tracing::warn!("stopped at once"),
    }
    Ok(())
}
