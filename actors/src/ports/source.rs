//! Where recordings come from: Twilio, or the simulator behind the same client.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::{AccountSid, CallDetails, CallSid, FetchError, Format, RecordingSid};

/// Invariant: every call and every chunk has a deadline of the adapter's own.
#[async_trait]
pub trait RecordingSource: Send + Sync {
    /// Opens a recording's audio. An answer that is not a complete `200` of an audio type is an error.
    async fn open(&self, request: &SourceRequest) -> Result<SourceBody, FetchError>;

    /// What the source says of a call, or of a leg of one.
    async fn call(&self, account: AccountSid, call: CallSid) -> Result<CallDetails, FetchError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRequest {
    pub account: AccountSid,
    pub recording: RecordingSid,
    pub format: Format,
    /// How many channels the recording was announced with.
    pub channels: Option<u8>,
}

/// A body that is arriving. It ends with `None` only where the source's own framing says it ends.
pub struct SourceBody {
    /// The declared length.
    pub total: Option<u64>,
    pub chunks: BoxStream<'static, Result<Bytes, FetchError>>,
}
