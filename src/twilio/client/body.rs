//! Audio as it arrives: judged by its headers, then by its framing, its pace and its size.

use std::time::Duration;

use actors::domain::{FetchError, NotAudio};
use actors::ports::SourceBody;
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use reqwest::{Response, Version};

use super::deadline::Deadline;
use super::{TwilioClientConfig, unexpected};

/// Of a content type that is none of ours, so much is told.
const CONTENT_TYPE_TOLD_MAX: usize = 80;

/// Whether the headers are those of a recording of at most `limit` bytes whose end can be seen.
pub(super) fn admit(response: &Response, limit: u64) -> Result<(), FetchError> {
    if !matches!(header(response, &CONTENT_ENCODING).as_str(), "" | "identity") {
        return Err(unexpected("an encoded body, though none was asked for"));
    }
    let content_type = header(response, &CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.starts_with("audio/") {
        let told = media_type.chars().take(CONTENT_TYPE_TOLD_MAX).collect();
        return Err(NotAudio::ContentType(told).into());
    }
    match response.content_length() {
        Some(length) if length > limit => Err(FetchError::TooLarge { limit }),
        Some(_) => Ok(()),
        None if marks_its_end(response) => Ok(()),
        None => Err(unexpected("a body whose end cannot be told from a cut")),
    }
}

/// Ends well only where the framing says that it is complete; everything else is an error.
pub(super) fn arriving(
    response: Response,
    config: &TwilioClientConfig,
    deadline: Deadline,
) -> SourceBody {
    let total = response.content_length();
    let arriving = Arriving {
        response,
        deadline,
        idle_timeout: config.idle_timeout,
        limit: config.max_recording_bytes,
        total,
        received: 0,
    };
    let chunks = futures_util::stream::try_unfold(arriving, |mut arriving| async move {
        let chunk = arriving.next().await?;
        Ok(chunk.map(|chunk| (chunk, arriving)))
    });
    SourceBody { total, chunks: chunks.boxed() }
}

struct Arriving {
    response: Response,
    deadline: Deadline,
    idle_timeout: Duration,
    limit: u64,
    total: Option<u64>,
    received: u64,
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let arrived =
            self.deadline.within(self.idle_timeout, "send more", self.response.chunk()).await?;
        // A reset, an early end and broken framing all leave us with a part.
        let Ok(chunk) = arrived else { return Err(self.cut()) };
        let Some(chunk) = chunk else {
            let whole = self.total.is_none_or(|total| total == self.received);
            return if whole { Ok(None) } else { Err(self.cut()) };
        };
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            Err(FetchError::TooLarge { limit: self.limit })
        } else if self.total.is_some_and(|total| self.received > total) {
            Err(self.cut())
        } else {
            Ok(Some(chunk))
        }
    }

    fn cut(&self) -> FetchError {
        FetchError::Cut { received: self.received }
    }
}

/// A body without a length that ends when the connection does (HTTP/1.0) looks the same when it was cut.
fn marks_its_end(response: &Response) -> bool {
    response.version() >= Version::HTTP_2
        || header(response, &TRANSFER_ENCODING).rsplit(',').next().map(str::trim) == Some("chunked")
}

fn header(response: &Response, name: &HeaderName) -> String {
    let value = response.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}
