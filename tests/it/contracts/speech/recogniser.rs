//! A real recogniser on real telephone speech, as a program of one's own: `tests/setup` installs both.
//!
//! The recording is a prompt of the Asterisk exchange, spoken by Allison Smith. Its language model knows the words,
//! so that this shows the way of the audio and of the times, and not how well anybody recognises.

use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::domain::{Utterance, Word};
use actors::ports::{PIECE_SAMPLE_RATE, Piece, Speech};
use hearback::speech::command::{CommandSpeech, CommandSpeechConfig};

const WORD_ERROR_RATE_MAX: f64 = 0.35;

#[tokio::test]
async fn telephone_speech_is_recognised_with_the_times_of_its_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = root().join("tests/speech/congratulations.txt");
    let words = [
        installed("target/python/bin/python"),
        root().join("tests/speech/transcribe.py"),
        script.clone(),
    ];
    let words = words.map(|path| path.to_str().expect("text").to_owned());
    let speech = CommandSpeech::new(CommandSpeechConfig {
        command: format!("{} {{wav}}", shell_words::join(&words)),
        folder: folder.path().to_owned(),
        timeout: Duration::from_mins(2),
        longest_piece: Duration::from_mins(5),
    });
    let piece = piece(&installed("target/telephone/congratulations.wav"));
    let heard = speech.expect("a program").transcribe(&piece, Some("en")).await;
    let heard = heard.expect("a transcript");
    check_times(&heard.utterances, piece.duration());

    let expected = spoken(&std::fs::read_to_string(script).expect("a script"));
    let recognised = spoken(&heard.text());
    let rate = edits(&expected, &recognised) as f64 / expected.len() as f64;
    let percent = rate * 100.0;
    println!("{percent:.1} % of {} words are wrong", expected.len());
    assert!(rate <= WORD_ERROR_RATE_MAX, "{percent:.1} % are wrong: {}", heard.text());
}

fn check_times(utterances: &[Utterance], lasts: Duration) {
    assert!(utterances.len() > 1, "she talks for half a minute");
    let words: Vec<&Word> = utterances.iter().flat_map(|said| &said.words).collect();
    let orderly = words.iter().all(|word| word.start < word.end && word.end <= lasts)
        && words.is_sorted_by(|one, other| one.end <= other.start);
    assert!(orderly, "{words:?}");
    let last = words.last().map_or(Duration::ZERO, |word| word.end);
    assert!(lasts - last < Duration::from_secs(2), "it is heard to its end");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn installed(path: &str) -> PathBuf {
    let whole = root().join(path);
    assert!(whole.exists(), "{path} is not there; tests/setup makes it");
    whole
}

/// All of it is speech.
fn piece(wav: &Path) -> Piece {
    let wav = std::fs::read(wav).expect("a recording");
    let data = wav.windows(4).position(|four| four == b"data").expect("samples") + 8;
    let samples = wav[data..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
    let samples: Vec<i16> = samples.collect();
    let lasts = Duration::from_secs_f64(samples.len() as f64 / f64::from(PIECE_SAMPLE_RATE));
    let voiced = vec![(Duration::ZERO, lasts)];
    Piece { channel: 0, channels: 1, start: Duration::ZERO, samples, voiced }
}

fn spoken(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// How many words must be changed, left out or put in to make one of the other.
fn edits(expected: &[String], recognised: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=recognised.len()).collect();
    for (at, word) in expected.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (index, other) in recognised.iter().enumerate() {
            let changed = corner + usize::from(word != other);
            corner = row[index + 1];
            row[index + 1] = changed.min(corner + 1).min(row[index] + 1);
        }
    }
    row[recognised.len()]
}

#[test]
fn edits_are_counted() {
    for (expected, recognised, count) in [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "b c d", 2),
        ("a b", "", 2),
        ("", "a", 1),
    ] {
        assert_eq!(edits(&spoken(expected), &spoken(recognised)), count, "{recognised}");
    }
}
