//! MP3 and WAV, decoded packet by packet.

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

use actors::ports::EarError;
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::{CodecParameters, audio::well_known::CODEC_ID_MP3};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::default::{get_codecs, get_probe};

use super::intake::Intake;

const CHANNELS_MAX: u8 = 8;
const SAMPLE_RATES: RangeInclusive<u32> = 4_000..=192_000;
/// As many as an encoder pads a file with. Whoever announces that more are to be left out is wrong about the length.
const PADDING_PACKETS_MAX: u32 = 2;

/// Invariant: every packet takes as long as it says: a damaged one is silence, so that nothing moves.
pub(super) struct Decoder {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    format: Format,
    cut: Arc<OnceLock<EarError>>,
    /// Of its last packet, channel by channel.
    planes: Vec<Vec<i16>>,
    /// What all packets have in common, as far as they are MPEG frames.
    frame_kind: Option<[u8; 2]>,
    /// Then it broke off if it ends before that. MPEG never does.
    announces_length: bool,
    heard_anything: bool,
    padding_packets: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) channels: u8,
    pub(super) sample_rate: u32,
}

impl Decoder {
    /// Reads as far as the first sample.
    pub(super) fn open(intake: Intake) -> Result<Self, EarError> {
        let cut = intake.cut();
        let opened = Self::probe(intake, Arc::clone(&cut));
        opened.map_err(|why| cut.get().cloned().unwrap_or(EarError::Undecodable(why)))
    }

    fn probe(intake: Intake, cut: Arc<OnceLock<EarError>>) -> Result<Self, String> {
        let source = Box::new(ReadOnlySource::new(intake));
        let stream = MediaSourceStream::new(source, Default::default());
        let (hint, options) = (Hint::new(), FormatOptions::default());
        let reader = get_probe()
            .probe(&hint, stream, options, MetadataOptions::default())
            .map_err(|error| error.to_string())?;
        let track = reader.default_track(TrackType::Audio).ok_or("it has no track")?;
        let Some(CodecParameters::Audio(codec)) = &track.codec_params else {
            return Err("its codec is unknown".to_owned());
        };
        let format = Format::of(codec)?;
        let is_mp3 = codec.codec == CODEC_ID_MP3;
        let announces_length = !is_mp3 && track.num_frames.is_some();
        // Encoder delay and padding are left out below.
        let options = AudioDecoderOptions::default().gapless(false);
        let decoder =
            get_codecs().make_audio_decoder(codec, &options).map_err(|error| error.to_string())?;
        Ok(Self {
            reader,
            decoder,
            format,
            cut,
            planes: Vec::new(),
            frame_kind: None,
            announces_length,
            heard_anything: false,
            padding_packets: 0,
        })
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// The next samples, channel by channel, all equally many; none at the end.
    ///
    /// What an encoder's tag calls delay or padding is left out, as players do.
    pub(super) fn decode(&mut self) -> Result<Option<&[Vec<i16>]>, EarError> {
        while let Some(packet) = self.next_packet()? {
            if self.unpack(&packet) {
                return Ok(Some(&self.planes));
            }
        }
        if self.heard_anything {
            return Ok(None);
        }
        Err(EarError::Undecodable("there is no sound in it".to_owned()))
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, EarError> {
        let next = self.reader.next_packet();
        if let Some(error) = self.cut.get() {
            return Err(error.clone());
        }
        match next {
            Ok(packet) => Ok(packet),
            Err(Error::IoError(_)) if self.announces_length => {
                Err(EarError::Cut("it is shorter than it announces".to_owned()))
            }
            Err(Error::IoError(_)) => Ok(None),
            Err(error) => Err(EarError::Undecodable(error.to_string())),
        }
    }

    /// False: there is nothing to hear in this packet.
    fn unpack(&mut self, packet: &Packet) -> bool {
        let kind = frame_kind(&packet.data);
        let length = match self.decoder.decode(packet) {
            Ok(samples) => {
                samples.copy_to_vecs_planar(&mut self.planes);
                self.heard_anything = true;
                self.frame_kind = kind;
                samples.frames()
            }
            Err(_) if kind == self.frame_kind => {
                let whole = packet.dur.get() + packet.trim_start.get() + packet.trim_end.get();
                let length = usize::try_from(whole).expect("a packet is short");
                self.planes.clear();
                self.planes.resize(self.format.channels.into(), vec![0; length]);
                length
            }
            // Something between the frames that looks like one.
            Err(_) => return false,
        };
        let kept = self.without_padding(packet, length);
        self.planes.truncate(self.format.channels.into());
        for plane in &mut self.planes {
            plane.truncate(kept.end);
            plane.drain(..kept.start);
        }
        !kept.is_empty()
    }

    fn without_padding(&mut self, packet: &Packet, length: usize) -> Range<usize> {
        let most = |samples: u64| usize::try_from(samples).unwrap_or(usize::MAX).min(length);
        let start = most(packet.trim_start.get());
        let end = length - most(packet.trim_end.get());
        if start > 0 || end > 0 {
            return start..end.max(start);
        }
        self.padding_packets += 1;
        if self.padding_packets > PADDING_PACKETS_MAX { 0..length } else { 0..0 }
    }
}

impl Format {
    fn of(codec: &AudioCodecParameters) -> Result<Self, String> {
        let channels = codec.channels.as_ref().map_or(0, Channels::count);
        let sample_rate = codec.sample_rate.unwrap_or_default();
        let channels = u8::try_from(channels)
            .ok()
            .filter(|channels| (1..=CHANNELS_MAX).contains(channels))
            .ok_or_else(|| format!("it has {channels} channels"))?;
        if !SAMPLE_RATES.contains(&sample_rate) {
            return Err(format!("it has {sample_rate} samples a second"));
        }
        Ok(Self { channels, sample_rate })
    }
}

/// Version and layer, and the sample rate.
fn frame_kind(frame: &[u8]) -> Option<[u8; 2]> {
    let &[_, version_layer, rates, ..] = frame else { return None };
    Some([version_layer & 0x1e, rates & 0x0c])
}
