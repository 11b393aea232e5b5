//! Is this audio, and is it all there? Judged while the bytes pass by, from the bytes alone.
//!
//! MPEG audio is walked frame by frame (ISO/IEC 11172-3 §2.4.1, 13818-3 §2.4), WAV chunk by chunk.

use std::time::Duration;

/// What the bytes are, whatever a header or a file name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioType {
    Mpeg,
    Wav,
}

impl AudioType {
    pub const ALL: [Self; 2] = [Self::Mpeg, Self::Wav];

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Mpeg => "audio/mpeg",
            Self::Wav => "audio/wav",
        }
    }

    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mpeg => "mp3",
            Self::Wav => "wav",
        }
    }

    pub fn from_media_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audio_type| audio_type.media_type() == text)
    }
}

/// What a complete and sound body turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFacts {
    pub audio_type: AudioType,
    pub duration: Duration,
    /// What was announced, where it lasts clearly longer.
    pub longer_than: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAudio {
    #[error("its content type is {0}")]
    ContentType(String),
    #[error("it begins like neither MPEG audio nor WAV")]
    Magic,
    #[error("there is nothing in it")]
    Empty,
    #[error("the frames break off at byte {0}")]
    BrokenFrame(u64),
    #[error("it ends within a frame, after {0} bytes")]
    EndsEarly(u64),
    #[error("it lasts {} ms, {} ms were announced", measured.as_millis(), announced.as_millis())]
    TooShort { measured: Duration, announced: Duration },
}

/// Walks a body as it arrives. Feed every byte to `push`, then ask `finish`.
#[derive(Debug, Default)]
pub struct AudioCheck {
    next: Header,
    /// The beginning of `next`, as far as it has arrived.
    partial: Vec<u8>,
    /// Bytes to pass over before `next`.
    skip: u64,
    seen: u64,
    audio_type: Option<AudioType>,
    byte_rate: u32,
    nanos: u64,
}

/// The next thing to be read; all else is passed over.
#[derive(Debug, Default, Clone, Copy)]
enum Header {
    #[default]
    Magic,
    MpegFrame,
    /// Nothing may follow an ID3v1 tag.
    MpegEnd,
    WavChunk,
    WavFormat {
        chunk_length: u64,
    },
}

const SHORTFALL_MIN: Duration = Duration::from_secs(2);
const SHORTFALL_SHARE: f64 = 0.05;
const ID3V1_LENGTH: u64 = 128;
const WAV_FORMAT_LENGTH: u64 = 16;

impl AudioCheck {
    /// What it is; known once the first bytes were pushed.
    pub const fn audio_type(&self) -> Option<AudioType> {
        self.audio_type
    }

    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotAudio> {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= skipped as u64;
            let (_, rest) = bytes.split_at(skipped);
            let wanted = (self.next.length() - self.partial.len()).min(rest.len());
            let (header, rest) = rest.split_at(wanted);
            self.partial.extend_from_slice(header);
            self.seen += (skipped + wanted) as u64;
            bytes = rest;
            if self.skip == 0 && self.partial.len() == self.next.length() {
                let header = std::mem::take(&mut self.partial);
                let length = self.read(&header)?;
                self.skip = length.saturating_sub(header.len() as u64);
                let consumed = usize::try_from(length).unwrap_or(usize::MAX).min(header.len());
                self.partial = header[consumed..].to_vec();
            }
        }
        Ok(())
    }

    /// Judges the end. `announced` is what the source said it would last.
    pub fn finish(self, announced: Option<Duration>) -> Result<AudioFacts, NotAudio> {
        if self.seen == 0 {
            return Err(NotAudio::Empty);
        }
        if self.skip > 0 || !self.partial.is_empty() {
            return Err(NotAudio::EndsEarly(self.seen));
        }
        let (Some(audio_type), 1..) = (self.audio_type, self.nanos) else {
            return Err(NotAudio::Empty);
        };
        let measured = Duration::from_nanos(self.nanos);
        match announced {
            Some(announced) if measured + shortfall(announced) < announced => {
                Err(NotAudio::TooShort { measured, announced })
            }
            Some(_) | None => {
                let excess = announced.filter(|it| *it + shortfall(*it) < measured);
                Ok(AudioFacts { audio_type, duration: measured, longer_than: excess })
            }
        }
    }

    /// Reads one header and says how far it is from its first byte to the next header.
    fn read(&mut self, header: &[u8]) -> Result<u64, NotAudio> {
        let broken = NotAudio::BrokenFrame(self.seen - header.len() as u64);
        match self.next {
            Header::Magic => self.read_magic(header),
            Header::MpegFrame if header.starts_with(b"TAG") => {
                self.next = Header::MpegEnd;
                Ok(ID3V1_LENGTH)
            }
            Header::MpegFrame => {
                let frame = MpegFrame::parse(header).ok_or(broken)?;
                self.nanos += frame.nanos;
                Ok(frame.length)
            }
            Header::MpegEnd => Err(broken),
            Header::WavChunk => self.read_wav_chunk(header).ok_or(broken),
            Header::WavFormat { chunk_length } => {
                self.byte_rate = le_u32(&header[8..12]);
                self.next = Header::WavChunk;
                (self.byte_rate > 0).then_some(chunk_length).ok_or(broken)
            }
        }
    }

    fn read_magic(&mut self, head: &[u8]) -> Result<u64, NotAudio> {
        if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") {
            self.audio_type = Some(AudioType::Wav);
            self.next = Header::WavChunk;
            return Ok(head.len() as u64);
        }
        let length = if let Some(tag) = id3v2_length(head) {
            tag
        } else {
            let frame = MpegFrame::parse(head).ok_or(NotAudio::Magic)?;
            self.nanos = frame.nanos;
            frame.length
        };
        self.audio_type = Some(AudioType::Mpeg);
        self.next = Header::MpegFrame;
        Ok(length)
    }

    fn read_wav_chunk(&mut self, header: &[u8]) -> Option<u64> {
        let content = u64::from(le_u32(&header[4..8]));
        let padded = content + (content & 1);
        match &header[..4] {
            b"fmt " if content >= WAV_FORMAT_LENGTH => {
                self.next = Header::WavFormat { chunk_length: padded };
                Some(header.len() as u64)
            }
            b"data" if self.byte_rate > 0 && self.nanos == 0 => {
                self.nanos = content * 1_000_000_000 / u64::from(self.byte_rate);
                Some(header.len() as u64 + padded)
            }
            b"fmt " | b"data" => None,
            name => name.is_ascii().then_some(header.len() as u64 + padded),
        }
    }
}

impl Header {
    const fn length(self) -> usize {
        match self {
            Self::Magic => 12,
            Self::MpegFrame => 4,
            Self::MpegEnd => 1,
            Self::WavChunk => 8,
            Self::WavFormat { .. } => 16,
        }
    }
}

struct MpegFrame {
    length: u64,
    nanos: u64,
}

impl MpegFrame {
    /// Reads the four bytes that begin a layer III frame.
    fn parse(header: &[u8]) -> Option<Self> {
        const KBIT_MPEG1: [u64; 15] =
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const KBIT_MPEG2: [u64; 15] =
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        const LAYER_III: u8 = 0b01;
        let &[sync, version_layer, rates, ..] = header else { return None };
        if sync != 0xff || version_layer & 0xe0 != 0xe0 || (version_layer >> 1) & 3 != LAYER_III {
            return None;
        }
        let (kbit, samples, rate_divisor) = match (version_layer >> 3) & 3 {
            0b11 => (KBIT_MPEG1, 1_152, 1),
            0b10 => (KBIT_MPEG2, 576, 2),
            0b00 => (KBIT_MPEG2, 576, 4),
            _ => return None,
        };
        let bits_per_second = kbit.get(usize::from(rates >> 4)).filter(|kbit| **kbit > 0)? * 1_000;
        let rate = [44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))? / rate_divisor;
        let padding = u64::from((rates >> 1) & 1);
        Some(Self {
            length: samples / 8 * bits_per_second / rate + padding,
            nanos: samples * 1_000_000_000 / rate,
        })
    }
}

/// The whole length of an ID3v2 tag (its size is 4 × 7 bits; a footer is 10 bytes more).
fn id3v2_length(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"ID3")?.get(3..7)?;
    let content = size.iter().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
    Some(10 + content + footer)
}

fn le_u32(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

fn shortfall(announced: Duration) -> Duration {
    SHORTFALL_MIN.max(announced.mul_f64(SHORTFALL_SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MPEG-2 layer III, 32 kbit/s, 24 kHz: 96 bytes and 24 ms a frame.
    fn mpeg(frames: usize) -> Vec<u8> {
        let mut frame = vec![0xff, 0xf3, 0x44, 0xc0];
        frame.resize(96, 0x55);
        frame.repeat(frames)
    }

    fn wav(samples: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(8_000u32.to_le_bytes());
        bytes.extend(16_000u32.to_le_bytes());
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend((samples * 2).to_le_bytes());
        bytes.resize(bytes.len() + samples as usize * 2, 1);
        bytes
    }

    fn check(body: &[u8], announced_s: u64) -> Result<AudioFacts, NotAudio> {
        let mut whole = AudioCheck::default();
        let pushed = whole.push(body);
        let mut dripped = AudioCheck::default();
        let drip = body.chunks(1).try_for_each(|byte| dripped.push(byte));
        assert_eq!(pushed, drip, "the verdict does not depend on how the bytes are cut");
        pushed?;
        let announced = (announced_s > 0).then(|| Duration::from_secs(announced_s));
        let verdict = whole.finish(announced);
        assert_eq!(verdict, dripped.finish(announced));
        verdict
    }

    #[test]
    fn whole_mpeg_audio_is_accepted_and_measured() {
        let facts = check(&mpeg(125), 3).expect("audio");
        assert_eq!(facts.audio_type, AudioType::Mpeg);
        assert_eq!(facts.duration, Duration::from_secs(3));
        let tagged = [b"ID3\x03\0\0\0\0\0\x01x".as_slice(), &mpeg(10)].concat();
        assert!(check(&tagged, 0).is_ok());
        let mut id3v1 = mpeg(10);
        id3v1.extend(b"TAG");
        id3v1.resize(960 + 128, 0);
        assert!(check(&id3v1, 0).is_ok());
    }

    #[test]
    fn whole_wav_is_accepted_and_measured() {
        let facts = check(&wav(16_000), 2).expect("audio");
        assert_eq!(facts.audio_type, AudioType::Wav);
        assert_eq!(facts.duration, Duration::from_secs(2));
    }

    #[test]
    fn what_lasts_longer_than_announced_is_noted() {
        let longer_than =
            |announced_s| check(&wav(16_000 * 60), announced_s).expect("audio").longer_than;
        assert_eq!(longer_than(0), None);
        for announced_s in [120, 118, 115] {
            assert_eq!(longer_than(announced_s), None, "as Twilio rounds");
        }
        assert_eq!(longer_than(100), Some(Duration::from_secs(100)));
    }

    #[test]
    fn what_is_no_audio_or_not_all_of_it_is_refused() {
        let html: &[u8] = b"<html><body>Not found</body></html>";
        let xml: &[u8] = b"<?xml version='1.0'?><TwilioResponse/>";
        assert_eq!(check(html, 0), Err(NotAudio::Magic));
        assert_eq!(check(xml, 0), Err(NotAudio::Magic));
        assert_eq!(check(b"{\"code\": 20404}", 0), Err(NotAudio::Magic));
        assert_eq!(check(b"", 0), Err(NotAudio::Empty));
        assert_eq!(check(&wav(0), 0), Err(NotAudio::Empty));
        assert_eq!(check(&mpeg(3)[..287], 0), Err(NotAudio::EndsEarly(287)));
        assert_eq!(check(&wav(100)[..150], 0), Err(NotAudio::EndsEarly(150)));
        assert_eq!(check(&[mpeg(2), html.to_vec()].concat(), 0), Err(NotAudio::BrokenFrame(192)));
    }

    #[test]
    fn shorter_than_announced_is_refused_beyond_2_s_or_5_percent() {
        assert!(check(&mpeg(125), 5).is_ok());
        assert!(matches!(check(&mpeg(125), 6), Err(NotAudio::TooShort { .. })));
        assert!(check(&mpeg(125), 1).is_ok(), "longer is only noted");
    }
}
