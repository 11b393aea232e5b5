//! A recording's state as server-sent events: each change, and progress, as soon as its actor publishes them.
//!
//! Looks only, as the status route does: starts no fetch, and asks the actor nothing once it follows its view.

use std::convert::Infallible;

use actors::RecordingWatch;
use actors::domain::{CallKey, RecordingSid, StateName};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Service;
use super::problem::Problem;
use super::recordings::Status;
use super::streams::{PACE, Place, end_of_life, respond};
use super::target::{Readable, Target};

const LAST_EVENT_ID: &str = "last-event-id";
/// An actor that went away is looked for so often within one stream.
const LOOKS_MAX: u32 = 8;

pub(super) async fn events(
    State(service): State<Service>,
    Readable { target: Target { key, recording }, reader, expires_at }: Readable,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut watch = service.recordings.watch(&key, recording).await?.ok_or(Problem::NoSuchCall)?;
    let view = watch.look().ok_or(Problem::NoRecording)?;
    let told = headers.get(LAST_EVENT_ID).map(HeaderValue::as_bytes);
    if is_final(view.state) && told == Some(view.state.as_str().as_bytes()) {
        // To a browser that comes back by itself, this says to stop (HTML, server-sent events).
        let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        return Ok((StatusCode::NO_CONTENT, no_store).into_response());
    }
    let following = Following {
        place: service.streams.enter(reader)?,
        ends_at: end_of_life(&service, expires_at),
        recording: view.recording,
        looks_left: LOOKS_MAX,
        sent: None,
        service,
        key,
        watch,
    };
    Ok(respond(stream::unfold(Some(following), |following| async move {
        let (event, following) = following?.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    })))
}

const fn is_final(state: StateName) -> bool {
    match state {
        StateName::Ready | StateName::Gone => true,
        StateName::Absent | StateName::Downloading | StateName::Failed => false,
    }
}

/// One reader who follows one recording.
struct Following {
    service: Service,
    key: CallKey,
    recording: RecordingSid,
    watch: RecordingWatch,
    looks_left: u32,
    ends_at: Instant,
    sent: Option<(Status, Instant)>,
    #[expect(dead_code, reason = "held as long as the stream is open")]
    place: Place,
}

impl Following {
    /// The next event, and who waits for the one after; nobody after the last.
    async fn next(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let view = self.watch.look()?;
            let status = Status::of(&view);
            if self.sent.as_ref().is_none_or(|(sent, _)| *sent != status) {
                let event = Event::default().json_data(&status).ok()?;
                if is_final(view.state) {
                    return Some((event.id(view.state.as_str()), None));
                }
                self.sent = Some((status, Instant::now()));
                return Some((event, Some(self)));
            }
            self.wait().await?;
        }
    }

    /// Returns when there may be something new, though not sooner than at the stream's pace; `None` at its end.
    async fn wait(&mut self) -> Option<()> {
        let closing = self.service.closing.clone();
        let changed = tokio::select! {
            biased;
            () = closing.cancelled() => return None,
            changed = timeout_at(self.ends_at, self.watch.changed()) => changed.ok()?,
        };
        if changed.is_err() {
            self.looks_left = self.looks_left.checked_sub(1)?;
            let watching = self.service.recordings.watch(&self.key, Some(self.recording));
            self.watch = watching.await.ok()??;
        }
        if let Some((_, at)) = &self.sent {
            sleep_until(*at + PACE).await;
        }
        Some(())
    }
}
