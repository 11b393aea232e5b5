//! Traces: what happened to a recording, from Twilio's webhook to whoever listens, as spans for a collector.
//!
//! A recording's SID holds 128 bits by chance, as a trace's id does: they are its trace's id. So whatever concerns one
//! recording is one trace, before and after a restart and by whichever process, nobody has to hand anything on, and who
//! knows a SID finds its trace. What concerns no recording is a trace of its own.
//!
//! Invariant: a span holds what the log may hold, and nothing else: SIDs, routes, counts and the words of errors.
//! Invariant: whoever tells of a span never waits: where the collector does not keep up, spans are dropped.

mod course;
#[cfg(feature = "otlp")]
mod otlp;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actors::domain::{RecordingSid, Timestamp};
use actors::ports::Clock;

pub(crate) use course::follow;

use crate::config;

/// Something that was done, and is over.
#[derive(Debug)]
#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nobody is told"))]
pub(crate) struct Span {
    pub name: String,
    pub kind: Kind,
    /// Whose trace it belongs to.
    pub recording: Option<RecordingSid>,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub facts: Vec<(&'static str, Fact)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody asked us.
    Server,
    /// We asked somebody.
    Client,
    Internal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Text(String),
    Count(u64),
    Is(bool),
}

impl<T: ToString> From<T> for Fact {
    fn from(text: T) -> Self {
        Self::Text(text.to_string())
    }
}

/// Where spans go. There is one in a process, as there is one log.
struct Traces {
    clock: Arc<dyn Clock>,
    share: f64,
    #[cfg(feature = "otlp")]
    sender: otlp::Sender,
}

static TRACES: OnceLock<Traces> = OnceLock::new();

/// From now on spans are sent, if there is a collector to send them to.
pub(crate) fn start(config: &config::Traces, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    if config.endpoint.is_empty() {
        return Ok(());
    }
    #[cfg(feature = "otlp")]
    {
        let sender = otlp::Sender::to(&config.endpoint)?;
        let _ = TRACES.set(Traces { clock, share: config.share, sender });
    }
    #[cfg(not(feature = "otlp"))]
    drop(clock);
    Ok(())
}

/// Whether there is anybody to tell of spans.
pub(crate) fn are_wanted() -> bool {
    TRACES.get().is_some()
}

/// Tells of what has just ended and took so long. The span is made only if it is sent.
pub(crate) fn ended(
    took: Duration,
    recording: Option<RecordingSid>,
    span: impl FnOnce(Timestamp, Timestamp) -> Span,
) {
    if let Some(traces) = TRACES.get() {
        let now = traces.clock.now();
        traces.send(recording, || span(now.minus(took), now));
    }
}

/// Tells of what is over.
pub(crate) fn tell(span: Span) {
    if let Some(traces) = TRACES.get() {
        traces.send(span.recording, || span);
    }
}

/// Sends what was told so far; waits for a bounded time, without which the last seconds of a process are lost.
pub(crate) async fn finish() {
    #[cfg(feature = "otlp")]
    if let Some(traces) = TRACES.get() {
        traces.sender.finish().await;
    }
}

impl Traces {
    fn send(&self, recording: Option<RecordingSid>, span: impl FnOnce() -> Span) {
        let trace = recording.map_or_else(by_chance, RecordingSid::bits);
        if !is_chosen(trace, self.share) {
            return;
        }
        #[cfg(feature = "otlp")]
        self.sender.send(trace, span());
        #[cfg(not(feature = "otlp"))]
        drop(span);
    }
}

fn by_chance() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// A trace is there as a whole or not at all, whoever decides.
fn is_chosen(trace: u128, share: f64) -> bool {
    let low = trace as u64;
    (low as f64) < share * (u64::MAX as f64) || share >= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_traces_is_chosen_and_always_the_same_ones() {
        let traces: Vec<u128> =
            (0..10_000_u64).map(|n| u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let chosen = |share: f64| traces.iter().filter(|trace| is_chosen(**trace, share)).count();
        assert_eq!((chosen(0.0), chosen(1.0)), (0, traces.len()));
        assert!((900..1_100).contains(&chosen(0.1)), "{}", chosen(0.1));
        assert!(is_chosen(u128::MAX, 1.0));
        assert!(traces.iter().all(|trace| !is_chosen(*trace, 0.1) || is_chosen(*trace, 0.5)));
    }
}
