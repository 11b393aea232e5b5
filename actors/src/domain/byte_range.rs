//! `Range` arithmetic (RFC 9110 §14), without headers or bodies.
//!
//! Invariant: never overflows; a position too large to represent is beyond every end.

/// Bytes `first..=last` of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    /// The whole of a representation; `None` when it is empty.
    pub fn whole(length: u64) -> Option<Self> {
        Some(Self { first: 0, last: length.checked_sub(1)? })
    }

    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// What is left when so many bytes of it were taken; `None` when that is nothing.
    pub fn after(self, taken: u64) -> Option<Self> {
        let first = self.first.checked_add(taken)?;
        (first <= self.last).then_some(Self { first, last: self.last })
    }
}

/// What a `Range` header asks of a representation of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeAnswer {
    /// No range, an invalid one, another unit, or several: send it all.
    Whole,
    Part(ByteRange),
    Unsatisfiable,
}

/// Reads a `Range` header's value. Several ranges are answered whole: a server may (§14.2), and
/// multipart bodies have only ever served attackers.
pub fn answer_range(header: &str, length: u64) -> RangeAnswer {
    let Some((unit, set)) = header.split_once('=') else { return RangeAnswer::Whole };
    if !unit.eq_ignore_ascii_case("bytes") {
        return RangeAnswer::Whole;
    }
    let Some((first, last)) = set.split_once('-') else { return RangeAnswer::Whole };
    match (parse(first), parse(last)) {
        (Position::At(_), Position::At(_)) if magnitude(last) < magnitude(first) => {
            RangeAnswer::Whole
        }
        (Position::At(first), Position::At(last)) => part(first, last, length),
        (Position::At(first), Position::Open) => part(first, u64::MAX, length),
        (Position::Open, Position::At(suffix)) if suffix > 0 => {
            part(length.saturating_sub(suffix), u64::MAX, length)
        }
        (Position::Open, Position::At(_)) => RangeAnswer::Unsatisfiable,
        (Position::Open, Position::Open) | (Position::Invalid, _) | (_, Position::Invalid) => {
            RangeAnswer::Whole
        }
    }
}

enum Position {
    At(u64),
    Open,
    Invalid,
}

fn parse(digits: &str) -> Position {
    if digits.is_empty() {
        Position::Open
    } else if digits.bytes().all(|digit| digit.is_ascii_digit()) {
        Position::At(digits.parse().unwrap_or(u64::MAX))
    } else {
        Position::Invalid
    }
}

/// Orders digits as numbers, however many there are.
fn magnitude(digits: &str) -> (usize, &str) {
    let significant = digits.trim_start_matches('0');
    (significant.len(), significant)
}

fn part(first: u64, last: u64, length: u64) -> RangeAnswer {
    if first >= length {
        return RangeAnswer::Unsatisfiable;
    }
    RangeAnswer::Part(ByteRange { first, last: last.min(length - 1) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_always_lies_within_the_representation(header in "bytes=[0-9]{0,22}-[0-9]{0,22}", length in 0u64..) {
            if let RangeAnswer::Part(range) = answer_range(&header, length) {
                prop_assert!(range.first <= range.last && range.last < length);
            }
        }

        #[test]
        fn nothing_makes_it_panic(header in ".*", length: u64) {
            let _ = answer_range(&header, length);
        }
    }
}
