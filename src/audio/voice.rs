//! Does somebody speak? Told frame by frame, by a neural network that a rule keeps from believing in tones.
//!
//! A voice swells and fades. What stays equally loud, or is either on or off, is a dial tone, a hum, a hiss or a
//! ringback, however much it sounds like a voice otherwise.

use std::collections::VecDeque;
use std::ops::Range;

use earshot::Detector;

pub(super) const FRAME_SAMPLES: usize = 256;

/// From this score on a frame sounds like a voice.
const SCORE_MIN: f32 = 0.5;
/// A pause between words, in frames; longer ones end the stretch.
pub(super) const PAUSE_MAX: u64 = 15;
/// How far back a stretch may begin when it is recognised, in frames.
pub(super) const PROOF_FRAMES: u64 = 48;
/// The network notices a voice so much too late, in frames.
const LAG: u64 = 2;
/// Frames that are swelling or fading, until a voice is believed in.
const MOVING_MIN: usize = 5;
/// So much below the loudest, in dB, is swelling or fading: neither as loud, nor silence in comparison.
const MOVING_DB: Range<f32> = 6.0..25.0;

pub(super) struct VoiceDetector {
    network: Box<Detector>,
    /// How many frames there were.
    frames: u64,
    /// Those that sound like a voice, since the last pause: which, and how loud.
    recent: VecDeque<(u64, f32)>,
    /// Since when somebody speaks.
    speaking: Option<u64>,
}

impl VoiceDetector {
    pub(super) fn new() -> Self {
        Self {
            network: Detector::default_boxed(),
            frames: 0,
            recent: VecDeque::new(),
            speaking: None,
        }
    }

    /// The stretch of voice that this frame continues, as far as it goes: frames counted from the first one heard.
    /// The first time it is told of, it may have begun up to `PROOF_FRAMES` ago.
    pub(super) fn hear(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Option<Range<u64>> {
        let score = self.network.predict_i16(frame);
        let now = self.frames;
        self.frames += 1;
        if score < SCORE_MIN {
            self.pause(now);
            return None;
        }
        self.recent.push_back((now, loudness(frame)));
        while self.recent.front().is_some_and(|(first, _)| now - first > PROOF_FRAMES - LAG) {
            self.recent.pop_front();
        }
        if self.speaking.is_none() && self.moves() {
            self.speaking = self.recent.front().map(|(first, _)| first.saturating_sub(LAG));
        }
        self.speaking.map(|start| start..now + 1)
    }

    fn pause(&mut self, now: u64) {
        if self.recent.back().is_none_or(|(last, _)| now - last > PAUSE_MAX) {
            self.recent.clear();
            self.speaking = None;
        }
    }

    fn moves(&self) -> bool {
        let loudest = self.recent.iter().map(|(_, loud)| *loud).fold(0.0, f32::max);
        let moving = self.recent.iter().filter(|(_, loud)| MOVING_DB.contains(&(loudest - loud)));
        moving.count() >= MOVING_MIN
    }
}

/// In dB above the least that 16 bits can hold.
fn loudness(frame: &[i16]) -> f32 {
    let squares: f32 = frame.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
    10.0 * (1.0 + squares / frame.len() as f32).log10()
}
