//! A backup of a running service, and what can be restored from it: somewhere else, byte for byte.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use actors::domain::CallSid;
use hearback::simulator::{PlannedRecording, Simulator, synthetic_mpeg};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::campaign::{self, Chance};
use crate::home::{Home, Process, assert_private, copy_folder, is_ready, place, until};

mod refusals;

/// A service, what was recorded, and a place for its backups.
pub(super) struct Kept {
    pub(super) home: Home,
    pub(super) simulator: Simulator,
    pub(super) process: Option<Process>,
    pub(super) token: String,
    recorded: RefCell<HashMap<CallSid, Vec<u8>>>,
    elsewhere: TempDir,
}

impl Kept {
    pub(super) async fn start(calls: u64) -> Self {
        Self::start_with(calls, &[]).await
    }

    async fn start_with(calls: u64, settings: &[(&'static str, &str)]) -> Self {
        let (mut home, simulator) = Home::with_simulator().await;
        home.set("HEARBACK_SERVER__DRAIN_MS", "0");
        settings.iter().for_each(|(key, value)| home.set(key, *value));
        let (process, _) = home.serve().await;
        let token = home.token("agent").await;
        let elsewhere = tempfile::tempdir().expect("a folder");
        let (process, recorded) = (Some(process), RefCell::default());
        let kept = Self { home, simulator, process, token, recorded, elsewhere };
        for seed in 0..calls {
            kept.record(200_000, seed).await;
        }
        kept
    }

    /// A call that plays.
    pub(super) async fn record(&self, bytes: usize, seed: u64) -> CallSid {
        let audio = synthetic_mpeg(bytes, seed);
        let plan = PlannedRecording::of_mp3(audio.clone());
        let call = place(&self.home, &self.simulator, &self.token, plan).await;
        play(&self.home, &self.token, call, &audio).await;
        self.recorded.borrow_mut().insert(call, audio);
        call
    }

    /// What has been recorded by now, and was not erased.
    fn recorded(&self) -> HashMap<CallSid, Vec<u8>> {
        self.recorded.borrow().clone()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.elsewhere.path().join("backup")
    }

    pub(super) async fn backup(&self, more: &[&str]) -> Output {
        let folder = self.folder();
        let folder = folder.to_str().expect("text");
        self.home.run(&[&["backup", folder], more].concat()).await
    }

    /// What a backup that succeeds says of itself.
    pub(super) async fn told(&self, more: &[&str]) -> Value {
        let output = self.backup(&[&["--json"], more].concat()).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("a line of JSON")
    }

    pub(super) async fn stop(&mut self) {
        let process = self.process.take().expect("it runs");
        process.terminate().await;
        assert!(process.ended().await.success());
    }

    /// Another machine, so to say: a folder with another name, which has the backup's files for its data.
    pub(super) async fn restore(&self) -> Home {
        let elsewhere = Home::new().with("HEARBACK_SERVER__DRAIN_MS", "0");
        copy_folder(&self.folder(), &elsewhere.data("")).await;
        elsewhere
    }
}

async fn play(home: &Home, token: &str, call: CallSid, audio: &[u8]) {
    let path = format!("/api/recordings/file/{call}");
    let (body, _) = until("it plays", async || {
        let response = home.get(&path, token).await;
        is_ready(&response).then_some(response.bytes().await.ok()?)
    })
    .await;
    assert!(body == audio, "{call}: {} of {} bytes", body.len(), audio.len());
}

/// How many copies a check of all of them finds sound.
async fn sound_copies(home: &Home) -> u64 {
    let words = home.answer(&["vault", "check"]).await;
    let line = words.lines().find(|line| line.contains(" copies checked")).expect("a sum");
    assert!(line.ends_with("0 damaged, 0 missing, 0 unreadable"), "{words}");
    line.split(' ').next().and_then(|count| count.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_backup_of_a_running_service_plays_every_recording_elsewhere_without_twilio() {
    let mut kept = Kept::start(12).await;
    let told = kept.told(&["--with-keys"]).await;
    assert_eq!((&told["copies"], &told["copied"]), (&json!(12), &json!(12)), "{told}");
    assert_private(&kept.folder());
    let passing = ["-wal", "-shm", "-journal", ".new", ".part"];
    let left = files(&kept.folder());
    assert!(!left.iter().any(|name| passing.iter().any(|end| name.ends_with(end))), "{left:?}");

    kept.stop().await;
    let elsewhere = kept.restore().await.with("HEARBACK_TWILIO__BASE_URL", "http://127.0.0.1:9");
    let (_restored, _) = elsewhere.serve().await;
    assert_eq!(sound_copies(&elsewhere).await, 12);
    for (call, audio) in kept.recorded() {
        play(&elsewhere, &kept.token, call, &audio).await;
    }
}

/// Some minutes of it: `make soak CAMPAIGN=backup`.
#[tokio::test]
async fn campaign_backup_made_while_it_fetches_plays_evicts_and_erases_are_each_whole() {
    // A vault of a dozen recordings: each that comes has another one go.
    let kept = Kept::start_with(12, &[("HEARBACK_VAULT__MAX_BYTES", "2600000")]).await;
    let mut chance = Chance(campaign::seed());
    let (mut copies, mut removed) = (0, 0);
    for _ in 0..campaign::size(3, 60) {
        let busy = keep_busy(&kept, Chance(chance.next()));
        let told = tokio::select! {
            never = busy => never,
            told = kept.told(&["--with-keys"]) => told,
        };
        copies += told["copied"].as_u64().expect("a number");
        removed += told["removed"].as_u64().expect("a number");
        assert_whole(&kept, told["copies"].as_u64().expect("a number")).await;
    }
    let recorded = kept.recorded.borrow().len();
    eprintln!("{recorded} recordings, {copies} copies taken over, {removed} removed again");
    assert!(removed > 0, "something was evicted between two backups");
}

/// Records, plays and erases for as long as it is polled.
async fn keep_busy(kept: &Kept, mut chance: Chance) -> ! {
    loop {
        let call = kept.record(100_000 + chance.below(200_000) as usize, chance.next()).await;
        let known: Vec<CallSid> = kept.recorded.borrow().keys().copied().collect();
        for _ in 0..4 {
            let any = known[chance.below(known.len() as u64) as usize];
            kept.home.get(&format!("/api/recordings/file/{any}"), &kept.token).await;
        }
        if chance.below(4) == 0 {
            kept.recorded.borrow_mut().remove(&call);
            let call = call.to_string();
            kept.home.answer(&["call", "erase", "--business", "default", &call, "--yes"]).await;
        }
    }
}

/// Restores what was backed up last: what it says is here is here, and everything plays.
async fn assert_whole(kept: &Kept, copies: u64) {
    let elsewhere = kept
        .restore()
        .await
        .with("HEARBACK_TWILIO__BASE_URL", kept.simulator.url())
        .with("HEARBACK_TWILIO__REQUESTS_PER_SECOND", "1000")
        .with("HEARBACK_PLAY__PREFETCH", "false");
    assert_eq!(sound_copies(&elsewhere).await, copies, "before anything can have healed");
    let (_restored, _) = elsewhere.serve().await;
    for (call, audio) in kept.recorded() {
        play(&elsewhere, &kept.token, call, &audio).await;
    }
}

#[tokio::test]
async fn a_later_backup_brings_what_is_new_and_lets_go_of_what_was_erased() {
    let kept = Kept::start(3).await;
    kept.told(&[]).await;
    let first = kept.record(300_000, 77).await;
    let again = kept.told(&[]).await;
    assert_eq!((&again["copied"], &again["removed"]), (&json!(1), &json!(0)), "{again}");
    let unchanged = kept.told(&[]).await;
    assert_eq!((&unchanged["copied"], &unchanged["copied_bytes"]), (&json!(0), &json!(0)));
    let sealed = || files(&kept.folder()).into_iter().filter(|name| name.contains(".mp3.")).count();
    assert_eq!(sealed(), 4);

    let erase = ["call", "erase", "--business", "default", &first.to_string(), "--yes"];
    kept.home.answer(&erase).await;
    let after = kept.told(&[]).await;
    assert_eq!((&after["copies"], &after["removed"]), (&json!(3), &json!(1)), "{after}");
    assert_eq!(sealed(), 3);
}

#[tokio::test]
async fn campaign_backup_killed_at_any_moment_never_looks_whole_and_spoils_none_before_it() {
    let kept = Kept::start(6).await;
    let (mut chance, mut whole) = (Chance(campaign::seed()), 0);
    let took = Instant::now();
    kept.told(&["--with-keys"]).await;
    let took = took.elapsed();
    let rounds = campaign::size(4, 200);
    for round in 0..rounds {
        if round % 2 == 0 {
            std::fs::remove_dir_all(kept.folder()).expect("removed");
        }
        let folder = kept.folder();
        let arguments = ["backup", folder.to_str().expect("text"), "--with-keys"];
        let mut backup = kept.home.command(&arguments).stdout(Stdio::null()).spawn().expect("runs");
        sleep(took * chance.below(100) as u32 / 100).await;
        backup.kill().await.expect("killed");
        if folder.join("hearback.db").exists() {
            whole += 1;
            let (elsewhere, recorded) = (kept.restore().await, kept.recorded.borrow().len() as u64);
            let copies = sound_copies(&elsewhere).await;
            assert!((recorded - 1..=recorded).contains(&copies), "as it was before, or as it is");
        } else {
            assert!(round % 2 == 0, "the backup before it is gone");
        }
        kept.told(&["--with-keys"]).await;
        kept.record(150_000, 1_000 + round).await;
    }
    eprintln!("{whole} of {rounds} left a whole backup");
    let told = kept.told(&["--with-keys"]).await;
    let elsewhere = kept.restore().await;
    assert_eq!(json!(sound_copies(&elsewhere).await), told["copies"]);
}

#[tokio::test]
async fn a_backup_keeps_no_keys_unless_told_to_and_says_where_they_are() {
    let kept = Kept::start(1).await;
    let said = String::from_utf8(kept.backup(&[]).await.stdout).expect("text");
    for word in ["1 copies", "data/master.key", "data/auth.secret", "nobody can read"] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    let elsewhere = kept.restore().await;
    let refusal = elsewhere.refusal(&["serve"]).await;
    assert!(refusal.contains("the master key is lost"), "{refusal}");
    std::fs::copy(kept.home.data("master.key"), elsewhere.data("master.key")).expect("copied");
    assert_eq!(sound_copies(&elsewhere).await, 1, "with its key it is one");

    kept.told(&["--with-keys"]).await;
    let has_keys = || ["master.key", "auth.secret"].map(|key| kept.folder().join(key).exists());
    assert_eq!(has_keys(), [true, true]);
    let said = String::from_utf8(kept.backup(&[]).await.stdout).expect("text");
    assert!(said.contains("are removed"), "{said}");
    assert_eq!(has_keys(), [false, false]);
}

#[tokio::test]
async fn keys_that_are_settings_are_kept_as_the_files_that_a_restored_service_looks_for() {
    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const SECRET: &str = "a signing secret of more than 32 bytes";
    let settings = [("HEARBACK_VAULT__MASTER_KEY", KEY), ("HEARBACK_AUTH__SECRET", SECRET)];
    let kept = Kept::start_with(1, &settings).await;
    let said = String::from_utf8(kept.backup(&[]).await.stdout).expect("text");
    assert!(said.contains("the setting vault.master_key"), "{said}");
    kept.told(&["--with-keys"]).await;
    let elsewhere = kept.restore().await.with("HEARBACK_TWILIO__BASE_URL", "http://127.0.0.1:9");
    let (_restored, _) = elsewhere.serve().await;
    for (call, audio) in kept.recorded() {
        play(&elsewhere, &kept.token, call, &audio).await;
    }
}

#[tokio::test]
async fn a_copy_that_the_vault_has_lost_is_said_and_one_that_was_backed_up_before_stays() {
    let kept = Kept::start(2).await;
    kept.told(&[]).await;
    let vault = std::fs::read_dir(kept.home.data("vault/default")).expect("a folder");
    let files: Vec<PathBuf> = vault.map(|file| file.expect("a file").path()).collect();
    std::fs::remove_file(&files[0]).expect("removed");
    let again = kept.told(&[]).await;
    assert_eq!((&again["copies"], &again["removed"]), (&json!(2), &json!(0)), "{again}");

    kept.record(100_000, 9).await;
    let vault = std::fs::read_dir(kept.home.data("vault/default")).expect("a folder");
    let newest = vault.map(|file| file.expect("a file").path()).find(|file| !files.contains(file));
    let newest = std::fs::OpenOptions::new().write(true).open(newest.expect("a new file"));
    newest.and_then(|file| file.set_len(50_000)).expect("cut");
    let output = kept.backup(&[]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RE") && said.contains("1 copies are missing or damaged"), "{said}");
    assert!(kept.folder().join("hearback.db").exists(), "the rest is backed up all the same");
}

/// The names of all files in a folder, however deep.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    found
}
