//! Speech over OpenAI's interface: `POST /v1/audio/transcriptions`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actors::domain::Transcript;
use actors::ports::{Piece, PieceLimits, ProviderError, Speech};
use async_trait::async_trait;
use bytes::Bytes;
use reqwest::Body;
use reqwest::multipart::{Form, Part};

use super::heard;
use super::languages::primary;
use super::wav::wav;
use crate::openai::{Endpoint, EndpointConfig, Failure};

#[derive(Debug, Clone)]
pub struct OpenAiSpeechConfig {
    pub endpoint: EndpointConfig,
    /// OpenAI takes 25 MB, which are 13 minutes.
    pub longest_piece: Duration,
}

pub struct OpenAiSpeech {
    endpoint: Endpoint,
    longest_piece: Duration,
    /// It tells no times, and asking for them is refused: found out at the first piece.
    only_text: AtomicBool,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
enum Detail {
    /// Segments and words with times.
    Verbose,
    Text,
}

impl OpenAiSpeech {
    /// Fails only where TLS cannot be set up.
    pub fn new(config: OpenAiSpeechConfig) -> reqwest::Result<Self> {
        let OpenAiSpeechConfig { endpoint, longest_piece } = config;
        let endpoint = Endpoint::new(endpoint)?;
        Ok(Self { endpoint, longest_piece, only_text: AtomicBool::new(false) })
    }

    async fn ask(
        &self,
        file: Bytes,
        language: Option<&str>,
        detail: Detail,
    ) -> Result<Vec<u8>, Failure> {
        let length = file.len() as u64;
        let file = Part::stream_with_length(Body::from(file), length)
            .file_name("piece.wav")
            .mime_str("audio/wav")
            .expect("a media type");
        let mut form = Form::new()
            .part("file", file)
            .text("model", self.endpoint.model().to_owned())
            .text("temperature", "0");
        if let Some(language) = language {
            form = form.text("language", primary(language).to_owned());
        }
        form = match detail {
            Detail::Verbose => form
                .text("response_format", "verbose_json")
                .text("timestamp_granularities[]", "segment")
                .text("timestamp_granularities[]", "word"),
            Detail::Text => form.text("response_format", "json"),
        };
        let path = ["audio", "transcriptions"];
        self.endpoint.post(&path, |request| request.multipart(form)).await
    }
}

#[async_trait]
impl Speech for OpenAiSpeech {
    fn piece_limits(&self) -> PieceLimits {
        PieceLimits { longest: self.longest_piece }
    }

    async fn transcribe(
        &self,
        piece: &Piece,
        language: Option<&str>,
    ) -> Result<Transcript, ProviderError> {
        let file = Bytes::from(wav(&piece.samples));
        if !self.only_text.load(Ordering::Relaxed) {
            match self.ask(file.clone(), language, Detail::Verbose).await {
                Ok(document) => return heard::transcript(&document, piece, language),
                Err(failure) if refuses_times(&failure) => {}
                Err(failure) => return Err(failure.error),
            }
        }
        let document =
            self.ask(file, language, Detail::Text).await.map_err(|failure| failure.error)?;
        if !self.only_text.swap(true, Ordering::Relaxed) {
            tracing::info!("the speech service tells no times of words");
        }
        heard::transcript(&document, piece, language)
    }
}

/// As `gpt-4o-transcribe` does: "response_format 'verbose_json' is not compatible with model …".
fn refuses_times(failure: &Failure) -> bool {
    let of_settings = matches!(failure.status, Some(400 | 422));
    let words = ["response_format", "verbose_json", "timestamp_granularities"];
    of_settings && words.into_iter().any(|word| failure.speaks_of(word))
}
