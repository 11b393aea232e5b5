//! Moments as Twilio writes them.

use jiff::Timestamp;

/// `Fri, 14 Oct 2016 21:56:34 +0000`
pub(super) fn rfc2822(at_ms: i64) -> String {
    moment(at_ms).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// As HTTP writes it: `Fri, 14 Oct 2016 21:56:34 GMT`
pub(super) fn http_date(at_ms: i64) -> String {
    moment(at_ms).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The day in UTC: `2016-10-14`
pub(super) fn date(at_ms: i64) -> String {
    moment(at_ms).strftime("%Y-%m-%d").to_string()
}

fn moment(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn moments_are_written_as_twilio_writes_them() {
        assert_eq!(super::rfc2822(1_476_482_194_000), "Fri, 14 Oct 2016 21:56:34 +0000");
        assert_eq!(super::date(1_476_482_194_000), "2016-10-14");
    }
}
