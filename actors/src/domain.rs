//! The words: what a call, a recording and a stored copy are, and the arithmetic that goes with them.
//!
//! Invariant: std and `thiserror` only; nothing here is async, serialised, or reads a clock.

mod audio;
mod byte_range;
mod call;
mod distribution;
mod failure;
mod fetch;
mod findings;
mod ids;
mod job;
mod permit;
mod profile;
mod recording;
mod retention;
mod retry;
mod time;
mod transcript;
mod waveform;
mod webhook;

pub use audio::{AudioCheck, AudioFacts, AudioType, NotAudio};
pub use byte_range::{ByteRange, RangeAnswer, answer_range};
pub use call::{Call, CallDetails, CallStatus, Direction, PhoneNumber};
pub use distribution::{BOUNDS, BUCKETS, Distribution};
pub use failure::{FailureKind, FetchError, PastFailure};
pub use fetch::{FetchId, Intent, Phase, Progress};
pub use findings::{
    Appointment, AppointmentChange, AppointmentStatus, Calendar, Fact, Facts, ProposedAppointment,
    Summary,
};
pub use ids::{AccountSid, BusinessId, CallKey, CallSid, MalformedId, RecordingSid};
pub use job::{ClaimedJob, JobId, JobRecord, JobRetry, JobState, Lease, Provider, Stage};
pub use permit::{Denial, Permit, Playable, Preparing, StateName};
pub use profile::Profile;
pub use recording::{
    AudioKey, CopyId, Format, GoneCause, HeldCopy, Recording, SegmentDigests, SourceStatus,
    StoredCopy, Version, primary,
};
pub use retention::Retention;
pub use retry::{Attempts, FetchHistory, Retry, RetryPolicy};
pub use time::Timestamp;
pub use transcript::{Correction, KeptTranscript, Speaker, Transcript, Utterance, Word};
pub use waveform::Waveform;
pub use webhook::{CallEvent, RecordingEvent, WebhookEvent};
