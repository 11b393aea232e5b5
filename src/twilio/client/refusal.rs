//! What an answer other than `200` means. Pure.

use std::time::Duration;

use actors::domain::FetchError;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::twilio::resources::time;

/// Where a 429 says nothing that can be read.
const PAUSE_DEFAULT: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Who is told to wait for longer asks again after this: what waits for a paused account keeps places of the queue.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// `redirected`: the answer is not from Twilio's API but from where it sent us. There a refusal concerns a link that
/// has expired or the like, and says nothing of the account or of the recording.
pub(super) fn of(status: StatusCode, headers: &HeaderMap, redirected: bool) -> FetchError {
    match status.as_u16() {
        206 => FetchError::Unexpected("a part, though the whole was asked for".to_owned()),
        401 if !redirected => FetchError::RefusedAccount,
        403 if !redirected => FetchError::RefusedRecording,
        404 if !redirected => FetchError::NotFound,
        410 if !redirected => FetchError::Deleted,
        429 => FetchError::Throttled { retry_after: pause(headers) },
        other => FetchError::Status(other),
    }
}

/// What Twilio's support asks for. It is logged, so anything that does not look like one is not believed to be one.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = text(headers, &HeaderName::from_static("twilio-request-id"))?;
    let digits = id.strip_prefix("RQ")?;
    (digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(id)
}

/// Seconds or a date (RFC 9110 §10.2.3), within reason. A date is compared with the answer's own, so that
/// it does not matter what our clock says.
fn pause(headers: &HeaderMap) -> Duration {
    text(headers, &RETRY_AFTER)
        .and_then(|said| {
            if !said.is_empty() && said.bytes().all(|digit| digit.is_ascii_digit()) {
                // More digits than fit are more seconds than we wait.
                return Some(said.parse().map_or(PAUSE_MAX, Duration::from_secs));
            }
            let sent_at = time(text(headers, &DATE)?)?;
            Some(time(said)?.since(sent_at))
        })
        .map_or(PAUSE_DEFAULT, |pause| pause.clamp(PAUSE_MIN, PAUSE_MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let none = HeaderMap::new();
        let throttled = FetchError::Throttled { retry_after: PAUSE_DEFAULT };
        for (code, from_twilio, from_elsewhere) in [
            (304, FetchError::Status(304), FetchError::Status(304)),
            (400, FetchError::Status(400), FetchError::Status(400)),
            (401, FetchError::RefusedAccount, FetchError::Status(401)),
            (403, FetchError::RefusedRecording, FetchError::Status(403)),
            (404, FetchError::NotFound, FetchError::Status(404)),
            (410, FetchError::Deleted, FetchError::Status(410)),
            (429, throttled.clone(), throttled),
            (500, FetchError::Status(500), FetchError::Status(500)),
            (503, FetchError::Status(503), FetchError::Status(503)),
        ] {
            let status = StatusCode::from_u16(code).expect("a status");
            assert_eq!(of(status, &none, false), from_twilio);
            assert_eq!(of(status, &none, true), from_elsewhere);
        }
    }

    #[test]
    fn a_pause_is_as_told_within_reason() {
        let now = "Fri, 14 Oct 2016 21:56:34 GMT";
        for (said, seconds) in [
            ("5", 5),
            (" 7 ", 7),
            ("0", 1),
            ("3600", 3_600),
            ("3601", 3_600),
            ("99999999999999999999999", 3_600),
            ("Fri, 14 Oct 2016 21:57:04 GMT", 30),
            ("Fri, 14 Oct 2016 20:00:00 GMT", 1),
            ("Sat, 14 Oct 2017 21:56:34 GMT", 3_600),
            ("", 2),
            ("-3", 2),
            ("soon", 2),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, now.parse().expect("a value"));
            headers.insert(RETRY_AFTER, said.parse().expect("a value"));
            assert_eq!(pause(&headers), Duration::from_secs(seconds), "{said}");
        }
        let mut undated = HeaderMap::new();
        undated.insert(RETRY_AFTER, now.parse().expect("a value"));
        assert_eq!(pause(&undated), PAUSE_DEFAULT);
    }
}
