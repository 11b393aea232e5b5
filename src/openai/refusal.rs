//! What an answer other than a success means. Pure.

use std::time::Duration;

use actors::domain::Timestamp;
use actors::ports::ProviderError;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde_json::Value;

/// Nobody waits longer because a provider says so.
const PAUSE_MAX: Duration = Duration::from_hours(1);
const CODE_LENGTH_MAX: usize = 48;
/// The account has no money left. That is told with a status that otherwise means "not so fast".
const OUT_OF_MONEY: &str = "insufficient_quota";

/// `key`: what must never be told, even if the service repeats it.
pub(super) fn of(
    status: StatusCode,
    headers: &HeaderMap,
    document: &[u8],
    key: &str,
) -> ProviderError {
    let codes = codes(document, key);
    let told = match codes.first() {
        Some(code) => format!("HTTP {}, {code}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    };
    match status.as_u16() {
        401..=403 => ProviderError::ShutOut(told),
        429 if codes.iter().any(|code| code == OUT_OF_MONEY) => ProviderError::ShutOut(told),
        429 => ProviderError::Throttled { retry_after: pause(headers) },
        300..=399 => ProviderError::Refused(format!("{told}: redirects are not followed")),
        503 if pause(headers).is_some() => ProviderError::Throttled { retry_after: pause(headers) },
        502..=504 => ProviderError::Unreachable(told),
        408 | 500.. => ProviderError::Unavailable(told),
        _ => ProviderError::Refused(told),
    }
}

/// Code and type of an error. OpenAI's own and vLLM's older shape have them at different places.
fn codes(document: &[u8], key: &str) -> Vec<String> {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let error = document.get("error").filter(|error| error.is_object()).unwrap_or(&document);
    ["code", "type"]
        .into_iter()
        .filter_map(|name| error.get(name)?.as_str())
        .filter(|code| looks_like_a_code(code) && (key.is_empty() || !code.contains(key)))
        .map(str::to_owned)
        .collect()
}

/// `invalid_api_key`, `BadRequestError`; no sentence, and none of the usual shapes of keys.
fn looks_like_a_code(text: &str) -> bool {
    (1..=CODE_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Seconds or a date (RFC 9110 §10.2.3), within reason. A date is compared with the answer's own, so that
/// it does not matter what our clock says.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let said = text(headers, &RETRY_AFTER)?;
    if !said.is_empty() && said.bytes().all(|digit| digit.is_ascii_digit()) {
        // More digits than fit are more seconds than we wait.
        return Some(said.parse().map_or(PAUSE_MAX, Duration::from_secs).min(PAUSE_MAX));
    }
    let sent_at = time(text(headers, &DATE)?)?;
    Some(time(said)?.since(sent_at).min(PAUSE_MAX))
}

fn time(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "secretkey";

    fn told(status: u16, document: &str) -> ProviderError {
        let status = StatusCode::from_u16(status).expect("a status");
        of(status, &HeaderMap::new(), document.as_bytes(), KEY)
    }

    #[test]
    fn each_status_has_its_meaning() {
        let refused = |told: &str| ProviderError::Refused(told.to_owned());
        let shut_out = |told: &str| ProviderError::ShutOut(told.to_owned());
        let unavailable = |told: &str| ProviderError::Unavailable(told.to_owned());
        for (status, document, expected) in [
            (400, "{}", refused("HTTP 400")),
            (401, r#"{"error":{"code":"invalid_api_key"}}"#, shut_out("HTTP 401, invalid_api_key")),
            (403, "<html>", shut_out("HTTP 403")),
            (404, r#"{"error":{"type":"not_found"}}"#, refused("HTTP 404, not_found")),
            (400, r#"{"type":"BadRequestError","code":400}"#, refused("HTTP 400, BadRequestError")),
            (400, r#"{"error":"a sentence"}"#, refused("HTTP 400")),
            (307, "", refused("HTTP 307: redirects are not followed")),
            (408, "", unavailable("HTTP 408")),
            (500, "", unavailable("HTTP 500")),
            (503, "<html>", ProviderError::Unreachable("HTTP 503".to_owned())),
            (429, "", ProviderError::Throttled { retry_after: None }),
            (
                429,
                r#"{"error":{"type":"insufficient_quota","code":null}}"#,
                shut_out("HTTP 429, insufficient_quota"),
            ),
        ] {
            assert_eq!(told(status, document), expected);
        }
    }

    #[test]
    fn what_is_no_code_is_not_told() {
        for code in ["secretkey", "my_secretkey_", "my name is Dana", "sk-12", "", "דנה"] {
            let document = serde_json::json!({ "error": { "code": code, "message": code } });
            let expected = ProviderError::Refused("HTTP 400".to_owned());
            assert_eq!(told(400, &document.to_string()), expected);
        }
    }

    #[test]
    fn a_pause_is_as_told_within_reason() {
        let now = "Fri, 14 Oct 2016 21:56:34 GMT";
        for (said, seconds) in [
            ("5", Some(5)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Fri, 14 Oct 2016 21:57:04 GMT", Some(30)),
            ("Fri, 14 Oct 2016 20:00:00 GMT", Some(0)),
            ("", None),
            ("-3", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, now.parse().expect("a value"));
            headers.insert(RETRY_AFTER, said.parse().expect("a value"));
            assert_eq!(pause(&headers), seconds.map(Duration::from_secs), "{said}");
        }
    }
}
