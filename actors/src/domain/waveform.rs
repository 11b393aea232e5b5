//! How loud a recording is, moment by moment, and how long it really lasts.

use std::fmt;
use std::time::Duration;

/// Peaks as audiowaveform (data format version 2) counts them.
#[derive(Clone, PartialEq, Eq)]
pub struct Waveform {
    pub channels: u8,
    pub sample_rate: u32,
    pub samples_per_pixel: u32,
    /// Measured: as many samples as there are.
    pub duration: Duration,
    /// For each pixel, for each channel: the least and the greatest sample in it, as 8-bit numbers.
    pub peaks: Vec<i8>,
}

impl Waveform {
    /// How many pixels there are.
    pub fn length(&self) -> usize {
        self.peaks.len() / (2 * usize::from(self.channels.max(1)))
    }
}

impl fmt::Debug for Waveform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Waveform({} channels, {:?})", self.channels, self.duration)
    }
}
