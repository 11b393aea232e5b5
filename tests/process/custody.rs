//! What operators decide about calls and the vault by command, with the service running and without it.

use std::path::PathBuf;
use std::time::Duration;

use actors::domain::CallSid;
use actors::ports::Clock;
use hearback::simulator::{
    Announcement, PlannedCall, PlannedRecording, Simulator, SimulatorConfig, synthetic_mpeg,
};
use hearback::world::SystemClock;
use reqwest::StatusCode;
use serde_json::Value;

use crate::home::{Home, Process, is_ready, place, until};

mod keys;
mod possession;

/// What a running service takes to notice a command.
const NOTICED: Duration = Duration::from_secs(15);

/// A service with one call that plays.
struct Playing {
    home: Home,
    simulator: Simulator,
    process: Option<Process>,
    token: String,
    call: CallSid,
    audio: Vec<u8>,
}

impl Playing {
    async fn start() -> Self {
        let (home, simulator) = Home::with_simulator().await;
        let home = home.with("HEARBACK_SERVER__DRAIN_MS", "0");
        let (process, _) = home.serve().await;
        let token = home.token("agent").await;
        let audio = synthetic_mpeg(300_000, 1);
        let plan = PlannedRecording::of_mp3(audio.clone());
        let call = place(&home, &simulator, &token, plan).await;
        let playing = Self { home, simulator, process: Some(process), token, call, audio };
        playing.until_it_plays().await;
        playing
    }

    async fn stop(&mut self) {
        let process = self.process.take().expect("it runs");
        process.terminate().await;
        assert!(process.ended().await.success());
    }

    async fn serve(&mut self) {
        self.process = Some(self.home.serve().await.0);
    }

    /// Starts it again, and everything is as it was.
    async fn plays_on(&mut self) {
        self.serve().await;
        self.until_it_plays().await;
        assert_eq!(self.simulator.totals().gets, 1, "from the copy that was there");
    }

    async fn until_it_plays(&self) {
        let (body, _) = until("it plays", async || {
            let response = self.home.get(&self.path(), &self.token).await;
            is_ready(&response).then_some(response.bytes().await.ok()?)
        })
        .await;
        assert_eq!(body, self.audio);
    }

    /// What a player of another call is told.
    async fn answers(&self, call: CallSid) -> u16 {
        let path = format!("/api/recordings/file/{call}");
        self.home.get(&path, &self.token).await.status().as_u16()
    }

    async fn answered(&self) -> (StatusCode, String) {
        let response = self.home.get(&self.path(), &self.token).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    fn path(&self) -> String {
        format!("/api/recordings/file/{}", self.call)
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.home.data("vault/default")).expect("a folder");
        folder.map(|file| file.expect("a file").path()).collect()
    }

    /// The copies that are whole.
    fn copies(&self) -> Vec<PathBuf> {
        let is_whole = |file: &PathBuf| file.extension().is_none_or(|end| end != "part");
        self.files().into_iter().filter(is_whole).collect()
    }

    /// Turns a bit of the only copy.
    fn damage(&self) {
        let [file] = self.copies().try_into().expect("one file");
        let mut sealed = std::fs::read(&file).expect("sealed bytes");
        sealed[200_000] ^= 1;
        std::fs::write(file, sealed).expect("written");
    }

    /// The command about this call.
    async fn of_call(&self, command: &str, more: &[&str]) -> std::process::Output {
        let call = self.call.to_string();
        let arguments = [&["call", command, "--business", "default", &call], more].concat();
        self.home.run(&arguments).await
    }
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn a_call_is_erased_while_the_service_runs() {
    let playing = Playing::start().await;
    let unsure = playing.of_call("erase", &[]).await;
    assert!(!unsure.status.success() && said(&unsure).contains("--yes"), "{unsure:?}");
    playing.until_it_plays().await;
    let erased = playing.of_call("erase", &["--yes"]).await;
    assert!(erased.status.success(), "{erased:?}");
    assert_eq!(said(&erased).lines().last(), Some(&*format!("call {} erased", playing.call)));
    let answer = playing.answered().await;
    assert_eq!(answer, (StatusCode::GONE, "recording_erased".to_owned()), "it is done by then");
    assert_eq!(playing.files(), Vec::<PathBuf>::new());
    let unknown = ["call", "erase", "--business", "nobody", &playing.call.to_string(), "--yes"];
    let refusal = playing.home.refusal(&unknown).await;
    assert!(refusal.contains("there is no call"), "{refusal}");
}

#[tokio::test]
async fn a_call_is_erased_at_once_where_no_service_runs() {
    let mut playing = Playing::start().await;
    playing.stop().await;
    for _ in 0..2 {
        let erased = playing.of_call("erase", &["--yes"]).await;
        assert!(erased.status.success(), "{erased:?}");
        assert_eq!(playing.files(), Vec::<PathBuf>::new());
    }
    playing.serve().await;
    let again = [Announcement::Recordings("completed".to_owned())];
    let delivered = playing.simulator.announce(playing.call, &again).await;
    assert_eq!(delivered[0].status, Some(204));
    let answer = playing.answered().await;
    assert_eq!(answer, (StatusCode::GONE, "recording_erased".to_owned()));
}

#[tokio::test]
async fn a_held_call_is_not_erased_and_outlasts_a_shorter_retention() {
    let playing = Playing::start().await;
    let (home, simulator) = (&playing.home, &playing.simulator);
    let retention = ["business", "retention", "--id", "default"];
    let keep_for = async |days| home.answer(&[&retention[..], &["--days", days]].concat()).await;
    let week = home.answer(&retention).await;
    assert_eq!(week, "recordings of default are kept for 7 days\n");
    assert_eq!(keep_for("30").await, "recordings of default are kept for 30 days\n");
    let ten_days_ago = SystemClock.now().minus(Duration::from_hours(24 * 10));
    let place_old = async || {
        let plan = PlannedCall {
            recordings: vec![PlannedRecording::of_mp3(playing.audio.clone())],
            started_at_ms: Some(ten_days_ago.as_millis()),
            ..PlannedCall::default()
        };
        let (placed, _) = simulator.place_call(plan).await.expect("placed");
        until("it plays", async || (playing.answers(placed.call).await == 200).then_some(())).await;
        placed.call
    };
    let (held, free) = (place_old().await, place_old().await);
    let decide = async |decision, more: &[&str]| {
        let held = held.to_string();
        home.run(&[&["call", decision, "--business", "default", &held], more].concat()).await
    };

    assert!(decide("hold", &[]).await.status.success());
    let refused = decide("erase", &["--yes"]).await;
    assert!(!refused.status.success() && said(&refused).contains("legal hold"), "{refused:?}");
    assert_eq!(keep_for("7").await, week);
    let noticed = async |call| {
        let gone = async || (playing.answers(call).await == 410).then_some(());
        let ((), took) = until("it is over", gone).await;
        assert!(took < NOTICED, "{took:?}");
    };
    noticed(free).await;
    assert_eq!(playing.answers(held).await, 200);

    assert!(decide("release", &[]).await.status.success());
    noticed(held).await;
    let only_the_first = async || (playing.files().len() == 1).then_some(());
    until("the bytes are gone", only_the_first).await;
}

#[tokio::test]
async fn a_check_reads_every_copy_and_names_what_is_bad() {
    let playing = Playing::start().await;
    let sound = playing.home.run(&["vault", "check"]).await;
    assert!(sound.status.success(), "{sound:?}");
    let words = said(&sound);
    assert!(words.contains("1 copies checked, ") && words.contains("master key"), "{words}");

    playing.damage();
    let damaged = playing.home.run(&["vault", "check"]).await;
    assert_eq!(damaged.status.code(), Some(1));
    let words = said(&damaged);
    for word in ["RE", "segment 3", "damaged", "--repair", "1 damaged, 0 missing"] {
        assert!(words.contains(word), "{word:?} is not in {words}");
    }
    let [file] = playing.files().try_into().expect("a check changes nothing");
    std::fs::remove_file(file).expect("removed");
    let missing = playing.home.run(&["vault", "check"]).await;
    assert!(said(&missing).contains("0 damaged, 1 missing"), "{missing:?}");
}

#[tokio::test]
async fn a_repair_has_the_running_service_fetch_what_is_bad_again() {
    let playing = Playing::start().await;
    playing.damage();
    let before = playing.copies();
    let repaired = playing.home.run(&["vault", "check", "--repair"]).await;
    assert!(said(&repaired).contains("running service"), "{repaired:?}");
    let (_, took) = until("there is another file", async || {
        let now = playing.copies();
        (now.len() == 1 && now != before).then_some(())
    })
    .await;
    assert!(took < NOTICED, "{took:?}");
    let sound = playing.home.run(&["vault", "check"]).await;
    assert!(sound.status.success(), "{sound:?}");
    assert_eq!(playing.simulator.totals().gets, 2);
    playing.until_it_plays().await;
}

#[tokio::test]
async fn a_repair_without_a_service_withdraws_what_is_bad_but_never_the_last_of_its_kind() {
    let mut playing = Playing::start().await;
    let deleted = [Announcement::Recordings("deleted".to_owned())];
    let audio = synthetic_mpeg(100_000, 2);
    let plan = PlannedRecording::of_mp3(audio);
    let last = place(&playing.home, &playing.simulator, &playing.token, plan).await;
    let path = format!("/api/recordings/file/{last}");
    until("both are here", async || {
        is_ready(&playing.home.get(&path, &playing.token).await).then_some(())
    })
    .await;
    playing.simulator.announce(last, &deleted).await;
    until("the deletion is known", async || {
        let call = playing.home.get(&format!("/api/calls/{last}"), &playing.token).await;
        call.text().await.ok()?.contains("\"deleted\"").then_some(())
    })
    .await;
    playing.stop().await;
    let files = playing.files();
    for file in &files {
        let mut sealed = std::fs::read(file).expect("sealed bytes");
        *sealed.last_mut().expect("bytes") ^= 1;
        std::fs::write(file, sealed).expect("written");
    }
    let repaired = said(&playing.home.run(&["vault", "check", "--repair"]).await);
    for word in ["withdrawn", "no longer has it", "backup", "2 damaged"] {
        assert!(repaired.contains(word), "{word:?} is not in {repaired}");
    }
    playing.serve().await;
    assert_eq!(playing.files().len(), 1, "what cannot be had again stays, whatever it is worth");
    playing.until_it_plays().await;
    assert_eq!(playing.simulator.totals().gets, 3);
}

#[tokio::test]
async fn the_retention_of_the_settings_is_for_businesses_without_their_own() {
    let config = SimulatorConfig::new(
        crate::home::ACCOUNT,
        crate::home::ACCOUNT_TOKEN,
        SystemClock.now().as_millis(),
    );
    let simulator = Simulator::start(config).await.expect("the simulator starts");
    let home = Home::new()
        .with("HEARBACK_TWILIO__BASE_URL", simulator.url())
        .with("HEARBACK_RETENTION__DAYS", "0");
    home.serve().await;
    let shown = home.answer(&["business", "retention", "--id", "default"]).await;
    assert_eq!(shown, "recordings of default are kept for ever\n");
    let refusal = home.refusal(&["business", "retention", "--id", "nobody", "--days", "1"]).await;
    assert!(refusal.contains("there is no business nobody"), "{refusal}");
}
