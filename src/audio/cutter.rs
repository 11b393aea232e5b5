//! One channel cut into pieces: voices with a little silence around them, none longer than allowed.
//!
//! Invariant: pieces come in order and do not overlap; what lies between them holds no voice.

use std::ops::Range;
use std::time::Duration;

use actors::ports::{PIECE_SAMPLE_RATE, Piece, PieceLimits};

use super::voice::{FRAME_SAMPLES, PAUSE_MAX, PROOF_FRAMES, VoiceDetector};

// All in frames of 16 ms.
/// Kept before a voice, so that its first sound is whole: 208 ms.
const BEFORE_VOICE: u64 = 13;
/// Kept behind a voice: 304 ms.
const BEHIND_VOICE: u64 = 19;
/// A silence that ends a piece: 2 s.
const SILENCE_MAX: u64 = 125;
/// Speech is heard better in its context, and a request has its price: a piece that is shorter than 20 s goes on
/// through a silence of up to 8 s.
const SHORT: u64 = 1_250;
const SILENCE_MAX_OF_SHORT: u64 = 500;
/// Without a pause, a piece ends where the line is quietest for so long: 80 ms.
const QUIET_STRETCH: usize = 5;

pub(super) struct Cutter {
    channel: u8,
    channels: u8,
    longest: u64,
    detector: VoiceDetector,
    /// Not yet a whole frame.
    partial: Vec<i16>,
    /// Frames from `kept_from` on: of the growing piece, or of what may turn out to begin one.
    kept: Vec<i16>,
    kept_from: u64,
    /// Of the growing piece, in order, each within what is kept; the last may grow.
    voiced: Vec<Range<u64>>,
}

impl Cutter {
    pub(super) fn new(channel: u8, channels: u8, limits: PieceLimits) -> Self {
        let longest = limits.longest.as_nanos() / frame_duration(1).as_nanos();
        Self {
            channel,
            channels,
            longest: u64::try_from(longest).unwrap_or(u64::MAX).max(1),
            detector: VoiceDetector::new(),
            partial: Vec::new(),
            kept: Vec::new(),
            kept_from: 0,
            voiced: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut samples: &[i16], pieces: &mut Vec<Piece>) {
        while !samples.is_empty() {
            let wanted = (FRAME_SAMPLES - self.partial.len()).min(samples.len());
            let (taken, rest) = samples.split_at(wanted);
            self.partial.extend_from_slice(taken);
            samples = rest;
            if let Some(frame) = self.partial.first_chunk().copied() {
                self.partial.clear();
                self.push_frame(&frame, pieces);
            }
        }
    }

    /// What is less than a frame at the end goes with the last piece, if anybody speaks until then.
    pub(super) fn finish(mut self, pieces: &mut Vec<Piece>) {
        let missing = FRAME_SAMPLES - self.partial.len();
        if missing < FRAME_SAMPLES {
            self.push(&vec![0; missing], pieces);
            self.kept.truncate(self.kept.len().saturating_sub(missing));
        }
        if let Some(last) = self.voiced.last() {
            let end = self.now().min(last.end + BEHIND_VOICE);
            self.emit(end, pieces);
        }
    }

    fn push_frame(&mut self, frame: &[i16; FRAME_SAMPLES], pieces: &mut Vec<Piece>) {
        self.kept.extend_from_slice(frame);
        if let Some(stretch) = self.detector.hear(frame) {
            self.speak(stretch);
        }
        let Some(last) = self.voiced.last() else {
            return self.forget();
        };
        let is_short = last.end - self.start() < SHORT;
        let silence_max = if is_short { SILENCE_MAX_OF_SHORT } else { SILENCE_MAX };
        if self.now() - last.end >= silence_max {
            let end = last.end + BEHIND_VOICE;
            self.emit(end, pieces);
        }
        // A piece that begins in the past may be too long at once.
        while !self.voiced.is_empty() && self.now() - self.start() >= self.longest {
            self.cut(pieces);
        }
    }

    fn speak(&mut self, stretch: Range<u64>) {
        match self.voiced.last_mut() {
            Some(last) if last.end >= stretch.start => last.end = stretch.end,
            Some(_) | None => {
                self.voiced.push(stretch.start.max(self.kept_from)..stretch.end);
            }
        }
    }

    /// Ends the growing piece at the longest pause in its second half, or else where it is quietest.
    fn cut(&mut self, pieces: &mut Vec<Piece>) {
        let start = self.start();
        let limit = start + self.longest;
        let middle_of = |pause: &Range<u64>| pause.start.midpoint(pause.end);
        let late = |pause: &Range<u64>| middle_of(pause) >= start + self.longest / 2;
        let pauses = self.pauses().filter(|pause| middle_of(pause) <= limit);
        let pause = pauses.max_by_key(|pause| {
            let is_late = late(pause);
            (is_late, if is_late { pause.end - pause.start } else { pause.start })
        });
        let end = match pause {
            Some(pause) => middle_of(&pause).min(pause.start + BEHIND_VOICE),
            None => self.quietest(limit - self.longest / 4, limit),
        };
        self.emit(end, pieces);
    }

    fn pauses(&self) -> impl Iterator<Item = Range<u64>> {
        let next = self.voiced.iter().skip(1).map(|voiced| voiced.start).chain([self.now()]);
        let pauses = self.voiced.iter().zip(next).map(|(voiced, next)| voiced.end..next);
        pauses.filter(|pause| pause.end > pause.start + PAUSE_MAX)
    }

    fn quietest(&self, from: u64, to: u64) -> u64 {
        let frames = &self.kept[self.samples(from..to)];
        let effort = |frame: &[i16]| -> u64 {
            frame.iter().map(|sample| u64::from(sample.unsigned_abs())).sum()
        };
        let efforts: Vec<u64> = frames.chunks(FRAME_SAMPLES).map(effort).collect();
        let stretches = efforts.windows(QUIET_STRETCH).map(|efforts| efforts.iter().sum::<u64>());
        let quietest = stretches.enumerate().min_by_key(|(_, effort)| *effort);
        quietest.map_or(to, |(at, _)| from + (at + QUIET_STRETCH / 2) as u64)
    }

    /// Whatever is voiced behind `end` belongs to the next piece.
    fn emit(&mut self, end: u64, pieces: &mut Vec<Piece>) {
        let start = self.start();
        let of_piece = |frame: u64| frame_duration(frame.min(end) - start);
        let spoken = self.voiced.iter().filter(|voiced| voiced.start < end);
        pieces.push(Piece {
            channel: self.channel,
            channels: self.channels,
            start: frame_duration(start),
            samples: self.kept[self.samples(start..end)].to_vec(),
            voiced: spoken.map(|voiced| (of_piece(voiced.start), of_piece(voiced.end))).collect(),
        });
        self.voiced.retain_mut(|voiced| {
            voiced.start = voiced.start.max(end);
            voiced.start < voiced.end
        });
        self.keep_from(end);
    }

    /// Keeps only what may turn out to begin a piece, once as much again has gathered.
    fn forget(&mut self) {
        const NEEDED: u64 = BEFORE_VOICE + PROOF_FRAMES + 1;
        if self.voiced.is_empty() && self.now() - self.kept_from >= 2 * NEEDED {
            self.keep_from(self.now() - NEEDED);
        }
    }

    fn keep_from(&mut self, frame: u64) {
        let dropped = self.samples(self.kept_from..frame);
        self.kept.drain(dropped);
        self.kept_from = frame;
    }

    /// Where the growing piece begins.
    fn start(&self) -> u64 {
        let voice = self.voiced.first().map_or(self.now(), |voiced| voiced.start);
        voice.saturating_sub(BEFORE_VOICE).max(self.kept_from)
    }

    fn now(&self) -> u64 {
        self.kept_from + self.kept.len().div_ceil(FRAME_SAMPLES) as u64
    }

    /// Where these frames lie in what is kept; the last frame of all may be shorter.
    fn samples(&self, frames: Range<u64>) -> Range<usize> {
        let at = |frame: u64| {
            let frames = usize::try_from(frame - self.kept_from).expect("a piece fits into memory");
            (frames * FRAME_SAMPLES).min(self.kept.len())
        };
        at(frames.start)..at(frames.end)
    }
}

fn frame_duration(frames: u64) -> Duration {
    const NANOS: u64 = FRAME_SAMPLES as u64 * 1_000_000_000 / PIECE_SAMPLE_RATE as u64;
    Duration::from_nanos(frames * NANOS)
}
