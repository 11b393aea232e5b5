//! What is measured and cut, of audio that is made up here: exact where WAV is.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actors::domain::Waveform;
use actors::ports::{Ear, EarError, EncodedAudio, Piece, PieceLimits};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::SymphoniaEar;

const RATE: u32 = 8_000;
const LIMITS: PieceLimits = PieceLimits { longest: Duration::from_secs(300) };

#[tokio::test]
async fn wav_is_measured_to_the_sample() {
    let square = plane(12_345, |at| if at / 40 % 2 == 0 { 16_000 } else { -8_000 });
    let quiet = plane(12_345, |_| 256);
    let waveform = measure(&wav(&[&square, &quiet])).await.expect("a waveform");
    assert_eq!(waveform.duration, Duration::from_nanos(12_345 * 125_000));
    assert_eq!((waveform.channels, waveform.sample_rate), (2, RATE));
    assert_eq!((waveform.samples_per_pixel, waveform.length()), (400, 31));
    assert!(waveform.peaks.chunks(4).all(|pixel| pixel == [-32, 62, 1, 1]), "each on its own");
}

#[tokio::test]
async fn peaks_are_the_extremes_of_their_pixel() {
    let mut steps = plane(1_000, |at| (at / 400 * 512) as i16);
    steps[399] = i16::MAX;
    steps[400] = i16::MIN;
    let waveform = measure(&wav(&[&steps])).await.expect("a waveform");
    assert_eq!(waveform.peaks, [0, 127, -128, 2, 4, 4]);
}

#[tokio::test]
async fn other_codes_and_widths_of_samples_are_understood() {
    let codes = [0xff, 0x80, 0x00, 0xff];
    let mu_law = measure(&wav_of(7, 1, 8, &codes)).await.expect("mu-law");
    assert_eq!(mu_law.peaks, [-126, 125]);
    let a_law = measure(&wav_of(6, 1, 8, &[0xd5, 0xaa, 0x2a])).await.expect("A-law");
    assert_eq!(a_law.peaks, [-126, 126]);
    let bytes = measure(&wav_of(1, 1, 8, &[128, 255, 0])).await.expect("8 bits");
    assert_eq!(bytes.peaks, [-128, 127]);
}

#[tokio::test]
async fn long_audio_has_no_more_pixels_than_short_audio() {
    let samples = plane(16_384 * 400 + 1, |at| if at < 400 { 25_600 } else { 0 });
    let most = measure(&wav(&[&samples[1..]])).await.expect("a waveform");
    assert_eq!((most.length(), most.samples_per_pixel), (16_384, 400));
    let merged = measure(&wav(&[&samples])).await.expect("a waveform");
    assert_eq!((merged.length(), merged.samples_per_pixel), (8_193, 800));
    assert_eq!(merged.peaks[..4], [0, 100, 0, 0]);
}

#[tokio::test]
async fn how_the_bytes_arrive_makes_no_difference() {
    let spoken = voice(4_000..20_000, 30_000);
    let file = wav(&[&spoken]);
    let (waveform, pieces) = (measure(&file).await, listen(&file, LIMITS).await);
    assert!(pieces.as_ref().is_ok_and(|pieces| pieces.len() == 1));
    for length in [1, 7, 44, 1_000, 65_536] {
        let ear = SymphoniaEar;
        assert_eq!(ear.measure(in_chunks(&file, length)).await, waveform, "{length}");
        let heard: Result<Vec<Piece>, _> =
            ear.listen(in_chunks(&file, length), LIMITS).try_collect().await;
        assert!(heard == pieces, "{length}");
    }
}

#[tokio::test]
async fn what_breaks_off_ends_with_why() {
    let cut = EarError::Cut("the line went dead".to_owned());
    let file = wav(&[&voice(4_000..20_000, 160_000)]);
    for at in [0, 10, 44, 200_000] {
        let chunks = [Ok(Bytes::copy_from_slice(&file[..at])), Err(cut.clone())];
        let audio = || stream::iter(chunks.clone()).chain(stream::pending()).boxed();
        assert_eq!(SymphoniaEar.measure(audio()).await, Err(cut.clone()), "{at}");
        let heard: Vec<_> = SymphoniaEar.listen(audio(), LIMITS).collect().await;
        let whole_pieces = usize::from(at == 200_000);
        assert_eq!(heard.len(), whole_pieces + 1, "{at}");
        assert_eq!(heard.last(), Some(&Err(cut.clone())), "{at}");
    }
    assert!(matches!(measure(&file[..200_000]).await, Err(EarError::Cut(_))));
}

#[tokio::test]
async fn what_is_no_audio_is_told_apart_from_what_broke_off() {
    let html = b"<html><body>Not found</body></html>".repeat(1_000);
    let noise: Vec<u8> = noise().map(|sample| sample as u8).take(300_000).collect();
    let no_channels = wav_of(1, 0, 16, &[0; 100]);
    for garbage in [&html[..], &noise, b"", b"RIFF", b"\xff\xf3", &wav(&[&[]]), &no_channels] {
        let verdict = measure(garbage).await;
        assert!(matches!(verdict, Err(EarError::Undecodable(_))), "{verdict:?}");
        let heard: Vec<_> = SymphoniaEar.listen(in_chunks(garbage, 1_000), LIMITS).collect().await;
        assert!(matches!(heard[..], [Err(EarError::Undecodable(_))]), "{heard:?}");
    }
}

#[tokio::test]
async fn where_nobody_speaks_there_is_no_piece() {
    let seconds = |tone: &dyn Fn(f64) -> f64| {
        plane(20 * RATE as usize, |at| tone(at as f64 / f64::from(RATE)) as i16)
    };
    let sine = |hertz: f64, at: f64| (at * hertz * std::f64::consts::TAU).sin();
    let on_and_off = |at: f64, second: f64| f64::from(at / second % 2.0 < 1.0);
    let silent: [(&str, Vec<i16>); 9] = [
        ("silence", seconds(&|_| 0.0)),
        ("faint noise", noise().map(|sample| sample / 2_000).take(160_000).collect()),
        ("loud noise", noise().map(|sample| sample / 8).take(160_000).collect()),
        ("hum", seconds(&|at| 3_000.0 * (sine(50.0, at) + sine(150.0, at) / 2.0))),
        ("dial tone", seconds(&|at| 4_000.0 * (sine(350.0, at) + sine(440.0, at)))),
        (
            "ringing",
            seconds(&|at| 4_000.0 * (sine(440.0, at) + sine(480.0, at)) * on_and_off(at, 1.0)),
        ),
        ("busy", seconds(&|at| 6_000.0 * sine(425.0, at) * on_and_off(at, 0.5))),
        ("congestion", seconds(&|at| 6_000.0 * sine(425.0, at) * on_and_off(at, 0.25))),
        ("buzz", seconds(&|at| if at * 100.0 % 1.0 < 0.5 { 8_000.0 } else { -8_000.0 })),
    ];
    for (what, samples) in silent {
        let pieces = listen(&wav(&[&samples]), LIMITS).await.expect("audio");
        assert!(pieces.is_empty(), "{what}: {pieces:?} {:?}", pieces[0].voiced);
    }
}

#[tokio::test]
async fn a_voice_is_found_where_it_is_and_on_its_own_channel() {
    let (left, right) = (voice(24_000..40_000, 240_000), voice(160_000..200_000, 240_000));
    let pieces = listen(&wav(&[&left, &right]), LIMITS).await.expect("pieces");
    let [first, second] = &pieces[..] else { panic!("{pieces:?}") };
    assert_eq!((first.channel, first.channels), (0, 2));
    assert_eq!((second.channel, second.channels), (1, 2));
    for (piece, from, to) in [(first, 3_000, 5_000), (second, 20_000, 25_000)] {
        let [(start, end)] = piece.voiced[..] else { panic!("{:?}", piece.voiced) };
        assert_near(piece.start + start, from, 80);
        assert_near(piece.start + end, to, 100);
        assert_near(piece.start, from - 200, 80);
        assert_near(piece.start + piece.duration(), to + 300, 100);
    }
}

#[tokio::test]
async fn samples_stay_in_step_at_every_rate() {
    for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
        let seconds = rate as usize * 20;
        let mut samples = voice_at(rate, rate as usize..3 * rate as usize, seconds);
        // A click while somebody speaks, and somebody at the very end.
        samples[2 * rate as usize..][..rate as usize / 1_000].fill(i16::MAX);
        let late = voice_at(rate, seconds - 2 * rate as usize..seconds, seconds);
        iter::zip(&mut samples, late).for_each(|(sample, late)| *sample += late);
        let pieces = listen(&wav_at(rate, &[&samples]), LIMITS).await.expect("pieces");
        assert_eq!(pieces.len(), 2, "{rate}");
        let loudest = (0..pieces[0].samples.len()).max_by_key(|at| pieces[0].samples[*at]);
        let click = pieces[0].start + Duration::from_micros(62 * loudest.expect("a click") as u64);
        assert_near(click, 2_000, 10);
        let end = pieces[1].start + pieces[1].duration();
        assert!(end <= Duration::from_secs(20), "{rate}: {end:?}");
        assert_near(end, 20_000, 2);
    }
}

#[tokio::test]
async fn pieces_are_no_longer_than_allowed_and_lose_no_voice() {
    let samples = plane(60 * RATE as usize, |_| 0);
    let spoken: Vec<i16> = iter::zip(samples, voice(8_000..440_000, 480_000))
        .map(|(silence, voice)| silence + voice)
        .collect();
    let whole = listen(&wav(&[&spoken]), LIMITS).await.expect("one piece");
    let voiced = |pieces: &[Piece]| -> Duration {
        pieces.iter().flat_map(|piece| &piece.voiced).map(|(from, to)| *to - *from).sum()
    };
    for longest_ms in [3_000, 500, 100, 16] {
        let longest = Duration::from_millis(longest_ms);
        let pieces = listen(&wav(&[&spoken]), PieceLimits { longest }).await.expect("pieces");
        assert!(pieces.iter().all(|piece| piece.duration() <= longest), "{longest:?}");
        assert!(pieces.is_sorted_by(|one, next| one.start + one.duration() <= next.start));
        assert_eq!(voiced(&pieces), voiced(&whole), "{longest:?}");
        let rejoined: Vec<i16> = pieces.iter().flat_map(|piece| piece.samples.clone()).collect();
        let (same, more) = whole[0].samples.split_at(rejoined.len());
        assert!(rejoined == same, "nothing is lost or heard twice");
        assert!(more.iter().all(|sample| *sample == 0), "only silence may be missing at the end");
    }
}

#[tokio::test]
async fn pieces_are_cut_in_the_middle_of_pauses() {
    // Each second: 0.6 s of voice and a pause; the pause after the seventh is longer.
    let mut spoken = plane(20 * RATE as usize, |_| 0);
    for second in 0..16_usize {
        let from = second * 8_000 + if second < 7 { 4_000 } else { 8_000 };
        let voice = voice(from..from + 4_800, spoken.len());
        iter::zip(&mut spoken, voice).for_each(|(sample, voice)| *sample += voice);
    }
    let limits = PieceLimits { longest: Duration::from_secs(10) };
    let pieces = listen(&wav(&[&spoken]), limits).await.expect("pieces");
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    assert_eq!(pieces[0].voiced.len(), 7);
    assert_eq!(pieces[1].voiced.len(), 9);
}

#[tokio::test]
async fn reading_stops_while_nobody_takes_the_pieces() {
    const CHUNK: usize = 8_000;
    // A voice for one second in every twelve, for ten minutes.
    let minute = (0..5).fold(plane(60 * RATE as usize, |_| 0), |minute, turn| {
        let from = turn * 96_000 + 8_000;
        let voice = voice(from..from + 8_000, minute.len());
        iter::zip(minute, voice).map(|(one, other)| one + other).collect()
    });
    let header = wav_header(1, RATE, 1, 16, 10 * 60 * RATE * 2);
    let minute: Bytes =
        minute.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>().into();
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let chunks = (0..10 * minute.len() / CHUNK).map(move |chunk| {
        counter.fetch_add(CHUNK, Ordering::SeqCst);
        let at = chunk * CHUNK % minute.len();
        Ok(minute.slice(at..at + CHUNK))
    });
    let audio = stream::iter(iter::once(Ok(header.into())).chain(chunks)).boxed();
    let mut pieces = SymphoniaEar.listen(audio, LIMITS);
    for taken in 0..50_u64 {
        let piece = pieces.next().await.expect("a piece").expect("audio");
        assert_near(piece.start, taken * 12_000 + 800, 80);
        let behind = read.load(Ordering::SeqCst) / 16;
        let ahead = behind as u64 - taken * 12_000;
        assert!(ahead < 50_000, "{ahead} ms were read ahead of piece {taken}");
    }
    assert!(pieces.next().await.is_none());
}

#[tokio::test]
async fn whoever_goes_away_leaves_nothing_behind() {
    let held = Arc::new(());
    let endless = || {
        let held = Arc::clone(&held);
        let file = Bytes::from(wav(&[&voice(4_000..20_000, 80_000)]));
        let chunks = [Ok(file.slice(..1_000))];
        let rest = stream::poll_fn(move |_| {
            let _held = &held;
            std::task::Poll::Pending
        });
        stream::iter(chunks).chain(rest).boxed()
    };
    let measuring = SymphoniaEar.measure(endless());
    assert!(tokio::time::timeout(Duration::from_millis(20), measuring).await.is_err());
    let mut pieces = SymphoniaEar.listen(endless(), LIMITS);
    assert!(tokio::time::timeout(Duration::from_millis(20), pieces.next()).await.is_err());
    drop(pieces);
    drop(SymphoniaEar.listen(endless(), LIMITS));
    assert_eq!(Arc::strong_count(&held), 1, "the bytes are let go at once");
}

async fn measure(file: &[u8]) -> Result<Waveform, EarError> {
    SymphoniaEar.measure(in_chunks(file, 10_000)).await
}

async fn listen(file: &[u8], limits: PieceLimits) -> Result<Vec<Piece>, EarError> {
    SymphoniaEar.listen(in_chunks(file, 10_000), limits).try_collect().await
}

fn in_chunks(file: &[u8], length: usize) -> EncodedAudio {
    let chunks: Vec<_> =
        file.chunks(length).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks).boxed()
}

fn plane(samples: usize, sample: impl Fn(usize) -> i16) -> Vec<i16> {
    (0..samples).map(sample).collect()
}

/// Something that hums like a throat, and swells and fades like syllables; silence around it.
fn voice(spoken: std::ops::Range<usize>, samples: usize) -> Vec<i16> {
    voice_at(RATE, spoken, samples)
}

fn voice_at(rate: u32, spoken: std::ops::Range<usize>, samples: usize) -> Vec<i16> {
    plane(samples, |at| {
        if !spoken.contains(&at) {
            return 0;
        }
        let second = (at - spoken.start) as f64 / f64::from(rate);
        let pulse = if second * 120.0 % 1.0 < 0.3 { 1.0 } else { -0.4 };
        let swell = 0.05 + (second * 5.0 * std::f64::consts::PI).sin().powi(2);
        (9_000.0 * pulse * swell) as i16
    })
}

/// White, and always the same.
fn noise() -> impl Iterator<Item = i16> {
    let mut seed = 1_u64;
    iter::repeat_with(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 48) as i16
    })
}

fn wav(planes: &[&[i16]]) -> Vec<u8> {
    wav_at(RATE, planes)
}

fn wav_at(rate: u32, planes: &[&[i16]]) -> Vec<u8> {
    let samples = planes[0].len();
    let frames = (0..samples).flat_map(|at| planes.iter().map(move |plane| plane[at]));
    let content: Vec<u8> = frames.flat_map(i16::to_le_bytes).collect();
    [wav_header(1, rate, planes.len() as u16, 16, content.len() as u32), content].concat()
}

fn wav_of(code: u16, channels: u16, bits: u16, content: &[u8]) -> Vec<u8> {
    [&wav_header(code, RATE, channels, bits, content.len() as u32), content].concat()
}

fn wav_header(code: u16, rate: u32, channels: u16, bits: u16, content: u32) -> Vec<u8> {
    let block = channels * bits / 8;
    let extension: &[u8] = if code == 1 { &[] } else { &[0, 0] };
    let format_length = 16 + extension.len() as u32;
    let mut header = b"RIFF".to_vec();
    header.extend((content + content % 2 + format_length + 20).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(format_length.to_le_bytes());
    header.extend([code, channels].map(u16::to_le_bytes).concat());
    header.extend([rate, rate * u32::from(block)].map(u32::to_le_bytes).concat());
    header.extend([block, bits].map(u16::to_le_bytes).concat());
    header.extend(extension);
    header.extend(b"data");
    header.extend(content.to_le_bytes());
    header
}

#[track_caller]
fn assert_near(moment: Duration, ms: u64, tolerance_ms: u64) {
    let off = moment.as_millis().abs_diff(ms.into());
    assert!(off <= tolerance_ms.into(), "{moment:?} is not near {ms} ms");
}
