//! A body as it arrives, with its deadlines and its limit.

use actors::domain::FetchError;
use actors::ports::SourceBody;
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::Response;
use tokio::time::Instant;

use super::{TwilioClientConfig, unreachable_because};

/// Ends only where the source's framing says that it is complete; everything else is an error.
pub(super) fn of(response: Response, deadline: Instant, config: &TwilioClientConfig) -> SourceBody {
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
    deadline: Instant,
    idle_timeout: std::time::Duration,
    limit: u64,
    total: Option<u64>,
    received: u64,
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let idle = Instant::now() + self.idle_timeout;
        let chunk = tokio::time::timeout_at(idle.min(self.deadline), self.response.chunk())
            .await
            .map_err(|_| FetchError::TimedOut("send more"))?;
        let chunk = match chunk {
            Ok(Some(chunk)) => chunk,
            Ok(None) if self.total.is_some_and(|total| total != self.received) => {
                return Err(FetchError::Cut { received: self.received });
            }
            Ok(None) => return Ok(None),
            Err(error) if error.is_body() || error.is_decode() => {
                return Err(FetchError::Cut { received: self.received });
            }
            Err(error) => return Err(unreachable_because(&error)),
        };
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(FetchError::TooLarge { limit: self.limit });
        }
        Ok(Some(chunk))
    }
}
