//! From what a recogniser answered to a transcript of the piece. Pure.

use std::time::Duration;

use actors::domain::{Transcript, Utterance, Word};
use actors::ports::{Piece, ProviderError};

use super::languages::{primary, tag};
use super::spans::{Span, fill, untangle};
use super::wire::{Heard, HeardSegment, HeardWord};

/// Where words come without segments, a longer silence ends an utterance.
const PAUSE_MAX: Duration = Duration::from_millis(800);
/// And so does talking without end.
const UTTERANCE_MAX: Duration = Duration::from_secs(15);
const SENTENCE_ENDS: [char; 7] = ['.', '?', '!', '…', '。', '？', '！'];

/// Reads one of the documents of `wire`. `language` is what was asked for.
pub(super) fn transcript(
    document: &[u8],
    piece: &Piece,
    language: Option<&str>,
) -> Result<Transcript, ProviderError> {
    let heard = Heard::read(document)
        .ok_or_else(|| ProviderError::Nonsense("it is no transcript in JSON".to_owned()))?;
    let language = language_of(heard.language.as_deref(), language);
    Ok(Transcript { language, utterances: utterances(heard, piece) })
}

/// Text as programs print it, with times in brackets before each line or without.
pub(super) fn printed(text: &str, piece: &Piece, language: Option<&str>) -> Transcript {
    let heard = Heard::of_text(text);
    Transcript { language: language.map(str::to_owned), utterances: utterances(heard, piece) }
}

/// `en-GB` was asked for and `english` was heard: it is the same, better known.
fn language_of(heard: Option<&str>, asked: Option<&str>) -> Option<String> {
    match (heard.and_then(tag), asked) {
        (Some(heard), Some(asked)) if heard == primary(asked) => Some(asked.to_owned()),
        (Some(heard), _) => Some(heard),
        (None, asked) => asked.map(str::to_owned),
    }
}

/// An utterance that is being made.
struct Said {
    text: String,
    span: Span,
    words: Vec<(String, Span)>,
}

fn utterances(heard: Heard, piece: &Piece) -> Vec<Utterance> {
    let Heard { text, segments, words, .. } = heard;
    let lasts = piece.duration();
    let words = timed(words, lasts).unwrap_or_default();
    let mut said = if !segments.is_empty() {
        of_segments(segments, words, piece)
    } else if !words.is_empty() {
        of_words(words)
    } else {
        vec![Said { text, span: voiced(piece), words }]
    };
    said.retain(|said| !said.text.trim().is_empty());
    untangle(said.iter_mut().flat_map(|said| &mut said.words).map(|(_, span)| span));
    for said in &mut said {
        if let (Some((_, first)), Some((_, last))) = (said.words.first(), said.words.last()) {
            said.span.start = said.span.start.min(first.start);
            said.span.end = said.span.end.max(last.end);
        }
    }
    untangle(said.iter_mut().map(|said| &mut said.span));
    said.into_iter().map(|said| said.on(piece.channel)).collect()
}

fn of_segments(
    segments: Vec<HeardSegment>,
    loose: Vec<(String, Span)>,
    piece: &Piece,
) -> Vec<Said> {
    let lasts = piece.duration();
    let spans: Vec<Option<Span>> =
        segments.iter().map(|segment| Span::of(segment.start, segment.end, lasts)).collect();
    let spans = fill(&spans, voiced(piece));
    let mut said: Vec<Said> = segments
        .into_iter()
        .zip(spans)
        .map(|(segment, span)| {
            let words = timed(glued(segment.words), lasts).unwrap_or_default();
            let text = if segment.text.trim().is_empty() { joined(&words) } else { segment.text };
            Said { text, span, words }
        })
        .collect();
    attach(loose, &mut said);
    said
}

/// Each word goes to the nearest utterance by its middle, and never before an earlier word.
fn attach(words: Vec<(String, Span)>, said: &mut [Said]) {
    let mut at = 0;
    for (text, span) in words {
        let nearest =
            (at..said.len()).min_by_key(|&index| said[index].span.distance(span.middle()));
        if let Some(nearest) = nearest {
            at = nearest;
            said[at].words.push((text, span));
        }
    }
}

fn of_words(words: Vec<(String, Span)>) -> Vec<Said> {
    let mut said: Vec<Vec<(String, Span)>> = Vec::new();
    for word in words {
        match said.last_mut() {
            Some(begun) if goes_on(begun, word.1) => begun.push(word),
            _ => said.push(vec![word]),
        }
    }
    said.into_iter()
        .map(|words| {
            let span = Span { start: words[0].1.start, end: words[words.len() - 1].1.end };
            Said { text: joined(&words), span, words }
        })
        .collect()
}

/// Whether a word at this time belongs to what was said before it.
fn goes_on(begun: &[(String, Span)], next: Span) -> bool {
    let [(_, first), ..] = begun else { return true };
    let [.., (text, last)] = begun else { return true };
    next.start.saturating_sub(last.end) <= PAUSE_MAX
        && next.end.saturating_sub(first.start) <= UTTERANCE_MAX
        && !text.ends_with(SENTENCE_ENDS)
}

/// `None` if a time is of no use: then the others are not to be relied on either.
fn timed(words: Vec<HeardWord>, lasts: Duration) -> Option<Vec<(String, Span)>> {
    words
        .into_iter()
        .filter(|word| !word.text.trim().is_empty())
        .map(|word| {
            let span = Span::of(word.start, word.end, lasts)?;
            Some((word.text.trim().to_owned(), span))
        })
        .collect()
}

/// whisper.cpp tells parts of words, and a space before each that begins one. Where nobody writes such spaces,
/// each word is one.
fn glued(words: Vec<HeardWord>) -> Vec<HeardWord> {
    if !words.iter().any(|word| word.text.starts_with(' ')) {
        return words;
    }
    let mut whole: Vec<HeardWord> = Vec::with_capacity(words.len());
    for word in words {
        match whole.last_mut() {
            Some(begun) if !word.text.starts_with(' ') => {
                begun.text.push_str(&word.text);
                begun.end = word.end;
            }
            _ => whole.push(word),
        }
    }
    whole
}

fn joined(words: &[(String, Span)]) -> String {
    let texts: Vec<&str> = words.iter().map(|(text, _)| text.as_str()).collect();
    texts.join(" ")
}

/// From where somebody begins to speak until nobody does any more; the whole piece where no voice was found.
fn voiced(piece: &Piece) -> Span {
    let lasts = piece.duration();
    let start = piece.voiced.first().map_or(Duration::ZERO, |(start, _)| *start);
    let end = piece.voiced.last().map_or(lasts, |(_, end)| *end);
    Span { start: start.min(lasts), end: end.min(lasts) }
}

impl Said {
    fn on(self, channel: u8) -> Utterance {
        let word = |(text, Span { start, end })| Word { text, start, end };
        Utterance {
            channel,
            start: self.span.start,
            end: self.span.end,
            text: self.text.trim().to_owned(),
            words: self.words.into_iter().map(word).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
