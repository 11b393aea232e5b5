//! What was said in a recording, by whom and when.

use std::time::Duration;

use super::Timestamp;

/// Times count from the beginning of the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// As BCP 47 writes it (`en`, `he`), if anybody knows.
    pub language: Option<String>,
    /// In the order of their starts.
    pub utterances: Vec<Utterance>,
}

/// Something that one speaker said in one go.
#[derive(Clone, PartialEq, Eq)]
pub struct Utterance {
    /// Counted from 0. In a recording of two channels each has a speaker of its own.
    pub channel: u8,
    pub start: Duration,
    pub end: Duration,
    pub text: String,
    /// Empty where the provider gives no times of words.
    pub words: Vec<Word>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub start: Duration,
    pub end: Duration,
}

/// Who speaks on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Caller,
    Agent,
}

impl Speaker {
    pub const ALL: [Self; 2] = [Self::Caller, Self::Agent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
        }
    }

    /// `None` where all speak on one channel, or nobody says who is where.
    pub const fn of(channel: u8, channels: u8, agent_channel: u8) -> Option<Self> {
        if channels != 2 || channel > 1 {
            return None;
        }
        Some(if channel == agent_channel { Self::Agent } else { Self::Caller })
    }
}

impl Transcript {
    /// All words, one utterance after the other.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.utterances.iter().map(|said| said.text.as_str()).collect();
        texts.join("\n")
    }
}

/// A transcript as it is kept: what was heard, and beside it what people made of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTranscript {
    pub heard: Transcript,
    pub channels: u8,
    /// By the index of the utterance.
    pub corrections: Vec<Correction>,
    pub made_at: Timestamp,
    /// Counts corrections, so that two people cannot overwrite each other's unnoticed.
    pub revision: u32,
}

/// What an utterance says according to somebody who listened. The original stays.
#[derive(Clone, PartialEq, Eq)]
pub struct Correction {
    pub utterance: u32,
    pub text: String,
    pub by: String,
    pub at: Timestamp,
}

impl KeptTranscript {
    /// What people made of an utterance, if anything.
    pub fn correction(&self, utterance: usize) -> Option<&Correction> {
        self.corrections.iter().find(|correction| correction.utterance as usize == utterance)
    }

    /// The transcript with its corrections. A corrected utterance has no words with times.
    pub fn corrected(&self) -> Transcript {
        let mut transcript = self.heard.clone();
        for (index, said) in transcript.utterances.iter_mut().enumerate() {
            if let Some(correction) = self.correction(index) {
                said.text.clone_from(&correction.text);
                said.words.clear();
            }
        }
        transcript
    }
}

/// Words from a call are never logged: `Debug` does not show them.
mod unsaid {
    use std::fmt;

    impl fmt::Debug for super::Utterance {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "Utterance({}, {:?}..{:?}, …)", self.channel, self.start, self.end)
        }
    }

    impl fmt::Debug for super::Word {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "Word({:?}..{:?}, …)", self.start, self.end)
        }
    }

    impl fmt::Debug for super::Correction {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "Correction({}, …)", self.utterance)
        }
    }
}
