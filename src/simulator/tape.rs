//! Bodies that are held in memory, and those that are too long for it: made while they are sent.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// A beginning, then the same round again and again.
#[derive(Debug)]
pub(super) struct Tape {
    head: Bytes,
    round: Bytes,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Held(Bytes),
    /// This stretch of it.
    Taped(Arc<Tape>, Range<usize>),
}

impl Tape {
    /// `round` is not empty.
    pub(super) fn new(head: impl Into<Bytes>, round: Bytes) -> Self {
        Self { head: head.into(), round }
    }

    pub(super) fn whole(self: &Arc<Self>, bytes: usize) -> Content {
        Content::Taped(Arc::clone(self), 0..bytes)
    }

    /// As much of the stretch as lies in one piece.
    fn begin(&self, stretch: Range<usize>) -> Bytes {
        let (from, of) = match stretch.start.checked_sub(self.head.len()) {
            None => (stretch.start, &self.head),
            Some(behind) => (behind % self.round.len(), &self.round),
        };
        of.slice(from..of.len().min(from + stretch.len()))
    }
}

impl Content {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Held(bytes) => bytes.len(),
            Self::Taped(_, stretch) => stretch.len(),
        }
    }

    pub(super) fn slice(&self, part: Range<usize>) -> Self {
        match self {
            Self::Held(bytes) => Self::Held(bytes.slice(part)),
            Self::Taped(tape, whole) => {
                let stretch = whole.start + part.start..whole.start + part.end;
                Self::Taped(Arc::clone(tape), stretch)
            }
        }
    }

    /// In pieces of at most so many bytes.
    pub(super) fn pieces(self, bytes_max: usize) -> impl Iterator<Item = Bytes> {
        let mut rest = self;
        iter::from_fn(move || {
            let next = rest.slice(0..bytes_max.min(rest.len()));
            let next = match next {
                Self::Held(bytes) => bytes,
                Self::Taped(tape, stretch) => tape.begin(stretch),
            };
            rest = rest.slice(next.len()..rest.len());
            Some(next).filter(|piece| !piece.is_empty())
        })
    }

    /// All of it in memory.
    pub(super) fn bytes(self) -> Bytes {
        match self {
            Self::Held(bytes) => bytes,
            taped @ Self::Taped(..) => {
                let pieces: Vec<Bytes> = taped.pieces(usize::MAX).collect();
                pieces.concat().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_a_tape_is_what_the_whole_has_there() {
        let tape = Arc::new(Tape::new(&b"head"[..], Bytes::from_static(b"round")));
        let whole = tape.whole(30).bytes();
        assert_eq!(whole, "headroundroundroundroundroundr");
        for from in 0..30 {
            for to in from..=30 {
                let part = tape.whole(30).slice(from..to);
                assert_eq!(part.len(), to - from);
                for most in [1, 3, 100] {
                    let pieces: Vec<Bytes> = part.clone().pieces(most).collect();
                    assert!(pieces.iter().all(|piece| piece.len() <= most));
                    assert_eq!(pieces.concat(), whole[from..to]);
                }
            }
        }
    }
}
