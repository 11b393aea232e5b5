//! `POST /v1/audio/transcriptions`, in the forms that OpenAI answers it in.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::recognise::{Said, Stretch, recognise};
use super::{FILE_BYTES_MAX, Provider, Refused};
use crate::simulator::{blocking, wav};

const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
const SHORTEST_MS: u64 = 100;

/// What a whisper looks at at once.
const WINDOW_MS: u64 = 30_000;

pub(super) async fn create(
    State(provider): State<Arc<Provider>>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refused> {
    let form = form.map_err(|rejection| Refused::invalid(rejection.body_text(), None))?;
    let wish = Wish::read(form).await?;
    let transcript = blocking(move || transcribed(&wish).map(|it| wish.answer(&it))).await?;
    provider.transcriptions.fetch_add(1, Ordering::Relaxed);
    Ok(transcript)
}

#[derive(Default)]
struct Wish {
    file: Bytes,
    language: Option<String>,
    form: Form,
    words: bool,
    segments: bool,
}

#[derive(Default)]
enum Form {
    #[default]
    Json,
    Text,
    Srt,
    Vtt,
    VerboseJson,
}

struct Transcript {
    lasts_ms: u64,
    language: String,
    turns: Vec<Said>,
}

impl Wish {
    async fn read(mut form: Multipart) -> Result<Self, Refused> {
        let mut wish = Self::default();
        let (mut file, mut model) = (None, None);
        while let Some(field) = form.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => file = Some(field.bytes().await?),
                "model" => model = Some(text(field, "model").await?).filter(|it| !it.is_empty()),
                "language" => wish.language = Some(text(field, "language").await?),
                "response_format" => {
                    wish.form = Form::read(&text(field, "response_format").await?)?
                }
                "timestamp_granularities[]" | "timestamp_granularities" => {
                    let param = "timestamp_granularities";
                    match text(field, param).await?.as_str() {
                        "word" => wish.words = true,
                        "segment" => wish.segments = true,
                        _ => return Err(Refused::invalid("'word' or 'segment'", Some(param))),
                    }
                }
                // Prompt, temperature and what else there may be change nothing.
                _ => drop(field.bytes().await?),
            }
        }
        wish.segments |= !wish.words;
        model
            .ok_or_else(|| Refused::invalid("you must provide a model parameter", Some("model")))?;
        wish.file = file.ok_or_else(|| Refused::invalid("no file was sent", Some("file")))?;
        if wish.file.len() > FILE_BYTES_MAX {
            return Err(Refused::too_large());
        }
        Ok(wish)
    }

    fn answer(&self, transcript: &Transcript) -> Response {
        let text = transcript.text();
        let seconds = transcript.lasts_ms.div_ceil(1_000);
        let usage = json!({ "type": "duration", "seconds": seconds });
        match self.form {
            Form::Json => Json(json!({ "text": text, "usage": usage })).into_response(),
            Form::Text => plain(text + "\n"),
            Form::Srt => plain(transcript.subtitles("", ',', true)),
            Form::Vtt => plain(transcript.subtitles("WEBVTT\n\n", '.', false)),
            Form::VerboseJson => {
                let mut answer = json!({
                    "task": "transcribe",
                    "language": transcript.language,
                    "duration": seconds_of(transcript.lasts_ms),
                    "text": text,
                    "usage": usage,
                });
                if self.segments {
                    answer["segments"] = transcript.segments();
                }
                if self.words {
                    answer["words"] = transcript.words();
                }
                Json(answer).into_response()
            }
        }
    }
}

impl Form {
    fn read(name: &str) -> Result<Self, Refused> {
        match name {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "srt" => Ok(Self::Srt),
            "vtt" => Ok(Self::Vtt),
            "verbose_json" => Ok(Self::VerboseJson),
            other => {
                let message = format!(
                    "response_format '{other}' is not one of json, text, srt, verbose_json, vtt"
                );
                Err(Refused::invalid(message, Some("response_format")))
            }
        }
    }
}

async fn text(field: Field<'_>, param: &'static str) -> Result<String, Refused> {
    let bytes = field.bytes().await?;
    String::from_utf8(bytes.into()).map_err(|_| Refused::invalid("not UTF-8", Some(param)))
}

fn transcribed(wish: &Wish) -> Result<Transcript, Refused> {
    let invalid =
        || Refused::invalid("Invalid file format: send a WAV of 16-bit PCM", Some("file"));
    let heard = wav::heard(&wish.file).filter(|it| RATES.contains(&it.rate)).ok_or_else(invalid)?;
    let lasts_ms = heard.samples.len() as u64 * 1_000 / u64::from(heard.rate);
    if lasts_ms < SHORTEST_MS {
        let message = "Audio file is too short. Minimum audio length is 0.1 seconds.";
        return Err(Refused::invalid(message, Some("file")));
    }
    let stretch = recognise(&heard);
    let spoken = stretch.map(|it| it.language());
    let language = spoken.or(wish.language.as_deref()).unwrap_or("en");
    let turns = stretch.as_ref().map(Stretch::said).unwrap_or_default();
    Ok(Transcript { lasts_ms, language: english_name(language).to_owned(), turns })
}

impl Transcript {
    fn text(&self) -> String {
        let turns: Vec<&str> = self.turns.iter().map(|turn| turn.text.as_str()).collect();
        turns.join(" ")
    }

    fn segments(&self) -> Value {
        let segment = |(id, turn): (usize, &Said)| {
            let (start_ms, end_ms) = turn.span_ms();
            let window_ms = start_ms / WINDOW_MS * WINDOW_MS;
            // Only the two that tell times: there is no vocabulary here.
            let tokens = [start_ms, end_ms].map(|ms| 50_364 + (ms - window_ms) / 20);
            json!({
                "id": id,
                "seek": window_ms / 10,
                "start": seconds_of(start_ms),
                "end": seconds_of(end_ms),
                "text": format!(" {}", turn.text),
                "tokens": tokens,
                "temperature": 0.0,
                "avg_logprob": -0.21,
                "compression_ratio": 1.3,
                "no_speech_prob": 0.01,
            })
        };
        self.turns.iter().enumerate().map(segment).collect()
    }

    /// As OpenAI gives them, without the punctuation.
    fn words(&self) -> Value {
        let words = self.turns.iter().flat_map(|turn| &turn.words);
        let word = words.map(|word| {
            let bare = word.text.trim_matches(|c: char| !c.is_alphanumeric());
            let (start, end) = (seconds_of(word.start_ms), seconds_of(word.end_ms));
            json!({ "word": bare, "start": start, "end": end })
        });
        word.collect()
    }

    fn subtitles(&self, head: &str, point: char, numbered: bool) -> String {
        let mut text = head.to_owned();
        for (at, turn) in self.turns.iter().enumerate() {
            if numbered {
                let _ = writeln!(text, "{}", at + 1);
            }
            let (start_ms, end_ms) = turn.span_ms();
            let (start, end) = (clock(start_ms, point), clock(end_ms, point));
            let _ = write!(text, "{start} --> {end}\n{}\n\n", turn.text);
        }
        text
    }
}

impl Said {
    fn span_ms(&self) -> (u64, u64) {
        let first = self.words.first().map_or(0, |word| word.start_ms);
        (first, self.words.last().map_or(first, |word| word.end_ms))
    }
}

impl From<MultipartError> for Refused {
    fn from(error: MultipartError) -> Self {
        match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            _ => Self::invalid(error.body_text(), None),
        }
    }
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn clock(ms: u64, point: char) -> String {
    let (seconds, minutes, hours) = (ms / 1_000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", ms % 1_000)
}

fn seconds_of(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// OpenAI takes codes and answers names.
fn english_name(code: &str) -> &str {
    match code {
        "en" => "english",
        "he" => "hebrew",
        other => other,
    }
}
