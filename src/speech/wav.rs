//! Samples as the file that every recogniser reads.

use actors::ports::PIECE_SAMPLE_RATE;

const BYTES_PER_SAMPLE: u32 = 2;
/// Of the header, without the first eight.
const REST_OF_HEADER: u32 = 36;

/// One channel of 16-bit PCM. A piece is minutes long, so that no length outgrows its field.
pub(crate) fn wav(samples: &[i16]) -> Vec<u8> {
    let data_bytes = samples.len() as u32 * BYTES_PER_SAMPLE;
    let mut file = Vec::with_capacity((data_bytes + REST_OF_HEADER + 8) as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(data_bytes + REST_OF_HEADER).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, in one channel.
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&PIECE_SAMPLE_RATE.to_le_bytes());
    file.extend_from_slice(&(PIECE_SAMPLE_RATE * BYTES_PER_SAMPLE).to_le_bytes());
    file.extend_from_slice(&(BYTES_PER_SAMPLE as u16).to_le_bytes());
    file.extend_from_slice(&(BYTES_PER_SAMPLE as u16 * 8).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    for sample in samples {
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_is_in_it() {
        let file = wav(&[1, -2, 3]);
        assert_eq!(file.len(), 44 + 6);
        assert_eq!(&file[..4], b"RIFF");
        assert_eq!(file[4..8], 42_u32.to_le_bytes());
        assert_eq!(&file[8..16], b"WAVEfmt ");
        assert_eq!(file[22..24], [1, 0], "one channel");
        assert_eq!(file[24..28], 16_000_u32.to_le_bytes());
        assert_eq!(file[28..32], 32_000_u32.to_le_bytes());
        assert_eq!(file[32..36], [2, 0, 16, 0]);
        assert_eq!(&file[36..40], b"data");
        assert_eq!(file[40..], [6, 0, 0, 0, 1, 0, 0xfe, 0xff, 3, 0]);
    }
}
