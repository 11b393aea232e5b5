//! The documents that recognisers answer with, and the different places where they put the same thing. Pure.
//!
//! OpenAI's `whisper-1` has segments and, beside them, words; whisper.cpp's server, speaches and others put the
//! words into the segments; whisper.cpp's `-oj` has segments with offsets in milliseconds, and `-ojf` tokens in
//! them; newer models of OpenAI's have a text and nothing else.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What is heard, whoever heard it. Times are in seconds, and believed by nobody yet.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) language: Option<String>,
    pub(super) text: String,
    pub(super) segments: Vec<HeardSegment>,
    /// Where they belong to no segment.
    pub(super) words: Vec<HeardWord>,
}

#[derive(Default, Deserialize)]
pub(super) struct HeardSegment {
    #[serde(default)]
    pub(super) text: String,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) start: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) end: Option<f64>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) words: Vec<HeardWord>,
}

#[derive(Deserialize)]
pub(super) struct HeardWord {
    #[serde(rename = "word", alias = "text")]
    pub(super) text: String,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) start: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) end: Option<f64>,
}

#[derive(Deserialize)]
struct Document {
    language: Option<String>,
    text: Option<String>,
    segments: Option<Vec<HeardSegment>>,
    words: Option<Vec<HeardWord>>,
    transcription: Option<Vec<Stretch>>,
    result: Option<ResultOfCli>,
}

/// A segment or a token of whisper.cpp's command line.
#[derive(Deserialize)]
struct Stretch {
    text: String,
    offsets: Option<Offsets>,
    #[serde(default, deserialize_with = "listed")]
    tokens: Vec<Stretch>,
}

#[derive(Deserialize)]
struct Offsets {
    from: f64,
    to: f64,
}

#[derive(Deserialize)]
struct ResultOfCli {
    language: Option<String>,
}

impl Heard {
    /// `None`: that is no document of any kind we know.
    pub(super) fn read(document: &[u8]) -> Option<Self> {
        let document = std::str::from_utf8(document).ok()?;
        let document: Document = serde_json::from_str(document)
            .or_else(|_| serde_json::from_str(&without_nan(document)))
            .ok()?;
        let Document { language, text, segments, words, transcription, result } = document;
        let known = text.is_some() || segments.is_some() || words.is_some();
        if !known && transcription.is_none() {
            return None;
        }
        let mut segments = segments.unwrap_or_default();
        segments.extend(transcription.into_iter().flatten().map(HeardSegment::from));
        Some(Self {
            language: language.or(result.and_then(|result| result.language)),
            text: text.unwrap_or_default(),
            segments,
            words: words.unwrap_or_default(),
        })
    }

    /// `[00:00:01.500 --> 00:00:02.000]  Good morning.`, line by line; or text that is nothing but text.
    pub(super) fn of_text(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match lines.clone().map(bracketed).collect::<Option<Vec<_>>>() {
            Some(segments) => Self { segments, ..Self::default() },
            None => Self { text: lines.collect::<Vec<_>>().join(" "), ..Self::default() },
        }
    }
}

fn bracketed(line: &str) -> Option<HeardSegment> {
    let (times, text) = line.strip_prefix('[')?.split_once(']')?;
    let (start, end) = times.split_once("-->")?;
    let (start, end) = (clock(start)?, clock(end)?);
    Some(HeardSegment { text: text.to_owned(), start: Some(start), end: Some(end), words: vec![] })
}

/// `01:02:03.456`
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.trim().splitn(3, ':');
    let (hours, minutes): (f64, f64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(hours * 3_600.0 + minutes * 60.0 + parts.next()?.parse::<f64>().ok()?)
}

impl From<Stretch> for HeardSegment {
    fn from(stretch: Stretch) -> Self {
        let (start, end) = stretch.times();
        let words = stretch
            .tokens
            .into_iter()
            // `[_BEG_]` and its like are no words.
            .filter(|token| !token.text.starts_with("[_"))
            .map(|token| {
                let (start, end) = token.times();
                HeardWord { text: token.text, start, end }
            })
            .collect();
        Self { text: stretch.text, start, end, words }
    }
}

impl Stretch {
    fn times(&self) -> (Option<f64>, Option<f64>) {
        let seconds = |millis: f64| millis / 1_000.0;
        let Some(Offsets { from, to }) = self.offsets else { return (None, None) };
        (Some(seconds(from)), Some(seconds(to)))
    }
}

/// A time that is no number is no time; the words count without it.
fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Option<f64>, D::Error> {
    Ok(Value::deserialize(value)?.as_f64())
}

/// Some servers say `null` for none.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// Python writes numbers that are none (`NaN`, `Infinity`) as no JSON may have them. Outside of strings they
/// become `null` here.
fn without_nan(document: &str) -> String {
    let mut cleaned = String::with_capacity(document.len());
    let mut in_string = false;
    let mut rest = document;
    while let Some(next) = rest.chars().next() {
        let number = ["-Infinity", "Infinity", "NaN"].into_iter().find(|it| rest.starts_with(it));
        let taken = match number {
            Some(number) if !in_string => {
                cleaned.push_str("null");
                number.len()
            }
            _ => {
                let escape = if in_string && next == '\\' { rest.chars().nth(1) } else { None };
                in_string ^= next == '"';
                let taken = next.len_utf8() + escape.map_or(0, char::len_utf8);
                cleaned.push_str(&rest[..taken]);
                taken
            }
        };
        rest = &rest[taken..];
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_become_null_outside_of_strings() {
        for (document, cleaned) in [
            (r#"{"a":NaN,"b":-Infinity}"#, r#"{"a":null,"b":null}"#),
            (r#"{"a":"NaN \" NaN","b":[Infinity]}"#, r#"{"a":"NaN \" NaN","b":[null]}"#),
            (r#"{"ä":"\\","b":NaN}"#, r#"{"ä":"\\","b":null}"#),
            ("", ""),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(without_nan(document), cleaned);
        }
    }

    #[test]
    fn what_is_no_transcript_is_not_read() {
        for document in ["", "{}", "[]", "null", "<html>", r#"{"text":5}"#, r#"{"text":"cut"#] {
            assert!(Heard::read(document.as_bytes()).is_none(), "{document}");
        }
        let read =
            Heard::read(br#"{"text":"a","segments":[{"text":"a","start":"x","words":null}]}"#);
        assert!(read.is_some_and(|heard| heard.segments[0].start.is_none()));
    }
}
