//! WAV as Twilio serves it: 16-bit PCM at 8 kHz, one or two channels.

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

fn header(channels: usize, samples: usize) -> Vec<u8> {
    let channels = u16::try_from(channels).expect("one or two channels");
    let block = SAMPLE_BYTES * u32::from(channels);
    let content = u32::try_from(samples).expect("minutes of audio") * block;
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
    fn two_channels_are_interleaved_left_first() {
        let file = wav(&[&[1, 2], &[-1, -2]]);
        assert_eq!(file.len(), HEADER_BYTES + 8);
        assert_eq!(file[4..8], 44u32.to_le_bytes());
        assert_eq!(file[22..24], [2, 0]);
        assert_eq!(file[HEADER_BYTES..], [1, 0, 0xff, 0xff, 2, 0, 0xfe, 0xff]);
    }
}
