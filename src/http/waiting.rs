//! How long a request may wait for audio (RFC 7240, Fetch Metadata).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method};

/// The configured waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub first_byte: Duration,
    /// For `<audio>` and `<video>`, to which a 202 is a fatal error.
    pub media_element: Duration,
}

/// What a request asked for and gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patience {
    pub wait: Duration,
    /// `Preference-Applied`, if any was.
    pub applied: Option<HeaderValue>,
}

const PREFERRED_WAIT_MAX: Duration = Duration::from_secs(10);

/// HEAD starts a fetch and never waits. A stated preference counts before what the kind of client suggests.
pub(super) fn patience(method: &Method, headers: &HeaderMap, waits: Waits) -> Patience {
    if method == Method::HEAD {
        return Patience { wait: Duration::ZERO, applied: None };
    }
    let Preferences { wait, respond_async } = preferences(headers);
    let wait = wait.map(|seconds| Duration::from_secs(seconds).min(PREFERRED_WAIT_MAX));
    let applied: Vec<String> = [
        wait.map(|wait| format!("wait={}", wait.as_secs())),
        respond_async.then(|| "respond-async".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let unstated = if respond_async {
        Duration::ZERO
    } else if is_media_element(headers) {
        waits.media_element
    } else {
        waits.first_byte
    };
    Patience {
        wait: wait.unwrap_or(unstated),
        applied: (!applied.is_empty())
            .then(|| applied.join(", ").try_into().expect("names and digits")),
    }
}

#[derive(Default)]
struct Preferences {
    wait: Option<u64>,
    respond_async: bool,
}

/// The first of several equal preferences counts (RFC 7240 §2).
fn preferences(headers: &HeaderMap) -> Preferences {
    let mut found = Preferences::default();
    for line in headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok()) {
        for preference in line.split(',').filter_map(|item| item.split(';').next()) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("respond-async") {
                found.respond_async = true;
            } else if name.trim().eq_ignore_ascii_case("wait") && found.wait.is_none() {
                found.wait = seconds(value);
            }
        }
    }
    found
}

/// More digits than fit are more seconds than anybody waits.
fn seconds(value: &str) -> Option<u64> {
    let is_number = !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| value.parse().unwrap_or(u64::MAX))
}

/// One to which "not yet" is "never".
pub(super) fn is_media_element(headers: &HeaderMap) -> bool {
    let destination = headers.get("sec-fetch-dest").and_then(|value| value.to_str().ok());
    matches!(destination, Some("audio" | "video"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Waits =
        Waits { first_byte: Duration::from_secs(3), media_element: Duration::from_secs(20) };

    /// Method, headers, wait in seconds, preference applied.
    type Row =
        (&'static Method, &'static [(&'static str, &'static str)], u64, Option<&'static str>);

    #[test]
    fn who_may_wait_how_long() {
        let rows: &[Row] = &[
            (&Method::GET, &[], 3, None),
            (&Method::HEAD, &[], 0, None),
            (&Method::HEAD, &[("prefer", "wait=5")], 0, None),
            (&Method::GET, &[("sec-fetch-dest", "audio")], 20, None),
            (&Method::GET, &[("sec-fetch-dest", "video")], 20, None),
            (&Method::GET, &[("sec-fetch-dest", "empty")], 3, None),
            (&Method::GET, &[("prefer", "wait=7")], 7, Some("wait=7")),
            (&Method::GET, &[("prefer", "wait=700")], 10, Some("wait=10")),
            (&Method::GET, &[("prefer", "wait=\"2\"")], 2, Some("wait=2")),
            (&Method::GET, &[("prefer", "wait=99999999999999999999999")], 10, Some("wait=10")),
            (&Method::GET, &[("prefer", "wait=soon")], 3, None),
            (&Method::GET, &[("prefer", "wait=")], 3, None),
            (&Method::GET, &[("prefer", "wait=-1")], 3, None),
            (&Method::GET, &[("prefer", "respond-async")], 0, Some("respond-async")),
            (
                &Method::GET,
                &[("prefer", "respond-async, wait=4")],
                4,
                Some("wait=4, respond-async"),
            ),
            (&Method::GET, &[("prefer", "wait=1"), ("prefer", "wait=9")], 1, Some("wait=1")),
            (&Method::GET, &[("prefer", "wait=5"), ("sec-fetch-dest", "audio")], 5, Some("wait=5")),
            (&Method::GET, &[("prefer", "return=minimal; foo")], 3, None),
        ];
        for (method, lines, wait_s, applied) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                headers.append(*name, value.parse().expect("a header value"));
            }
            let expected = Patience {
                wait: Duration::from_secs(*wait_s),
                applied: applied.map(HeaderValue::from_static),
            };
            assert_eq!(patience(method, &headers, WAITS), expected, "{method} {lines:?}");
        }
    }
}
