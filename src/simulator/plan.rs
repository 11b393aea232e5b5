//! What one asks the simulator for: a call, its recordings, and which webhooks tell of them.
//!
//! Plans are JSON too (`POST /simulator/calls`); every field has a default, unknown ones are refused.

use actors::domain::{AccountSid, CallSid, RecordingSid};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use super::audio::Audio;
use super::fault::Behaviour;
use super::mpeg::synthetic_mpeg;
use super::speech::{self, Script};

const LONG_S_MAX: u32 = 7_200;
/// Of made-up audio: more than an hour of Twilio's MP3.
const SYNTHETIC_BYTES_MAX: usize = 16 * 1_024 * 1_024;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlannedCall {
    /// The simulator's first account, if not said.
    #[serde(deserialize_with = "sid")]
    pub account: Option<AccountSid>,
    /// The next of the seed's sequence, if not said.
    #[serde(deserialize_with = "sid")]
    pub sid: Option<CallSid>,
    /// Adds the dialled leg, a call of its own that names this one as its parent.
    pub child_leg: bool,
    pub direction: String,
    pub from: String,
    pub to: String,
    pub status: String,
    /// If not said, so that the call ends now.
    pub started_at_ms: Option<i64>,
    pub recordings: Vec<PlannedRecording>,
    /// In this order; if not said, that the leg, the call and every recording are completed.
    pub announce: Option<Vec<Announcement>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlannedRecording {
    #[serde(deserialize_with = "sid")]
    pub sid: Option<RecordingSid>,
    pub audio: PlannedAudio,
    pub channels: u8,
    /// As the REST API says it; only `completed` has audio.
    pub status: String,
    /// After the call's start.
    pub offset_s: u32,
    /// If not said, the truth.
    pub announced_s: Option<u64>,
    pub behaviours: Vec<Behaviour>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAudio {
    /// One of the scripted calls, by name.
    Script(String),
    Synthetic {
        bytes: usize,
        tag: u64,
    },
    /// The longest scripted call again and again, up to two hours: a WAV that is made while it is sent. The MP3 is
    /// the call's own, and shorter.
    Long {
        seconds: u32,
    },
    #[serde(skip)]
    Mp3(Bytes),
}

/// One webhook, with the status it reports. The same one may be sent twice, and in any order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    Call(String),
    /// Of the dialled leg.
    ChildLeg(String),
    /// Of every recording of the call.
    Recordings(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("there is no scripted call named {0}")]
    UnknownScript(String),
    #[error("there is no account {0}")]
    UnknownAccount(AccountSid),
    #[error("there is no call {0}")]
    UnknownCall(CallSid),
    #[error("the call {0} exists")]
    CallExists(CallSid),
    #[error("the recording {0} exists")]
    RecordingExists(RecordingSid),
    #[error("one or two channels, not {0}")]
    Channels(u8),
    #[error("at most {SYNTHETIC_BYTES_MAX} bytes of made-up audio, not {0}")]
    TooLarge(usize),
    #[error("at most {LONG_S_MAX} seconds of speech, not {0}")]
    TooLong(u32),
    #[error("the simulator holds no more calls")]
    Full,
}

impl Default for PlannedCall {
    fn default() -> Self {
        Self {
            account: None,
            sid: None,
            child_leg: false,
            direction: "inbound".into(),
            from: "+15555550110".into(),
            to: "+15555550100".into(),
            status: "completed".into(),
            started_at_ms: None,
            recordings: vec![PlannedRecording::default()],
            announce: None,
        }
    }
}

impl Default for PlannedRecording {
    fn default() -> Self {
        Self {
            sid: None,
            audio: PlannedAudio::Script("missed-call".into()),
            channels: 1,
            status: "completed".into(),
            offset_s: 0,
            announced_s: None,
            behaviours: Vec::new(),
        }
    }
}

impl PlannedCall {
    /// A scripted call, with its people and its speech.
    pub fn scripted(script: &Script) -> Self {
        let recording = PlannedRecording {
            audio: PlannedAudio::Script(script.name.clone()),
            channels: script.channels,
            ..PlannedRecording::default()
        };
        Self {
            child_leg: script.child_leg,
            direction: script.direction.clone(),
            from: script.from.clone(),
            to: script.to.clone(),
            recordings: vec![recording],
            ..Self::default()
        }
    }

    /// A call that nobody hears of.
    #[must_use]
    pub fn unannounced(self) -> Self {
        Self { announce: Some(Vec::new()), ..self }
    }

    pub(super) fn announcements(&self) -> Vec<Announcement> {
        let completed = || "completed".to_owned();
        self.announce.clone().unwrap_or_else(|| {
            let leg = self.child_leg.then(|| Announcement::ChildLeg(completed()));
            let rest = [Announcement::Call(completed()), Announcement::Recordings(completed())];
            leg.into_iter().chain(rest).collect()
        })
    }
}

impl PlannedRecording {
    /// One channel of these MP3 bytes.
    pub fn of_mp3(mp3: impl Into<Bytes>) -> Self {
        Self { audio: PlannedAudio::Mp3(mp3.into()), ..Self::default() }
    }

    pub(super) fn audio(&self) -> Result<Audio, PlanError> {
        if !(1..=2).contains(&self.channels) {
            return Err(PlanError::Channels(self.channels));
        }
        let mp3 = match &self.audio {
            PlannedAudio::Script(name) => {
                let script = speech::script(name);
                let audio = script.ok_or_else(|| PlanError::UnknownScript(name.clone()))?.audio();
                return Ok(if self.channels == 1 { audio.into_mono() } else { audio });
            }
            PlannedAudio::Long { seconds } if *seconds > LONG_S_MAX => {
                return Err(PlanError::TooLong(*seconds));
            }
            PlannedAudio::Long { seconds } => {
                let script = speech::script("long-diagnosis").expect("a script, as a test says");
                let audio = Audio::long(script, *seconds);
                return Ok(if self.channels == 1 { audio.into_mono() } else { audio });
            }
            PlannedAudio::Synthetic { bytes, .. } if *bytes > SYNTHETIC_BYTES_MAX => {
                return Err(PlanError::TooLarge(*bytes));
            }
            PlannedAudio::Synthetic { bytes, tag } => synthetic_mpeg(*bytes, *tag).into(),
            PlannedAudio::Mp3(mp3) => mp3.clone(),
        };
        Ok(Audio::given(mp3, self.channels))
    }
}

/// The eight scripted calls, spread over the two days before `now_ms`, the oldest first.
pub fn demo_calls(now_ms: i64) -> Vec<PlannedCall> {
    const MINUTE_MS: i64 = 60_000;
    let mut calls: Vec<PlannedCall> = speech::scripts()
        .iter()
        .map(|script| {
            let started_at_ms = now_ms - i64::from(script.minutes_ago) * MINUTE_MS;
            PlannedCall { started_at_ms: Some(started_at_ms), ..PlannedCall::scripted(script) }
        })
        .collect();
    calls.sort_by_key(|call| call.started_at_ms);
    calls
}

fn sid<'de, D, S>(deserializer: D) -> Result<Option<S>, D::Error>
where
    D: Deserializer<'de>,
    S: std::str::FromStr,
    S::Err: std::fmt::Display,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
}
