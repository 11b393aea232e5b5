//! One table: what recognisers answer for ten seconds in which somebody speaks from 1 to 9, and what becomes of it.

use std::time::Duration;

use actors::domain::Transcript;
use actors::ports::{PIECE_SAMPLE_RATE, Piece, ProviderError};
use serde_json::{Value, json};

use super::{printed, transcript};

fn piece() -> Piece {
    let second = Duration::from_secs;
    Piece {
        channel: 1,
        channels: 2,
        start: second(70),
        samples: vec![0; 10 * PIECE_SAMPLE_RATE as usize],
        voiced: vec![(second(1), second(4)), (second(5), second(9))],
    }
}

/// `0.5–2 Good morning. [Good 0.5–1, morning 1–2]`
fn shown(transcript: &Transcript) -> Vec<String> {
    let seconds = |span: Duration| span.as_secs_f64();
    transcript
        .utterances
        .iter()
        .map(|said| {
            assert_eq!(said.channel, 1);
            let words: Vec<String> = said
                .words
                .iter()
                .map(|word| format!("{} {}–{}", word.text, seconds(word.start), seconds(word.end)))
                .collect();
            let span = format!("{}–{}", seconds(said.start), seconds(said.end));
            format!("{span} {} [{}]", said.text, words.join(", "))
        })
        .collect()
}

#[track_caller]
fn check(answer: &Value, expected: &[&str]) {
    let heard = transcript(answer.to_string().as_bytes(), &piece(), None).expect("a transcript");
    assert_eq!(shown(&heard), expected);
}

#[test]
fn words_beside_segments_go_to_the_segment_that_covers_them() {
    let answer = json!({
        "task": "transcribe", "language": "english", "duration": 10.0, "text": "Good morning. A boiler?",
        "segments": [
            { "id": 0, "start": 0.5, "end": 2.0, "text": " Good morning.", "tokens": [1], "no_speech_prob": 0.1 },
            { "id": 1, "start": 2.0, "end": 30.0, "text": " A boiler?" },
        ],
        "words": [
            { "word": "Good", "start": 0.5, "end": 1.0 }, { "word": "morning", "start": 1.0, "end": 2.0 },
            { "word": "A", "start": 2.5, "end": 2.5 }, { "word": "boiler", "start": 2.5, "end": 3.5 },
        ],
    });
    check(
        &answer,
        &[
            "0.5–2 Good morning. [Good 0.5–1, morning 1–2]",
            "2–10 A boiler? [A 2.5–2.5, boiler 2.5–3.5]",
        ],
    );
}

#[test]
fn parts_of_words_within_segments_are_put_together() {
    let answer = json!({
        "language": "english", "text": " Good morning.\n",
        "segments": [{ "id": 0, "start": 0.0, "end": 3.0, "text": " Good morning.", "words": [
            { "word": " Good", "start": 0.0, "end": 1.0, "t_dtw": -1, "probability": 0.9 },
            { "word": " mor", "start": 1.0, "end": 1.5 }, { "word": "ning", "start": 1.5, "end": 2.0 },
            { "word": ".", "start": 2.0, "end": 2.5 },
        ] }],
    });
    check(&answer, &["0–3 Good morning. [Good 0–1, morning. 1–2.5]"]);
    let unspaced = json!({ "segments": [{ "start": 0, "end": 3, "text": "早上", "words": [
        { "word": "早", "start": 0, "end": 1 }, { "word": "上", "start": 1, "end": 2 } ] }] });
    check(&unspaced, &["0–3 早上 [早 0–1, 上 1–2]"]);
}

#[test]
fn words_alone_make_utterances_between_pauses_and_at_ends_of_sentences() {
    let word = |text: &str, start: f64| json!({ "word": text, "start": start, "end": start + 0.5 });
    let words = json!([
        word("Yes.", 0.0),
        word("I", 0.5),
        word("do", 1.25),
        word("so", 3.0),
        word("do", 4.0)
    ]);
    check(
        &json!({ "text": "Yes. I do so do", "words": words }),
        &[
            "0–0.5 Yes. [Yes. 0–0.5]",
            "0.5–1.75 I do [I 0.5–1, do 1.25–1.75]",
            "3–4.5 so do [so 3–3.5, do 4–4.5]",
        ],
    );
}

#[test]
fn who_talks_without_end_is_cut_now_and_then() {
    let words: Vec<Value> =
        (0..40).map(|at| json!({ "word": "so", "start": at, "end": at + 1 })).collect();
    let long = Piece { samples: vec![0; 40 * PIECE_SAMPLE_RATE as usize], ..piece() };
    let answer = json!({ "words": words }).to_string();
    let heard = transcript(answer.as_bytes(), &long, None).expect("a transcript");
    let lengths: Vec<usize> = heard.utterances.iter().map(|said| said.words.len()).collect();
    assert_eq!(lengths, [15, 15, 10]);
}

#[test]
fn text_alone_is_said_while_there_is_a_voice() {
    check(&json!({ "text": " Good morning. \n" }), &["1–9 Good morning. []"]);
    check(&json!({ "text": "Yes", "segments": [], "words": null }), &["1–9 Yes []"]);
    check(&json!({ "text": "  " }), &[]);
    let silent = Piece { voiced: Vec::new(), ..piece() };
    assert_eq!(shown(&printed("Yes", &silent, None)), ["0–10 Yes []"]);
}

#[test]
fn times_that_cannot_be_leave_the_words_without_them() {
    for bad in [json!(null), json!("soon"), json!(-1.0), json!(500.0), json!(1e300)] {
        let words = json!([{ "word": "Yes", "start": bad, "end": bad }]);
        check(&json!({ "text": "Yes", "words": words }), &["1–9 Yes []"]);
        let inner = json!({ "text": "Yes", "start": 2.0, "end": 3.0, "words": words });
        check(&json!({ "segments": [inner] }), &["2–3 Yes []"]);
        let segments = json!([
            { "text": "One", "start": 2.0, "end": 3.0 },
            { "text": "two", "start": bad, "end": bad },
            { "text": "three", "start": 5.0, "end": 6.0 },
        ]);
        check(&json!({ "segments": segments }), &["2–3 One []", "3–5 two []", "5–6 three []"]);
    }
    let literal = br#"{"text":"NaN","words":[{"word":"NaN","start":NaN,"end":Infinity}]}"#;
    let heard = transcript(literal, &piece(), None).expect("a transcript");
    assert_eq!(shown(&heard), ["1–9 NaN []"]);
}

#[test]
fn times_that_run_backwards_are_put_in_order() {
    let segments = json!([
        { "text": "One", "start": 2.0, "end": 6.0 },
        { "text": "two", "start": 4.0, "end": 5.0 },
        { "text": "three", "start": 3.0, "end": 7.0 },
    ]);
    check(&json!({ "segments": segments }), &["2–4 One []", "4–4 two []", "4–7 three []"]);
}

#[test]
fn the_command_line_of_whisper_cpp_is_understood() {
    let answer = json!({
        "systeminfo": "AVX", "model": {}, "params": { "language": "auto" }, "result": { "language": "de" },
        "transcription": [{
            "timestamps": { "from": "00:00:00,500", "to": "00:00:02,000" },
            "offsets": { "from": 500, "to": 2000 }, "text": " Guten Tag.",
            "tokens": [
                { "text": "[_BEG_]", "offsets": { "from": 500, "to": 500 }, "id": 1, "p": 0.5, "t_dtw": -1.0 },
                { "text": " Guten", "offsets": { "from": 500, "to": 1000 }, "id": 2, "p": 0.5, "t_dtw": -1.0 },
                { "text": " Tag", "offsets": { "from": 1000, "to": 1500 }, "id": 3, "p": 0.5, "t_dtw": -1.0 },
                { "text": ".", "offsets": { "from": 1500, "to": 2000 }, "id": 4, "p": 0.5, "t_dtw": -1.0 },
            ],
        }],
    });
    check(&answer, &["0.5–2 Guten Tag. [Guten 0.5–1, Tag. 1–2]"]);
    let heard = transcript(answer.to_string().as_bytes(), &piece(), None).expect("a transcript");
    assert_eq!(heard.language.as_deref(), Some("de"));
}

#[test]
fn printed_lines_may_have_times_in_brackets() {
    let text = "\n[00:00:01.500 --> 00:00:02.000]   Good morning.\n[00:00:03.000 --> 00:00:30.000]  A boiler?\n";
    let heard = printed(text, &piece(), Some("en"));
    assert_eq!(shown(&heard), ["1.5–2 Good morning. []", "3–10 A boiler? []"]);
    let plain = printed(" [noise] Good morning,\n  Dana. \n", &piece(), None);
    assert_eq!(shown(&plain), ["1–9 [noise] Good morning, Dana. []"]);
    assert_eq!(shown(&printed("\n", &piece(), None)), [""; 0]);
}

#[test]
fn the_language_is_the_one_that_was_heard() {
    for (heard, asked, expected) in [
        (Some("english"), None, Some("en")),
        (Some("english"), Some("en-GB"), Some("en-GB")),
        (Some("hebrew"), Some("en"), Some("he")),
        (Some("???"), Some("he"), Some("he")),
        (None, None, None),
    ] {
        let answer = json!({ "text": "x", "language": heard }).to_string();
        let found = transcript(answer.as_bytes(), &piece(), asked).expect("a transcript").language;
        assert_eq!(found.as_deref(), expected);
    }
}

#[test]
fn what_is_no_transcript_is_nonsense_and_tells_no_words() {
    for document in ["<html>my name is Dana", r#"{"text":"my name is Dana"#, r#"{"text":["Dana"]}"#]
    {
        let told = transcript(document.as_bytes(), &piece(), None).expect_err(document);
        assert_eq!(told, ProviderError::Nonsense("it is no transcript in JSON".to_owned()));
    }
}
