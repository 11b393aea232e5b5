//! A transcript in each of its forms.

use std::fmt::Write;
use std::time::Duration;

use actors::domain::{KeptTranscript, Profile, Speaker, Utterance, Word};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::heard::Heard;
use crate::http::openapi::words;
use crate::http::rfc3339;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Form {
    Json,
    /// WebVTT, for `<track>` elements.
    Vtt,
    /// SubRip.
    Srt,
    Text,
}

impl Form {
    pub(in crate::http) fn of_path(path: &str) -> Self {
        match path.rsplit('.').next() {
            Some("vtt") => Self::Vtt,
            Some("srt") => Self::Srt,
            Some("txt") => Self::Text,
            Some(_) | None => Self::Json,
        }
    }

    pub(in crate::http) const fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Vtt => "vtt",
            Self::Srt => "srt",
            Self::Text => "txt",
        }
    }

    pub(in crate::http) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Vtt => "text/vtt; charset=utf-8",
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// A transcript as somebody reads it.
pub(super) struct Reading<'a> {
    heard: &'a Heard,
    kept: &'a KeptTranscript,
    profile: &'a Profile,
    utterances: Vec<Utterance>,
    original: bool,
}

/// What was said in a recording.
#[derive(Serialize, ToSchema)]
#[schema(as = Transcript)]
pub(in crate::http) struct TranscriptJson<'a> {
    #[schema(value_type = words::CallSid)]
    call_sid: String,
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    /// As ISO 639 has it, if it was told or found out.
    language: Option<&'a str>,
    /// Grows with each correction.
    revision: u32,
    #[schema(value_type = words::Time)]
    made_at: String,
    speakers: Vec<SpeakerJson<'a>>,
    utterances: Vec<UtteranceJson<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Speaker)]
struct SpeakerJson<'a> {
    /// Counted from 0.
    channel: u8,
    /// `caller` or `agent`; null where all speak on one channel.
    #[schema(value_type = Option<words::SpeakerRole>)]
    role: Option<&'static str>,
    /// What the business calls them.
    label: Option<&'a str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Utterance)]
struct UtteranceJson<'a> {
    id: usize,
    channel: u8,
    #[schema(value_type = Option<words::SpeakerRole>)]
    speaker: Option<&'static str>,
    /// In seconds from the recording's beginning.
    start: f64,
    /// In seconds from the recording's beginning.
    end: f64,
    text: &'a str,
    /// Empty where the speech service gave none.
    words: Vec<WordJson<'a>>,
    /// What was heard, where somebody corrected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    original_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = words::Time, required = false)]
    corrected_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Word)]
struct WordJson<'a> {
    text: &'a str,
    /// In seconds, as the utterance's.
    start: f64,
    end: f64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        heard: &'a Heard,
        kept: &'a KeptTranscript,
        profile: &'a Profile,
        original: bool,
    ) -> Self {
        let transcript = if original { kept.heard.clone() } else { kept.corrected() };
        Self { heard, kept, profile, utterances: transcript.utterances, original }
    }

    pub(super) fn write(&self, form: Form) -> String {
        match form {
            Form::Json => serde_json::json!(self.json()).to_string(),
            Form::Vtt => self.vtt(),
            Form::Srt => self.srt(),
            Form::Text => self.text(),
        }
    }

    fn json(&self) -> TranscriptJson<'_> {
        let speaker = |channel| {
            let role = self.speaker(channel).map(Speaker::as_str);
            SpeakerJson { channel, role, label: role.map(|role| self.label(role)) }
        };
        TranscriptJson {
            call_sid: self.heard.call.call.sid.to_string(),
            recording_sid: self.heard.audio.recording.to_string(),
            language: self.kept.heard.language.as_deref(),
            revision: self.kept.revision,
            made_at: rfc3339(self.kept.made_at),
            speakers: (0..self.kept.channels).map(speaker).collect(),
            utterances: self
                .utterances
                .iter()
                .enumerate()
                .map(|(id, said)| self.utterance(id, said))
                .collect(),
        }
    }

    fn utterance<'b>(&'b self, id: usize, said: &'b Utterance) -> UtteranceJson<'b> {
        let correction = self.kept.correction(id).filter(|_| !self.original);
        let heard = &self.kept.heard.utterances[id];
        UtteranceJson {
            id,
            channel: said.channel,
            speaker: self.speaker(said.channel).map(Speaker::as_str),
            start: said.start.as_secs_f64(),
            end: said.end.as_secs_f64(),
            text: &said.text,
            words: said.words.iter().map(word).collect(),
            original_text: correction.map(|_| heard.text.as_str()),
            corrected_at: correction.map(|correction| rfc3339(correction.at)),
        }
    }

    fn vtt(&self) -> String {
        let mut out = "WEBVTT\n".to_owned();
        for said in &self.utterances {
            let (start, end) = (clock(said.start, '.'), clock(said.end, '.'));
            let _ = write!(out, "\n{start} --> {end}\n");
            if let Some(label) = self.label_of(said) {
                let _ = write!(out, "<v {}>", escaped(label).replace('.', " "));
            }
            let _ = writeln!(out, "{}", escaped(&said.text));
        }
        out
    }

    fn srt(&self) -> String {
        let mut out = String::new();
        for (at, said) in self.utterances.iter().enumerate() {
            let (start, end) = (clock(said.start, ','), clock(said.end, ','));
            let separator = if at == 0 { "" } else { "\n" };
            let _ = writeln!(out, "{separator}{}\n{start} --> {end}", at + 1);
            let _ = writeln!(out, "{}", self.line(said).replace("-->", "→"));
        }
        out
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for said in &self.utterances {
            let _ = writeln!(out, "{}", self.line(said));
        }
        out
    }

    fn line(&self, said: &Utterance) -> String {
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.label_of(said).map_or_else(|| text.clone(), |label| format!("{label}: {text}"))
    }

    fn label_of(&self, said: &Utterance) -> Option<&str> {
        self.speaker(said.channel).map(|speaker| self.label(speaker.as_str()))
    }

    fn label<'b>(&'b self, role: &'b str) -> &'b str {
        self.profile.labels.get(role).map_or(role, String::as_str)
    }

    fn speaker(&self, channel: u8) -> Option<Speaker> {
        Speaker::of(channel, self.kept.channels, self.profile.agent_channel)
    }
}

fn word(word: &Word) -> WordJson<'_> {
    let (start, end) = (word.start.as_secs_f64(), word.end.as_secs_f64());
    WordJson { text: &word.text, start, end }
}

/// Within a WebVTT cue, on one line: an empty one would end it.
fn escaped(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn clock(at: Duration, point: char) -> String {
    let (seconds, millis) = (at.as_secs(), at.subsec_millis());
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{millis:03}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_count_hours_and_keep_milliseconds() {
        assert_eq!(clock(Duration::from_millis(3_723_004), '.'), "01:02:03.004");
        assert_eq!(clock(Duration::ZERO, ','), "00:00:00,000");
    }

    #[test]
    fn what_is_said_cannot_end_a_cue_or_begin_a_tag() {
        assert_eq!(escaped("a <b>\n\n00:00 --> c & d"), "a &lt;b&gt; 00:00 --&gt; c &amp; d");
    }

    #[test]
    fn the_form_is_the_end_of_the_path() {
        assert_eq!(Form::of_path("/api/calls/{call_sid}/transcript"), Form::Json);
        assert_eq!(Form::of_path("/api/calls/{call_sid}/transcript.json"), Form::Json);
        assert_eq!(Form::of_path("/api/calls/{call_sid}/transcript.vtt"), Form::Vtt);
    }
}
