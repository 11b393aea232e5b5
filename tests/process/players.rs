//! Real players on human telephone speech, as `tests/setup` provides both.

use std::path::{Path, PathBuf};
use std::process::Output;

use futures_util::StreamExt;
use futures_util::stream;
use hearback::simulator::{PlannedRecording, Simulator};
use tokio::process::Command;
use tokio::time::timeout;

use crate::home::{Home, PATIENCE, Process, place, until};

/// MP3 of 32 kbit/s.
const BYTES_PER_SECOND: f64 = 4_000.0;

/// A service that has one call of human speech, 47 seconds long, and nothing fetched yet.
struct Played {
    home: Home,
    simulator: Simulator,
    token: String,
    url: String,
    file: String,
    audio: Vec<u8>,
    _process: Process,
}

impl Played {
    async fn start() -> Self {
        let (home, simulator) = Home::with_simulator().await;
        // The first of their requests has it fetched, and they do not come back for it.
        let home = home
            .with("HEARBACK_PLAY__PREFETCH", "false")
            .with("HEARBACK_PLAY__FIRST_BYTE_WAIT_MS", "20000");
        let (process, _) = home.serve().await;
        let token = home.token("agent").await;
        let file = speech("mono").join("call.mp3");
        let audio = read(&file);
        let recording = PlannedRecording::of_mp3(audio.clone());
        let call = place(&home, &simulator, &token, recording).await;
        let url = home.url(&format!("/api/recordings/file/{call}"));
        let file = file.display().to_string();
        Self { home, simulator, token, url, file, audio, _process: process }
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    fn cookie(&self) -> String {
        format!("hearback_session={}", self.token)
    }
}

#[tokio::test]
async fn ffmpeg_reads_seeks_and_decodes_as_if_the_file_were_local() {
    let played = Played::start().await;
    let headers = format!("{}\r\n", played.bearer());
    let entries = "format=format_name,duration,size:stream=codec_name,channels,sample_rate";
    let probe = ["-v", "error", "-of", "flat", "-show_entries", entries];
    let remote = ["-headers", &headers, "-i", &played.url];
    let local = ["-i", &played.file];
    let probed = output_of("ffprobe", &[&probe[..], &remote].concat()).await;
    assert_eq!(probed, output_of("ffprobe", &[&probe[..], &local].concat()).await);
    let probed = String::from_utf8(probed).expect("text");
    assert!(probed.contains("codec_name=\"mp3\"") && probed.contains("duration=\"47."), "{probed}");

    let headers = ["-headers", &headers];
    for seek in ["0", "11.5", "40"] {
        let seek = ["-nostdin", "-v", "error", "-ss", seek];
        let decode = ["-f", "s16le", "-"];
        let remote = [&seek[..], &headers, &["-i", &played.url], &decode].concat();
        let local = [&seek[..], &["-i", &played.file], &decode].concat();
        let samples = output_of("ffmpeg", &remote).await;
        assert!(samples.len() > 100_000, "{} bytes", samples.len());
        assert!(samples == output_of("ffmpeg", &local).await, "other samples from {seek:?} on");
    }
    assert_eq!(played.simulator.totals().gets, 1);
}

#[tokio::test]
async fn curl_gets_exactly_the_range_it_asks_for() {
    let played = Played::start().await;
    let audio = &played.audio;
    let length = audio.len();
    let half = length / 2;
    let cases = [
        ("0-1", &audio[..2]),
        ("1000-66535", &audio[1_000..=66_535]),
        ("-500", &audio[length - 500..]),
        (&format!("{half}-"), &audio[half..]),
        ("0-999999999", &audio[..]),
    ];
    for (range, expected) in cases {
        let bearer = played.bearer();
        let arguments =
            ["-sS", "-r", range, "-H", &bearer, "-w", "%{stderr}%{http_code}", &played.url];
        let output = run("curl", &arguments).await;
        assert_eq!(String::from_utf8_lossy(&output.stderr), "206", "{range}");
        assert!(output.stdout == expected, "{range}: {} bytes", output.stdout.len());
    }
    let beyond = format!("{length}-");
    let arguments = ["-sS", "-f", "-r", &beyond, "-b", &played.cookie(), &played.url];
    let output = run("curl", &arguments).await;
    assert_eq!(output.status.code(), Some(22), "HTTP 416 {output:?}");

    let partial = played.home.folder().join("partial.mp3");
    std::fs::write(&partial, &audio[..half]).expect("written");
    let partial = partial.display().to_string();
    let resume = ["-sS", "-f", "-C", "-", "-b", &played.cookie(), "-o", &partial, &played.url];
    output_of("curl", &resume).await;
    assert!(read(Path::new(&partial)) == *audio, "a resumed download");
}

#[tokio::test]
async fn gstreamer_plays_to_the_end() {
    let played = Played::start().await;
    let raw = played.home.folder().join("raw").display().to_string();
    let (from, to) = (format!("location={}", played.url), format!("location={raw}"));
    let token = &played.token;
    let header = format!(r#"extra-headers="headers,Authorization=(string)\"Bearer {token}\"""#);
    let source = ["-q", "souphttpsrc", &from, &header, "!", "decodebin", "!"];
    let sink = ["audioconvert", "!", "audio/x-raw,format=S16LE,channels=1", "!", "filesink", &to];
    let printed = output_of("gst-launch-1.0", &[&source[..], &sink].concat()).await;
    assert!(printed.is_empty(), "{}", String::from_utf8_lossy(&printed));
    let seconds = std::fs::metadata(&raw).expect("samples").len() as f64 / (2.0 * 22_050.0);
    let expected = played.audio.len() as f64 / BYTES_PER_SECOND;
    assert!((seconds - expected).abs() < 0.2, "{seconds} of {expected} seconds");
}

#[tokio::test]
async fn mpv_plays_from_a_position_to_the_end() {
    let played = Played::start().await;
    let header = format!("--http-header-fields={}", played.bearer());
    let quiet =
        ["--no-config", "--no-input-terminal", "--vo=null", "--ao=null", "--ao-null-untimed"];
    // Said at once, where lines of a log file are written behind and may be left out.
    let told = ["--msg-level=all=v", "--start=30", &header, &played.url];
    let log = output_of("mpv", &[&quiet[..], &told].concat()).await;
    let log = String::from_utf8(log).expect("text");
    for fact in ["seek to 30", "finished playback, success (reason 0)"] {
        assert!(log.contains(fact), "{fact:?} is not in {log}");
    }
}

/// Whatever the check of a recording refuses, it must not be what people say on the telephone.
#[tokio::test]
async fn all_human_speech_is_accepted_and_plays_byte_for_byte() {
    let (home, simulator) = Home::with_simulator().await;
    let (_process, _) = home.serve().await;
    let token = home.token("agent").await;
    let kinds = ["mono", "tagged", "dual"];
    let files: Vec<(&str, PathBuf)> =
        kinds.iter().flat_map(|kind| files(kind).map(|file| (*kind, file))).collect();
    assert!(files.len() >= 30, "{} recordings", files.len());
    let check = async |(kind, file): &(&str, PathBuf)| {
        let audio = read(file);
        let recording = PlannedRecording {
            channels: if *kind == "dual" { 2 } else { 1 },
            ..PlannedRecording::of_mp3(audio.clone())
        };
        let call = place(&home, &simulator, &token, recording).await;
        let path = format!("/api/recordings/{call}/status");
        until("it is fetched", async || {
            let status = home.get(&path, &token).await;
            let status: serde_json::Value = status.json().await.expect("JSON");
            assert!(status["reason"].is_null(), "{}: {status}", file.display());
            (status["state"] == "ready").then_some(())
        })
        .await;
        let response = home.get(&format!("/api/recordings/file/{call}"), &token).await;
        assert_eq!(response.headers()["content-type"], "audio/mpeg");
        let body = response.bytes().await.expect("a whole body");
        assert!(body == audio, "{}", file.display());
        let shown = home.get(&format!("/api/calls/{call}"), &token).await;
        let shown: serde_json::Value = shown.json().await.expect("JSON");
        let measured = shown["recordings"][0]["duration_seconds"].as_f64().expect("a duration");
        let expected = probed_seconds(file).await;
        assert!((measured - expected).abs() < 0.1, "{}: {measured} {expected}", file.display());
    };
    const AT_A_TIME: usize = 4;
    stream::iter(&files).for_each_concurrent(AT_A_TIME, check).await;
    assert_eq!(simulator.totals().gets, files.len() as u64);
}

async fn probed_seconds(file: &Path) -> f64 {
    let file = file.display().to_string();
    let probe = ["-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration", &file];
    let printed = String::from_utf8(output_of("ffprobe", &probe).await).expect("text");
    printed.trim().parse().expect("a number")
}

/// The standard output of a program that succeeds.
async fn output_of(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = run(program, arguments).await;
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    output.stdout
}

async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    let running = command.args(arguments).kill_on_drop(true).output();
    let ended = timeout(PATIENCE, running).await;
    let ended = ended.unwrap_or_else(|_| panic!("{program} {arguments:?} does not end"));
    ended.unwrap_or_else(|error| panic!("{program}: {error}; tests/setup installs it"))
}

fn speech(kind: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/speech").join(kind);
    assert!(folder.is_dir(), "{} is not there; tests/setup makes it", folder.display());
    folder
}

fn files(kind: &str) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(speech(kind)).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path())
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
