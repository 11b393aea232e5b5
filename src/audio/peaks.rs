//! Peaks of any recording within the same space: the longer it is, the more samples share a pixel.

use std::time::Duration;

use actors::domain::Waveform;

use super::decoder::Format;

const PIXELS_A_SECOND: u32 = 20;
/// Even, so that pixels can be merged in pairs.
const PIXELS_MAX: usize = 16_384;

pub(super) struct Peaks {
    format: Format,
    samples_per_pixel: u32,
    pixels_max: usize,
    samples: u64,
    /// Whole pixels: the least and the greatest sample of each channel.
    whole: Vec<i8>,
    /// Of the pixel that is not yet whole.
    growing: Vec<Extremes>,
    samples_in_growing: u32,
}

#[derive(Debug, Clone, Copy)]
struct Extremes {
    least: i16,
    greatest: i16,
}

impl Peaks {
    pub(super) fn new(format: Format) -> Self {
        Self::with_pixels_max(format, PIXELS_MAX)
    }

    fn with_pixels_max(format: Format, pixels_max: usize) -> Self {
        Self {
            format,
            samples_per_pixel: format.sample_rate / PIXELS_A_SECOND,
            pixels_max,
            samples: 0,
            whole: Vec::new(),
            growing: vec![Extremes::NONE; format.channels.into()],
            samples_in_growing: 0,
        }
    }

    /// The planes are equally long.
    pub(super) fn add(&mut self, planes: &[Vec<i16>]) {
        let length = planes.first().map_or(0, Vec::len);
        self.samples += length as u64;
        let mut from = 0;
        while from < length {
            if self.samples_in_growing == self.samples_per_pixel {
                self.make_room();
            }
            if self.samples_in_growing == self.samples_per_pixel {
                self.complete();
            }
            let room = (self.samples_per_pixel - self.samples_in_growing) as usize;
            let to = length.min(from + room);
            for (extremes, plane) in self.growing.iter_mut().zip(planes) {
                extremes.widen(&plane[from..to]);
            }
            self.samples_in_growing += (to - from) as u32;
            from = to;
        }
    }

    pub(super) fn finish(mut self) -> Waveform {
        if self.samples_in_growing > 0 {
            self.make_room();
            self.complete();
        }
        let Format { channels, sample_rate } = self.format;
        Waveform {
            channels,
            sample_rate,
            samples_per_pixel: self.samples_per_pixel,
            duration: duration(self.samples, sample_rate),
            peaks: self.whole,
        }
    }

    /// Merges pixels in pairs if there is no room for one more; the growing one then has room itself.
    fn make_room(&mut self) {
        let pixel = 2 * self.growing.len();
        if self.whole.len() < self.pixels_max * pixel {
            return;
        }
        let pairs = self.whole.chunks_exact(2 * pixel).map(|pair| pair.split_at(pixel));
        let merged = pairs.flat_map(|(first, second)| {
            let channels = first.chunks_exact(2).zip(second.chunks_exact(2));
            channels.flat_map(|(one, other)| [one[0].min(other[0]), one[1].max(other[1])])
        });
        self.whole = merged.collect();
        self.samples_per_pixel *= 2;
    }

    fn complete(&mut self) {
        for extremes in &mut self.growing {
            self.whole.extend([(extremes.least >> 8) as i8, (extremes.greatest >> 8) as i8]);
            *extremes = Extremes::NONE;
        }
        self.samples_in_growing = 0;
    }
}

impl Extremes {
    const NONE: Self = Self { least: i16::MAX, greatest: i16::MIN };

    fn widen(&mut self, samples: &[i16]) {
        for sample in samples {
            self.least = self.least.min(*sample);
            self.greatest = self.greatest.max(*sample);
        }
    }
}

fn duration(samples: u64, sample_rate: u32) -> Duration {
    let nanos = u128::from(samples) * 1_000_000_000 / u128::from(sample_rate);
    Duration::from_nanos(u64::try_from(nanos).expect("no recording lasts for centuries"))
}
