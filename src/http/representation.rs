//! Which bytes of a recording a request asks for, and under which conditions (RFC 9110 §13, §14).
//!
//! Recordings have strong entity tags and no modification date: conditions on dates never hold (§13.1.4,
//! §13.1.5), so that a client which knows only a date gets the whole.

use std::borrow::Cow;

use actors::Arrival;
use actors::domain::{
    AudioType, ByteRange, Playable, RangeAnswer, RecordingSid, Version, answer_range,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use sha2::{Digest, Sha256};

/// What all answers about a recording's audio agree on, whether it is here or still arriving.
#[derive(Debug, Clone)]
pub(super) struct Representation {
    pub(super) tag: String,
    pub(super) length: u64,
    pub(super) audio_type: AudioType,
    /// Of the whole; known when all of it is.
    pub(super) sha256: Option<[u8; 32]>,
}

impl From<&Playable> for Representation {
    fn from(Playable { key, copy }: &Playable) -> Self {
        Self {
            tag: entity_tag(key.recording, copy.version),
            length: copy.length,
            audio_type: copy.audio_type,
            sha256: Some(copy.sha256),
        }
    }
}

impl From<&Arrival> for Representation {
    fn from(arrival: &Arrival) -> Self {
        Self {
            tag: entity_tag(arrival.key().recording, arrival.version()),
            length: arrival.length(),
            audio_type: arrival.audio_type(),
            sha256: None,
        }
    }
}

/// What to send of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    Part(ByteRange),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// Recording, format and version, quoted as a strong entity tag.
pub(super) fn entity_tag(recording: RecordingSid, version: Version) -> String {
    format!("\"{recording}-mp3-{}\"", version.0)
}

/// The entity tag of what was written for just this answer.
pub(super) fn tag_of(written: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(written);
    let short: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{short}\"")
}

/// The same of what may be compressed on its way.
pub(super) fn weak(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("W/{tag}")).expect("letters and digits")
}

/// Decides in the order of §13.2.2.
pub(super) fn select(method: &Method, headers: &HeaderMap, tag: &str, length: u64) -> Selection {
    if match_fails(headers, tag) {
        return Selection::PreconditionFailed;
    }
    if none_match_holds(headers, tag) {
        return Selection::NotModified;
    }
    if method != Method::GET {
        return Selection::Whole;
    }
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Selection::Whole };
    let Ok(range) = range.to_str() else { return Selection::Whole };
    if !if_range_holds(headers, tag) {
        return Selection::Whole;
    }
    match answer_range(range, length) {
        RangeAnswer::Whole => Selection::Whole,
        RangeAnswer::Part(part) => Selection::Part(part),
        RangeAnswer::Unsatisfiable => Selection::Unsatisfiable,
    }
}

/// Whether the client wants to have to do with other versions only.
pub(super) fn match_fails(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, &header::IF_MATCH).is_some_and(|list| !names(&list, tag, Comparison::Strong))
}

/// Whether the client says that it has this version already.
pub(super) fn none_match_holds(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, &header::IF_NONE_MATCH).is_some_and(|list| names(&list, tag, Comparison::Weak))
}

fn if_range_holds(headers: &HeaderMap, tag: &str) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => value.as_bytes().trim_ascii() == tag.as_bytes(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// All lines of a list-valued header as one; `None` when there is none.
fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let mut lines =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let first = lines.next()?;
    Some(lines.fold(first, |list, line| format!("{list},{line}").into()))
}

/// Whether a list of entity tags, or `*`, names `tag`. Ours contain no comma, so commas separate.
fn names(list: &str, tag: &str, comparison: Comparison) -> bool {
    list.split(',').map(str::trim).any(|candidate| match candidate.strip_prefix("W/") {
        Some(weak) => comparison == Comparison::Weak && weak == tag,
        None => candidate == tag || candidate == "*",
    })
}
