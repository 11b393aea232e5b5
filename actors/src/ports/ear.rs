//! Audio for the ear of a machine: measured, or cut into pieces that a speech service takes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::Waveform;

/// Samples per second of what a speech service hears.
pub const PIECE_SAMPLE_RATE: u32 = 16_000;

/// Invariant: memory stays bounded however long the audio is; decoding keeps nobody else waiting.
#[async_trait]
pub trait Ear: Send + Sync {
    /// Decodes MP3 or WAV to its end: peaks per channel, and how long it really lasts.
    async fn measure(&self, audio: EncodedAudio) -> Result<Waveform, EarError>;

    /// Decodes MP3 or WAV, and cuts each channel into pieces that hold every voice in it: in pauses, where there are
    /// any. Silences of two seconds and more are left out, and so is all that is no voice; a channel in which nobody
    /// speaks has no piece. Pieces of different channels take turns as they become complete; those of one channel
    /// come in their order and do not overlap. Audio is read only while pieces are asked for.
    fn listen(&self, audio: EncodedAudio, limits: PieceLimits) -> PieceStream;
}

/// Bytes of an audio file, in order.
pub type EncodedAudio = BoxStream<'static, Result<Bytes, EarError>>;

pub type PieceStream = BoxStream<'static, Result<Piece, EarError>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceLimits {
    /// No piece is longer.
    pub longest: Duration,
}

/// A stretch of one channel.
#[derive(Clone, PartialEq)]
pub struct Piece {
    pub channel: u8,
    /// How many the audio has.
    pub channels: u8,
    /// Where in the recording it begins.
    pub start: Duration,
    /// One channel of 16-bit samples, `PIECE_SAMPLE_RATE` a second.
    pub samples: Vec<i16>,
    /// When somebody speaks, from the beginning of the piece: in order, never empty, within some 100 ms.
    pub voiced: Vec<(Duration, Duration)>,
}

impl Piece {
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(PIECE_SAMPLE_RATE))
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, channels, start, .. } = self;
        let lasts = self.duration();
        write!(out, "Piece({channel} of {channels}, {start:?} + {lasts:?})")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EarError {
    /// The bytes stopped coming; asking for them again may help.
    #[error("the audio broke off: {0}")]
    Cut(String),
    /// It will be no better next time.
    #[error("the audio cannot be decoded: {0}")]
    Undecodable(String),
}
