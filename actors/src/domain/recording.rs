//! One Twilio recording, and the copies of it that we keep.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AccountSid, AudioType, BusinessId, CallSid, Playable, RecordingSid, Timestamp};

/// What the catalog knows of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub business: BusinessId,
    pub sid: RecordingSid,
    pub call: CallSid,
    pub account: AccountSid,
    pub status: SourceStatus,
    pub channels: Option<u8>,
    /// As Twilio announced it, in whole seconds.
    pub duration: Option<Duration>,
    pub started_at: Option<Timestamp>,
    /// When we first heard that it is complete.
    pub completed_at: Option<Timestamp>,
    /// When its retention is over; `None` while it has no end, is kept for ever, or its call is under legal hold.
    pub expires_at: Option<Timestamp>,
    /// Whether its call is under legal hold: nothing of it is let go.
    pub held: bool,
}

impl Recording {
    /// When its retention began: at its end, or when we heard of that.
    pub fn ended_at(&self) -> Option<Timestamp> {
        let announced = self.started_at.zip(self.duration);
        let ended_at = announced.map(|(start, span)| start.plus(span)).or(self.completed_at);
        ended_at.filter(|_| self.status != SourceStatus::InProgress)
    }

    /// A copy of it, to be sent.
    pub fn playable(&self, copy: &StoredCopy) -> Playable {
        let key =
            AudioKey { business: self.business.clone(), recording: self.sid, format: Format::Mp3 };
        Playable { key, copy: copy.clone() }
    }

    /// Why it may be played, fetched or kept no longer, if so: whatever anybody did about it yet.
    pub fn ending(&self, now: Timestamp) -> Option<GoneCause> {
        match self.status {
            SourceStatus::Erased => Some(GoneCause::Erased),
            SourceStatus::Expired => Some(GoneCause::Expired),
            SourceStatus::InProgress
            | SourceStatus::Completed
            | SourceStatus::Absent
            | SourceStatus::Failed
            | SourceStatus::Deleted
            | SourceStatus::Missing => {
                self.expires_at.filter(|at| *at <= now).map(|_| GoneCause::Expired)
            }
        }
    }
}

/// Where the recording stands: at Twilio, until we put an end to it ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceStatus {
    InProgress,
    Completed,
    /// Too short, or silent and deleted by the account's settings.
    Absent,
    Failed,
    Deleted,
    /// Announced as complete, but still 404 when the grace was over.
    Missing,
    /// We deleted copy and key when its retention was over.
    Expired,
    /// We deleted all that was known of it, as somebody demanded.
    Erased,
}

impl SourceStatus {
    pub const ALL: [Self; 8] = [
        Self::InProgress,
        Self::Completed,
        Self::Absent,
        Self::Failed,
        Self::Deleted,
        Self::Missing,
        Self::Expired,
        Self::Erased,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::Erased => "erased",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// News of a lower rank than what is known is late and ignored.
    pub const fn rank(self) -> i64 {
        match self {
            Self::InProgress => 0,
            Self::Completed => 1,
            Self::Absent | Self::Failed => 2,
            Self::Missing => 3,
            Self::Deleted => 4,
            Self::Expired => 5,
            Self::Erased => 6,
        }
    }

    /// Whether bytes and key are gone by our own doing. Nothing that the source says changes that.
    pub const fn is_expunged(self) -> bool {
        match self {
            Self::Expired | Self::Erased => true,
            Self::InProgress
            | Self::Completed
            | Self::Absent
            | Self::Failed
            | Self::Deleted
            | Self::Missing => false,
        }
    }

    /// Why there will never be audio to fetch, if so.
    pub const fn gone(self) -> Option<GoneCause> {
        match self {
            Self::InProgress | Self::Completed => None,
            Self::Absent => Some(GoneCause::Absent),
            Self::Failed => Some(GoneCause::Failed),
            Self::Deleted => Some(GoneCause::Deleted),
            Self::Missing => Some(GoneCause::Missing),
            Self::Expired => Some(GoneCause::Expired),
            Self::Erased => Some(GoneCause::Erased),
        }
    }
}

/// Why a recording can never be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoneCause {
    /// Twilio kept nothing: too short or silent.
    Absent,
    /// Twilio could not store it.
    Failed,
    /// Deleted at Twilio before we had a copy.
    Deleted,
    /// Still 404 at Twilio after the grace.
    Missing,
    /// Its retention is over.
    Expired,
    /// Erased on demand.
    Erased,
}

impl GoneCause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "Twilio kept no audio: too short or silent",
            Self::Failed => "Twilio could not store it",
            Self::Deleted => "deleted at Twilio before it was copied",
            Self::Missing => "Twilio announced it and never published it",
            Self::Expired => "its retention is over",
            Self::Erased => "erased on demand",
        }
    }
}

/// How the audio is encoded. Players get MP3; the pipeline hears WAV, and keeps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Mp3,
    Wav,
}

impl Format {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
        }
    }
}

/// One recording in one format: what is fetched once, sealed once, and named by one entity tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudioKey {
    pub business: BusinessId,
    pub recording: RecordingSid,
    pub format: Format,
}

/// Counts the different contents that the source has had under one key. Part of the entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Names one sealed file in the vault. Never reused, so that discarding an old copy cannot touch a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CopyId(u128);

impl CopyId {
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    pub const fn as_bits(self) -> u128 {
        self.0
    }

    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for CopyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl fmt::Debug for CopyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A verified copy: what it holds and which sealed file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCopy {
    pub id: CopyId,
    pub version: Version,
    /// Of the audio itself, not of the sealed file.
    pub sha256: [u8; 32],
    pub length: u64,
    pub audio_type: AudioType,
    /// Measured, not announced.
    pub duration: Duration,
    pub segments: SegmentDigests,
}

/// What the segments of a copy hash to, in order, so that the same bytes are recognised segment by segment when they
/// are fetched again. Empty where that was not written down.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SegmentDigests(Arc<[u8]>);

impl SegmentDigests {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SegmentDigests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SegmentDigests({} bytes)", self.0.len())
    }
}

/// The last copy that there was of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCopy {
    pub copy: StoredCopy,
    /// False once it was evicted: only its validators are left.
    pub present: bool,
}

/// The call's *primary* recording: the one that started last and is completed; while none is, the one
/// that may still become so; else the last one, so that the answer can say what became of it.
pub fn primary<'a>(recordings: impl IntoIterator<Item = &'a Recording>) -> Option<RecordingSid> {
    recordings
        .into_iter()
        .max_by_key(|recording| {
            let hope = match recording.status {
                SourceStatus::Completed => 2,
                SourceStatus::InProgress => 1,
                SourceStatus::Absent
                | SourceStatus::Failed
                | SourceStatus::Deleted
                | SourceStatus::Missing
                | SourceStatus::Expired
                | SourceStatus::Erased => 0,
            };
            (hope, recording.started_at, recording.completed_at, recording.sid)
        })
        .map(|recording| recording.sid)
}
