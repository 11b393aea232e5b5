//! What both adapters of OpenAI-compatible services must hold: what failures mean, and that nothing leaks.

mod server;

use std::time::Duration;

use actors::ports::ProviderError;
use hearback::openai::EndpointConfig;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

pub use server::{Answer, Asked, Provider};

pub const KEY: &str = "sk-not-to-be-told";
/// Said in every call here, and repeated by every provider.
pub const SAID: &str = "my name is Dana Levi";
/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn endpoint(url: &str) -> EndpointConfig {
    EndpointConfig {
        base_url: url.parse().expect("a URL"),
        api_key: KEY.into(),
        model: "a-model".to_owned(),
        connect_timeout: PATIENCE,
        header_timeout: PATIENCE,
        total_timeout: PATIENCE,
    }
}

/// Asks once with an adapter of this configuration; succeeds never.
pub trait Ask: AsyncFn(EndpointConfig) -> ProviderError {}

impl<T: AsyncFn(EndpointConfig) -> ProviderError> Ask for T {}

pub async fn refusals_mean_what_they_say(ask: impl Ask) {
    let refused = |why: &str| ProviderError::Refused(why.to_owned());
    let shut_out = |why: &str| ProviderError::ShutOut(why.to_owned());
    let unavailable = |why: &str| ProviderError::Unavailable(why.to_owned());
    let throttled = |seconds: Option<u64>| ProviderError::Throttled {
        retry_after: seconds.map(Duration::from_secs),
    };
    let error = |kind: &str, code: &str| {
        let message = format!("Incorrect API key {KEY}, in: {SAID}");
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
    };
    let now = "Fri, 14 Oct 2016 21:56:34 GMT";
    for (answer, expected) in [
        (Answer::text(429, ""), throttled(None)),
        (Answer::text(429, "").with("retry-after", "7"), throttled(Some(7))),
        (
            Answer::text(429, "")
                .with("date", now)
                .with("retry-after", "Fri, 14 Oct 2016 21:57:04 GMT"),
            throttled(Some(30)),
        ),
        (
            Answer::json(429, &error("insufficient_quota", "insufficient_quota")),
            shut_out("HTTP 429, insufficient_quota"),
        ),
        (
            Answer::json(401, &error("invalid_request_error", "invalid_api_key")),
            shut_out("HTTP 401, invalid_api_key"),
        ),
        (Answer::json(403, &error("x", SAID)), shut_out("HTTP 403, x")),
        (Answer::text(404, format!("<html>{SAID}")), refused("HTTP 404")),
        (Answer::json(400, &error(KEY, KEY)), refused("HTTP 400")),
        (Answer::text(408, ""), unavailable("HTTP 408")),
        (Answer::json(500, &error("server_error", SAID)), unavailable("HTTP 500, server_error")),
        (
            Answer::text(503, format!("<html>{SAID}")),
            ProviderError::Unreachable("HTTP 503".to_owned()),
        ),
        (Answer::text(503, "").with("retry-after", "120"), throttled(Some(120))),
    ] {
        let provider = Provider::start(vec![answer]).await;
        assert_eq!(told(&ask, endpoint(&provider.url)).await, expected);
        assert_eq!(provider.asked().len(), 1, "{expected}");
    }
}

pub async fn answers_of_no_use_are_nonsense(ask: impl Ask) {
    for body in [
        format!("<html><body>{SAID}</body></html>"),
        format!(r#"{{"text":"{SAID}","choices":[{{"message":{{"content":"{SAID}"#),
        format!(r#"{{"text":["{SAID}"],"choices":"{SAID}"}}"#),
        format!(r#"{{"transcript":"{SAID}"}}"#),
        String::new(),
        format!(r#"{{"text":"{}"}}"#, SAID.repeat(300_000)),
    ] {
        let provider = Provider::start(vec![Answer::text(200, body)]).await;
        let error = told(&ask, endpoint(&provider.url)).await;
        assert!(matches!(error, ProviderError::Nonsense(_)), "{error}");
    }
}

pub async fn broken_connections_and_late_answers_are_a_matter_of_time(ask: impl Ask) {
    let (resetting, _serving) = server::resetting().await;
    let nobody = "http://127.0.0.1:1".to_owned();
    for url in [resetting, nobody] {
        let error = told(&ask, endpoint(&url)).await;
        let is_passing =
            matches!(error, ProviderError::Unavailable(_) | ProviderError::Unreachable(_));
        assert!(is_passing, "{error}");
    }
    let answer = Answer::text(200, r#"{"text":"#);
    let (soon, later) = (Duration::from_millis(200), Duration::from_secs(5));
    for (answer, expected, patience) in [
        (answer.clone().cut(), None, PATIENCE),
        (answer.clone().after(PATIENCE), Some("it did not answer in time"), soon),
        (answer.stalled(), Some("it did not finish its answer in time"), later),
    ] {
        let provider = Provider::start(vec![answer]).await;
        let mut config = endpoint(&provider.url);
        config.total_timeout = patience;
        let error = told(&ask, config).await;
        let ProviderError::Unavailable(why) = &error else { panic!("{error}") };
        assert!(expected.is_none_or(|expected| why == expected), "{error}");
    }
}

pub async fn a_redirect_is_not_followed(ask: impl Ask) {
    let canary = Provider::start(Vec::new()).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = Answer::text(status, "").with("location", format!("{}/v1/x", canary.url));
        let provider = Provider::start(vec![answer]).await;
        let error = told(&ask, endpoint(&provider.url)).await;
        assert!(matches!(error, ProviderError::Refused(_)), "{error}");
    }
    assert!(canary.asked().is_empty());
}

pub async fn the_key_is_a_bearer_token_or_not_sent_at_all(ask: impl Ask) {
    let provider = Provider::start(Vec::new()).await;
    ask(endpoint(&provider.url)).await;
    let mut config = endpoint(&provider.url);
    config.base_url.set_username("user").expect("set");
    ask(config.clone()).await;
    config = endpoint(&provider.url);
    config.api_key = "".into();
    ask(config).await;
    let sent: Vec<Vec<String>> = provider.asked().iter().map(authorization).collect();
    let bearer = vec![format!("Bearer {KEY}")];
    assert_eq!(sent, [bearer.clone(), bearer, Vec::new()]);
    for Asked { path, headers, body } in &provider.asked() {
        let elsewhere = headers.iter().filter(|(name, _)| *name != AUTHORIZATION);
        let places = format!("{path} {:?} {}", elsewhere.collect::<Vec<_>>(), lossy(body));
        assert!(!places.contains(KEY), "{places}");
    }
}

fn authorization(asked: &Asked) -> Vec<String> {
    let values = asked.headers.get_all(AUTHORIZATION).iter();
    values.map(|value| value.to_str().expect("text").to_owned()).collect()
}

pub fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// The error, which says neither the key nor what was said.
async fn told(ask: &impl Ask, config: EndpointConfig) -> ProviderError {
    let shown = format!("{config:?}");
    let error = ask(config).await;
    let shown = format!("{shown} {error} {error:?}");
    assert!(!shown.contains(KEY) && !shown.contains("Dana"), "{shown}");
    error
}
