//! WAV as Twilio serves it: 16-bit PCM at 8 kHz, one or two channels. Read at any rate.

pub(super) const SAMPLE_RATE: u32 = 8_000;
pub(super) const HEADER_BYTES: usize = 44;
const SAMPLE_BYTES: u32 = 2;

/// Channels are equally long; the first is the left one.
pub(super) fn wav(channels: &[&[i16]]) -> Vec<u8> {
    let samples = channels.first().map_or(0, |channel| channel.len());
    let mut file = header(channels.len(), samples);
    file.reserve(samples * channels.len() * SAMPLE_BYTES as usize);
    for at in 0..samples {
        for channel in channels {
            file.extend(channel[at].to_le_bytes());
        }
    }
    file
}

pub(super) fn content_bytes(channels: u8, samples: usize) -> usize {
    samples * usize::from(channels) * SAMPLE_BYTES as usize
}

pub(super) fn header(channels: usize, samples: usize) -> Vec<u8> {
    let channels = u16::try_from(channels).expect("one or two channels");
    let block = SAMPLE_BYTES * u32::from(channels);
    let content = u32::try_from(samples).expect("hours of audio at most") * block;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(b"RIFF");
    header.extend((content + HEADER_BYTES as u32 - 8).to_le_bytes());
    header.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    header.extend(channels.to_le_bytes());
    header.extend(SAMPLE_RATE.to_le_bytes());
    header.extend((SAMPLE_RATE * block).to_le_bytes());
    header.extend((block as u16).to_le_bytes());
    header.extend([16, 0]);
    header.extend(b"data");
    header.extend(content.to_le_bytes());
    header
}

/// What is heard of a file: its channels together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub rate: u32,
    pub samples: Vec<i16>,
}

/// `None`: not 16-bit PCM, or no WAV at all. One that was cut is heard as far as it goes.
pub(super) fn heard(file: &[u8]) -> Option<Heard> {
    const PCM: [u16; 2] = [1, 0xfffe];
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut format = None;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, content) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        match name {
            b"fmt " => {
                let two = |at: usize| {
                    Some(u16::from_le_bytes([*content.get(at)?, *content.get(at + 1)?]))
                };
                let is_pcm = PCM.contains(&two(0)?) && two(14)? == 16;
                let rate = u32::from(two(4)?) | u32::from(two(6)?) << 16;
                format = Some((two(2)?, rate)).filter(|_| is_pcm);
            }
            b"data" => {
                let (channels, rate) = format?;
                let content = &content[..length.min(content.len())];
                return Some(Heard { rate, samples: mixed(content, usize::from(channels))? });
            }
            _ => {}
        }
        // Chunks begin at even bytes.
        rest = content.get(length.checked_next_multiple_of(2)?..)?;
    }
}

fn mixed(content: &[u8], channels: usize) -> Option<Vec<i16>> {
    let sample = |bytes: &[u8; 2]| i32::from(i16::from_le_bytes(*bytes));
    let (samples, _) = content.as_chunks::<2>();
    match channels {
        0 => None,
        1 => Some(samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()),
        _ => {
            let mean = |at: &[[u8; 2]]| at.iter().map(sample).sum::<i32>() / channels as i32;
            Some(samples.chunks_exact(channels).map(|at| mean(at) as i16).collect())
        }
    }
}

/// One sample of a telephone line (G.711 mu-law) as 16-bit PCM.
pub(super) const fn from_mu_law(code: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let code = !code;
    let magnitude = (((code as i16 & 0x0f) << 3) + BIAS) << ((code >> 4) & 7);
    if code & 0x80 == 0 { magnitude - BIAS } else { BIAS - magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_expands_as_g711_says() {
        for (code, sample) in [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xf0, 120)] {
            assert_eq!(from_mu_law(code), sample, "{code:#x}");
        }
    }

    #[test]
    fn what_is_written_is_heard() {
        let samples: Vec<i16> = (-500..500).collect();
        let file = wav(&[&samples]);
        assert_eq!(heard(&file), Some(Heard { rate: SAMPLE_RATE, samples: samples.clone() }));
        let mix = heard(&wav(&[&samples, &[100; 1_000]])).expect("two channels");
        assert_eq!(mix.samples[700], (samples[700] + 100) / 2);
        let cut = heard(&file[..HEADER_BYTES + 21]).expect("what there is of it");
        assert_eq!(cut.samples, samples[..10]);
        let with_a_note = [&file[..36], b"LIST\x03\0\0\0abc\0", &file[36..]].concat();
        assert_eq!(heard(&with_a_note).expect("behind a note").samples, samples);
        for other in
            [&b""[..], b"RIFF", b"ID3", &file[..40], &[b"RIFF....WAVE", &file[36..]].concat()]
        {
            assert_eq!(heard(other), None);
        }
    }

    #[test]
    fn two_channels_are_interleaved_left_first() {
        let file = wav(&[&[1, 2], &[-1, -2]]);
        assert_eq!(file.len(), HEADER_BYTES + 8);
        assert_eq!(file[4..8], 44u32.to_le_bytes());
        assert_eq!(file[22..24], [2, 0]);
        assert_eq!(file[HEADER_BYTES..], [1, 0, 0xff, 0xff, 2, 0, 0xfe, 0xff]);
    }
}
