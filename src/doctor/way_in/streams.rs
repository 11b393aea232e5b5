//! Whether events come as they are sent, and for as long as they are.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::asking::Entrance;
use super::errand::Errand;
use crate::doctor::{Finding, Pace};

/// The service says at once how things are; a way that takes longer keeps events back.
const FIRST_EVENT_MAX: Duration = Duration::from_secs(4);
/// From the first event on, and beyond the heartbeat, which comes after 15 s of silence.
const HOLD_THOROUGH: Duration = Duration::from_secs(18);
const HOLD_QUICK: Duration = Duration::from_millis(1_500);

/// What became of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Watched {
    Refused(u16),
    /// Nothing came in time.
    Silent,
    /// It ended by itself, after so long.
    Ended(Duration),
    /// It went on for as long as we looked.
    Open,
}

/// The operators' stream, since it does not end by itself.
pub(super) async fn watch(at: &Entrance, errand: &Errand, pace: Pace) -> Watched {
    let began = Instant::now();
    let request = errand.authorised(at.client.get(at.to("/debug/events")));
    let request = request.header("accept", "text/event-stream");
    let mut response = match timeout(FIRST_EVENT_MAX, request.send()).await {
        Ok(Ok(response)) if response.status().as_u16() == 200 => response,
        Ok(Ok(response)) => return Watched::Refused(response.status().as_u16()),
        Ok(Err(_)) => return Watched::Ended(began.elapsed()),
        Err(_) => return Watched::Silent,
    };
    match timeout_at(began + FIRST_EVENT_MAX, response.chunk()).await {
        Ok(Ok(Some(_))) => {}
        Ok(Ok(None) | Err(_)) => return Watched::Ended(began.elapsed()),
        Err(_) => return Watched::Silent,
    }
    let hold = match pace {
        Pace::Thorough => HOLD_THOROUGH,
        Pace::Quick => HOLD_QUICK,
    };
    match timeout(hold, until_ended(&mut response)).await {
        Ok(()) => Watched::Ended(began.elapsed()),
        Err(_) => Watched::Open,
    }
}

async fn until_ended(response: &mut Response) {
    while let Ok(Some(_)) = response.chunk().await {}
}

pub(super) fn judge(watched: &Watched) -> Option<Finding> {
    match watched {
        Watched::Open => None,
        Watched::Silent => Some(
            Finding::fault("buffers_events", "Events are kept back, so that nobody sees progress")
                .seen(format!("nothing of /debug/events after {} s", FIRST_EVENT_MAX.as_secs()))
                .mend("Say proxy_buffering off; in nginx, and do not ignore X-Accel-Buffering"),
        ),
        Watched::Ended(after) => Some(
            Finding::fault("cuts_streams", "Streams are cut while nothing is wrong with them")
                .seen(format!("/debug/events ended after {:.1} s", after.as_secs_f64()))
                .mend("Say proxy_read_timeout 75s; (more than the 15 s between heartbeats) and proxy_send_timeout 75s; in nginx"),
        ),
        Watched::Refused(429 | 503) => None,
        Watched::Refused(403 | 404) => Some(
            Finding::hint("keeps_operators_out", "Operators' pages do not come through from here")
                .seen("/debug/events is refused, though the token is an operator's")
                .mend("That is fine where the proxy lets operators in from their own network only; otherwise let it pass /debug on"),
        ),
        Watched::Refused(status) => Some(
            Finding::fault("refuses_events", "Events do not come through")
                .seen(format!("/debug/events answers {status}"))
                .mend("Let the proxy pass /debug/events and /api/recordings/*/events on, for operators and players"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_buffering_and_an_end_is_a_cut() {
        let code = |watched| judge(&watched).map(|finding| finding.code);
        assert_eq!(code(Watched::Open), None);
        assert_eq!(code(Watched::Silent), Some("buffers_events"));
        assert_eq!(code(Watched::Ended(Duration::from_secs(1))), Some("cuts_streams"));
        assert_eq!(code(Watched::Refused(500)), Some("refuses_events"));
        assert_eq!(code(Watched::Refused(403)), Some("keeps_operators_out"));
    }
}
