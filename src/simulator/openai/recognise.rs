//! Speech to text, for those who wrote the text: finds which stretch of which scripted call a piece of audio is.
//!
//! The loudness of a call is like no other's. A lively part of the piece is looked for in every call, at a coarse
//! step; where it fits best, the whole piece is laid over the call at a fine one.

use std::collections::HashSet;
use std::ptr;
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
/// The longest call goes over its turns thirteen times: every one of them must be laid over the whole.
const FINALISTS_MAX: usize = 20;
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

/// The same places to the moment. Neighbours often turn out to be one.
fn refined(places: Vec<Place>, shape: &Shape) -> Vec<Place> {
    let refined = places.into_iter().filter_map(|place| {
        let near = place.at.saturating_sub(COARSE)..=place.at + COARSE;
        let tried = near.map(|at| Place { at, fit: place.track.fine.fit(shape, at), ..place });
        tried.max_by(|a, b| a.fit.total_cmp(&b.fit))
    });
    let mut seen = HashSet::new();
    let is_new = |place: &Place| seen.insert((ptr::from_ref(place.track), place.at));
    best_of(refined.filter(is_new).collect(), FINALISTS_MAX)
}

/// The best first; of equally good ones that of the earlier call, side and time.
fn best_of(mut places: Vec<Place>, most: usize) -> Vec<Place> {
    places.sort_by(|a, b| b.fit.total_cmp(&a.fit));
    places.truncate(most);
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: usize = 16_000;

    type Line = (&'static Script, Option<Speaker>, Vec<i16>);

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

    fn texts(said: &[Said]) -> Vec<&str> {
        said.iter().map(|said| said.text.as_str()).collect()
    }

    #[test]
    fn every_side_of_every_call_is_recognised_as_a_whole() {
        for script in speech::scripts() {
            for speaker in sides(script) {
                let samples = heard(script, speaker);
                let (stretch, said) = said_in(&samples).expect(&script.name);
                assert_eq!(stretch.script.name, script.name);
                assert!(stretch.start_ms.abs() <= 10, "{} ms", stretch.start_ms);
                assert_eq!(texts(&said), texts(&expected(script, speaker, 0, samples.len())));
            }
        }
    }

    #[test]
    fn silence_noise_and_strangers_say_nothing() {
        let mut noise = vec![0; RATE * 5];
        assert!(said_in(&noise).is_none());
        noisy(&mut noise, 40);
        assert!(said_in(&noise).is_none(), "noise that is not heard");
        noisy(&mut noise, 9_000);
        assert!(said_in(&noise).is_none(), "noise that is");
        for script in speech::scripts() {
            let mut backwards = heard(script, None);
            backwards.truncate(RATE * 60);
            backwards.reverse();
            for length in [2, 5, 20, 60] {
                let (piece, _) = backwards.split_at((RATE * length).min(backwards.len()));
                assert!(said_in(piece).is_none(), "{length} s of {} backwards", script.name);
            }
        }
    }

    #[derive(Debug, Clone, Copy)]
    struct Cut {
        line: usize,
        from: f64,
        seconds: f64,
        loudness: i16,
        halved: bool,
    }

    fn cut() -> impl Strategy<Value = Cut> {
        let parts = (0..14_usize, 0.0..1.0, 2.0..40.0, 1..60_i16, any::<bool>());
        parts.prop_map(|(line, from, seconds, loudness, halved)| Cut {
            line,
            from,
            seconds,
            loudness,
            halved,
        })
    }

    /// Every side of every call.
    fn lines() -> &'static [Line] {
        static LINES: LazyLock<Vec<Line>> = LazyLock::new(|| {
            let lines = speech::scripts().iter().flat_map(|script| {
                sides(script).into_iter().map(move |side| (script, side, heard(script, side)))
            });
            lines.collect()
        });
        &LINES
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn any_piece_is_recognised_wherever_it_is_cut(cut in cut()) {
            let (script, side, line) = &lines()[cut.line];
            let length = ((cut.seconds * RATE as f64) as usize).min(line.len());
            let from = ((line.len() - length) as f64 * cut.from) as usize;
            let mut piece = line[from..from + length].to_vec();
            if cut.halved {
                piece.iter_mut().for_each(|sample| *sample /= 2);
            }
            noisy(&mut piece, cut.loudness);
            let said = said_in(&piece).map(|(_, said)| said).unwrap_or_default();
            // A word, or a part of one, may be too little to be known, or be taken for another's.
            if Curve::of(&piece, RATE).voiced() >= 40 {
                let wanted = expected(script, *side, from, from + length);
                prop_assert!(is_part_of(&inside(&said, length), &all(&wanted)), "{said:?}");
                prop_assert!(is_part_of(&inside(&wanted, length), &all(&said)), "{said:?}");
            }
        }
    }

    fn all(said: &[Said]) -> Vec<&str> {
        said.iter().flat_map(|said| &said.words).map(|word| word.text.as_str()).collect()
    }

    /// Those that the cut certainly spared: on which side of it the others are is a matter of milliseconds.
    fn inside(said: &[Said], length: usize) -> Vec<&str> {
        const MARGIN_MS: u64 = 60;
        let last_ms = (length * 1_000 / RATE) as u64 - MARGIN_MS;
        let words = said.iter().flat_map(|said| &said.words);
        let inside = words.filter(|word| word.start_ms > MARGIN_MS && word.end_ms < last_ms);
        inside.map(|word| word.text.as_str()).collect()
    }

    fn is_part_of(some: &[&str], all: &[&str]) -> bool {
        some.is_empty() || all.windows(some.len()).any(|window| window == some)
    }
}
