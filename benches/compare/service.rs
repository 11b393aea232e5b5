//! The service under measurement: the real binary, with recordings that it fetched itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use actors::domain::{AccountSid, CallSid, RecordingSid};
use anyhow::ensure;
use bytes::Bytes;
use hearback::simulator::{SYNTHETIC_FRAME_BYTES, call_sid, recording_sid, synthetic_mpeg};
use hearback::twilio::signature::sign;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::http::{self, Exchange, Expected, request};
use crate::process::{Process, free_address};
use crate::source::{Source, Sourced};

pub(crate) const ACCOUNT: AccountSid = AccountSid::from_bits(0xac);
const ACCOUNT_TOKEN: &str = "the-auth-token-of-the-account";
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
const FRAME_MS: usize = 24;

pub(crate) struct Service {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// From the start to the first answer that it is ready.
    pub(crate) ready_after: Duration,
    authorization: String,
}

/// A call's recording at the source, told of or not.
pub(crate) struct Recorded {
    pub(crate) call: CallSid,
    pub(crate) recording: RecordingSid,
    pub(crate) at_source: Arc<Sourced>,
}

impl Service {
    /// With its data in `folder`, and no reason to pace itself or those who listen.
    pub(crate) fn start(
        folder: &Path,
        source: SocketAddr,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (program, address) = (program()?, free_address()?);
        let environment = environment(address, source, settings);
        let mut process = Process::start(&program, &["serve"], &environment, folder)?;
        let ready_after = process.await_answer(address, "/readyz", 200)?;
        let mut mint = Command::new(&program);
        mint.args(["token", "mint", "--business", "default", "--role", "operator", "--ttl", "1d"]);
        let minted = mint.current_dir(folder).env_clear().envs(environment).output()?;
        ensure!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        let token = String::from_utf8(minted.stdout)?;
        let authorization = format!("Authorization: Bearer {}\r\n", token.trim_end());
        Ok(Self { process, address, ready_after, authorization })
    }

    /// Twilio tells of a recorded call; returns when the service knows it.
    pub(crate) fn announce(&self, recorded: &Recorded) -> anyhow::Result<()> {
        let path = "/webhooks/twilio/recording-status";
        let frames = recorded.at_source.body.len() / SYNTHETIC_FRAME_BYTES;
        let params = [
            ("AccountSid", ACCOUNT.to_string()),
            ("CallSid", recorded.call.to_string()),
            ("RecordingSid", recorded.recording.to_string()),
            ("RecordingStatus", "completed".to_owned()),
            ("RecordingDuration", (frames * FRAME_MS / 1_000).to_string()),
            ("RecordingChannels", "1".to_owned()),
        ];
        let params: Vec<_> = params.map(|(name, value)| (name.to_owned(), value)).into();
        let signature = sign(ACCOUNT_TOKEN, &format!("http://{}{path}", self.address), &params);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
        let head = format!(
            "X-Twilio-Signature: {signature}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n",
            form.len()
        );
        let posted = [request("POST", path, &head), form.into_bytes()].concat();
        let answer = http::ask(self.address, &posted)?;
        ensure!(answer.status == 204, "the webhook is answered {}", answer.status);
        let status = format!("/api/recordings/{}/status", recorded.call);
        self.await_status(&status, 200)
    }

    pub(crate) fn await_status(&self, path: &str, status: u16) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let answer = http::get(self.address, path, &self.authorization)?.status;
            if answer == status {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "{path} is still answered {answer}");
            sleep(POLL);
        }
    }

    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Asks for all of a recording, as an audio element does.
    pub(crate) fn play(&self, recorded: &Recorded, range: Option<(usize, usize)>) -> Exchange {
        let lines = format!("{}Sec-Fetch-Dest: audio\r\n", self.authorization);
        let etag = format!("\"{}-mp3-1\"", recorded.recording);
        play(&file_path(recorded), &lines, &recorded.at_source.body, &etag, range)
    }
}

/// As far as it is the same for the service and for peers.
pub(crate) fn play(
    path: &str,
    lines: &str,
    whole: &Bytes,
    etag: &str,
    range: Option<(usize, usize)>,
) -> Exchange {
    let etag = etag.to_owned();
    let Some((first, last)) = range else {
        let content_length = Some(whole.len());
        let (content_range, body) = (None, whole.clone());
        let expected = Expected { status: 200, etag, content_length, content_range, body };
        return Exchange { request: request("GET", path, lines), expected };
    };
    let asked = format!("{lines}Range: bytes={first}-{last}\r\n");
    let expected = Expected {
        status: 206,
        etag,
        content_length: Some(last - first + 1),
        content_range: Some(format!("bytes {first}-{last}/{}", whole.len())),
        body: whole.slice(first..=last),
    };
    Exchange { request: request("GET", path, &asked), expected }
}

pub(crate) fn file_path(recorded: &Recorded) -> String {
    format!("/api/recordings/file/{}", recorded.call)
}

impl Recorded {
    /// The `index`th, of about so many bytes: always the same ones for the same index.
    pub(crate) fn at(
        source: &Source,
        index: u64,
        bytes: usize,
        first_byte_after: Duration,
        bytes_per_second: u64,
    ) -> Self {
        let (call, recording) = (call_sid(1, index), recording_sid(2, index));
        let body = synthetic_mpeg(bytes, index).into();
        let path = source_path(recording);
        let at_source = source.add(&path, body, first_byte_after, bytes_per_second);
        Self { call, recording, at_source }
    }
}

pub(crate) fn source_path(recording: RecordingSid) -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}.mp3")
}

/// Beside this one, where `make bench` has it built.
fn program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("hearback");
    ensure!(program.exists(), "{} is not there: cargo build --release", program.display());
    Ok(program)
}

fn environment(
    address: SocketAddr,
    source: SocketAddr,
    settings: &[(&str, &str)],
) -> Vec<(String, String)> {
    let (address, source) = (address.to_string(), format!("http://{source}"));
    let account = ACCOUNT.to_string();
    let always = [
        ("TWILIO_ACCOUNT_SID", account.as_str()),
        ("TWILIO_AUTH_TOKEN", ACCOUNT_TOKEN),
        ("HEARBACK_SERVER__LISTEN", &address),
        ("HEARBACK_TWILIO__BASE_URL", &source),
        ("HEARBACK_TWILIO__REQUESTS_PER_SECOND", "1000"),
        ("HEARBACK_TWILIO__RECONCILE_EVERY_MS", "0"),
        ("HEARBACK_PLAY__REQUESTS_PER_SECOND", "100000000"),
        ("HEARBACK_PLAY__REQUESTS_BURST", "100000000"),
        ("HEARBACK_PLAY__PREFETCH", "false"),
        ("HEARBACK_LOG__FILTER", "warn"),
    ];
    let all = always.iter().chain(settings);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Waits until whatever the service does by itself is done, as far as that shows in processor time.
pub(crate) fn settle(process: &Process) -> anyhow::Result<()> {
    const QUIET: Duration = Duration::from_millis(300);
    let started = Instant::now();
    loop {
        let before = process.processor_time();
        sleep(QUIET);
        // A thread that ended meanwhile took its time away with it.
        if process.processor_time().saturating_sub(before) < QUIET / 20 {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "it does not come to rest");
    }
}
