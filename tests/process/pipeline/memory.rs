//! However long a recording is, the memory that hearing it takes is bounded.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::Stage;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use hearback::simulator::{PlannedCall, PlannedRecording, speech};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::records::Records;
use crate::campaign;
use crate::home::{Home, until_within};

const MINUTES: u64 = 10;
const MINUTES_LONG: u64 = 120;
const PEAK_BYTES_MAX: u64 = 200_000_000;
/// Of an unoptimised service, on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_mins(20);

const SCRIPT: &str = "long-diagnosis";
const CHANNELS: u8 = 2;
const SAMPLE_RATE: u32 = 8_000;
const WAV_HEADER_BYTES: usize = 44;
/// Of 16 bits, at the rate at which a speech service is sent its pieces.
const PIECE_BYTES_PER_SECOND: usize = 32_000;
const CHUNK_BYTES: usize = 16 * 1_024;
const SEGMENT_SECONDS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn campaign_memory_two_hours_of_two_channels_are_heard_in_bounded_memory() {
    let minutes = campaign::size(MINUTES, MINUTES_LONG);
    let (home, simulator) = Home::with_simulator().await;
    let line = Line::open(minutes).await;
    let home = home
        .with("HEARBACK_TWILIO__BASE_URL", line.url())
        .with("HEARBACK_SPEECH__PROVIDER", "openai")
        .with("HEARBACK_SPEECH__BASE_URL", line.url())
        .with("HEARBACK_SPEECH__MODEL", "quick");
    let (process, _) = home.serve().await;
    let recording = PlannedRecording {
        channels: CHANNELS,
        announced_s: Some(minutes * 60),
        ..PlannedRecording::default()
    };
    let plan = PlannedCall { recordings: vec![recording], ..PlannedCall::default() };
    let (placed, delivered) = simulator.place_call(plan).await.expect("placed");
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
    let (records, recording) = (Records::of(&home), placed.recordings[0]);
    for stage in [Stage::Measure, Stage::Transcribe] {
        let ((), took) = until_within(HEARD_WITHIN, "it is heard", async || {
            let job = records.job(recording, stage).await?;
            assert!(job.attempt <= 1, "{job:?}: {}", home.log());
            (job.state == "done").then_some(())
        })
        .await;
        eprintln!("{minutes} minutes: {stage:?} is done after {took:?} more");
    }
    let peak = process.peak_bytes();
    eprintln!("{minutes} minutes of two channels: at most {} MB", peak / 1_000_000);
    let last_ms = records.last_word_ms(recording).await;
    assert!(last_ms + 60_000 > minutes as i64 * 60_000, "it was heard until {last_ms} ms");
    assert!(peak < PEAK_BYTES_MAX, "{peak} bytes");
}

/// A Twilio that has one recording, and a speech service that answers at once.
///
/// What it sends is made while it is sent: a scripted call, over and over, on both channels. So somebody speaks all the
/// time on each, and pieces are as long as they may be.
struct Line {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Spoken {
    wav: Loop,
    mp3: Loop,
}

/// The same content again and again.
#[derive(Clone)]
struct Loop {
    head: Bytes,
    content: Bytes,
    content_bytes: usize,
}

impl Line {
    async fn open(minutes: u64) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new()
            .route("/2010-04-01/Accounts/{account}/Recordings/{file}", get(recording))
            .route("/v1/audio/transcriptions", post(transcription))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(Spoken::of(minutes)));
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("it serves");
        });
        Self { address, _serving: AbortOnDropHandle::new(serving) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Spoken {
    fn of(minutes: u64) -> Self {
        let script = speech::script(SCRIPT).expect("a script");
        let wav = script.wav(1).expect("one channel");
        let samples_bytes =
            minutes as usize * 60 * SAMPLE_RATE as usize * 2 * usize::from(CHANNELS);
        let wav = Loop {
            head: wav_head(samples_bytes),
            content: on_both_channels(&wav[WAV_HEADER_BYTES..]),
            content_bytes: samples_bytes,
        };
        let mp3 = script.mp3(CHANNELS).expect("two channels");
        // The script lasts for ten minutes.
        let content_bytes = mp3.len() * minutes as usize / 10;
        Self { wav, mp3: Loop { head: Bytes::new(), content: mp3, content_bytes } }
    }
}

fn wav_head(samples_bytes: usize) -> Bytes {
    let block = 2 * u32::from(CHANNELS);
    let length = u32::try_from(samples_bytes).expect("less than 4 GB");
    let mut head = Vec::with_capacity(WAV_HEADER_BYTES);
    head.extend(b"RIFF");
    head.extend((length + WAV_HEADER_BYTES as u32 - 8).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    head.extend(u16::from(CHANNELS).to_le_bytes());
    head.extend(SAMPLE_RATE.to_le_bytes());
    head.extend((SAMPLE_RATE * block).to_le_bytes());
    head.extend((block as u16).to_le_bytes());
    head.extend(b"\x10\0data");
    head.extend(length.to_le_bytes());
    head.into()
}

/// On the second one half a round later.
fn on_both_channels(samples: &[u8]) -> Bytes {
    let (samples, _) = samples.as_chunks::<2>();
    let later = samples.iter().cycle().skip(samples.len() / 2);
    samples.iter().zip(later).flat_map(|(first, second)| [*first, *second]).flatten().collect()
}

impl Loop {
    fn body(&self) -> Body {
        let Self { head, content, content_bytes } = self.clone();
        let pieces = (0..content_bytes).step_by(CHUNK_BYTES).map(move |from| {
            let behind = content[from % content.len()..].iter().chain(content.iter());
            let wanted = CHUNK_BYTES.min(content_bytes - from);
            Ok::<_, Infallible>(behind.take(wanted).copied().collect())
        });
        Body::from_stream(stream::iter([Ok(head)].into_iter().chain(pieces)))
    }

    fn length(&self) -> usize {
        self.head.len() + self.content_bytes
    }
}

async fn recording(
    State(spoken): State<Arc<Spoken>>,
    Path((_, file)): Path<(String, String)>,
) -> Response {
    let (audio, media_type) = match file.split_once('.') {
        Some((_, "wav")) => (&spoken.wav, "audio/x-wav"),
        Some((_, "mp3")) => (&spoken.mp3, "audio/mpeg"),
        Some(_) | None => return StatusCode::NOT_FOUND.into_response(),
    };
    let head = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, audio.length().to_string()),
        (header::ETAG, format!("\"{file}\"")),
    ];
    (head, audio.body()).into_response()
}

/// Something else in each segment, with times, as far as the piece goes.
async fn transcription(form: Bytes) -> Json<Value> {
    let seconds = form.len() / PIECE_BYTES_PER_SECOND;
    let starts = (0..seconds.max(1)).step_by(SEGMENT_SECONDS);
    let (mut segments, mut words) = (Vec::new(), Vec::new());
    for start in starts {
        let end = (start + SEGMENT_SECONDS).min(seconds.max(1));
        let said = ["in", "second", &start.to_string(), "of", &seconds.to_string(), "I", "spoke"]
            .map(str::to_owned);
        for (n, word) in said.iter().enumerate() {
            let at = start as f64 + n as f64 * 0.1;
            words.push(json!({ "word": word, "start": at, "end": at + 0.1 }));
        }
        let text = said.join(" ");
        segments.push(json!({ "id": start, "start": start, "end": end, "text": text }));
    }
    let text: Vec<&str> = segments.iter().filter_map(|it| it["text"].as_str()).collect();
    Json(json!({
        "task": "transcribe",
        "language": "english",
        "duration": seconds,
        "text": text.join(" "),
        "segments": segments,
        "words": words,
    }))
}
