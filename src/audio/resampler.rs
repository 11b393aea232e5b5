//! One channel at the rate that speech services and the search for voices want.

use actors::ports::PIECE_SAMPLE_RATE;
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Samples that are resampled at a time, in the rate they come in.
const CHUNK_SAMPLES: usize = 1_024;

/// Invariant: what comes out is in step with what goes in, and as long: the filter's delay is left out.
pub(super) struct Resampler {
    sample_rate: u32,
    /// None where the rate is right already.
    fft: Option<Fft<f32>>,
    held: Vec<f32>,
    resampled: Vec<f32>,
    /// Of the filter's delay, still to be left out.
    delay: usize,
    samples_in: u64,
    samples_out: u64,
}

impl Resampler {
    pub(super) fn new(sample_rate: u32) -> Self {
        let fft = (sample_rate != PIECE_SAMPLE_RATE).then(|| {
            let (from, to) = (sample_rate as usize, PIECE_SAMPLE_RATE as usize);
            Fft::new(from, to, CHUNK_SAMPLES, 1, FixedSync::Input).expect("neither rate is zero")
        });
        let delay = fft.as_ref().map_or(0, |fft| fft.output_delay());
        let room = fft.as_ref().map_or(0, |fft| fft.output_frames_max());
        Self {
            sample_rate,
            fft,
            held: Vec::new(),
            resampled: vec![0.0; room],
            delay,
            samples_in: 0,
            samples_out: 0,
        }
    }

    pub(super) fn push(&mut self, samples: &[i16], mut take: impl FnMut(&[i16])) {
        if self.fft.is_none() {
            return take(samples);
        }
        self.samples_in += samples.len() as u64;
        for samples in samples.chunks(CHUNK_SAMPLES) {
            self.held.extend(samples.iter().map(|sample| f32::from(*sample)));
            while self.held.len() >= CHUNK_SAMPLES {
                let resampled = self.next_chunk(u64::MAX);
                take(&resampled);
            }
        }
    }

    pub(super) fn finish(mut self, mut take: impl FnMut(&[i16])) {
        let whole = self.samples_in * u64::from(PIECE_SAMPLE_RATE) / u64::from(self.sample_rate);
        while self.samples_out < whole {
            // What the filter still holds back is followed by silence.
            self.held.resize(CHUNK_SAMPLES, 0.0);
            let resampled = self.next_chunk(whole - self.samples_out);
            take(&resampled);
        }
    }

    fn next_chunk(&mut self, most: u64) -> Vec<i16> {
        let fft = self.fft.as_mut().expect("only what is to be resampled is held");
        let room = self.resampled.len();
        let from = SequentialSlice::new(&self.held, 1, CHUNK_SAMPLES).expect("as many are held");
        let mut to = SequentialSlice::new_mut(&mut self.resampled, 1, room).expect("it fits");
        let (taken, made) =
            fft.process_into_buffer(&from, &mut to, None).expect("both are as long as wanted");
        self.held.drain(..taken);
        let left_out = self.delay.min(made);
        self.delay -= left_out;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let samples = self.resampled[left_out..made].iter().take(most);
        // The conversion saturates.
        let samples: Vec<i16> = samples.map(|sample| sample.round() as i16).collect();
        self.samples_out += samples.len() as u64;
        samples
    }
}
