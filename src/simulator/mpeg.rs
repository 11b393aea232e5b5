//! MPEG audio as the simulator needs it: cut at frames, measured, made up, and changed without breaking.
//!
//! Only what Twilio-like bodies hold: MPEG-2 layer III without tags. What is not a frame ends the walk.

use std::time::Duration;

const FRAME_SAMPLES: u64 = 576;
const KBIT: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const RATES: [usize; 3] = [22_050, 24_000, 16_000];

/// Bytes of one frame of `synthetic_mpeg`: 32 kbit/s at 24 kHz, 24 ms, never padded.
pub const SYNTHETIC_FRAME_BYTES: usize = 96;
const SYNTHETIC_HEADER: [u8; 4] = [0xff, 0xf3, 0x44, 0xc0];
/// Header and side information. All zero, the side information says: nothing coded, silence.
const SYNTHETIC_PAYLOAD_AT: usize = 13;

/// At least `bytes` bytes (up to a whole frame) of valid, silent, constant-rate MPEG audio in which every frame
/// carries `tag` and its own offset, big-endian, from its byte 13 on, and fills the rest from the two: a
/// misplaced or foreign byte shows.
pub fn synthetic_mpeg(bytes: usize, tag: u64) -> Vec<u8> {
    let frames = bytes.div_ceil(SYNTHETIC_FRAME_BYTES).max(1);
    let mut audio = Vec::with_capacity(frames * SYNTHETIC_FRAME_BYTES);
    for frame in 0..frames {
        let offset = (frame * SYNTHETIC_FRAME_BYTES) as u64;
        audio.extend(SYNTHETIC_HEADER);
        audio.extend([0; SYNTHETIC_PAYLOAD_AT - SYNTHETIC_HEADER.len()]);
        audio.extend(tag.to_be_bytes());
        audio.extend(offset.to_be_bytes());
        let mut seed = tag ^ offset.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        while audio.len() % SYNTHETIC_FRAME_BYTES != 0 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Without the top bit it can never look like the beginning of a frame.
            audio.push((seed >> 56) as u8 & 0x7f);
        }
    }
    audio
}

/// The frames from the beginning on; a cut last one is left out.
pub(super) fn frames(mut audio: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, _) = frame(audio)?;
        let (whole, rest) = audio.split_at_checked(length)?;
        audio = rest;
        Some(whole)
    })
}

pub(super) fn duration(audio: &[u8]) -> Duration {
    let nanos = frames(audio).filter_map(frame).map(|(_, rate)| frame_nanos(rate)).sum();
    Duration::from_nanos(nanos)
}

/// As long and as sound as `audio`, but different in every frame.
pub(super) fn changed(audio: &[u8]) -> Vec<u8> {
    let mut other = audio.to_vec();
    let ends: Vec<usize> = frames(audio)
        .scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        })
        .collect();
    // Not MPEG: the second half holds samples, whatever the format.
    let ends = if ends.is_empty() { (audio.len() / 2..=audio.len()).collect() } else { ends };
    for end in ends.into_iter().filter(|end| *end > 0) {
        other[end - 1] ^= 1;
    }
    other
}

/// Length in bytes and sample rate of the frame that begins here.
fn frame(audio: &[u8]) -> Option<(usize, usize)> {
    let &[0xff, 0xf2 | 0xf3, rates, _, ..] = audio else { return None };
    let kbit = KBIT.get(usize::from(rates >> 4)).filter(|kbit| **kbit > 0)?;
    let rate = *RATES.get(usize::from(rates >> 2 & 3))?;
    Some((72_000 * kbit / rate + usize::from(rates >> 1 & 1), rate))
}

const fn frame_nanos(rate: usize) -> u64 {
    FRAME_SAMPLES * 1_000_000_000 / rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_audio_tells_where_every_frame_belongs() {
        let audio = synthetic_mpeg(1_000_000, 7);
        assert_eq!(audio.len(), 1_000_032);
        assert_eq!(frames(&audio).count(), audio.len() / SYNTHETIC_FRAME_BYTES);
        for (index, frame) in frames(&audio).enumerate() {
            let offset = index as u64 * SYNTHETIC_FRAME_BYTES as u64;
            assert_eq!(frame[13..21], 7u64.to_be_bytes());
            assert_eq!(frame[21..29], offset.to_be_bytes());
        }
        assert_eq!(duration(&audio), Duration::from_millis(24) * 10_417);
        assert_ne!(synthetic_mpeg(960, 7)[29..96], synthetic_mpeg(960, 8)[29..96]);
    }

    #[test]
    fn changed_audio_differs_in_every_frame_and_is_still_whole() {
        let audio = synthetic_mpeg(9_600, 1);
        let other = changed(&audio);
        assert_eq!(duration(&other), duration(&audio));
        assert!(frames(&audio).zip(frames(&other)).all(|(before, after)| before != after));
    }
}
