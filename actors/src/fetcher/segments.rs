//! Hashes a recording segment by segment while its bytes pass by.

use sha2::{Digest, Sha256};

use crate::domain::SegmentDigests;

/// As long as the vault's segments.
pub(super) const SEGMENT_BYTES: usize = 64 * 1024;
/// As much of a SHA-256 as tells segments apart, whoever made them.
const DIGEST_BYTES: usize = 16;

#[derive(Default)]
pub(super) struct SegmentHasher {
    hash: Sha256,
    filled: usize,
    digests: Vec<u8>,
}

impl SegmentHasher {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(SEGMENT_BYTES - self.filled));
            self.hash.update(taken);
            self.filled += taken.len();
            bytes = rest;
            if self.filled == SEGMENT_BYTES {
                self.end_segment();
            }
        }
    }

    /// How many bytes are recognised as those that have these digests; `None` when a segment is another.
    pub(super) fn recognised_bytes(&self, known: &SegmentDigests) -> Option<u64> {
        let segments = self.digests.len() / DIGEST_BYTES;
        known.as_bytes().starts_with(&self.digests).then_some((segments * SEGMENT_BYTES) as u64)
    }

    /// With the last segment, full or not.
    pub(super) fn finish(mut self) -> SegmentDigests {
        if self.filled > 0 {
            self.end_segment();
        }
        SegmentDigests::from_bytes(&self.digests)
    }

    fn end_segment(&mut self) {
        let digest = std::mem::take(&mut self.hash).finalize();
        self.digests.extend_from_slice(&digest[..DIGEST_BYTES]);
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(chunks: &[&[u8]]) -> SegmentHasher {
        let mut hasher = SegmentHasher::default();
        chunks.iter().for_each(|chunk| hasher.push(chunk));
        hasher
    }

    #[test]
    fn segments_are_recognised_however_they_arrive() {
        let audio: Vec<u8> =
            (0..SEGMENT_BYTES * 2 + 100).map(|index| (index % 251) as u8).collect();
        let (head, tail) = audio.split_at(70_000);
        let known = hashed(&[&audio]).finish();
        assert_eq!(known, hashed(&[head, tail]).finish());
        assert_eq!(known.as_bytes().len(), 3 * DIGEST_BYTES);
        assert_eq!(hashed(&[head]).recognised_bytes(&known), Some(SEGMENT_BYTES as u64));
        assert_eq!(hashed(&[&head[..9]]).recognised_bytes(&known), Some(0));
        let mut other = audio.clone();
        other[SEGMENT_BYTES - 1] ^= 1;
        assert_eq!(hashed(&[&other]).recognised_bytes(&known), None);
        assert_eq!(hashed(&[head]).recognised_bytes(&SegmentDigests::default()), None);
    }
}
