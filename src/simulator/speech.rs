//! The scripted calls, spoken: put together at start from committed clips, in every form Twilio would serve.
//!
//! Invariant: all forms of one call are equally long, because all follow the same frames; MP3 is made by
//! splicing frames, so `speech/generate.py` makes frames that lean on no other.

use std::collections::HashMap;
use std::iter;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::audio::{Audio, Form, Wav};
use super::{mpeg, wav};

pub(super) use understood::{Appointment, Understood};

mod understood;

static CALLS: &str = include_str!("speech/calls.json");
static INDEX: &str = include_str!("speech/clips/index.json");
static MONO: &[u8] = include_bytes!("speech/clips/mono.mp3");
static STEREO: &[u8] = include_bytes!("speech/clips/stereo.mp3");
static LINE: &[u8] = include_bytes!("speech/clips/speech.ulaw");

const FRAME_SAMPLES: usize = 576;
const MP3_RATE: usize = 22_050;
const LINE_SILENCE: i16 = 0;

/// One scripted call.
#[derive(Deserialize)]
pub struct Script {
    pub name: String,
    pub language: String,
    pub direction: String,
    pub channels: u8,
    #[serde(default)]
    pub child_leg: bool,
    pub from: String,
    pub to: String,
    /// How long before "now" it began, in the demo.
    pub minutes_ago: u32,
    pause_ms: usize,
    /// Go over the turns again until the call lasts this long.
    lasts_s: Option<usize>,
    speakers: HashMap<Speaker, String>,
    turns: Vec<(Speaker, String)>,
    pub(super) understood: Understood,
    /// Put together at the first use, then shared.
    #[serde(skip)]
    audio: OnceLock<Audio>,
}

/// The caller is on the left channel, the agent on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    Caller,
    Agent,
}

/// Who said what when: what a transcript should come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpokenTurn {
    pub speaker: Speaker,
    pub text: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub words: Vec<SpokenWord>,
}

/// With the punctuation that is written to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpokenWord {
    pub text: String,
    pub start_ms: u64,
    pub end_ms: u64,
}

pub fn scripts() -> &'static [Script] {
    static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct File {
            calls: Vec<Script>,
        }
        serde_json::from_str::<File>(CALLS).expect("calls.json is committed and tested").calls
    });
    &SCRIPTS
}

pub fn script(name: &str) -> Option<&'static Script> {
    scripts().iter().find(|script| script.name == name)
}

impl Script {
    pub fn turns(&self) -> Vec<SpokenTurn> {
        let mut turns = Vec::new();
        let mut frame = 0;
        for passage in self.passages() {
            let end = frame + passage.frames;
            if let Some((speaker, text)) = passage.turn {
                let (start_ms, end_ms) = (frames_ms(frame), frames_ms(end));
                let words = passage.clip.words.iter().map(|word| word.later(start_ms)).collect();
                let (speaker, text) = (*speaker, text.clone());
                turns.push(SpokenTurn { speaker, text, start_ms, end_ms, words });
            }
            frame = end;
        }
        turns
    }

    /// As Twilio would serve it; none if it has not so many channels.
    pub fn mp3(&self, channels: u8) -> Option<Bytes> {
        self.form(Form::Mp3, channels)
    }

    /// As Twilio would serve it; none if it has not so many channels.
    pub fn wav(&self, channels: u8) -> Option<Bytes> {
        self.form(Form::Wav, channels)
    }

    fn form(&self, form: Form, channels: u8) -> Option<Bytes> {
        let content = self.audio().form(form, Some(channels))?;
        Some(content.pieces(usize::MAX).collect::<Vec<Bytes>>().concat().into())
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.turns.iter().map(|(_, text)| text.as_str())
    }

    /// What went over the line: the caller's samples and the agent's.
    pub(super) fn line(&self) -> [Vec<i16>; 2] {
        line(&self.passages())
    }

    /// After so many samples it may begin again, as if it had gone on.
    pub(super) fn round_samples(&self) -> usize {
        let turns = self.turns();
        let begins_ms =
            turns.iter().step_by(self.turns.len()).next_back().map(|turn| turn.start_ms);
        let again = begins_ms
            .filter(|ms| *ms > 0)
            .map(|ms| ms as usize * wav::SAMPLE_RATE as usize / 1_000);
        again.unwrap_or_else(|| self.line()[0].len())
    }

    pub(super) fn audio(&self) -> Audio {
        self.audio.get_or_init(|| self.recite()).clone()
    }

    fn recite(&self) -> Audio {
        let passages = self.passages();
        let frames = passages.iter().map(|passage| passage.frames).sum();
        let two = self.channels == 2;
        let [caller, agent] = line(&passages);
        let both: Vec<i16> = iter::zip(&caller, &agent).map(|(left, right)| left + right).collect();
        Audio {
            mono_mp3: splice(&passages, |clip| &MONO[clip.mono.clone()]),
            dual_mp3: two.then(|| splice(&passages, |clip| &STEREO[clip.stereo.clone()])),
            wav: Wav::Spoken {
                mono: wav::wav(&[&both]).into(),
                dual: two.then(|| wav::wav(&[&caller, &agent]).into()),
            },
            duration: Duration::from_millis(frames_ms(frames)),
            own_bytes: 0,
        }
    }

    fn passages(&self) -> Vec<Passage<'_>> {
        let clips = clips();
        let pause = |frames| Passage { clip: &clips.silence, frames, turn: None };
        let pause_frames = self.pause_ms * MP3_RATE / 1_000 / FRAME_SAMPLES;
        let once = self.turns.len();
        let wanted = self.lasts_s.map(|seconds| (seconds * MP3_RATE).div_ceil(FRAME_SAMPLES));
        let turns = if wanted.is_some() { usize::MAX } else { once };
        let (mut passages, mut frames) = (Vec::new(), 0);
        for turn in self.turns.iter().cycle().take(turns) {
            let (speaker, text) = turn;
            let clip = clips.spoken(&self.speakers[speaker], text);
            let more = clip.frames + pause_frames;
            if let Some(wanted) = wanted.filter(|wanted| frames + more > *wanted) {
                passages.push(pause(wanted - frames));
                break;
            }
            passages.push(Passage { clip, frames: clip.frames, turn: Some(turn) });
            passages.push(pause(pause_frames));
            frames += more;
        }
        passages
    }
}

/// A stretch of a call: one turn, or silence as long as needed.
struct Passage<'a> {
    clip: &'a Clip,
    frames: usize,
    turn: Option<&'a (Speaker, String)>,
}

/// Where one clip lies in the committed files.
#[derive(Debug)]
struct Clip {
    frames: usize,
    mono: Range<usize>,
    stereo: Range<usize>,
    line: Range<usize>,
    /// From the clip's start on.
    words: Vec<SpokenWord>,
}

struct Clips {
    silence: Clip,
    spoken: HashMap<(String, String), Clip>,
}

impl SpokenWord {
    fn later(&self, by_ms: u64) -> Self {
        let (start_ms, end_ms) = (self.start_ms + by_ms, self.end_ms + by_ms);
        Self { text: self.text.clone(), start_ms, end_ms }
    }
}

impl From<(String, u64, u64)> for SpokenWord {
    fn from((text, start_ms, end_ms): (String, u64, u64)) -> Self {
        Self { text, start_ms, end_ms }
    }
}

impl Clips {
    fn spoken(&self, voice: &str, text: &str) -> &Clip {
        self.spoken
            .get(&(voice.to_owned(), text.to_owned()))
            .expect("generate.py renders every turn, and a test recites every call")
    }
}

fn clips() -> &'static Clips {
    static ALL: LazyLock<Clips> = LazyLock::new(read_index);
    &ALL
}

fn read_index() -> Clips {
    #[derive(Deserialize)]
    struct Row {
        voice: String,
        text: String,
        frames: usize,
        mono_byte: usize,
        stereo_byte: usize,
        sample: usize,
        words: Vec<(String, u64, u64)>,
    }
    let rows: Vec<Row> = serde_json::from_str(INDEX).expect("index.json is committed and tested");
    let ends = rows.iter().skip(1).map(|next| (next.mono_byte, next.stereo_byte, next.sample));
    let ends: Vec<_> = ends.chain([(MONO.len(), STEREO.len(), LINE.len())]).collect();
    let mut clips = iter::zip(rows, ends).map(|(row, (mono, stereo, sample))| {
        let clip = Clip {
            frames: row.frames,
            mono: row.mono_byte..mono,
            stereo: row.stereo_byte..stereo,
            line: row.sample..sample,
            words: row.words.into_iter().map(SpokenWord::from).collect(),
        };
        ((row.voice, row.text), clip)
    });
    let (_, silence) = clips.next().expect("the first clip is silence");
    Clips { silence, spoken: clips.collect() }
}

fn splice<'a>(passages: &[Passage<'_>], bytes: impl Fn(&Clip) -> &'a [u8]) -> Bytes {
    let mut audio = Vec::new();
    for passage in passages {
        let clip: Vec<&[u8]> = mpeg::frames(bytes(passage.clip)).collect();
        for frame in clip.iter().cycle().take(passage.frames) {
            audio.extend_from_slice(frame);
        }
    }
    audio.into()
}

/// What went over the line: the caller's samples and the agent's.
fn line(passages: &[Passage<'_>]) -> [Vec<i16>; 2] {
    let mut channels = [Vec::new(), Vec::new()];
    let mut frames = 0;
    for passage in passages {
        frames += passage.frames;
        if let Some((speaker, _)) = passage.turn {
            let samples = &LINE[passage.clip.line.clone()];
            channels[*speaker as usize].extend(samples.iter().map(|code| wav::from_mu_law(*code)));
        }
        // Frames are no whole number of line samples: going by the sum keeps WAV and MP3 in step.
        let until = frames * FRAME_SAMPLES * wav::SAMPLE_RATE as usize / MP3_RATE;
        for channel in &mut channels {
            channel.resize(until, LINE_SILENCE);
        }
    }
    channels
}

const fn frames_ms(frames: usize) -> u64 {
    (frames * FRAME_SAMPLES * 1_000 / MP3_RATE) as u64
}

#[cfg(test)]
mod tests {
    use super::super::tape::Content;
    use super::*;

    #[test]
    fn every_call_is_equally_long_in_every_form() {
        for script in scripts() {
            let audio = script.audio();
            let seconds = audio.duration.as_secs_f64();
            let frames = |mp3: &[u8]| mpeg::duration(mp3).as_secs_f64();
            assert!((frames(&audio.mono_mp3) - seconds).abs() < 0.002, "{}", script.name);
            let wav = |channels| audio.form(Form::Wav, Some(channels)).map(Content::bytes);
            let samples = |wav: &[u8]| (wav.len() - wav::HEADER_BYTES) as f64 / 16_000.0;
            let mono = wav(1).expect("one channel");
            assert!((samples(&mono) - seconds).abs() < 0.002, "{}", script.name);
            assert_eq!(audio.dual_mp3.is_some(), script.channels == 2);
            if let (Some(mp3), Some(dual)) = (&audio.dual_mp3, wav(2)) {
                assert!((frames(mp3) - seconds).abs() < 0.002, "{}", script.name);
                assert!((samples(&dual) / 2.0 - seconds).abs() < 0.002, "{}", script.name);
            }
        }
    }

    #[test]
    fn every_word_of_a_turn_is_said_in_it_and_after_the_one_before() {
        for turn in scripts().iter().flat_map(Script::turns) {
            let words: Vec<&str> = turn.words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(words.join(" "), turn.text);
            let mut said_ms = turn.start_ms;
            for word in &turn.words {
                assert!(said_ms <= word.start_ms && word.start_ms < word.end_ms, "{word:?}");
                said_ms = word.end_ms;
            }
            assert!(said_ms <= turn.end_ms, "{}", turn.text);
        }
    }

    #[test]
    fn calls_last_from_a_few_seconds_to_ten_minutes() {
        let lasts = |name| script(name).expect("a script").audio().duration;
        assert!(lasts("missed-call") < Duration::from_secs(6));
        assert_eq!(lasts("long-diagnosis").as_secs(), 600);
    }

    #[test]
    fn each_speaker_is_heard_on_his_own_channel_only() {
        let script = script("washing-machine").expect("a script");
        let dual = script.audio().form(Form::Wav, Some(2)).expect("two channels").bytes();
        let loud = |side: usize, turn: &SpokenTurn| {
            let (start, end) = (turn.start_ms as usize * 8, turn.end_ms as usize * 8);
            (start + 10..end - 10).any(|at| {
                let byte = wav::HEADER_BYTES + at * 4 + side * 2;
                i16::from_le_bytes([dual[byte], dual[byte + 1]]).unsigned_abs() > 2_000
            })
        };
        for turn in script.turns() {
            let (own, other) = match turn.speaker {
                Speaker::Caller => (0, 1),
                Speaker::Agent => (1, 0),
            };
            assert!(loud(own, &turn), "{}", turn.text);
            assert!(!loud(other, &turn), "{}", turn.text);
        }
    }
}
