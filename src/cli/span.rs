//! A length of time, as it is typed.

use std::time::Duration;

/// Seconds, or a number with s, m, h or d: between a second and a year.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let (digits, unit_s) = match text.char_indices().next_back() {
        Some((index, 's')) => (&text[..index], 1),
        Some((index, 'm')) => (&text[..index], 60),
        Some((index, 'h')) => (&text[..index], 3_600),
        Some((index, 'd')) => (&text[..index], 86_400),
        Some(_) | None => (text, 1),
    };
    let count: u64 =
        digits.parse().map_err(|_| format!("{text:?} is no span such as 90s or 1h"))?;
    count
        .checked_mul(unit_s)
        .filter(|seconds| (1..=31_536_000).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "a span is between a second and a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("5m", 300), ("1h", 3_600), ("2d", 172_800)]
        {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "h", "-1h", "1w", "0s", "400d", "99999999999999999999d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
