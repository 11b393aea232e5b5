//! One recording's audio in the forms Twilio serves it in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::speech::Script;
use super::tape::{Content, Tape};
use super::{mpeg, wav};

#[derive(Clone)]
pub(super) struct Audio {
    pub mono_mp3: Bytes,
    pub dual_mp3: Option<Bytes>,
    pub wav: Wav,
    pub duration: Duration,
    /// What it alone holds in memory: scripted calls share theirs.
    pub own_bytes: usize,
}

#[derive(Clone)]
pub(super) enum Wav {
    Spoken {
        mono: Bytes,
        dual: Option<Bytes>,
    },
    /// As long as the MP3; made when asked for.
    Silent,
    /// Longer than the MP3; made while it is sent.
    Long {
        mono: Arc<Tape>,
        dual: Arc<Tape>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Mp3,
    Wav,
}

impl Form {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/x-wav",
        }
    }

    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
        }
    }
}

impl Audio {
    /// Given MP3 bytes, served as they are for one channel and for two. The WAV is as long, and silent.
    pub(super) fn given(mp3: Bytes, channels: u8) -> Self {
        let duration = mpeg::duration(&mp3);
        let own_bytes = mp3.len();
        let dual_mp3 = (channels == 2).then(|| mp3.clone());
        Self { mono_mp3: mp3, dual_mp3, wav: Wav::Silent, duration, own_bytes }
    }

    /// A script again and again: its WAV lasts so long, its MP3 is the script's own.
    pub(super) fn long(script: &Script, seconds: u32) -> Self {
        let audio = script.audio();
        let round = script.round_samples();
        let samples = seconds as usize * wav::SAMPLE_RATE as usize;
        let tape = |channels: u8| {
            let spoken = audio.form(Form::Wav, Some(channels))?.bytes();
            let round = wav::content_bytes(channels, round);
            let round = spoken.slice(wav::HEADER_BYTES..wav::HEADER_BYTES + round);
            Some(Arc::new(Tape::new(wav::header(usize::from(channels), samples), round)))
        };
        let (mono, dual) = tape(1).zip(tape(2)).expect("a script of two channels");
        let (wav, duration) = (Wav::Long { mono, dual }, Duration::from_secs(seconds.into()));
        Self { wav, duration, ..audio }
    }

    pub(super) fn into_mono(self) -> Self {
        let wav = match self.wav {
            Wav::Spoken { mono, dual: _ } => Wav::Spoken { mono, dual: None },
            other @ (Wav::Silent | Wav::Long { .. }) => other,
        };
        Self { dual_mp3: None, wav, ..self }
    }

    /// Without a wish, as many channels as there are.
    pub(super) fn form(&self, form: Form, channels: Option<u8>) -> Option<Content> {
        let stored = if self.dual_mp3.is_some() { 2 } else { 1 };
        let channels = channels.unwrap_or(stored);
        if !(1..=stored).contains(&channels) {
            return None;
        }
        let held = match (form, &self.wav) {
            (Form::Mp3, _) if channels == 2 => self.dual_mp3.clone(),
            (Form::Mp3, _) => Some(self.mono_mp3.clone()),
            (Form::Wav, Wav::Spoken { dual, .. }) if channels == 2 => dual.clone(),
            (Form::Wav, Wav::Spoken { mono, .. }) => Some(mono.clone()),
            (Form::Wav, Wav::Silent) => Some(self.silence(channels).into()),
            (Form::Wav, Wav::Long { mono, dual }) => {
                let bytes = wav::HEADER_BYTES + wav::content_bytes(channels, self.samples());
                return Some(if channels == 2 { dual } else { mono }.whole(bytes));
            }
        };
        held.map(Content::Held)
    }

    fn silence(&self, channels: u8) -> Vec<u8> {
        let silence = vec![0; self.samples()];
        wav::wav(&vec![silence.as_slice(); usize::from(channels)])
    }

    fn samples(&self) -> usize {
        let samples = self.duration.as_millis() * u128::from(wav::SAMPLE_RATE) / 1_000;
        usize::try_from(samples).expect("hours of audio")
    }
}
