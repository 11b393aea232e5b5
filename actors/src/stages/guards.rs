//! What a speech service makes up is no transcript.
//!
//! Models of Whisper's kind are known to fill silence with phrases from their training, and to fall into loops. Voice
//! activity says where somebody spoke; words where nobody did are not believed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StageError;
use crate::domain::{Transcript, Utterance};
use crate::ports::Piece;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Hallucination {
    #[error("somebody speaks, and the speech service heard nothing")]
    Empty,
    #[error("one side speaks for long, and the speech service heard nothing of it")]
    OneSided,
    #[error("the speech service repeats a phrase over and over")]
    Repetition,
    #[error("the speech service heard words where nobody speaks")]
    Silence,
    #[error("the speech service heard more words than anybody can say in that time")]
    TooFast,
}

impl From<Hallucination> for StageError {
    /// Another run of the same model may do better.
    fn from(hallucination: Hallucination) -> Self {
        Self::passing(hallucination.to_string())
    }
}

/// Looks at a recording's pieces, one after the other.
#[derive(Debug, Default)]
pub(super) struct Guard {
    sides: BTreeMap<u8, Side>,
}

/// What came of one channel so far.
#[derive(Debug, Default)]
struct Side {
    voiced: Duration,
    words: usize,
}

/// A cough is no speech.
const SPEECH_MIN: Duration = Duration::from_millis(800);
/// Coughs, tones and the other side's voice, heard faintly, do not add up to this.
const SIDE_SPEECH_MIN: Duration = Duration::from_secs(10);
/// Nor, of a long call, to a tenth of what is spoken.
const SIDE_SHARE_MIN: u32 = 10;
/// By so much a provider's times may miss the voice.
const TOLERANCE: Duration = Duration::from_millis(500);
const PHRASE_WORDS_MAX: usize = 12;
/// Fewer words than this are no loop, however often they come ("no no no no").
const LOOP_WORDS_MIN: usize = 12;
const LOOP_TURNS_MIN: usize = 4;
/// The fastest speakers there are stay below ten.
const WORDS_PER_SECOND_MAX: f64 = 12.0;
const FAST_WORDS_MIN: usize = 20;

impl Guard {
    /// Takes out what nobody said; refuses what is made up for the better part.
    pub(super) fn check(
        &mut self,
        piece: &Piece,
        said: &mut Transcript,
    ) -> Result<(), Hallucination> {
        let voiced: Duration = piece.voiced.iter().map(|(start, end)| *end - *start).sum();
        let side = self.sides.entry(piece.channel).or_default();
        side.voiced += voiced;
        let text = said.text();
        let words: Vec<String> = text.split_whitespace().map(plain).collect();
        if repeats(&words) {
            return Err(Hallucination::Repetition);
        }
        let seconds = (voiced + TOLERANCE).as_secs_f64();
        if words.len() >= FAST_WORDS_MIN && words.len() as f64 > WORDS_PER_SECOND_MAX * seconds {
            return Err(Hallucination::TooFast);
        }
        let count = |said: &Utterance| said.text.split_whitespace().count();
        let before: usize = said.utterances.iter().map(count).sum();
        said.utterances.retain(|utterance| is_voiced(piece, utterance));
        let left: usize = said.utterances.iter().map(count).sum();
        if before > 0 && left * 2 < before {
            return Err(Hallucination::Silence);
        }
        side.words += left;
        Ok(())
    }

    /// Looks at what is left of them all. `false`: nobody spoke.
    pub(super) fn judge(&self) -> Result<bool, Hallucination> {
        let voiced: Duration = self.sides.values().map(|side| side.voiced).sum();
        if voiced < SPEECH_MIN {
            return Ok(false);
        }
        let mut sides = self.sides.values();
        if sides.all(|side| side.words == 0) {
            return Err(Hallucination::Empty);
        }
        let speaks =
            |side: &Side| side.voiced >= SIDE_SPEECH_MIN && side.voiced * SIDE_SHARE_MIN >= voiced;
        let mute = |side: &Side| side.words == 0 && speaks(side);
        if self.sides.values().any(mute) { Err(Hallucination::OneSided) } else { Ok(true) }
    }
}

fn is_voiced(piece: &Piece, utterance: &Utterance) -> bool {
    piece.voiced.iter().any(|(start, end)| {
        utterance.start <= *end + TOLERANCE && utterance.end + TOLERANCE >= *start
    })
}

/// Whether a phrase is said again and again without anything in between.
fn repeats(words: &[String]) -> bool {
    (1..=PHRASE_WORDS_MAX).any(|length| {
        let mut same = 0;
        words.iter().zip(words.iter().skip(length)).any(|(word, later)| {
            same = if word == later { same + 1 } else { 0 };
            let whole = same + length;
            whole >= LOOP_WORDS_MIN && whole >= length * LOOP_TURNS_MIN
        })
    })
}

/// A word, whatever stands around it.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PIECE_SAMPLE_RATE;

    fn seconds(from: f64, to: f64) -> (Duration, Duration) {
        (Duration::from_secs_f64(from), Duration::from_secs_f64(to))
    }

    fn piece(lasts: u32, voiced: &[(Duration, Duration)]) -> Piece {
        Piece {
            channel: 0,
            channels: 1,
            start: Duration::ZERO,
            samples: vec![0; (lasts * PIECE_SAMPLE_RATE) as usize],
            voiced: voiced.to_vec(),
        }
    }

    fn said(utterances: &[(f64, f64, &str)]) -> Transcript {
        let utterance = |(from, to, text): &(f64, f64, &str)| {
            let (start, end) = seconds(*from, *to);
            Utterance { channel: 0, start, end, text: (*text).to_owned(), words: Vec::new() }
        };
        Transcript { language: None, utterances: utterances.iter().map(utterance).collect() }
    }

    fn check(piece: &Piece, mut transcript: Transcript) -> Result<usize, Hallucination> {
        let mut guard = Guard::default();
        guard.check(piece, &mut transcript).map(|()| transcript.utterances.len())
    }

    #[test]
    fn what_people_say_passes() {
        let spoken = piece(30, &[seconds(0.0, 28.0)]);
        for text in [
            "No. No, no, no! I told you on Monday.",
            "Yes, yes, yes, yes, yes, all right.",
            "Good afternoon, Mrs Alvarez, this is Marcus from Riverside.",
            "one two three four five six seven eight nine ten one two three four five six seven eight nine ten",
            "ביום שישי עד אחת בצהריים",
        ] {
            assert_eq!(check(&spoken, said(&[(0.0, 28.0, text)])), Ok(1), "{text}");
        }
    }

    #[test]
    fn a_loop_is_no_transcript() {
        let spoken = piece(60, &[seconds(0.0, 60.0)]);
        for text in [
            "Thank you for watching. ".repeat(6),
            "so ".repeat(40),
            format!("Hello, this is Dana. {}", "I am going to go to the store and ".repeat(5)),
        ] {
            let heard = check(&spoken, said(&[(0.0, 60.0, &text)]));
            assert_eq!(heard, Err(Hallucination::Repetition), "{text}");
        }
    }

    #[test]
    fn words_where_nobody_speaks_are_left_out_or_refused() {
        let quiet = piece(60, &[seconds(1.0, 3.0)]);
        let real = (1.0, 3.0, "this is the clinic, how can I help you");
        let made_up = (30.0, 33.0, "thanks for watching");
        assert_eq!(check(&quiet, said(&[real, made_up])), Ok(1));
        let more = (40.0, 59.0, "please subscribe to my channel and do not forget the bell");
        assert_eq!(check(&quiet, said(&[real, made_up, more])), Err(Hallucination::Silence));
    }

    #[test]
    fn nobody_says_so_much_in_so_little_time() {
        let short = piece(5, &[seconds(1.0, 2.0)]);
        let text: String = (0..40).map(|n| format!("word{n} ")).collect();
        assert_eq!(check(&short, said(&[(1.0, 2.0, &text)])), Err(Hallucination::TooFast));
    }
}
