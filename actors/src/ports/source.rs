//! Where recordings come from: Twilio, or the simulator behind the same client.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::{
    AccountSid, CallDetails, CallSid, FetchError, Format, RecordingEvent, RecordingSid,
    SourceStatus, Timestamp,
};

/// Invariant: every call and every chunk has a deadline of the adapter's own.
#[async_trait]
pub trait RecordingSource: Send + Sync {
    /// Opens a recording's audio. An answer that is not a complete `200` of an audio type is an error.
    async fn open(&self, request: &SourceRequest) -> Result<SourceBody, FetchError>;

    /// Asks for the rest of what was cut. The body begins there, or at the beginning if the source prefers; a
    /// rest of something else is an error.
    async fn resume(
        &self,
        request: &SourceRequest,
        from: &Resume,
    ) -> Result<SourceBody, FetchError>;

    /// What the source says of a call, or of a leg of one.
    async fn call(&self, account: AccountSid, call: CallSid) -> Result<CallDetails, FetchError>;

    /// How a recording stands at the source. What it does not know, or no longer, is `NotFound` or `Deleted`.
    async fn recording(
        &self,
        account: AccountSid,
        recording: RecordingSid,
    ) -> Result<SourceStatus, FetchError>;

    /// A page of the recordings that the source has, the newest first; without a token the first.
    async fn recordings(
        &self,
        account: AccountSid,
        listing: &Listing,
        page: Option<&PageToken>,
    ) -> Result<RecordingsPage, FetchError>;
}

/// Which recordings of an account are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Those that began since then, and perhaps some that began earlier.
    Since(Timestamp),
    OfCall(CallSid),
}

#[derive(Debug, Clone, Default)]
pub struct RecordingsPage {
    pub recordings: Vec<RecordingEvent>,
    /// `None` at the end of the list.
    pub next: Option<PageToken>,
}

/// Names a page in the source's own words, which mean nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub Vec<(String, String)>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRequest {
    pub account: AccountSid,
    pub recording: RecordingSid,
    pub format: Format,
    /// How many channels the recording was announced with.
    pub channels: Option<u8>,
}

/// Where a cut transfer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    pub offset: u64,
    /// The whole length, as it was declared.
    pub total: u64,
    /// As the source named what it sent: a strong entity tag, or a date.
    pub validator: String,
}

/// A body that is arriving. It ends with `None` only where the source's own framing says it ends.
pub struct SourceBody {
    /// Which byte of the recording comes first.
    pub start: u64,
    /// The declared length of the whole recording.
    pub total: Option<u64>,
    /// What `Resume` needs to say; `None` where the source gives nothing that is strong enough.
    pub validator: Option<String>,
    pub chunks: BoxStream<'static, Result<Bytes, FetchError>>,
}
