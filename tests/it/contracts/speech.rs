//! The contract of the port `Speech`: services that answer in their different ways, and a recogniser at work.

mod recogniser;

use std::time::Duration;

use actors::domain::Transcript;
use actors::ports::{PIECE_SAMPLE_RATE, Piece, ProviderError, Speech};
use hearback::openai::EndpointConfig;
use hearback::speech::openai::{OpenAiSpeech, OpenAiSpeechConfig};
use serde_json::{Value, json};

use super::providers::{self, Answer, Asked, Provider, SAID, endpoint, lossy};

const LONGEST: Duration = Duration::from_mins(5);

/// Four seconds, of which somebody speaks in the middle two.
fn piece() -> Piece {
    let second = Duration::from_secs;
    Piece {
        channel: 1,
        channels: 2,
        start: second(30),
        samples: (0..4 * PIECE_SAMPLE_RATE).map(|at| (at % 1_000) as i16 - 500).collect(),
        voiced: vec![(second(1), second(3))],
    }
}

fn speech(endpoint: EndpointConfig) -> OpenAiSpeech {
    OpenAiSpeech::new(OpenAiSpeechConfig { endpoint, longest_piece: LONGEST }).expect("an adapter")
}

async fn ask(endpoint: EndpointConfig) -> ProviderError {
    speech(endpoint).transcribe(&piece(), None).await.expect_err("no service")
}

#[tokio::test]
async fn refusals_mean_what_they_say() {
    providers::refusals_mean_what_they_say(ask).await;
}

#[tokio::test]
async fn answers_of_no_use_are_nonsense() {
    providers::answers_of_no_use_are_nonsense(ask).await;
}

#[tokio::test]
async fn broken_connections_and_late_answers_are_a_matter_of_time() {
    providers::broken_connections_and_late_answers_are_a_matter_of_time(ask).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    providers::a_redirect_is_not_followed(ask).await;
}

#[tokio::test]
async fn the_key_is_a_bearer_token_or_not_sent_at_all() {
    providers::the_key_is_a_bearer_token_or_not_sent_at_all(ask).await;
}

/// `0.5–2 Good morning [Good 0.5–1, …]`
fn shown(transcript: &Transcript) -> Vec<String> {
    let seconds = |span: Duration| span.as_secs_f64();
    let shown = transcript.utterances.iter().map(|said| {
        assert_eq!(said.channel, 1);
        let words = said
            .words
            .iter()
            .map(|word| format!("{} {}–{}", word.text, seconds(word.start), seconds(word.end)));
        let words: Vec<String> = words.collect();
        let span = format!("{}–{}", seconds(said.start), seconds(said.end));
        format!("{span} {} [{}]", said.text, words.join(", "))
    });
    shown.collect()
}

/// The values of a field of a form, in their order.
fn field(asked: &Asked, name: &str) -> Vec<String> {
    let start = format!("name=\"{name}\"\r\n\r\n");
    let body = lossy(&asked.body);
    body.split(&start)
        .skip(1)
        .map(|rest| rest.split("\r\n").next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_service_like_openais_gets_a_wav_file_and_tells_words_with_times() {
    let answer = json!({
        "task": "transcribe", "language": "english", "duration": 4.0, "text": format!("Hello, {SAID}."),
        "segments": [{ "id": 0, "seek": 0, "start": 1.0, "end": 3.0, "text": " Hello, Dana.", "tokens": [5],
            "temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01 }],
        "words": [{ "word": "Hello", "start": 1.0, "end": 1.5 }, { "word": "Dana", "start": 2.0, "end": 3.0 }],
        "usage": { "type": "duration", "seconds": 4 },
    });
    let provider = Provider::start(vec![Answer::json(200, &answer)]).await;
    let speech = speech(endpoint(&format!("{}/v1/", provider.url)));
    assert_eq!(speech.piece_limits().longest, LONGEST);
    let heard = speech.transcribe(&piece(), Some("en-US")).await.expect("a transcript");
    assert_eq!(shown(&heard), ["1–3 Hello, Dana. [Hello 1–1.5, Dana 2–3]"]);
    assert_eq!(heard.language.as_deref(), Some("en-US"));

    let asked = &provider.asked()[0];
    assert_eq!(asked.path, "/v1/audio/transcriptions");
    for (name, values) in [
        ("model", vec!["a-model"]),
        ("language", vec!["en"]),
        ("response_format", vec!["verbose_json"]),
        ("timestamp_granularities[]", vec!["segment", "word"]),
        ("temperature", vec!["0"]),
    ] {
        assert_eq!(field(asked, name), values, "{name}");
    }
    assert!(
        lossy(&asked.body)
            .contains("name=\"file\"; filename=\"piece.wav\"\r\nContent-Type: audio/wav")
    );
    let header = asked.body.windows(4).position(|four| four == b"RIFF").expect("a WAV file");
    let samples = &asked.body[header + 44..][..piece().samples.len() * 2];
    let expected: Vec<u8> =
        piece().samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert!(samples == expected, "other samples");
}

#[tokio::test]
async fn a_service_like_whisper_cpps_tells_parts_of_words_within_segments() {
    let answer = json!({
        "task": "transcribe", "language": "hebrew", "duration": 4.0, "text": " שלום דנה\n",
        "detected_language": "hebrew", "detected_language_probability": 0.98, "language_probabilities": {},
        "segments": [{ "id": 0, "text": " שלום דנה", "start": 0.0, "end": 4.5, "tokens": [1, 2, 3], "words": [
            { "word": " שלום", "start": 1.0, "end": 1.5, "t_dtw": -1, "probability": 0.9 },
            { "word": " ד", "start": 2.0, "end": 2.25, "t_dtw": -1, "probability": 0.9 },
            { "word": "נה", "start": 2.25, "end": 2.5, "t_dtw": -1, "probability": 0.9 },
        ], "temperature": 0.0, "avg_logprob": -0.1, "no_speech_prob": 0.0 }],
    });
    let provider = Provider::start(vec![Answer::json(200, &answer)]).await;
    let heard = speech(endpoint(&provider.url)).transcribe(&piece(), None).await;
    let heard = heard.expect("a transcript");
    assert_eq!(shown(&heard), ["0–4 שלום דנה [שלום 1–1.5, דנה 2–2.5]"]);
    assert_eq!(heard.language.as_deref(), Some("he"));
    assert_eq!(field(&provider.asked()[0], "language"), [""; 0]);
}

fn refuses_verbose_json() -> Value {
    json!({ "error": {
        "message": "response_format 'verbose_json' is not compatible with model 'a-model'. Use 'json' instead.",
        "type": "invalid_request_error", "param": "response_format", "code": "unsupported_value",
    } })
}

#[tokio::test]
async fn a_service_without_times_is_asked_for_text_and_then_for_nothing_else() {
    let text = Answer::json(200, &json!({ "text": "Hello, Dana.", "usage": { "type": "tokens" } }));
    let answers = vec![Answer::json(400, &refuses_verbose_json()), text.clone(), text];
    let provider = Provider::start(answers).await;
    let speech = speech(endpoint(&provider.url));
    for _ in 0..2 {
        let heard = speech.transcribe(&piece(), Some("en")).await.expect("a transcript");
        assert_eq!(shown(&heard), ["1–3 Hello, Dana. []"]);
        assert_eq!(heard.language.as_deref(), Some("en"));
    }
    let formats: Vec<_> =
        provider.asked().iter().flat_map(|asked| field(asked, "response_format")).collect();
    assert_eq!(formats, ["verbose_json", "json", "json"]);
}

#[tokio::test]
async fn what_fails_for_another_reason_is_asked_with_times_again() {
    let words = json!({ "text": "Yes", "words": [{ "word": "Yes", "start": 1.0, "end": 2.0 }] });
    let answers = vec![
        Answer::json(400, &refuses_verbose_json()),
        Answer::text(503, ""),
        Answer::json(200, &words),
    ];
    let provider = Provider::start(answers).await;
    let speech = speech(endpoint(&provider.url));
    let error = speech.transcribe(&piece(), None).await.expect_err("out of order");
    assert_eq!(error, ProviderError::Unreachable("HTTP 503".to_owned()));
    let heard = speech.transcribe(&piece(), None).await.expect("a transcript");
    assert_eq!(shown(&heard), ["1–2 Yes [Yes 1–2]"]);
}

#[tokio::test]
async fn numbers_that_are_none_cost_the_times_and_not_the_words() {
    let answer = r#"{"text":"Yes","words":[{"word":"Yes","start":NaN,"end":NaN}]}"#;
    let provider = Provider::start(vec![Answer::text(200, answer)]).await;
    let heard = speech(endpoint(&provider.url)).transcribe(&piece(), None).await;
    assert_eq!(shown(&heard.expect("a transcript")), ["1–3 Yes []"]);
}
