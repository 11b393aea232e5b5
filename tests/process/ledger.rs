//! What Twilio was acknowledged, and the proof that it is kept.
//!
//! Invariant: an event that was acknowledged is never told again, so that nothing heals what was lost.

use std::path::Path;
use std::time::Duration;

use actors::domain::{CallSid, RecordingSid};
use hearback::simulator::{
    Announcement, Behaviour, Callbacks, PlannedCall, PlannedRecording, Simulator, synthetic_mpeg,
};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, query_scalar};
use tokio::time::{Instant, sleep, timeout};

use crate::campaign::Chance;
use crate::home::{Home, PATIENCE, is_ready, until, until_within};

/// Between two tries to tell of a call.
const TELL_PAUSE: Duration = Duration::from_millis(20);

/// A service and its Twilio, which tells each event once for each time it is made to.
pub(crate) struct Ledger {
    pub(crate) home: Home,
    pub(crate) simulator: Simulator,
    token: String,
}

/// A call that Twilio has and, at first, tells nobody of.
pub(crate) struct Call {
    pub(crate) sid: CallSid,
    pub(crate) recording: RecordingSid,
    audio: Vec<u8>,
    /// How long the source takes to deliver it.
    pub(crate) delivery: Duration,
}

impl Ledger {
    /// Of a home whose service has been started at least once.
    pub(crate) async fn open(home: Home, simulator: Simulator) -> Self {
        let once = |url: Option<String>| url.map(|url| url.replace("#rc=5", "#rc=0"));
        let callbacks = home.callbacks();
        simulator.set_callbacks(Callbacks {
            recording_status: once(callbacks.recording_status),
            call_status: once(callbacks.call_status),
            ..callbacks
        });
        let token = home.token("agent").await;
        Self { home, simulator, token }
    }

    pub(crate) async fn call(&self, bytes: usize, delivery: Duration, chance: &mut Chance) -> Call {
        let audio = synthetic_mpeg(bytes, chance.next());
        let per_second = audio.len() as u128 * 1_000 / delivery.as_millis().max(1);
        let recording = PlannedRecording {
            behaviours: vec![Behaviour::paced(per_second as u64)],
            ..PlannedRecording::of_mp3(audio.clone())
        };
        let plan = PlannedCall { recordings: vec![recording], ..PlannedCall::default() };
        let placed = self.simulator.place_call(plan.unannounced()).await;
        let (placed, _) = placed.expect("placed");
        Call { sid: placed.call, recording: placed.recordings[0], audio, delivery }
    }

    /// Tells once; the answer's status, if there was one.
    pub(crate) async fn tell(&self, call: &Call, event: &Announcement) -> Option<u16> {
        let delivered = self.simulator.announce(call.sid, std::slice::from_ref(event)).await;
        let status = delivered[0].status;
        assert!(matches!(status, None | Some(204 | 503)), "a webhook was answered {status:?}");
        status
    }

    /// Tells each until it is acknowledged. Says when that was.
    pub(crate) async fn tell_until_stored(&self, call: &Call, events: &[Announcement]) -> Instant {
        let began = Instant::now();
        for event in events {
            while self.tell(call, event).await != Some(204) {
                assert!(began.elapsed() < PATIENCE, "no webhook is taken in");
                sleep(TELL_PAUSE).await;
            }
        }
        Instant::now()
    }

    /// As `/status` says it; `None` while the service does not answer or does not know it.
    pub(crate) async fn state(&self, call: &Call) -> Option<String> {
        let answer = self.ask_state(call).await?;
        if answer.status() != StatusCode::OK {
            let expected = matches!(answer.status().as_u16(), 404 | 503);
            assert!(expected, "{answer:?}: {}", self.home.log());
            return None;
        }
        let status: Value = answer.json().await.ok()?;
        Some(status["state"].as_str().expect("a state").to_owned())
    }

    /// The same of a service whose disk may go while it is asked: then it cannot say what is wrong with it.
    pub(crate) async fn is_ready(&self, call: &Call) -> bool {
        let Some(answer) = self.ask_state(call).await else { return false };
        let Ok(status) = answer.json::<Value>().await else { return false };
        status["state"] == "ready"
    }

    async fn ask_state(&self, call: &Call) -> Option<Response> {
        let status = self.home.url(&format!("/api/recordings/{}/status", call.sid));
        self.home.client.get(status).bearer_auth(&self.token).send().await.ok()
    }

    /// It becomes ready by itself: nobody asks for it. Says when that was seen.
    pub(crate) async fn until_ready(&self, call: &Call) -> Instant {
        let ready = async || (self.state(call).await? == "ready").then(Instant::now);
        match timeout(PATIENCE, until_within(PATIENCE * 2, "it is ready by itself", ready)).await {
            Ok((ready, _)) => ready,
            Err(_) => panic!("{} does not get ready by itself: {}", call.sid, self.home.log()),
        }
    }

    /// Somebody presses play again and again: it sounds, byte for byte, in the end from a verified copy. Says how
    /// long that took.
    pub(crate) async fn until_it_plays(&self, call: &Call) -> Duration {
        let ((), took) = until("it plays", async || {
            let response = self.play(call).await;
            match response.status() {
                StatusCode::OK => {
                    let ready = is_ready(&response);
                    self.assert_sounds(call, response).await;
                    ready.then_some(())
                }
                StatusCode::ACCEPTED | StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => {
                    None
                }
                other => panic!("{other}: {:?}", response.text().await),
            }
        })
        .await;
        took
    }

    /// What was ready plays from the disk, and the source is not asked again.
    pub(crate) async fn check_kept(&self, call: &Call) {
        let fetches = self.fetches(call);
        let response = self.play(call).await;
        assert_eq!(response.status(), StatusCode::OK, "{}: it was ready", call.sid);
        assert_eq!(response.headers()["cache-status"], "hearback; hit", "{}", call.sid);
        self.assert_sounds(call, response).await;
        assert_eq!(self.fetches(call), fetches, "{}: fetched again", call.sid);
    }

    /// How often the source was asked for its audio.
    pub(crate) fn fetches(&self, call: &Call) -> u64 {
        self.simulator.counters(call.recording).gets
    }

    /// Both events of each call are in the database, once.
    pub(crate) async fn check_stored_once<'c>(&self, calls: impl IntoIterator<Item = &'c Call>) {
        for call in calls {
            assert_eq!(self.stored(call).await, 2, "{}: not stored once", call.sid);
        }
    }

    /// How many of its events are in the database. What the service found by asking is none of them: whoever plays a call
    /// whose webhook is still to come has it ask.
    pub(crate) async fn stored(&self, call: &Call) -> usize {
        let database = self.home.data("hearback.db");
        let options = SqliteConnectOptions::new().filename(database).read_only(true);
        let mut database = options.connect().await.expect("the database opens");
        let count = query_scalar(
            "SELECT count(*) FROM inbox WHERE call_sid = $1 AND dedup_key NOT LIKE 'found/%'",
        );
        let count = count.bind(call.sid.to_string()).fetch_one(&mut database).await;
        count.map(|count: i64| count as usize).expect("a count")
    }

    /// There are as many files as recordings, and all are finished.
    pub(crate) async fn until_swept(&self, recordings: usize) {
        let folder = self.home.data("vault").join("default");
        until("leftovers are swept", async || {
            let names = names_in(&folder);
            let unfinished = names.iter().any(|name| name.ends_with(".part"));
            (names.len() == recordings && !unfinished).then_some(())
        })
        .await;
    }

    async fn assert_sounds(&self, call: &Call, response: Response) {
        let body = response.bytes().await.expect("a whole body");
        assert!(body == call.audio, "{}: wrong bytes", call.sid);
    }

    pub(crate) async fn play(&self, call: &Call) -> Response {
        let url = self.home.url(&format!("/api/recordings/file/{}", call.sid));
        let answer = self.home.client.get(url).bearer_auth(&self.token).send().await;
        answer.unwrap_or_else(|error| panic!("{}: {error:?}: {}", call.sid, self.home.log()))
    }
}

/// What Twilio tells of a call with a recording.
pub(crate) fn both() -> [Announcement; 2] {
    let completed = "completed".to_owned();
    [Announcement::Call(completed.clone()), Announcement::Recordings(completed)]
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
