//! Times that a recogniser gives, made into times that can be relied on. Pure.

use std::time::Duration;

/// Recognisers hear in windows, and round.
const SLACK: Duration = Duration::from_secs(1);
/// Whisper's window: the last segment may last to its end, beyond that of the audio.
const WINDOW: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Duration,
    pub(super) end: Duration,
}

impl Span {
    /// `None` where the times cannot be of this audio.
    pub(super) fn of(start: Option<f64>, end: Option<f64>, lasts: Duration) -> Option<Self> {
        let start = Duration::try_from_secs_f64(start?).ok()?;
        let end = Duration::try_from_secs_f64(end?).ok()?;
        let possible = start <= end && start <= lasts + SLACK && end <= lasts + WINDOW;
        possible.then(|| Self { start: start.min(lasts), end: end.min(lasts) })
    }

    pub(super) fn middle(self) -> Duration {
        (self.start + self.end) / 2
    }

    /// How far from it a moment is.
    pub(super) fn distance(self, at: Duration) -> Duration {
        self.start.saturating_sub(at).max(at.saturating_sub(self.end))
    }
}

/// Puts spans one after the other, in the order they have: none begins before its predecessor, nor before that
/// has ended.
pub(super) fn untangle<'a>(spans: impl IntoIterator<Item = &'a mut Span>) {
    let mut last: Option<&mut Span> = None;
    for span in spans {
        if let Some(last) = last {
            span.start = span.start.max(last.start);
            last.end = last.end.min(span.start);
        }
        span.end = span.end.max(span.start);
        last = Some(span);
    }
}

/// Finds a place for the spans that have none, between their neighbours.
pub(super) fn fill(spans: &[Option<Span>], whole: Span) -> Vec<Span> {
    let mut filled: Vec<Span> = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let found = span.unwrap_or_else(|| {
            let start = filled.last().map_or(whole.start, |before| before.end);
            let next = spans[index..].iter().flatten().next();
            let end = next.map_or(whole.end, |next| next.start).max(start);
            Span { start, end }
        });
        filled.push(found);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn span(start: u64, end: u64) -> Span {
        Span { start: Duration::from_secs(start), end: Duration::from_secs(end) }
    }

    #[test]
    fn times_that_cannot_be_are_none() {
        let lasts = Duration::from_secs(10);
        for (start, end, expected) in [
            (0.0, 5.0, Some(span(0, 5))),
            (2.0, 30.0, Some(span(2, 10))),
            (10.5, 11.0, Some(span(10, 10))),
            (3.0, 3.0, Some(span(3, 3))),
            (-1.0, 5.0, None),
            (5.0, 1.0, None),
            (12.0, 13.0, None),
            (1.0, 1e9, None),
            (1e300, 1e301, None),
            (f64::NAN, 1.0, None),
            (1.0, f64::INFINITY, None),
        ] {
            assert_eq!(Span::of(Some(start), Some(end), lasts), expected, "{start}–{end}");
        }
        assert_eq!(Span::of(None, Some(1.0), lasts), None);
    }

    #[test]
    fn tangled_spans_come_one_after_the_other() {
        let mut spans = [span(0, 5), span(3, 4), span(2, 9), span(9, 9)];
        untangle(&mut spans);
        assert_eq!(spans, [span(0, 3), span(3, 3), span(3, 9), span(9, 9)]);
    }

    #[test]
    fn what_has_no_place_gets_one() {
        let whole = span(1, 20);
        let known = Some(span(4, 6));
        assert_eq!(fill(&[None], whole), [whole]);
        assert_eq!(fill(&[None, known, None], whole), [span(1, 4), span(4, 6), span(6, 20)]);
        assert_eq!(fill(&[known, None, None], whole), [span(4, 6), span(6, 20), span(20, 20)]);
    }
}
