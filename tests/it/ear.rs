//! The demo calls as the ear hears them: how long they last, who speaks when, and where they may be cut.

use std::ops::Range;
use std::time::Duration;

use actors::ports::{Ear, EarError, EncodedAudio, Piece, PieceLimits};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hearback::audio::SymphoniaEar;
use hearback::simulator::speech::{Script, Speaker, script, scripts};
use hearback::simulator::synthetic_mpeg;

const LIMITS: PieceLimits = PieceLimits { longest: Duration::from_secs(300) };

#[tokio::test]
async fn every_form_of_a_call_is_as_long_as_it_was() {
    for script in short_calls() {
        let lasts = script.turns().last().expect("somebody speaks").end_ms;
        for file in forms(script) {
            let waveform = SymphoniaEar.measure(chunks(&file)).await.expect("audio");
            let wav = SymphoniaEar.measure(chunks(&script.wav(1).expect("one channel"))).await;
            let off = wav.expect("audio").duration.abs_diff(waveform.duration);
            assert!(off < Duration::from_millis(60), "{}: {off:?}", script.name);
            assert!(waveform.duration >= Duration::from_millis(lasts), "{}", script.name);
            assert!(waveform.peaks.iter().any(|peak| *peak > 20), "{}", script.name);
        }
    }
}

#[tokio::test]
async fn every_turn_is_heard_on_the_channel_of_who_speaks() {
    for script in short_calls() {
        for file in forms(script) {
            let pieces = listen(&file, LIMITS).await;
            let channels = usize::from(pieces[0].channels);
            assert!(pieces.iter().all(|piece| usize::from(piece.channels) == channels));
            let voiced: Vec<_> = (0..channels).map(|channel| voiced(&pieces, channel)).collect();
            let mut turns = vec![Vec::new(); channels];
            for turn in script.turns() {
                let agent = turn.speaker == Speaker::Agent;
                turns[if agent { channels - 1 } else { 0 }].push(turn.start_ms..turn.end_ms);
            }
            for (channel, turns) in turns.iter().enumerate() {
                assert_covered(turns, &voiced[channel], &format!("{} {channel}", script.name));
            }
        }
    }
}

#[tokio::test]
async fn short_pieces_lose_nothing_of_a_call() {
    let limits = PieceLimits { longest: Duration::from_secs(3) };
    for script in short_calls() {
        let file = forms(script).pop().expect("a form");
        let (whole, cut) = (listen(&file, LIMITS).await, listen(&file, limits).await);
        assert!(cut.iter().all(|piece| piece.duration() <= limits.longest), "{}", script.name);
        for channel in 0..usize::from(whole[0].channels) {
            let of_channel = cut.iter().filter(|piece| usize::from(piece.channel) == channel);
            let spans = of_channel.map(|piece| (piece.start, piece.start + piece.duration()));
            let spans: Vec<_> = spans.collect();
            assert!(spans.is_sorted_by(|(_, end), (start, _)| end <= start), "{}", script.name);
            let heard = |pieces: &[Piece]| -> u64 {
                voiced(pieces, channel).iter().map(|voice| voice.end - voice.start).sum()
            };
            assert!(heard(&cut).abs_diff(heard(&whole)) <= cut.len() as u64, "{}", script.name);
        }
    }
}

#[tokio::test]
async fn damaged_frames_become_silence_of_the_same_length() {
    let file = script("washing-machine").and_then(|script| script.mp3(2)).expect("two channels");
    let whole = SymphoniaEar.measure(chunks(&file)).await.expect("audio");
    let mut damaged = Vec::new();
    let mut rest = &file[..];
    while !rest.is_empty() {
        let (frame, behind) = rest.split_at(frame_length(rest));
        damaged.extend_from_slice(frame);
        if damaged.len() % 7 == 0 {
            // All that says how to read the frame.
            let side_information = damaged.len() - frame.len() + 4;
            damaged[side_information..][..17].fill(0xfe);
        }
        rest = behind;
    }
    let heard = SymphoniaEar.measure(chunks(&damaged)).await.expect("audio");
    assert_eq!(heard.duration, whole.duration);
    assert!(heard.peaks != whole.peaks);
    let middle = (0..100).fold(0, |at, _| at + frame_length(&file[at..]));
    let (before, behind) = file.split_at(middle);
    let with_more = [before, &b"<html>".repeat(100), behind].concat();
    let heard = SymphoniaEar.measure(chunks(&with_more)).await;
    assert_eq!(heard.map(|waveform| waveform.duration), Ok(whole.duration));
}

/// Of a frame at 22,050 samples a second.
fn frame_length(frame: &[u8]) -> usize {
    let kbit = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128][usize::from(frame[2] >> 4)];
    72_000 * kbit / 22_050 + usize::from(frame[2] >> 1 & 1)
}

#[tokio::test]
async fn silence_in_frames_is_measured_and_never_cut_into_pieces() {
    let silence = synthetic_mpeg(96 * 1_000, 7);
    let waveform = SymphoniaEar.measure(chunks(&silence)).await.expect("audio");
    assert_eq!(waveform.duration, Duration::from_secs(24));
    assert!(waveform.peaks.iter().all(|peak| *peak == 0));
    assert!(listen(&silence, LIMITS).await.is_empty());
    let tagged = [b"ID3\x03\0\0\0\0\0\x01x".as_slice(), &silence].concat();
    let tagged = SymphoniaEar.measure(chunks(&tagged)).await;
    assert_eq!(tagged.map(|waveform| waveform.duration), Ok(Duration::from_secs(24)));
}

#[tokio::test]
async fn what_the_encoder_added_is_left_out_and_no_more() {
    let frames =
        |announced: u32| [info_frame(announced, 576, 1_000), synthetic_mpeg(96 * 100, 7)].concat();
    let honest = SymphoniaEar.measure(chunks(&frames(100))).await.expect("audio");
    // 529 samples more than the tag says: what a decoder adds at the beginning comes off the end.
    assert_eq!(honest.duration, samples(100 * 576 - 576 - 1_000));
    let lying = SymphoniaEar.measure(chunks(&frames(10))).await.expect("audio");
    assert!(lying.duration > samples(97 * 576 - 576 - 1_000), "{:?}", lying.duration);
}

/// The first frame of what LAME makes: it says how many follow, and what was added at both ends.
fn info_frame(frames: u32, delay: u32, padding: u32) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf3, 0x84, 0xc0];
    frame.resize(13, 0);
    frame.extend(b"Info");
    frame.extend([0, 0, 0, 1]);
    frame.extend(frames.to_be_bytes());
    frame.extend(b"LAME3.100");
    frame.resize(frame.len() + 12, 0);
    frame.extend(&(delay << 12 | padding).to_be_bytes()[1..]);
    // 64 kbit/s at 24 kHz.
    frame.resize(192, 0);
    frame
}

fn samples(count: u64) -> Duration {
    Duration::from_nanos(count * 1_000_000_000 / 24_000)
}

/// All but the one that goes on for ten minutes.
fn short_calls() -> impl Iterator<Item = &'static Script> {
    scripts().iter().filter(|script| script.name != "long-diagnosis")
}

fn forms(script: &Script) -> Vec<Bytes> {
    let forms = [script.mp3(1), script.wav(1), script.mp3(2), script.wav(2)];
    forms.into_iter().flatten().collect()
}

async fn listen(file: &[u8], limits: PieceLimits) -> Vec<Piece> {
    SymphoniaEar.listen(chunks(file), limits).try_collect().await.expect("audio")
}

fn chunks(file: &[u8]) -> EncodedAudio {
    let chunks: Vec<Result<Bytes, EarError>> =
        file.chunks(10_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks).boxed()
}

/// When somebody speaks on one channel, in ms of the recording; what a cut divided is joined again.
fn voiced(pieces: &[Piece], channel: usize) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for piece in pieces.iter().filter(|piece| usize::from(piece.channel) == channel) {
        for (from, to) in &piece.voiced {
            let ms = |moment: Duration| (piece.start + moment).as_millis() as u64;
            match joined.last_mut() {
                Some(last) if last.end == ms(*from) => last.end = ms(*to),
                Some(_) | None => joined.push(ms(*from)..ms(*to)),
            }
        }
    }
    joined
}

/// Somebody is heard from the beginning to the end of each turn, pauses apart, and at no other time.
#[track_caller]
fn assert_covered(turns: &[Range<u64>], voiced: &[Range<u64>], what: &str) {
    const OFF_MS: u64 = 150;
    for voice in voiced {
        let within = |turn: &Range<u64>| {
            turn.start <= voice.start + OFF_MS && voice.end <= turn.end + OFF_MS
        };
        assert!(turns.iter().any(within), "{what}: {voice:?} is nobody's turn of {turns:?}");
    }
    for turn in turns {
        let of_turn = voiced.iter().filter(|it| it.start < turn.end && turn.start < it.end);
        let heard = of_turn.cloned().reduce(|first, last| first.start..last.end);
        let off =
            heard.map(|heard| heard.start.abs_diff(turn.start).max(heard.end.abs_diff(turn.end)));
        assert!(off.is_some_and(|off| off < OFF_MS), "{what}: {turn:?} is not heard in {voiced:?}");
    }
}
