//! Just enough gzip (RFC 1952) to answer with a `Content-Encoding` that nobody asked for: stored, not compressed.

const BLOCK_BYTES_MAX: usize = 65_535;
/// Deflate, no flags, no time, no name, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

pub(super) fn stored(content: &[u8]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    let blocks = content.len().div_ceil(BLOCK_BYTES_MAX).max(1);
    for at in 0..blocks {
        let end = content.len().min((at + 1) * BLOCK_BYTES_MAX);
        let block = &content[at * BLOCK_BYTES_MAX..end];
        let length = block.len() as u16;
        out.push(u8::from(at + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend(crc32(content).to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out
}

fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_gzips() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
