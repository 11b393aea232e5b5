//! The sealed file: a header, then segments, each sealed by itself and bound to its place.
//!
//! ```text
//! header    magic (8) · layout (4) · bytes of a segment (4) · salt (8)      integers are big-endian
//! segment   sealed audio · tag (16)                       all are full, but for the last
//! nonce     salt · index (4)
//! binding   header · business · recording · format · version · index · whether it is the last
//! ```
//!
//! Invariant: no I/O, no chance. What opens is byte for byte what was sealed, in its place, for the same
//! business, recording, format and version, and ends where it ended.

use std::ops::Range;

use actors::domain::{AudioKey, ByteRange, Version};
use actors::ports::VaultError;

use super::cipher::{Binding, Cipher, NONCE_BYTES, TAG_BYTES};

pub(super) const SEGMENT_BYTES: u32 = 64 * 1024;
pub(super) const HEADER_BYTES: usize = 24;
pub(super) const SALT_BYTES: usize = 8;

const MAGIC: &[u8; 8] = b"hearback";
const LAYOUT: u32 = 1;
/// A header is believed only once a segment opened; until then it must not make us ask for much memory.
const SEGMENT_BYTES_MAX: u32 = 1024 * 1024;

/// Seals a stream of bytes, however it is cut.
///
/// One segment is held back until there are bytes behind it, since the last must be sealed as the last.
pub(super) struct Sealer {
    segments: Segments,
    held: Vec<u8>,
    index: u32,
}

impl Sealer {
    /// The salt is random: it tells this file from every other under the same key.
    pub(super) fn new(
        cipher: Cipher,
        key: &AudioKey,
        version: Version,
        segment_bytes: u32,
        salt: [u8; SALT_BYTES],
    ) -> Self {
        let header = Header { segment_bytes, salt };
        Self { segments: Segments::new(cipher, header, key, version), held: Vec::new(), index: 0 }
    }

    /// What the file begins with.
    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        self.segments.header.encode()
    }

    /// How many segments there are in what was appended so far.
    pub(super) const fn sealed_segments(&self) -> u32 {
        self.index
    }

    /// Takes bytes in and appends to `sealed` what they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], sealed: &mut Vec<u8>) {
        let full = self.segments.header.segment_bytes as usize;
        while !bytes.is_empty() {
            if self.held.len() == full {
                self.seal_held(false, sealed);
                self.index = self.index.checked_add(1).expect("no disk holds 2^32 segments");
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(full - self.held.len()));
            self.held.extend_from_slice(taken);
            bytes = rest;
        }
    }

    /// Appends the last segment, full or not.
    pub(super) fn finish(mut self, sealed: &mut Vec<u8>) {
        self.seal_held(true, sealed);
    }

    fn seal_held(&mut self, last: bool, sealed: &mut Vec<u8>) {
        let start = sealed.len();
        sealed.append(&mut self.held);
        let tag = self.segments.seal(self.index, last, &mut sealed[start..]);
        sealed.extend_from_slice(&tag);
    }
}

/// Opens any part of a sealed file whose audio is known to be `length` bytes long.
pub(super) struct Opener {
    segments: Segments,
    length: u64,
}

/// Segments in a row that are read and opened together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) segments: Range<u64>,
    /// Where they lie in the file.
    pub(super) offset: u64,
    pub(super) sealed_bytes: usize,
    /// What they open to.
    pub(super) opened: ByteRange,
    /// Which of the opened bytes were asked for.
    pub(super) wanted: Range<usize>,
    /// What was asked for and lies behind them.
    pub(super) rest: Option<ByteRange>,
}

impl Opener {
    /// Damaged already if the header is none of ours, or the file is not as long as such audio makes it.
    pub(super) fn new(
        cipher: Cipher,
        key: &AudioKey,
        version: Version,
        length: u64,
        header: &[u8; HEADER_BYTES],
        file_bytes: u64,
    ) -> Result<Self, VaultError> {
        let header = Header::parse(header).ok_or(VaultError::Damaged { segment: 0 })?;
        let opener = Self { segments: Segments::new(cipher, header, key, version), length };
        if file_bytes != header.sealed_bytes(length) {
            let whole = file_bytes.saturating_sub(HEADER_BYTES as u64) / header.sealed_segment();
            return Err(VaultError::Damaged { segment: whole.min(opener.count() - 1) });
        }
        Ok(opener)
    }

    /// Opens what is written so far of a file that has no last segment yet.
    pub(super) fn of_unfinished(
        cipher: Cipher,
        key: &AudioKey,
        version: Version,
        header: &[u8; HEADER_BYTES],
    ) -> Result<Self, VaultError> {
        let header = Header::parse(header).ok_or(VaultError::Damaged { segment: 0 })?;
        Ok(Self { segments: Segments::new(cipher, header, key, version), length: u64::MAX })
    }

    /// Finds the first segments of a range that lies within the audio: as many as make `bytes_max`, at least one.
    pub(super) fn piece(&self, range: ByteRange, bytes_max: u64) -> Piece {
        let header = self.segments.header;
        let full = u64::from(header.segment_bytes);
        let first = range.first / full;
        let behind = (range.last / full + 1).min(first + (bytes_max / full).max(1));
        let (opened_from, opened_to) = (first * full, (behind * full).min(self.length));
        let sealed_bytes = opened_to - opened_from + (behind - first) * TAG_BYTES as u64;
        let wanted_to = opened_to.min(range.last + 1);
        let rest = ByteRange { first: wanted_to, last: range.last };
        Piece {
            segments: first..behind,
            offset: HEADER_BYTES as u64 + first * header.sealed_segment(),
            sealed_bytes: sealed_bytes as usize,
            opened: ByteRange { first: opened_from, last: opened_to - 1 },
            wanted: (range.first - opened_from) as usize..(wanted_to - opened_from) as usize,
            rest: (wanted_to <= range.last).then_some(rest),
        }
    }

    /// Opens a piece into `audio`, which is as long as that and worthless unless all of it is sound.
    pub(super) fn open(
        &self,
        piece: &Piece,
        sealed: &[u8],
        audio: &mut [u8],
    ) -> Result<(), VaultError> {
        let header = self.segments.header;
        let sealed = sealed.chunks(header.sealed_segment() as usize);
        let opened = audio.chunks_mut(header.segment_bytes as usize);
        for ((segment, sealed), opened) in piece.segments.clone().zip(sealed).zip(opened) {
            self.segments.open(segment, segment + 1 == self.count(), sealed, opened)?;
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.segments.header.count(self.length)
    }
}

/// How long a file is that begins so and holds so much audio; `None` if the header is none of ours.
pub(super) fn sealed_bytes(header: &[u8; HEADER_BYTES], length: u64) -> Option<u64> {
    Header::parse(header).map(|header| header.sealed_bytes(length))
}

/// What sealing and opening share: the key, and what every segment of the file is bound to.
struct Segments {
    cipher: Cipher,
    header: Header,
    binding: Binding,
}

impl Segments {
    fn new(cipher: Cipher, header: Header, key: &AudioKey, version: Version) -> Self {
        let binding = Binding::of(&[
            &header.encode(),
            key.business.as_str().as_bytes(),
            key.recording.to_string().as_bytes(),
            key.format.as_str().as_bytes(),
            &version.0.to_be_bytes(),
        ]);
        Self { cipher, header, binding }
    }

    fn seal(&self, index: u32, last: bool, audio: &mut [u8]) -> [u8; TAG_BYTES] {
        self.cipher.seal(self.nonce(index), &self.place(index, last), audio)
    }

    fn open(
        &self,
        segment: u64,
        last: bool,
        sealed: &[u8],
        opened: &mut [u8],
    ) -> Result<(), VaultError> {
        let damaged = || VaultError::Damaged { segment };
        let index = u32::try_from(segment).map_err(|_| damaged())?;
        self.cipher
            .open(self.nonce(index), &self.place(index, last), sealed, opened)
            .map_err(|_| damaged())
    }

    fn nonce(&self, index: u32) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let (salt, counter) = nonce.split_at_mut(SALT_BYTES);
        salt.copy_from_slice(&self.header.salt);
        counter.copy_from_slice(&index.to_be_bytes());
        nonce
    }

    fn place(&self, index: u32, last: bool) -> Binding {
        self.binding.and(&[&index.to_be_bytes(), &[u8::from(last)]])
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    segment_bytes: u32,
    salt: [u8; SALT_BYTES],
}

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&LAYOUT.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.segment_bytes.to_be_bytes());
        bytes[16..].copy_from_slice(&self.salt);
        bytes
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let segment_bytes = u32::from_be_bytes(*bytes[12..].first_chunk()?);
        let header = Self { segment_bytes, salt: *bytes[16..].first_chunk()? };
        let plausible = (1..=SEGMENT_BYTES_MAX).contains(&segment_bytes);
        // Encoding again compares magic and layout, and whatever a later layout adds.
        (plausible && header.encode() == *bytes).then_some(header)
    }

    const fn sealed_segment(self) -> u64 {
        self.segment_bytes as u64 + TAG_BYTES as u64
    }

    fn count(self, length: u64) -> u64 {
        length.div_ceil(u64::from(self.segment_bytes)).max(1)
    }

    /// Saturates for lengths that no file can have.
    fn sealed_bytes(self, length: u64) -> u64 {
        let tags = self.count(length).saturating_mul(TAG_BYTES as u64);
        length.saturating_add(tags).saturating_add(HEADER_BYTES as u64)
    }
}

#[cfg(test)]
mod tests;
