//! Audio as it arrives: judged by its headers, then by its framing, its pace and its size.

use std::time::Duration;

use actors::domain::{FetchError, NotAudio};
use actors::ports::{Resume, SourceBody};
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
    TRANSFER_ENCODING,
};
use reqwest::{Response, Version};
use tokio::time::Instant;

use super::deadline::Deadline;
use super::{TwilioClientConfig, unexpected};

/// Of a content type that is none of ours, so much is told.
const CONTENT_TYPE_TOLD_MAX: usize = 80;

/// Whether the headers are those of a recording of at most `limit` bytes whose end can be seen.
pub(super) fn admit(response: &Response, limit: u64) -> Result<(), FetchError> {
    admit_audio(response)?;
    match response.content_length() {
        Some(length) if length > limit => Err(FetchError::TooLarge { limit }),
        Some(_) => Ok(()),
        None if marks_its_end(response) => Ok(()),
        None => Err(unexpected("a body whose end cannot be told from a cut")),
    }
}

/// Whether the headers are those of exactly the rest that was asked for.
pub(super) fn admit_rest(response: &Response, from: &Resume) -> Result<(), FetchError> {
    admit_audio(response)?;
    let Resume { offset, total, .. } = from;
    let asked = format!("bytes {offset}-{}/{total}", total.saturating_sub(1));
    let rest = total.saturating_sub(*offset);
    let fits = header(response, &CONTENT_RANGE) == asked
        && response.content_length().is_none_or(|length| length == rest);
    fits.then_some(()).ok_or_else(|| unexpected("another part than the rest that was asked for"))
}

fn admit_audio(response: &Response) -> Result<(), FetchError> {
    if !matches!(header(response, &CONTENT_ENCODING).as_str(), "" | "identity") {
        return Err(unexpected("an encoded body, though none was asked for"));
    }
    let content_type = header(response, &CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.starts_with("audio/") {
        let told = media_type.chars().take(CONTENT_TYPE_TOLD_MAX).collect();
        return Err(NotAudio::ContentType(told).into());
    }
    Ok(())
}

/// Ends well only where the framing says that it is complete; everything else is an error.
pub(super) fn arriving(
    response: Response,
    config: &TwilioClientConfig,
    deadline: Deadline,
) -> SourceBody {
    let total = response.content_length();
    body_of(response, config, deadline, 0, total)
}

/// The same of a rest.
pub(super) fn going_on(
    response: Response,
    config: &TwilioClientConfig,
    deadline: Deadline,
    from: &Resume,
) -> SourceBody {
    body_of(response, config, deadline, from.offset, Some(from.total))
}

fn body_of(
    response: Response,
    config: &TwilioClientConfig,
    deadline: Deadline,
    start: u64,
    total: Option<u64>,
) -> SourceBody {
    let validator = validator(&response);
    let arriving = Arriving {
        response,
        deadline,
        idle_timeout: config.idle_timeout,
        limit: config.max_recording_bytes,
        total,
        received: start,
        pace: Pace::default(),
    };
    let chunks = futures_util::stream::try_unfold(arriving, |mut arriving| async move {
        let chunk = arriving.next().await?;
        Ok(chunk.map(|chunk| (chunk, arriving)))
    });
    SourceBody { start, total, validator, chunks: chunks.boxed() }
}

/// What `If-Range` may say (RFC 9110 §13.1.5): a strong entity tag, else the date.
fn validator(response: &Response) -> Option<String> {
    let value = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let strong = value(ETAG).filter(|tag| tag.starts_with('"'));
    strong.or_else(|| value(LAST_MODIFIED)).map(str::to_owned)
}

struct Arriving {
    response: Response,
    deadline: Deadline,
    idle_timeout: Duration,
    limit: u64,
    total: Option<u64>,
    received: u64,
    pace: Pace,
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let asked_at = Instant::now();
        let arrived =
            self.deadline.within(self.idle_timeout, "send more", self.response.chunk()).await?;
        let waited = asked_at.elapsed();
        // A reset, an early end and broken framing all leave us with a part.
        let Ok(chunk) = arrived else { return Err(self.cut()) };
        let Some(chunk) = chunk else {
            let whole = self.total.is_none_or(|total| total == self.received);
            return if whole { Ok(None) } else { Err(self.cut()) };
        };
        self.received += chunk.len() as u64;
        self.pace.keep(waited, chunk.len())?;
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

/// A trickle would hold a place of the pool for ever, and never be idle.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: usize,
}

/// Of waiting for the source; what we take ourselves does not count.
const PACE_WINDOW: Duration = Duration::from_secs(10);
const PACE_BYTES_MIN: usize = 4 * 1024;

impl Pace {
    fn keep(&mut self, waited: Duration, bytes: usize) -> Result<(), FetchError> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited >= PACE_WINDOW {
            if self.bytes < PACE_BYTES_MIN {
                return Err(FetchError::TimedOut("send at a usable pace"));
            }
            *self = Self::default();
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_no_pace_and_a_slow_line_is() {
        let second = Duration::from_secs(1);
        let mut trickle = Pace::default();
        let kept = (0..30).position(|_| trickle.keep(second, 400).is_err());
        assert_eq!(kept, Some(9), "fewer than 4 KiB in ten seconds");
        let mut slow = Pace::default();
        assert!((0..100).all(|_| slow.keep(second, 500).is_ok()));
        let mut ours = Pace::default();
        assert!((0..100).all(|_| ours.keep(Duration::ZERO, 1).is_ok()), "we were slow, not they");
    }
}
