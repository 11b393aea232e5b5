//! What we know: businesses, calls, recordings, copies; and, by way of `EventStore`, what we heard.
//!
//! Invariant: each method is one transaction; what it returned `Ok` for survives a crash.
//! Invariant: whoever asks for a call names the business, and learns of no other's.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{
    AccountSid, AudioKey, BusinessId, Call, CallDetails, CallKey, CallSid, CallStatus, CopyId,
    Direction, FetchHistory, HeldCopy, PhoneNumber, Recording, RecordingSid, SourceStatus,
    StoredCopy, Timestamp,
};
use crate::ports::{Custody, EventStore};

#[async_trait]
pub trait Catalog: Custody + EventStore + Send + Sync {
    /// Whether the catalog answers at all.
    async fn ping(&self) -> Result<(), CatalogError>;
    /// How it answered lately, without asking it anything.
    fn condition(&self) -> Condition;

    // Businesses and their accounts.

    async fn add_business(
        &self,
        business: &NewBusiness,
        now: Timestamp,
    ) -> Result<(), CatalogError>;
    async fn businesses(&self) -> Result<Vec<Business>, CatalogError>;
    /// One more auth token of an account (rotation), newest first when listed.
    async fn add_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), CatalogError>;
    /// Ends a rotation. The last token of an account stays: without one nothing of it could be believed.
    async fn remove_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
    ) -> Result<(), CatalogError>;
    async fn accounts(&self) -> Result<Vec<TwilioAccount>, CatalogError>;
    /// One more number of a business. Unassigned events of its account are considered again.
    async fn add_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError>;
    /// Calls that the number brought stay where they are.
    async fn remove_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError>;

    // Calls and recordings.

    /// The parent leg under which a call is kept, found by any of its legs.
    async fn find_call(&self, key: &CallKey) -> Result<Option<CallKey>, CatalogError>;
    /// The same for operators, who see every business's calls.
    async fn find_call_anywhere(&self, call: CallSid) -> Result<Option<CallKey>, CatalogError>;
    /// A parent leg's call with its recordings, of very many those that started last; `None` for an unknown or another
    /// business's call.
    async fn load_call(&self, key: &CallKey) -> Result<Option<CallRecord>, CatalogError>;
    /// Newest first, parents only.
    async fn list_calls(
        &self,
        business: &BusinessId,
        filter: &CallFilter,
    ) -> Result<CallPage, CatalogError>;
    /// Calls whose direction or start nobody told us, and which the source was not asked about; newest first.
    async fn calls_without_details(
        &self,
        limit: u32,
    ) -> Result<Vec<(CallKey, AccountSid)>, CatalogError>;
    /// Fills in details. A parent named here makes the call a leg of it; its recordings move along.
    async fn record_details(
        &self,
        key: &CallKey,
        details: &CallDetails,
    ) -> Result<(), CatalogError>;
    /// Twilio's word on a recording that no webhook brought (404 after the grace, 410).
    async fn record_status(&self, key: &AudioKey, status: SourceStatus)
    -> Result<(), CatalogError>;
    /// Completed recordings of which there never was a copy, newest first; without those whose last fetch failed
    /// for a reason of their own, which asking again would not change.
    async fn wanted(&self, limit: u32) -> Result<Vec<(CallKey, RecordingSid)>, CatalogError>;

    /// Writes down which attempts were made to fetch it, in place of what was known. Refused as `Unknown` for
    /// what was expunged, so that nothing fetches it.
    async fn remember_fetches(
        &self,
        key: &AudioKey,
        history: &FetchHistory,
    ) -> Result<(), CatalogError>;

    // Copies.

    /// Makes a sealed file the recording's copy, in place of an older one, and forgets the attempts; what was
    /// taken for missing is completed again. Refused as `Unknown` for what was expunged.
    async fn commit_copy(
        &self,
        key: &AudioKey,
        copy: &StoredCopy,
        now: Timestamp,
    ) -> Result<(), CatalogError>;
    /// Says that this file is no longer the copy; what it held (version, hash, length) stays known.
    /// Nothing changes when another file took its place.
    async fn withdraw_copy(&self, key: &AudioKey, id: CopyId) -> Result<(), CatalogError>;
    async fn is_held(&self, key: &AudioKey, id: CopyId) -> Result<bool, CatalogError>;
    async fn record_played(&self, key: &AudioKey, now: Timestamp) -> Result<(), CatalogError>;
    async fn vault_use(&self) -> Result<VaultUse, CatalogError>;
    /// Copies that may leave by what is known, the least recently played first; those behind `after`. None of a call
    /// under legal hold, and none that is known to be the last.
    async fn coldest_copies(
        &self,
        after: Option<&ColdCopy>,
        limit: u32,
    ) -> Result<Vec<ColdCopy>, CatalogError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// Since its last good answer.
    pub silent_for: Duration,
    /// Whether the last answer was that it is away.
    pub is_away: bool,
    /// How often it was.
    pub away_total: u64,
}

#[derive(Debug, Clone)]
pub struct NewBusiness {
    pub id: BusinessId,
    pub name: String,
    pub account: AccountSid,
    /// Sealed by the caller: the catalog never sees a token.
    pub sealed_token: Vec<u8>,
    /// Tell the business of a call where several share the account.
    pub numbers: Vec<PhoneNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    pub id: BusinessId,
    pub name: String,
    pub account: AccountSid,
    pub numbers: Vec<PhoneNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioAccount {
    pub sid: AccountSid,
    /// Newest first.
    pub sealed_tokens: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    pub call: Call,
    pub recordings: Vec<RecordingRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRecord {
    pub recording: Recording,
    /// The last copy there was.
    pub copy: Option<HeldCopy>,
    pub history: FetchHistory,
}

#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    pub limit: u32,
    /// As a previous page gave it.
    pub cursor: Option<String>,
    pub direction: Option<Direction>,
    pub status: Option<CallStatus>,
    /// Either end of the call.
    pub number: Option<PhoneNumber>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub has_recording: Option<bool>,
    /// Words that were said, or that a summary has. All of them, each perhaps only the beginning of a longer one.
    pub said: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPage {
    pub calls: Vec<CallRecord>,
    pub next_cursor: Option<String>,
}

/// A copy that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColdCopy {
    pub call: CallKey,
    pub account: AccountSid,
    pub audio: AudioKey,
    pub copy: StoredCopy,
    /// When it was last played, or else stored.
    pub used_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultUse {
    pub copies: u64,
    /// Of audio, before sealing.
    pub bytes: u64,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// Locked, full, gone: the same question may be answered later.
    #[error("the catalog is away: {0}")]
    Away(String),
    #[error("{0} already exists")]
    Exists(String),
    #[error("there is no {0}")]
    Unknown(String),
    /// Nothing of it may be let go.
    #[error("{0} is under legal hold")]
    Held(String),
    #[error("malformed cursor")]
    Cursor,
    /// Somebody else changed it in between.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// The job is no longer ours: its lease ran out, or somebody cancelled it.
    #[error("the lease of {0} is lost")]
    LeaseLost(String),
    /// A row that our own code could not have written.
    #[error("the catalog holds something unreadable: {0}")]
    Corrupt(String),
}
