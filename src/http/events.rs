//! A recording's state as server-sent events: each change, and progress, as soon as its actor publishes them; and how
//! far the pipeline is with it, as events named `stages`.
//!
//! Looks only, as the status route does: starts no fetch, and asks the actor nothing once it follows its view.

use std::convert::Infallible;

use actors::domain::{AudioKey, CallKey, Format, RecordingSid, StateName};
use actors::{Happening, JobsView, RecordingWatch, What};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Service;
use super::openapi::parameters::{LastEventId, OfReadable};
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::recordings::Status;
use super::stages::{StageJson, are_settled, stages};
use super::streams::{PACE, Place, end_of_life, respond};
use super::target::{Readable, Target};

const LAST_EVENT_ID: &str = "last-event-id";
/// An actor that went away is looked for so often within one stream.
const LOOKS_MAX: u32 = 8;

/// A recording's state as server-sent events: each change and progress, at most four a second.
///
/// An event without a name carries what `/status` answers; one named `stages` carries `{"stages": […]}` as a call's
/// page has them. The stream ends when the recording is ready or gone and no stage goes on, when the token or link
/// expires, and after ten minutes at most.
#[utoipa::path(
    get, path = "/api/recordings/{call_sid}/events", tag = "recordings", params(OfReadable, LastEventId),
    responses(
        (status = 200, description = "Events as they happen.", body = words::RecordingEvent, content_type = "text/event-stream"),
        (status = 204, description = "Nothing more will come: do not ask again."),
        refusals::ToEvents,
    ),
    security(("bearer" = []), ("session" = []), ("link" = [])),
)]
pub(super) async fn events(
    State(service): State<Service>,
    Readable { target: Target { key, recording }, reader, expires_at }: Readable,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut watch = service.recordings.watch(&key, recording).await?.ok_or(Problem::NoSuchCall)?;
    let view = watch.look().ok_or(Problem::NoRecording)?.as_of(service.clock.now());
    let told = headers.get(LAST_EVENT_ID).map(HeaderValue::as_bytes);
    let (happenings, jobs) = (service.board.happenings(), service.board.jobs.clone());
    let (business, recording) = (key.business.clone(), view.recording);
    let audio = AudioKey { business, recording, format: Format::Mp3 };
    if is_final(view.state)
        && told == Some(view.state.as_str().as_bytes())
        && are_settled(&stages(&service, &audio).await?)
    {
        // To a browser that comes back by itself, this says to stop (HTML, server-sent events).
        let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        return Ok((StatusCode::NO_CONTENT, no_store).into_response());
    }
    let following = Following {
        place: service.streams.enter(reader)?,
        ends_at: end_of_life(&service, expires_at),
        looks_left: LOOKS_MAX,
        sent: None,
        sent_at: None,
        stages: Vec::new(),
        stages_changed: true,
        happenings,
        jobs,
        audio,
        service,
        key,
        watch,
    };
    Ok(respond(stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
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
    audio: AudioKey,
    watch: RecordingWatch,
    looks_left: u32,
    ends_at: Instant,
    sent: Option<Status>,
    sent_at: Option<Instant>,
    /// As they were told last.
    stages: Vec<StageJson>,
    /// They may be otherwise by now.
    stages_changed: bool,
    happenings: Receiver<Happening>,
    jobs: watch::Receiver<JobsView>,
    #[expect(dead_code, reason = "held as long as the stream is open")]
    place: Place,
}

impl Following {
    /// The next event; nothing after the last.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let view = self.watch.look()?.as_of(self.service.clock.now());
            let status = Status::of(&view);
            if self.sent.as_ref() != Some(&status) {
                let event = Event::default().json_data(&status).ok()?;
                // A copy begins a stage of its own.
                self.stages_changed |=
                    self.sent.as_ref().is_some_and(|sent| !sent.is_in(view.state));
                self.sent = Some(status);
                self.sent_at = Some(Instant::now());
                return Some(if is_final(view.state) {
                    event.id(view.state.as_str())
                } else {
                    event
                });
            }
            if let Some(event) = self.changed_stages().await? {
                return Some(event);
            }
            if is_final(view.state) && are_settled(&self.stages) {
                return None;
            }
            self.wait().await?;
        }
    }

    async fn changed_stages(&mut self) -> Option<Option<Event>> {
        if !std::mem::take(&mut self.stages_changed) {
            return Some(None);
        }
        let now = stages(&self.service, &self.audio).await.ok()?;
        if now == self.stages {
            return Some(None);
        }
        self.stages = now;
        self.sent_at = Some(Instant::now());
        let told = json!({ "stages": self.stages });
        Some(Some(Event::default().event("stages").json_data(told).ok()?))
    }

    /// Returns when there may be something new, though not sooner than at the stream's pace; `None` at its end.
    async fn wait(&mut self) -> Option<()> {
        let closing = self.service.closing.clone();
        let recording = self.audio.recording;
        tokio::select! {
            biased;
            () = closing.cancelled() => return None,
            () = sleep_until(self.ends_at) => return None,
            changed = self.watch.changed() => {
                if changed.is_err() {
                    self.looks_left = self.looks_left.checked_sub(1)?;
                    let watching = self.service.recordings.watch(&self.key, Some(recording));
                    self.watch = watching.await.ok()??;
                }
            }
            () = of_pipeline(&mut self.happenings, &mut self.jobs, recording) => {
                self.stages_changed = true;
            }
        }
        if let Some(at) = self.sent_at {
            sleep_until(at + PACE).await;
        }
        Some(())
    }
}

/// Returns when the pipeline may be elsewhere with a recording.
async fn of_pipeline(
    happenings: &mut Receiver<Happening>,
    jobs: &mut watch::Receiver<JobsView>,
    wanted: RecordingSid,
) {
    loop {
        tokio::select! {
            happening = happenings.recv() => match happening {
                Ok(Happening { what: What::Stage { recording, .. }, .. }) if recording == wanted => return,
                Err(RecvError::Lagged(_)) => return,
                // Nothing happens any more, and the stream is about to end.
                Err(RecvError::Closed) => std::future::pending().await,
                Ok(_) => {}
            },
            changed = jobs.changed() => {
                let is_on_it = |view: &JobsView| {
                    view.running.iter().any(|running| running.job.recording == wanted)
                };
                match changed {
                    Ok(()) if is_on_it(&jobs.borrow_and_update()) => return,
                    Ok(()) => {}
                    Err(_) => std::future::pending().await,
                }
            }
        }
    }
}
