//! How loud speech is from moment to moment, as curves that can be found in one another.
//!
//! Invariant: a curve is the same however it was sampled; it says nothing of how loud a recording is as a whole.

use std::iter;

/// What is compared: 8 kHz is all that a telephone line carries.
const LINE_RATE: usize = 8_000;
const HOP_SAMPLES: usize = LINE_RATE * HOP_MS / 1_000;
pub(super) const HOP_MS: usize = 10;
/// Quieter than this is silence, whatever noise is in it.
const FLOOR: f32 = 60.0;
/// For each moment, how loud the whole is and how loud its brighter part is.
const BANDS: usize = 2;

/// Its values lie moment after moment, all bands of a moment together.
#[derive(Clone)]
pub(super) struct Curve(Vec<f32>);

impl Curve {
    /// `rate` is not below that of a line.
    pub(super) fn of(samples: &[i16], rate: usize) -> Self {
        let mut values = Vec::with_capacity(samples.len() * LINE_RATE / rate / HOP_SAMPLES * BANDS);
        let (mut before, mut at) = (0.0, 0);
        let (mut whole, mut bright, mut count) = (0.0, 0.0, 0);
        for n in 1.. {
            // The mean of what falls into one sample of the line.
            let until = n * rate / LINE_RATE;
            if until > samples.len() {
                break;
            }
            let mut sum = 0_i32;
            while at < until {
                sum += i32::from(samples[at]);
                at += 1;
            }
            let sample = sum as f32 * LINE_RATE as f32 / rate as f32;
            let slope = sample - before;
            before = sample;
            whole += sample * sample;
            bright += slope * slope;
            count += 1;
            if count == HOP_SAMPLES {
                values.extend([level(whole), level(bright)]);
                (whole, bright, count) = (0.0, 0.0, 0);
            }
        }
        Self(values)
    }

    pub(super) fn moments(&self) -> usize {
        self.0.len() / BANDS
    }

    pub(super) fn part(&self, from: usize, moments: usize) -> Self {
        Self(self.0[from * BANDS..(from + moments) * BANDS].to_vec())
    }

    /// With so many moments of silence before and after.
    pub(super) fn padded(&self, moments: usize) -> Self {
        let silence = vec![0.0; moments * BANDS];
        Self([&silence[..], &self.0, &silence].concat())
    }

    /// Each `by` moments as their mean; a last few too many are left out.
    pub(super) fn coarser(&self, by: usize) -> Self {
        let mut values = Vec::with_capacity(self.0.len() / by + BANDS);
        for moments in self.0.chunks_exact(by * BANDS) {
            let mut means = [0.0; BANDS];
            for moment in moments.chunks_exact(BANDS) {
                iter::zip(&mut means, moment).for_each(|(mean, value)| *mean += value / by as f32);
            }
            values.extend(means);
        }
        Self(values)
    }

    /// How many moments are not silent.
    pub(super) fn voiced(&self) -> usize {
        self.0.chunks_exact(BANDS).filter(|moment| moment[0] > 1.0).count()
    }

    /// Where the `moments` lie in which most happens.
    pub(super) fn liveliest(&self, moments: usize) -> usize {
        let sums = Sums::of(self);
        let last = self.moments().saturating_sub(moments);
        let spread = |from: &usize| sums.spread(*from, moments);
        (0..=last).max_by(|a, b| spread(a).total_cmp(&spread(b))).unwrap_or(0)
    }
}

/// A curve in which others can be found quickly.
pub(super) struct Ground {
    curve: Curve,
    sums: Sums,
}

/// A curve to be found: its means are gone, so that only its shape counts.
pub(super) struct Shape {
    values: Vec<f32>,
    norm: f32,
}

impl Ground {
    pub(super) fn new(curve: Curve) -> Self {
        Self { sums: Sums::of(&curve), curve }
    }

    pub(super) fn moments(&self) -> usize {
        self.curve.moments()
    }

    /// From -1 to 1: how well the shape fits at that moment. 0 where it does not lie within.
    pub(super) fn fit(&self, shape: &Shape, at: usize) -> f32 {
        let moments = shape.values.len() / BANDS;
        if at + moments > self.moments() {
            return 0.0;
        }
        let spread = self.sums.spread(at, moments).sqrt();
        if spread * shape.norm < f32::EPSILON {
            return 0.0;
        }
        let here = &self.curve.0[at * BANDS..];
        // Eight at a time, which counts where nothing is optimised.
        let (ours, ours_last) = shape.values.as_chunks::<8>();
        let (theirs, _) = here.as_chunks::<8>();
        let mut product = 0.0;
        for (a, b) in iter::zip(ours, theirs) {
            product += a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
            product += a[4] * b[4] + a[5] * b[5] + a[6] * b[6] + a[7] * b[7];
        }
        for (a, b) in iter::zip(ours_last, &here[ours.len() * 8..]) {
            product += a * b;
        }
        product / (spread * shape.norm)
    }
}

impl Shape {
    pub(super) fn of(curve: &Curve) -> Self {
        let moments = curve.moments().max(1) as f32;
        let mut means = [0.0; BANDS];
        for moment in curve.0.chunks_exact(BANDS) {
            iter::zip(&mut means, moment).for_each(|(mean, value)| *mean += value / moments);
        }
        let values: Vec<f32> =
            iter::zip(&curve.0, means.iter().cycle()).map(|(value, mean)| value - mean).collect();
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        Self { values, norm }
    }
}

/// Sums of values and of their squares up to each moment.
struct Sums(Vec<[f64; 2 * BANDS]>);

impl Sums {
    fn of(curve: &Curve) -> Self {
        let mut sums = Vec::with_capacity(curve.moments() + 1);
        let mut sum = [0.0; 2 * BANDS];
        sums.push(sum);
        for moment in curve.0.chunks_exact(BANDS) {
            for (band, value) in moment.iter().enumerate() {
                sum[band] += f64::from(*value);
                sum[BANDS + band] += f64::from(value * value);
            }
            sums.push(sum);
        }
        Self(sums)
    }

    /// By how much the values there differ from their means: the sum of the squares.
    fn spread(&self, from: usize, moments: usize) -> f32 {
        let (before, after) = (&self.0[from], &self.0[(from + moments).min(self.0.len() - 1)]);
        let mut spread = 0.0;
        for band in 0..BANDS {
            let sum = after[band] - before[band];
            spread +=
                after[BANDS + band] - before[BANDS + band] - sum * sum / moments.max(1) as f64;
        }
        spread.max(0.0) as f32
    }
}

fn level(energy: f32) -> f32 {
    let mean = energy / HOP_SAMPLES as f32;
    0.5 * (1.0 + mean / (FLOOR * FLOOR)).ln()
}
