//! Who transcribes and who summarises: one small question to each, as the service would ask it.

use std::time::Duration;

use actors::ports::{PIECE_SAMPLE_RATE, Piece, ProviderError, Speech};
use reqwest::multipart::{Form, Part};
use secrecy::SecretString;
use serde_json::json;

use super::{Checked, Finding};
use crate::app::pipeline::endpoint;
use crate::config::{Config, LanguageModelProvider, SpeechProvider};
use crate::openai::{Endpoint, Failure};
use crate::speech::command::{CommandSpeech, CommandSpeechConfig};
use crate::speech::wav::wav;

/// A model that has to be loaded first takes its time.
const DEADLINE: Duration = Duration::from_secs(20);
const SPEECH: &str = "speech";
const LANGUAGE_MODEL: &str = "language model";

/// Whom a finding is about: the section of its keys, and its name in sentences.
#[derive(Clone, Copy)]
struct Who {
    section: &'static str,
    name: &'static str,
    codes: Codes,
}

#[derive(Clone, Copy)]
struct Codes {
    html: &'static str,
    shut_out: &'static str,
    model: &'static str,
    path: &'static str,
    refused: &'static str,
    unreachable: &'static str,
    failing: &'static str,
    slow: &'static str,
}

const TRANSCRIBER: Who = Who {
    section: "speech",
    name: "speech service",
    codes: Codes {
        html: "speech_answers_html",
        shut_out: "speech_key_refused",
        model: "speech_model_unknown",
        path: "speech_not_there",
        refused: "speech_refuses",
        unreachable: "speech_unreachable",
        failing: "speech_failing",
        slow: "speech_slow",
    },
};

const READER: Who = Who {
    section: "language_model",
    name: "language model",
    codes: Codes {
        html: "language_model_answers_html",
        shut_out: "language_model_key_refused",
        model: "language_model_model_unknown",
        path: "language_model_not_there",
        refused: "language_model_refuses",
        unreachable: "language_model_unreachable",
        failing: "language_model_failing",
        slow: "language_model_slow",
    },
};

/// What came of a question, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Answer,
    Html {
        status: Option<u16>,
    },
    /// Whatever it is, it is none of the documents that are documented.
    Nonsense,
    Failed {
        error: ProviderError,
        status: Option<u16>,
        speaks_of_model: bool,
    },
}

pub(super) async fn speech(config: &Config) -> ((), Checked) {
    let speech = &config.speech;
    let checked = match speech.provider {
        SpeechProvider::Off => Checked::skipped(SPEECH, "speech.provider is off"),
        SpeechProvider::OpenAi => {
            let heard = ask(&speech.base_url, &speech.api_key, &speech.model, Question::Transcribe);
            told(SPEECH, TRANSCRIBER, &heard.await, &speech.model)
        }
        SpeechProvider::Command => command(config).await,
    };
    ((), checked)
}

pub(super) async fn language_model(config: &Config) -> ((), Checked) {
    let model = &config.language_model;
    let checked = match model.provider {
        LanguageModelProvider::Off => {
            Checked::skipped(LANGUAGE_MODEL, "language_model.provider is off")
        }
        LanguageModelProvider::OpenAi => {
            let heard = ask(&model.base_url, &model.api_key, &model.model, Question::Complete);
            told(LANGUAGE_MODEL, READER, &heard.await, &model.model)
        }
    };
    ((), checked)
}

enum Question {
    Transcribe,
    Complete,
}

async fn ask(base_url: &str, key: &SecretString, model: &str, question: Question) -> Heard {
    let unasked = |why: &str| Heard::Failed {
        error: ProviderError::Refused(why.to_owned()),
        status: None,
        speaks_of_model: false,
    };
    let Ok(config) = endpoint(base_url, key, model, DEADLINE) else {
        return unasked("the URL cannot be read");
    };
    let Ok(endpoint) = Endpoint::new(config) else { return unasked("TLS cannot be set up") };
    let answered = match question {
        Question::Transcribe => {
            let file = Part::bytes(wav(&second_of_silence())).file_name("piece.wav");
            let file = file.mime_str("audio/wav").expect("a media type");
            let form = Form::new().part("file", file).text("model", model.to_owned());
            let form = form.text("response_format", "json");
            endpoint.post(&["audio", "transcriptions"], |request| request.multipart(form)).await
        }
        Question::Complete => {
            let question = yes_or_no(model);
            endpoint.post(&["chat", "completions"], |request| request.json(&question)).await
        }
    };
    heard(answered)
}

fn heard(answered: Result<Vec<u8>, Failure>) -> Heard {
    match answered {
        Ok(body) => {
            let text = String::from_utf8_lossy(&body);
            if looks_like_html(&text) {
                Heard::Html { status: Some(200) }
            } else if serde_json::from_slice::<serde_json::Value>(&body)
                .is_ok_and(|it| it.is_object())
            {
                Heard::Answer
            } else {
                Heard::Nonsense
            }
        }
        Err(failure) => {
            let is_html = ["<html", "<HTML", "<!doctype", "<!DOCTYPE"];
            if is_html.iter().any(|word| failure.speaks_of(word)) {
                return Heard::Html { status: failure.status };
            }
            let speaks_of_model = failure.speaks_of("model");
            Heard::Failed { status: failure.status, speaks_of_model, error: failure.error }
        }
    }
}

fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<html") || start.starts_with("<!doctype")
}

fn yes_or_no(model: &str) -> serde_json::Value {
    let schema = json!({
        "type": "object",
        "properties": { "ok": { "type": "boolean" } },
        "required": ["ok"],
        "additionalProperties": false,
    });
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Are you there? Answer {\"ok\": true}." }],
        "response_format": {
            "type": "json_schema",
            "json_schema": { "name": "presence", "strict": true, "schema": schema },
        },
    })
}

fn second_of_silence() -> Vec<i16> {
    vec![0; PIECE_SAMPLE_RATE as usize]
}

fn told(check: &'static str, who: Who, heard: &Heard, model: &str) -> Checked {
    let detail = match heard {
        Heard::Answer => format!("{model} answers"),
        Heard::Html { .. } | Heard::Nonsense | Heard::Failed { .. } => {
            format!("{model} does not answer")
        }
    };
    Checked::made(check, detail, judge(who, heard, model).into_iter().collect())
}

fn judge(who: Who, heard: &Heard, model: &str) -> Option<Finding> {
    let Who { section, name, codes } = who;
    let finding = match heard {
        Heard::Answer => return None,
        Heard::Html { status } => Finding::fault(codes.html, format!("The {name} answers with a page for people"))
            .seen(format!("HTML, status {}", status.unwrap_or(200)))
            .mend(format!("Set {section}.base_url to where /v1/… is served; a login page or a proxy's error page is there now")),
        Heard::Nonsense => Finding::fault(codes.html, format!("The {name} answers something else than JSON"))
            .seen("the answer is no JSON object")
            .mend(format!("Set {section}.base_url to a service with OpenAI's interface")),
        Heard::Failed { error, status, speaks_of_model } => failed(who, error, *status, *speaks_of_model, model),
    };
    Some(finding)
}

fn failed(
    Who { section, name, codes }: Who,
    error: &ProviderError,
    status: Option<u16>,
    speaks_of_model: bool,
    model: &str,
) -> Finding {
    let evidence = error.to_string();
    match error {
        ProviderError::ShutOut(_) => Finding::fault(codes.shut_out, format!("The {name} does not let us in"))
            .seen(evidence)
            .mend(format!("Set {section}.api_key or {section}.api_key_file to a key that is good and paid for")),
        ProviderError::Refused(_) if speaks_of_model && matches!(status, Some(400 | 404 | 422)) => {
            Finding::fault(codes.model, format!("The {name} has no model of this name"))
                .seen(format!("{section}.model is {model}; {evidence}"))
                .mend(format!("Set {section}.model to one that the service lists at /v1/models"))
        }
        ProviderError::Refused(_) if status == Some(404) => {
            Finding::fault(codes.path, format!("There is no {name} at this address"))
                .seen(evidence)
                .mend(format!("Set {section}.base_url to the URL before /v1/…; whisper.cpp's server needs --inference-path /v1/audio/transcriptions"))
        }
        ProviderError::Refused(_) | ProviderError::Nonsense(_) => {
            Finding::fault(codes.refused, format!("The {name} refuses what the service asks of it"))
                .seen(evidence)
                .mend(format!("Set {section}.model and {section}.base_url to a service with OpenAI's interface and, for language models, JSON schemas"))
        }
        ProviderError::Unreachable(_) => Finding::fault(codes.unreachable, format!("The {name} cannot be reached"))
            .seen(evidence)
            .mend(format!("Start it, or set {section}.base_url to where it listens")),
        ProviderError::Throttled { .. } => Finding::warning(codes.slow, format!("The {name} asks for a pause"))
            .seen(evidence)
            .mend(format!("Lower {section}.workers, or have its limits raised")),
        ProviderError::Unavailable(_) if status.is_none() => {
            Finding::warning(codes.slow, format!("The {name} does not answer within {} s", DEADLINE.as_secs()))
                .seen(evidence)
                .mend(format!("See whether it is overloaded; {section}.timeout_ms is what the service itself allows it"))
        }
        ProviderError::Unavailable(_) => Finding::fault(codes.failing, format!("The {name} fails"))
            .seen(evidence)
            .mend("See its own log; jobs wait and are tried again meanwhile"),
    }
}

/// Runs the program on a second of silence, as the service runs it.
async fn command(config: &Config) -> Checked {
    // Of its own: what lies longer than the deadline in the service's is swept.
    let Ok(workplace) = tempfile::tempdir() else {
        return Checked::skipped(SPEECH, "there is no place for a temporary file");
    };
    let (folder, timeout) = (workplace.path().join("pieces"), DEADLINE);
    let command = config.speech.command.clone();
    let longest_piece = Duration::from_secs(config.speech.piece_seconds);
    let speech =
        match CommandSpeech::new(CommandSpeechConfig { command, folder, timeout, longest_piece }) {
            Ok(speech) => speech,
            Err(error) => {
                let finding = Finding::fault(
                    "speech_command_malformed",
                    "The command line for speech cannot be used",
                )
                .seen(error.to_string())
                .mend("Set speech.command to a program and its arguments, {wav} among them");
                return Checked::made(SPEECH, "the command line cannot be used", vec![finding]);
            }
        };
    let piece = Piece {
        channel: 0,
        channels: 1,
        start: Duration::ZERO,
        samples: second_of_silence(),
        voiced: Vec::new(),
    };
    match speech.transcribe(&piece, None).await {
        Ok(_) => Checked::made(SPEECH, "the program runs", Vec::new()),
        Err(error) => {
            let finding = of_program(&error);
            Checked::made(SPEECH, "the program does not run as it should", vec![finding])
        }
    }
}

fn of_program(error: &ProviderError) -> Finding {
    let evidence = error.to_string();
    match error {
        ProviderError::Refused(_) => Finding::fault("speech_command_missing", "The program for speech cannot be started")
            .seen(evidence)
            .mend("Install it, or set speech.command to its whole path; chmod +x makes it a program"),
        ProviderError::Nonsense(_) => Finding::fault("speech_command_prints_nonsense", "What the program for speech prints cannot be read")
            .seen(evidence)
            .mend("Have it print OpenAI's verbose_json, whisper.cpp's -oj, or text: see speech.command in config/default.toml"),
        ProviderError::Unavailable(_)
        | ProviderError::Unreachable(_)
        | ProviderError::ShutOut(_)
        | ProviderError::Throttled { .. } => Finding::fault("speech_command_fails", "The program for speech fails on a second of silence")
            .seen(evidence)
            .mend("Run speech.command by hand on a WAV file, as the service's user; log.filter = hearback=debug logs its complaint"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(heard: &Heard) -> Option<&'static str> {
        judge(TRANSCRIBER, heard, "a-model").map(|finding| finding.code)
    }

    fn failed(error: ProviderError, status: Option<u16>, speaks_of_model: bool) -> Heard {
        Heard::Failed { error, status, speaks_of_model }
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let refused = || ProviderError::Refused("HTTP 404".to_owned());
        let away = || ProviderError::Unavailable("it did not answer in time".to_owned());
        for (heard, code) in [
            (heard(Ok(b"{\"text\":\"\"}".to_vec())), None),
            (heard(Ok(b" <!DOCTYPE html>".to_vec())), Some("speech_answers_html")),
            (heard(Ok(b"<html>".to_vec())), Some("speech_answers_html")),
            (heard(Ok(b"hello".to_vec())), Some("speech_answers_html")),
            (
                failed(ProviderError::ShutOut("HTTP 401".to_owned()), Some(401), true),
                Some("speech_key_refused"),
            ),
            (failed(refused(), Some(404), true), Some("speech_model_unknown")),
            (failed(refused(), Some(404), false), Some("speech_not_there")),
            (failed(refused(), Some(415), true), Some("speech_refuses")),
            (
                failed(ProviderError::Unreachable("refused".to_owned()), None, false),
                Some("speech_unreachable"),
            ),
            (failed(away(), None, false), Some("speech_slow")),
            (failed(away(), Some(500), false), Some("speech_failing")),
        ] {
            assert_eq!(code_of(&heard), code, "{heard:?}");
        }
    }
}
