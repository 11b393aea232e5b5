//! `hearback serve`

use std::sync::Arc;

use actors::ports::Catalog;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, World};
use crate::config::Config;
use crate::server::Inherited;
use crate::telemetry::{self, traces};
use crate::twilio::webhook::CallbackUrls;
use crate::world::SystemClock;

pub(super) async fn run(config: &Config, inherited: Inherited) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    traces::start(&config.traces, Arc::new(SystemClock))?;
    let mut signals = Signals::listen()?;
    let world = World { inherited, ..World::default() };
    let mut app = tokio::select! {
        started = App::start(config, world, None) => started?,
        _ = signals.asked() => {
            tracing::info!("asked to stop before it served");
            return Ok(());
        }
    };
    tracing::info!(address = %app.address, public_url = app.public_url, "serving");
    let CallbackUrls { recording_status, call_status } = CallbackUrls::at(&app.public_url);
    tracing::info!(recording_status, call_status, "callback URLs to give to Twilio");
    if app.foundation.catalog.businesses().await?.is_empty() {
        tracing::warn!(
            "there is no business yet: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or run hearback business add"
        );
    }
    let happenings = app.happenings().filter(|_| traces::are_wanted());
    let _following =
        happenings.map(|told| AbortOnDropHandle::new(tokio::spawn(traces::follow(told))));
    let ended = until_stopped(app, signals).await;
    if !matches!(ended, Ok(Stopped::AtOnce)) {
        traces::finish().await;
    }
    ended.map(drop)
}

/// Serves until SIGTERM or SIGINT, then finishes what runs; SIGINT is somebody at a terminal, who does not wait for
/// load balancers. A second signal ends the process at once.
pub(super) async fn until_stopped(mut app: App, mut signals: Signals) -> anyhow::Result<Stopped> {
    let asked = tokio::select! {
        error = app.failed() => return Err(error),
        asked = signals.asked() => asked,
    };
    if asked == Asked::AtTheTerminal {
        app.skip_drain();
    }
    tracing::info!("asked to stop; running responses are finished");
    tokio::select! {
        () = app.stop() => {
            tracing::info!("stopped");
            Ok(Stopped::InOrder)
        }
        _ = signals.asked() => {
            tracing::warn!("stopped at once");
            Ok(Stopped::AtOnce)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    InOrder,
    AtOnce,
}

/// Heard from before anything is served: a signal that nobody listens to ends the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ByItsManager,
    AtTheTerminal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Returns at the next signal.
    pub(super) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::ByItsManager,
            _ = self.interrupt.recv() => Asked::AtTheTerminal,
        }
    }
}
