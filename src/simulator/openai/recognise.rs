//! Speech to text, for those who wrote the text: finds which stretch of which scripted call a piece of audio is.
//!
//! The loudness of a call is like no other's. A lively part of the piece is looked for in every call, at a coarse
//! step; where it fits best, the whole piece is laid over the call at a fine one.

use std::sync::LazyLock;

use super::loudness::{Curve, Ground, HOP_MS, Shape};
use crate::simulator::speech::{self, Script, Speaker, SpokenTurn, SpokenWord};
use crate::simulator::wav::{self, Heard};

/// How many moments make a coarse one.
const COARSE: usize = 6;
/// What is looked for everywhere: nine seconds.
const PROBE: usize = 150 * COARSE;
/// Decoders add silence at both ends.
const PADDING: usize = 50;
/// Where the probe fits best, the whole piece is tried.
const CANDIDATES_MAX: usize = 48;
const FINALISTS_MAX: usize = 12;
/// Less is no speech but a click.
const VOICED_MIN: usize = 8;
/// Other people's speech does not come near, a second of it or a minute.
const FIT_MIN: f32 = 0.8;

/// A piece of a scripted call.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    script: &'static Script,
    /// Nobody in particular: both were heard together.
    speaker: Option<Speaker>,
    /// Where in the call the piece begins; negative if it begins before.
    start_ms: i64,
    lasts_ms: i64,
}

/// What is heard of one turn, in times of the piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub text: String,
    pub words: Vec<SpokenWord>,
}

/// `None`: silence, or nobody that is known. `heard` is sampled at a line's rate or above.
pub(super) fn recognise(heard: &Heard) -> Option<Stretch> {
    let piece = Curve::of(&heard.samples, heard.rate as usize);
    if piece.voiced() < VOICED_MIN {
        return None;
    }
    let probe_moments = piece.moments().min(PROBE);
    let probe_at = piece.liveliest(probe_moments);
    let probe = piece.part(probe_at, probe_moments);
    let whole = Shape::of(&piece);
    let finalists = refined(candidates(&probe, probe_at, piece.moments()), &Shape::of(&probe));
    let mut laid = Vec::new();
    for place in finalists {
        for at in
            (place.at.saturating_sub(2)..=place.at + 2).filter_map(|at| at.checked_sub(probe_at))
        {
            laid.push(Place { at, fit: place.track.fine.fit(&whole, at), ..place });
        }
    }
    let best = best_of(laid, 1).pop().filter(|place| place.fit >= FIT_MIN)?;
    Some(Stretch {
        script: best.track.script,
        speaker: best.track.speaker,
        start_ms: (best.at as i64 - PADDING as i64) * HOP_MS as i64,
        lasts_ms: heard.samples.len() as i64 * 1_000 / i64::from(heard.rate),
    })
}

impl Stretch {
    pub(super) fn language(&self) -> &'static str {
        &self.script.language
    }

    /// A word belongs to the piece that holds its middle.
    pub(super) fn said(&self) -> Vec<Said> {
        let ours = |turn: &SpokenTurn| self.speaker.is_none_or(|speaker| speaker == turn.speaker);
        let turns = self.script.turns().into_iter().filter(ours);
        let said = turns.map(|turn| {
            let words: Vec<SpokenWord> =
                turn.words.iter().filter_map(|word| self.within(word)).collect();
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            Said { text: texts.join(" "), words }
        });
        said.filter(|said| !said.words.is_empty()).collect()
    }

    fn within(&self, word: &SpokenWord) -> Option<SpokenWord> {
        let (start_ms, end_ms) =
            (word.start_ms as i64 - self.start_ms, word.end_ms as i64 - self.start_ms);
        let is_ours = (0..self.lasts_ms).contains(&((start_ms + end_ms) / 2));
        let clamped = |ms: i64| ms.clamp(0, self.lasts_ms) as u64;
        is_ours.then(|| SpokenWord {
            text: word.text.clone(),
            start_ms: clamped(start_ms),
            end_ms: clamped(end_ms),
        })
    }
}

/// What one may hear of a call: one side of it, or both.
struct Track {
    script: &'static Script,
    speaker: Option<Speaker>,
    fine: Ground,
    coarse: Ground,
}

/// Where the probe lies on a track, in moments.
#[derive(Clone, Copy)]
struct Place {
    track: &'static Track,
    at: usize,
    fit: f32,
}

fn tracks() -> &'static [Track] {
    static TRACKS: LazyLock<Vec<Track>> =
        LazyLock::new(|| speech::scripts().iter().flat_map(tracks_of).collect());
    &TRACKS
}

fn tracks_of(script: &'static Script) -> Vec<Track> {
    let [caller, agent] = script.line();
    let both: Vec<i16> =
        std::iter::zip(&caller, &agent).map(|(left, right)| left + right).collect();
    let sides = [(Some(Speaker::Caller), caller), (Some(Speaker::Agent), agent)];
    let sides = sides.into_iter().filter(|_| script.channels == 2);
    let heard = sides.chain([(None, both)]).map(|(speaker, samples)| {
        let curve = Curve::of(&samples, wav::SAMPLE_RATE as usize).padded(PADDING);
        let coarse = Ground::new(curve.coarser(COARSE));
        Track { script, speaker, fine: Ground::new(curve), coarse }
    });
    heard.collect()
}

/// Where the probe fits at a coarse step, if the whole piece has room there.
fn candidates(probe: &Curve, probe_at: usize, piece_moments: usize) -> Vec<Place> {
    let shape = Shape::of(&probe.coarser(COARSE));
    let mut places = Vec::new();
    for track in tracks() {
        let Some(room) = (track.fine.moments() + COARSE).checked_sub(piece_moments) else {
            continue;
        };
        let from = probe_at / COARSE;
        for at in from..=from + room / COARSE {
            let fit = track.coarse.fit(&shape, at);
            places.push(Place { track, at: at * COARSE, fit });
        }
    }
    best_of(places, CANDIDATES_MAX)
}

/// The same places to the moment.
fn refined(places: Vec<Place>, shape: &Shape) -> Vec<Place> {
    let refined = places.into_iter().filter_map(|place| {
        let near = place.at.saturating_sub(COARSE)..=place.at + COARSE;
        let tried = near.map(|at| Place { at, fit: place.track.fine.fit(shape, at), ..place });
        tried.max_by(|a, b| a.fit.total_cmp(&b.fit))
    });
    best_of(refined.collect(), FINALISTS_MAX)
}

/// The best first; of equally good ones that of the earlier call, side and time.
fn best_of(mut places: Vec<Place>, most: usize) -> Vec<Place> {
    places.sort_by(|a, b| b.fit.total_cmp(&a.fit));
    places.truncate(most);
    places
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const RATE: usize = 16_000;

    /// One side of a call as a service would send it, or both sides as one.
    fn heard(script: &Script, speaker: Option<Speaker>) -> Vec<i16> {
        let [caller, agent] = script.line();
        let line = match speaker {
            Some(Speaker::Caller) => caller,
            Some(Speaker::Agent) => agent,
            None => std::iter::zip(caller, agent).map(|(left, right)| left + right).collect(),
        };
        let after = line.iter().skip(1).chain([&0]);
        let doubled = std::iter::zip(&line, after)
            .flat_map(|(now, next)| [*now, ((i32::from(*now) + i32::from(*next)) / 2) as i16]);
        doubled.collect()
    }

    fn said_in(samples: &[i16]) -> Option<(Stretch, Vec<Said>)> {
        let heard = Heard { rate: RATE as u32, samples: samples.to_vec() };
        recognise(&heard).map(|stretch| (stretch, stretch.said()))
    }

    /// What should be heard from then on.
    fn expected(
        script: &'static Script,
        speaker: Option<Speaker>,
        from: usize,
        to: usize,
    ) -> Vec<Said> {
        let (start_ms, end_ms) = ((from * 1_000 / RATE) as i64, (to * 1_000 / RATE) as i64);
        Stretch { script, speaker, start_ms, lasts_ms: end_ms - start_ms }.said()
    }

    fn noisy(samples: &mut [i16], loudness: i16) {
        let mut seed = 1_u32;
        for sample in samples {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = sample.saturating_add((seed >> 16) as i16 % loudness);
        }
    }

    fn sides(script: &Script) -> Vec<Option<Speaker>> {
        let both = [Some(Speaker::Caller), Some(Speaker::Agent), None];
        if script.channels == 2 { both.to_vec() } else { vec![None] }
    }

    #[test]
    fn every_side_of_every_call_is_recognised_as_a_whole() {
        for script in speech::scripts() {
            for speaker in sides(script) {
                let samples = heard(script, speaker);
                let started = tokio::time::Instant::now();
                let (stretch, said) = said_in(&samples).expect(&script.name);
                eprintln!(
                    "{} {:?} {:?} took {:?}",
                    script.name,
                    speaker,
                    samples.len() / RATE,
                    started.elapsed()
                );
                assert_eq!(
                    (&stretch.script.name, stretch.start_ms.abs() <= 10),
                    (&script.name, true)
                );
                assert_eq!(texts(&said), texts(&expected(script, speaker, 0, samples.len())));
            }
        }
    }

    fn texts(said: &[Said]) -> Vec<&str> {
        said.iter().map(|said| said.text.as_str()).collect()
    }

    #[test]
    fn dbg_pieces() {
        let mut seed = 7_u64;
        let mut next = |n: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        };
        let mut lines = Vec::new();
        for script in speech::scripts() {
            for side in sides(script) {
                lines.push((script, side, heard(script, side)));
            }
        }
        let (mut total, mut n, mut wrong) = (Duration::ZERO, 0, 0);
        for _ in 0..400 {
            let (script, side, line) = &lines[next(lines.len())];
            let length = (RATE * 2 + next(RATE * 20)).min(line.len());
            let from = next(line.len() - length + 1);
            let mut piece = line[from..from + length].to_vec();
            if next(2) == 0 {
                noisy(&mut piece, 40);
            }
            if next(3) == 0 {
                piece.iter_mut().for_each(|it| *it /= 2);
            }
            let voiced = Curve::of(&piece, RATE).voiced();
            let t = tokio::time::Instant::now();
            let got = said_in(&piece);
            total += t.elapsed();
            n += 1;
            let want = expected(script, *side, from, from + length);
            let got_said = got.as_ref().map(|it| it.1.clone()).unwrap_or_default();
            if texts(&got_said) != texts(&want) {
                wrong += 1;
                eprintln!(
                    "{} {side:?} from {} ms, {} ms, voiced {voiced}: want {:?} got {:?} in {:?}",
                    script.name,
                    from / 16,
                    length / 16,
                    texts(&want),
                    texts(&got_said),
                    got.map(|it| (&it.0.script.name, it.0.speaker, it.0.start_ms))
                );
            }
        }
        eprintln!("{wrong} of {n} wrong, {:?} each", total / n);
    }
}
