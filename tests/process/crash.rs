//! `kill -9` at any moment: what was acknowledged is there, what plays is right, and it plays again at once.
//!
//! The moments are random. `TEST_SEED` gives those of an earlier run, which printed its seed.

use std::future::pending;
use std::sync::OnceLock;
use std::time::Duration;

use actors::domain::{CallSid, RecordingSid};
use futures_util::future::join_all;
use hearback::simulator::{
    Announcement, Behaviour, Delivered, PlannedCall, PlannedRecording, Simulator, synthetic_mpeg,
};
use reqwest::header::HeaderValue;
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep};

use crate::campaign::{self, Chance};
use crate::home::{Home, is_ready, until};
use crate::measured::{Measured, promised};

/// Services that are killed side by side, and how often each.
const SERVICES: u64 = 4;
const ROUNDS: u64 = 5;
const ROUNDS_LONG: u64 = 125;
const CALLS_PER_ROUND: u64 = 4;
const KILLED_WITHIN_MS: u64 = 1_500;
/// In every fourth round: while webhooks come in.
const KILLED_EARLY_WITHIN_MS: u64 = 60;
const DELIVERED_WITHIN_MS: u64 = 1_300;
/// Of the latest, and of all, after each kill.
const EARLIER_CHECKED: usize = 6;
const START_MAX: Duration = Duration::from_secs(2);
const LISTED_MAX: Duration = Duration::from_secs(2);
/// Longer than the source needs.
const READY_MAX: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn campaign_crash_killed_at_any_moment_it_keeps_what_it_acknowledged_and_plays_what_is_right()
{
    let seed = campaign::seed();
    let stories = (0..SERVICES).map(|service| live_and_die(seed + service));
    let (mut starts, mut delays) = (Measured::default(), Measured::default());
    for (own_starts, own_delays) in join_all(stories).await {
        starts.append(own_starts);
        delays.append(own_delays);
    }
    eprintln!("ready to serve after a kill: {starts}");
    eprintln!("interrupted fetches ready, beyond the time that the source needs: {delays}");
    assert!(starts.max() < promised(START_MAX), "{starts}");
    assert!(delays.max() < promised(READY_MAX), "{delays}");
    assert!(delays.len() > 5, "too few fetches were interrupted: {delays}");
}

#[tokio::test]
async fn killed_during_its_very_first_start_it_starts_the_next_time() {
    let mut chance = Chance(campaign::seed());
    let (process, first_start) = Home::new().serve().await;
    process.kill().await;
    let first_start_us = first_start.as_micros() as u64;
    for _ in 0..12 {
        let home = Home::new();
        for _ in 0..1 + chance.below(3) {
            let process = home.spawn();
            sleep(Duration::from_micros(chance.below(first_start_us))).await;
            process.kill().await;
        }
        let (_process, started) = home.serve().await;
        assert!(started < promised(START_MAX), "{started:?}");
        let token = home.token("agent").await;
        assert_eq!(home.get("/api/calls", &token).await.status(), StatusCode::OK);
        assert_eq!(home.answer(&["business", "list"]).await.lines().count(), 1);
    }
}

/// One service: a few calls and a kill in each round.
async fn live_and_die(seed: u64) -> (Measured, Measured) {
    let mut chance = Chance(seed);
    let (home, simulator) = Home::with_simulator().await;
    let (mut process, _) = home.serve().await;
    let token = home.token("agent").await;
    let world = Deployment { home, simulator, token };
    let secrets = world.secrets();
    let (mut starts, mut delays) = (Measured::default(), Measured::default());
    let mut calls: Vec<Call> = Vec::new();
    for round in 0..campaign::size(ROUNDS, ROUNDS_LONG) {
        let plans: Vec<Plan> = (0..CALLS_PER_ROUND).map(|_| Plan::draw(&mut chance)).collect();
        let early = round % 4 == 1;
        let within_ms = if early { KILLED_EARLY_WITHIN_MS } else { KILLED_WITHIN_MS };
        let kill_after = Duration::from_millis(chance.below(within_ms));
        let place = join_all(plans.iter().map(|plan| world.place(plan)));
        let kill = async {
            sleep(kill_after).await;
            process.kill().await;
            let (restarted, started) = world.home.serve().await;
            (restarted, started, Instant::now())
        };
        // A listener may not notice a death that is as short as that.
        let listening = async {
            world.listen_until_cut(calls.last()).await;
            pending().await
        };
        let (placed, (restarted, started, serves)) = tokio::select! {
            lived_again = async { tokio::join!(place, kill) } => lived_again,
            never = listening => never,
        };
        process = restarted;
        starts.push(started);
        eprintln!(
            "seed {seed} round {round}: killed after {kill_after:?}, ready after {started:?}"
        );
        let plays = placed.iter().map(|call| world.play_as_soon_as_ready(call, serves));
        let earlier = sample(&calls, &mut chance);
        let (played, ()) = tokio::join!(join_all(plays), world.check_earlier(earlier));
        played.into_iter().flatten().for_each(|delay| delays.push(delay));
        calls.extend(placed);
        assert_eq!(world.secrets(), secrets);
        world.until_swept(calls.len()).await;
    }
    world.check_earlier(&calls).await;
    world.check_listed_once(&calls).await;
    (starts, delays)
}

/// So few that checking them delays nothing; all of them are checked at the end.
fn sample<'a>(calls: &'a [Call], chance: &mut Chance) -> Vec<&'a Call> {
    let last = calls.iter().rev().take(EARLIER_CHECKED);
    let others = EARLIER_CHECKED.min(calls.len());
    let others = (0..others).map(|_| &calls[chance.below(calls.len() as u64) as usize]);
    last.chain(others).collect()
}

struct Deployment {
    home: Home,
    simulator: Simulator,
    token: String,
}

/// A call to be, and how long the source takes to deliver it.
struct Plan {
    audio: Vec<u8>,
    delivery: Duration,
}

/// A call that Twilio was told we know.
struct Call {
    sid: CallSid,
    recording: RecordingSid,
    audio: Vec<u8>,
    delivery: Duration,
    acknowledged: Instant,
    /// As its first answer from a verified copy named it.
    tag: OnceLock<HeaderValue>,
}

impl Plan {
    fn draw(chance: &mut Chance) -> Self {
        let bytes = 20_000 + chance.below(400_000) as usize;
        let delivery = Duration::from_millis(100 + chance.below(DELIVERED_WITHIN_MS - 100));
        Self { audio: synthetic_mpeg(bytes, chance.next()), delivery }
    }

    fn recording(&self) -> PlannedRecording {
        let bytes_per_ms = self.audio.len() as u64 / self.delivery.as_millis() as u64;
        PlannedRecording {
            behaviours: vec![Behaviour::paced(bytes_per_ms * 1_000)],
            ..PlannedRecording::of_mp3(self.audio.clone())
        }
    }
}

impl Deployment {
    /// As Twilio does: it tells of the call until that is acknowledged.
    async fn place(&self, plan: &Plan) -> Call {
        let planned = PlannedCall { recordings: vec![plan.recording()], ..PlannedCall::default() };
        let (placed, mut delivered) = self.simulator.place_call(planned).await.expect("placed");
        let acknowledged =
            |webhooks: &[Delivered]| webhooks.iter().all(|webhook| webhook.status == Some(204));
        while !acknowledged(&delivered) {
            assert!(delivered.iter().all(|webhook| webhook.status.is_none_or(|it| it == 204)));
            let completed = "completed".to_owned();
            let both = [Announcement::Call(completed.clone()), Announcement::Recordings(completed)];
            delivered = self.simulator.announce(placed.call, &both).await;
        }
        Call {
            sid: placed.call,
            recording: placed.recordings[0],
            audio: plan.audio.clone(),
            delivery: plan.delivery,
            acknowledged: Instant::now(),
            tag: OnceLock::new(),
        }
    }

    /// What was ready before is ready the moment we serve, from the disk.
    async fn check_earlier(&self, calls: impl IntoIterator<Item = &Call>) {
        for call in calls {
            let fetches = self.simulator.counters(call.recording).gets;
            let response = self.play(call).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["cache-status"], "hearback; hit");
            let tag = &response.headers()["etag"];
            assert_eq!(call.tag.get_or_init(|| tag.clone()), tag);
            assert!(response.bytes().await.expect("a whole body") == call.audio);
            assert_eq!(self.simulator.counters(call.recording).gets, fetches);
        }
    }

    /// Somebody listens when it dies: what ends normally is right.
    async fn listen_until_cut(&self, call: Option<&Call>) {
        let Some(call) = call else { return };
        let request = || self.home.client.get(self.play_url(call)).bearer_auth(&self.token).send();
        while let Ok(response) = request().await {
            assert_eq!(response.status(), StatusCode::OK);
            match response.bytes().await {
                Ok(body) => assert!(body == call.audio, "a wrong body, although it was not cut"),
                Err(_) => return,
            }
        }
    }

    /// Presses play again and again; says how much longer than the source that took, if the kill interrupted
    /// the fetch.
    async fn play_as_soon_as_ready(&self, call: &Call, serves: Instant) -> Option<Duration> {
        let begun = Instant::now();
        let ((), _) = until("it plays", async || {
            let response = self.play(call).await;
            match response.status() {
                StatusCode::OK => {
                    let ready = is_ready(&response);
                    assert!(response.bytes().await.expect("a whole body") == call.audio);
                    ready.then_some(())
                }
                StatusCode::ACCEPTED => {
                    assert!(response.headers().contains_key("retry-after"));
                    None
                }
                // A webhook is acknowledged first and applied then.
                StatusCode::NOT_FOUND => {
                    assert!(begun.elapsed() < promised(LISTED_MAX), "acknowledged, and not listed");
                    None
                }
                other => panic!("{other}: {:?}", response.text().await),
            }
        })
        .await;
        let fetches = self.simulator.counters(call.recording).gets;
        assert!(fetches <= 2, "one kill, and {fetches} fetches");
        (fetches == 2).then(|| (call.acknowledged.max(serves) + call.delivery).elapsed())
    }

    async fn check_listed_once(&self, calls: &[Call]) {
        let listed = self.listed().await;
        assert_eq!(listed.len(), calls.len());
        for call in calls {
            let same = listed.iter().filter(|it| it["call_sid"] == call.sid.to_string());
            let recordings: Vec<_> = same.map(|it| &it["recordings"]).collect();
            assert_eq!(recordings.len(), 1, "{}", call.sid);
            assert_eq!(recordings[0].as_array().map(Vec::len), Some(1));
            assert_eq!(recordings[0][0]["recording_sid"], call.recording.to_string());
        }
    }

    /// All pages.
    async fn listed(&self) -> Vec<serde_json::Value> {
        let mut listed = Vec::new();
        let mut path = "/api/calls?limit=200".to_owned();
        loop {
            let page = self.home.get(&path, &self.token).await;
            let page: serde_json::Value = page.json().await.expect("JSON");
            listed.extend(page["calls"].as_array().expect("a list").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return listed };
            path = format!("/api/calls?limit=200&cursor={cursor}");
        }
    }

    /// Nothing stays of what was interrupted: there are as many files as recordings, and all are finished.
    async fn until_swept(&self, recordings: usize) {
        let folder = self.home.data("vault").join("default");
        until("leftovers are swept", async || {
            let entries = std::fs::read_dir(&folder).expect("a folder");
            let names: Vec<_> = entries.map(|it| it.expect("an entry").file_name()).collect();
            let unfinished = names.iter().any(|name| name.to_string_lossy().ends_with(".part"));
            (names.len() == recordings && !unfinished).then_some(())
        })
        .await;
    }

    fn secrets(&self) -> [Vec<u8>; 2] {
        ["master.key", "auth.secret"].map(|name| std::fs::read(self.home.data(name)).expect(name))
    }

    async fn play(&self, call: &Call) -> Response {
        self.home.client.get(self.play_url(call)).bearer_auth(&self.token).send().await.expect("up")
    }

    fn play_url(&self, call: &Call) -> String {
        self.home.url(&format!("/api/recordings/file/{}", call.sid))
    }
}
