//! Programs that behave as they should, and such that do not.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use actors::ports::{PIECE_SAMPLE_RATE, Piece, ProviderError, Speech};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{CommandError, CommandSpeech, CommandSpeechConfig};

const PATIENCE: Duration = Duration::from_secs(20);

fn piece() -> Piece {
    Piece {
        channel: 0,
        channels: 1,
        start: Duration::ZERO,
        samples: vec![7; 2 * PIECE_SAMPLE_RATE as usize],
        voiced: vec![(Duration::from_secs(1), Duration::from_secs(2))],
    }
}

fn config(folder: &TempDir, command: &str) -> CommandSpeechConfig {
    CommandSpeechConfig {
        command: command.to_owned(),
        folder: folder.path().join("pieces"),
        timeout: PATIENCE,
        longest_piece: Duration::from_mins(5),
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// What a program's answer comes to: text, or an error. Nothing is left of the piece.
async fn heard(command: &str, timeout: Duration) -> Result<String, ProviderError> {
    let folder = folder();
    let config = CommandSpeechConfig { timeout, ..config(&folder, command) };
    let speech = CommandSpeech::new(config).expect("a program");
    let heard = speech.transcribe(&piece(), Some("en-GB")).await;
    let left = std::fs::read_dir(folder.path().join("pieces")).expect("a folder").count();
    assert_eq!(left, 0, "files are left");
    heard.map(|transcript| transcript.text())
}

#[tokio::test]
async fn the_program_gets_a_private_file_the_language_and_words_as_they_were_quoted() {
    let text = heard(
        "sh -c 'head -c 4 \"$1\"; stat -c \" %a %s\" \"$1\"; echo $2 $#' - {wav} '{language} $HOME;'",
        PATIENCE,
    );
    assert_eq!(text.await.expect("text"), "RIFF 600 64044 en $HOME; 2");
}

#[tokio::test]
async fn both_text_and_json_are_understood() {
    let morning = Ok("Good morning".to_owned());
    assert_eq!(heard("sh -c 'echo \" Good\"; echo morning' - {wav}", PATIENCE).await, morning);
    let json = r#"sh -c 'echo "{\"text\":\"Good morning\"}"' - {wav}"#;
    assert_eq!(heard(json, PATIENCE).await, morning);
}

#[tokio::test]
async fn failures_are_told_without_a_word_of_what_was_printed() {
    for (command, expected) in [
        (
            "sh -c 'echo Dana; echo Dana >&2; exit 3' - {wav}",
            "Unavailable speech.command ended with exit status: 3",
        ),
        ("sh -c 'kill -9 $$' - {wav}", "Unavailable speech.command ended with signal: 9 (SIGKILL)"),
        ("no-such-program-anywhere {wav}", "Refused speech.command: there is no such program"),
        ("/etc/passwd {wav}", "Refused speech.command: the program may not be run"),
        ("sh -c 'echo {Dana' - {wav}", "Nonsense it is no transcript in JSON"),
        ("sh -c 'printf \"\\377\"' - {wav}", "Nonsense it is not in UTF-8"),
        ("sh -c 'yes Dana' - {wav}", "Nonsense it is much too long"),
    ] {
        let error = heard(command, PATIENCE).await.expect_err(command);
        let told = match error {
            ProviderError::Unavailable(why) => format!("Unavailable {why}"),
            ProviderError::Refused(why) => format!("Refused {why}"),
            ProviderError::Nonsense(why) => format!("Nonsense {why}"),
            ProviderError::Throttled { .. }
            | ProviderError::Unreachable(_)
            | ProviderError::ShutOut(_) => "what a program cannot mean".to_owned(),
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn complaints_without_end_do_not_stop_it() {
    let command = "sh -c 'yes complaint | head -c 3000000 >&2; echo Good morning' - {wav}";
    assert_eq!(heard(command, PATIENCE).await, Ok("Good morning".to_owned()));
}

#[tokio::test]
async fn at_the_deadline_whatever_it_started_ends_too() {
    let mark = folder();
    let mark = mark.path().join("alive");
    // The inner one would write later, and holds the output open.
    let command = format!("sh -c '(sleep 4; touch {}) & sleep 30' - {{wav}}", mark.display());
    let asked_at = Instant::now();
    let error = heard(&command, Duration::from_millis(200)).await.expect_err("too slow");
    let late = ProviderError::Unavailable("speech.command did not finish in time".to_owned());
    assert_eq!(error, late);
    assert!(asked_at.elapsed() < PATIENCE);
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    assert!(!mark.exists(), "what it started lives on");
}

#[tokio::test]
async fn who_stops_waiting_leaves_neither_program_nor_file() {
    let folder = folder();
    let mark = folder.path().join("alive");
    let command = format!("sh -c 'sleep 4; touch {}' - {{wav}}", mark.display());
    let speech = CommandSpeech::new(config(&folder, &command)).expect("a program");
    let piece = piece();
    let cut = tokio::time::timeout(Duration::from_millis(300), speech.transcribe(&piece, None));
    assert!(cut.await.is_err());
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    let left = std::fs::read_dir(folder.path().join("pieces")).expect("a folder").count();
    assert_eq!(left, 0, "files are left");
    assert!(!mark.exists(), "the program lives on");
}

#[tokio::test]
async fn old_leftovers_are_swept_and_nothing_else() {
    let folder = folder();
    let pieces = folder.path().join("pieces");
    std::fs::create_dir(&pieces).expect("a folder");
    for name in ["piece-old.wav", "piece-new.wav", "else.wav"] {
        let file = std::fs::File::create(pieces.join(name)).expect("a file");
        let hour_ago =
            file.metadata().and_then(|it| it.modified()).expect("a time") - Duration::from_hours(1);
        if name != "piece-new.wav" {
            file.set_modified(hour_ago).expect("set");
        }
    }
    CommandSpeech::new(config(&folder, "true {wav}")).expect("a program");
    let mut left: Vec<_> = std::fs::read_dir(&pieces)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["else.wav", "piece-new.wav"]);
}

#[test]
fn a_mistake_is_told_at_once() {
    let folder = folder();
    for (command, told) in [
        ("", "there is no {wav} in it"),
        ("whisper", "there is no {wav} in it"),
        ("{wav}", "there is no {wav} in it"),
        ("whisper '{wav}", "the quotes do not match"),
    ] {
        let error = CommandSpeech::new(config(&folder, command)).err().expect(command);
        assert!(error.to_string().starts_with(&format!("speech.command: {told}")), "{error}");
    }
    let speech = CommandSpeech::new(config(&folder, "whisper {wav}"));
    assert!(speech.is_ok());
    let mode =
        std::fs::metadata(folder.path().join("pieces")).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let blocked = CommandSpeechConfig { folder: file, ..config(&folder, "whisper {wav}") };
    assert!(matches!(CommandSpeech::new(blocked), Err(CommandError::Folder(_))));
}

#[test]
fn whoever_sweeps_at_the_same_time_is_in_nobodys_way() {
    const SWEEPERS: usize = 8;
    let folder = folder();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1);
    for _ in 0..8 {
        for n in 0..300 {
            let piece = std::fs::File::create(folder.path().join(format!("piece-{n}.wav")));
            piece.and_then(|piece| piece.set_modified(long_ago)).expect("an old piece");
        }
        let start = std::sync::Barrier::new(SWEEPERS);
        let sweep = || {
            start.wait();
            super::sweep(folder.path(), PATIENCE)
        };
        std::thread::scope(|scope| {
            let sweepers: Vec<_> = (0..SWEEPERS).map(|_| scope.spawn(sweep)).collect();
            for sweeper in sweepers {
                sweeper.join().expect("it ends").expect("it sweeps");
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
