//! Logging: one line per fact, on standard error, for people or as JSON.
//!
//! Invariant: whatever `log.filter` asks for, other people's code logs nothing below info: what it says there
//! (heads of requests, statements, handshakes) was not written with our callers' secrets in mind.

pub(crate) mod traces;

use std::io::IsTerminal;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::config::{Log, LogFormat};

/// Targets that may log in detail.
const OURS: [&str; 2] = ["hearback", "actors"];
/// It warns of every damaged frame, of which a recording may have thousands.
const CHATTY: &str = "symphonia";

/// Sets up logging once; a second call changes nothing.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let colours = std::io::stderr().is_terminal();
    if subscriber(log, std::io::stderr, colours)?.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // A message with values in it may hold anything; where it comes from says what it is about.
            let message = panic.payload().downcast_ref::<&'static str>();
            let at = panic.location().map(ToString::to_string);
            tracing::error!(at, message, "a bug: something panicked");
        }));
    }
    Ok(())
}

/// What is logged and how, to wherever.
pub fn subscriber<W>(
    log: &Log,
    writer: W,
    colours: bool,
) -> anyhow::Result<impl Subscriber + Send + Sync + 'static>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| {
        anyhow::anyhow!("log.filter: {error}; give directives such as info or hearback=debug")
    })?;
    let lines = fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    // Both as one, which knows what it never lets through: that costs whoever would say it nothing.
    let discreet = filter_fn(is_discreet).with_max_level_hint(LevelFilter::TRACE);
    Ok(registry().with(lines.with_filter(filter.and(discreet))))
}

fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let ours = OURS.iter().any(|name| {
        target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    let most = if target.starts_with(CHATTY) { Level::ERROR } else { Level::INFO };
    ours || *metadata.level() <= most
}
