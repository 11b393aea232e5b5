//! `hearback doctor`: each broken set-up is named with its remedy and nothing else is; a healthy one is left in peace.

mod proxy;
mod storage;
mod ward;

use actors::ports::Clock;
use axum::Router;
use axum::http::StatusCode;
use hearback::simulator::{Behaviour, Simulator, SimulatorConfig};
use hearback::twilio::signature::sign;
use hearback::world::SystemClock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::home::{ACCOUNT, ACCOUNT_TOKEN, Home};
use crate::nobody::nobody_listens;
use proxy::Wrong;
use ward::{Diagnosis, Ward};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_set_up_is_left_in_peace_and_a_stopped_one_is_told_to_start() {
    let ward = Ward::open_with(|home, simulator| {
        home.with("HEARBACK_SPEECH__PROVIDER", "openai")
            .with("HEARBACK_SPEECH__BASE_URL", simulator)
            .with("HEARBACK_SPEECH__MODEL", "stand-in")
            .with("HEARBACK_LANGUAGE_MODEL__PROVIDER", "openai")
            .with("HEARBACK_LANGUAGE_MODEL__BASE_URL", simulator)
            .with("HEARBACK_LANGUAGE_MODEL__MODEL", "stand-in")
    })
    .await;
    let before = files(&ward.home);
    // Long enough to see a heartbeat come through the proxy.
    let healthy = Diagnosis::of(&ward.home, &[], &[], "").await;
    assert_eq!(healthy.codes(), [""; 0], "{:#}", healthy.document);
    assert_eq!(healthy.status, Some(0));
    let checks = healthy.document["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|check| check["outcome"] == "ok"), "{checks:#?}");
    let callback = healthy.document["callbacks"]["recording_status"].as_str().expect("text");
    let expected = format!("{}/webhooks/twilio/recording-status#rc=5&rp=ct,rt,5xx", ward.proxy.url);
    assert_eq!(callback, expected);
    assert_eq!(files(&ward.home), before, "it leaves nothing behind");
    let text = ward.home.run(&["doctor", "--quick"]).await;
    let text = String::from_utf8(text.stdout).expect("text");
    assert!(text.contains("200") && text.contains("each as it is in the vault"), "{text}");
    assert!(text.trim_end().ends_with("Nothing is wrong."), "{text}");

    let Ward { home, process, simulator: _simulator, proxy } = ward;
    proxy.go_wrong(Wrong::BadGateway);
    process.kill().await;
    let stopped = Diagnosis::of(&home, &["--quick"], &[], "").await;
    stopped.assert_is("nothing runs", "not_running", "hearback serve");
}

/// Names of what is in the data folder, but for what SQLite keeps there while it is open.
fn files(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.data("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            found.push(entry.path().display().to_string());
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn which_header_a_proxy_drops_is_named() {
    use Wrong as W;
    #[rustfmt::skip]
    let table = [
        (W::DropsOnTheWayIn("authorization"),    "drops_authorization",   "proxy_set_header Authorization"),
        (W::DropsOnTheWayIn("range"),            "drops_range",           "proxy_set_header Range"),
        (W::DropsOnTheWayIn("if-range"),         "drops_if_range",        "proxy_set_header If-Range"),
        (W::DropsOnTheWayIn("if-none-match"),    "drops_if_none_match",   "proxy_set_header If-None-Match"),
        (W::DropsOnTheWayIn("prefer"),           "drops_prefer",          "proxy_set_header Prefer"),
        (W::DropsOnTheWayIn("origin"),           "breaks_cors breaks_preflight", "OPTIONS"),
        (W::DropsOnTheWayOut("content-range"),   "drops_content_range",   "proxy_hide_header Content-Range"),
        (W::DropsOnTheWayOut("etag"),            "drops_etag",            "ETag"),
        (W::DropsOnTheWayOut("accept-ranges"),   "drops_accept_ranges",   "Accept-Ranges"),
        (W::DropsOnTheWayOut("cache-control"),   "drops_cache_control",   "Cache-Control"),
        (W::DropsOnTheWayOut("content-length"),  "drops_content_length",  "proxy_http_version 1.1;"),
        (W::WeakensTags,                         "weakens_etag",          "gzip off;"),
        (W::ChangesCacheControl,                 "changes_cache_control", "add_header Cache-Control"),
        (W::DropsQueries,                        "drops_query",           "$is_args$args"),
    ];
    of_proxies(&table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_limits_or_changes_is_named() {
    use Wrong as W;
    #[rustfmt::skip]
    let table = [
        (W::CompressesAudio,                     "compresses_audio",      "gzip off;"),
        (W::CachesForEverybody,                  "caches_audio",          "proxy_cache off;"),
        (W::Buffers,                             "buffers_events",        "proxy_buffering off;"),
        (W::CutsEvents,                          "cuts_streams",          "proxy_read_timeout"),
        (W::CutsBodiesAfter(50_000),             "cuts_bodies",           "proxy_max_temp_file_size"),
        (W::ChangesBytes,                        "changes_bodies",        "sub_filter"),
        (W::LimitsBodies(32 * 1024),             "limits_bodies",         "client_max_body_size"),
        (W::RefusesHead,                         "refuses_head",          "limit_except"),
        (W::AnswersPreflights,                   "breaks_preflight",      "OPTIONS"),
        (W::PutsItsOwnErrors,                    "refuses_webhooks replaces_errors", "proxy_intercept_errors off;"),
        (W::KeepsPrefix,                         "proxy_keeps_prefix",    "location"),
        (W::LeadsToHttps,                        "public_url_scheme",     "server.public_url"),
        (W::BadGateway,                          "proxy_unconnected",     "proxy_pass"),
        (W::WantsALogin,                         "public_url_elsewhere",  "login"),
    ];
    of_proxies(&table).await;
}

async fn of_proxies(table: &[(Wrong, &str, &str)]) {
    let ward = Ward::open().await;
    for (wrong, codes, remedy) in table {
        ward.proxy.go_wrong(*wrong);
        let found = ward.examine().await;
        let set_up = format!("{wrong:?}");
        let mut told = found.codes();
        told.sort_unstable();
        assert_eq!(told.join(" "), *codes, "{set_up}: {:#}", found.document["findings"]);
        match told[..] {
            [code] => found.assert_is(&set_up, code, remedy),
            _ => assert!(found.document["findings"].to_string().contains(remedy), "{set_up}"),
        }
    }
    ward.proxy.go_wrong(Wrong::Nothing);
    assert_eq!(ward.examine().await.codes(), [""; 0], "and it was the proxy alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_doctor_and_service_do_not_have_in_common_is_named() {
    const BASE: &str = "HEARBACK_TWILIO__BASE_URL";
    const PUBLIC: &str = "HEARBACK_SERVER__PUBLIC_URL";
    let ward = Ward::open().await;
    let now_ms = SystemClock.now().as_millis();
    let slow = SimulatorConfig::new(ACCOUNT, ACCOUNT_TOKEN, now_ms - 600_000);
    let slow = Simulator::start(slow).await.expect("it starts");
    let other_token = SimulatorConfig::new(ACCOUNT, "another-token", now_ms);
    let other_token = Simulator::start(other_token).await.expect("it starts");
    let html = Answering::with(StatusCode::OK, "text/html", "<!doctype html><p>Log in").await;
    let https = ward.proxy.url.replace("http://", "https://");
    let localhost = ward.proxy.url.replace("127.0.0.1", "localhost");
    let taken = ward.simulator.url().trim_start_matches("http://").to_owned();
    let (nobody, _kept) = nobody_listens();
    let nobody = format!("http://{nobody}");
    #[rustfmt::skip]
    let table: &[SetUp<'_>] = &[
        ("clock off by ten minutes", &[(BASE, slow.url())],             "clock_off",             "timedatectl"),
        ("wrong token at Twilio",    &[(BASE, other_token.url())],      "twilio_token_refused",  "TWILIO_AUTH_TOKEN"),
        ("token not promoted",       &[("TWILIO_AUTH_TOKEN", "next")],  "twilio_token_not_promoted", "remove-token"),
        ("Twilio away",              &[(BASE, &nobody)],                "twilio_unreachable",    "twilio.base_url"),
        ("Twilio's URL is a page",   &[(BASE, &html.url)],              "twilio_not_there",      "https://api.twilio.com"),
        ("public URL refused",       &[(PUBLIC, &nobody)],              "public_url_unreachable", "server.public_url"),
        ("public URL without name",  &[(PUBLIC, "http://rec.invalid")], "public_url_unresolved", "DNS"),
        ("https for http",           &[(PUBLIC, &https)],               "public_url_scheme",     "listen 443 ssl;"),
        ("another site",             &[(PUBLIC, &html.url)],            "public_url_elsewhere",  "server.public_url"),
        ("other public URL",         &[(PUBLIC, &localhost)],           "service_other_public_url", "restart hearback serve"),
        ("other secret",             &[("HEARBACK_AUTH__SECRET", "0123456789abcdef0123456789abcdef")], "service_other_secret", "auth.secret"),
        ("port taken",               &[("HEARBACK_SERVER__LISTEN", &taken), (PUBLIC, "")], "port_taken", "ss -ltnp"),
    ];
    for (set_up, variables, code, remedy) in table {
        let mut found = ward.examine_with(variables).await;
        // No proxy in the internet can be expected here: a name that does not exist is plain and unencrypted, too.
        let findings = found.document["findings"].as_array_mut().expect("a list");
        findings.retain(|finding| finding["code"] != "public_url_plain");
        found.assert_is(set_up, code, remedy);
    }
    for (status, code) in
        [(403, "twilio_forbidden"), (429, "twilio_throttled"), (503, "twilio_failing")]
    {
        ward.simulator.set_outage(Some(Behaviour::status(status)));
        ward.examine().await.assert_is(code, code, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_do_not_provide_are_named() {
    let ward = Ward::open().await;
    let json = "application/json";
    let unknown =
        r#"{"error":{"code":"model_not_found","message":"The model `x` does not exist"}}"#;
    let html = Answering::with(StatusCode::OK, "text/html", "<!doctype html><p>Log in").await;
    let shut =
        Answering::with(StatusCode::UNAUTHORIZED, json, r#"{"error":{"code":"invalid_api_key"}}"#)
            .await;
    let no_model = Answering::with(StatusCode::NOT_FOUND, json, unknown).await;
    let not_there = Answering::with(StatusCode::NOT_FOUND, json, "{}").await;
    let broken = Answering::with(StatusCode::INTERNAL_SERVER_ERROR, json, "{}").await;
    let (nobody, _kept) = nobody_listens();
    let nobody = format!("http://{nobody}");
    for (url, of_speech, of_language, remedy) in [
        (&html.url, "speech_answers_html", "language_model_answers_html", "base_url"),
        (&shut.url, "speech_key_refused", "language_model_key_refused", "api_key"),
        (&no_model.url, "speech_model_unknown", "language_model_model_unknown", "/v1/models"),
        (&not_there.url, "speech_not_there", "language_model_not_there", "base_url"),
        (&broken.url, "speech_failing", "language_model_failing", "log"),
        (&nobody, "speech_unreachable", "language_model_unreachable", "base_url"),
    ] {
        let variables = [
            ("HEARBACK_SPEECH__PROVIDER", "openai"),
            ("HEARBACK_SPEECH__BASE_URL", url),
            ("HEARBACK_SPEECH__MODEL", "x"),
            ("HEARBACK_LANGUAGE_MODEL__PROVIDER", "openai"),
            ("HEARBACK_LANGUAGE_MODEL__BASE_URL", url),
            ("HEARBACK_LANGUAGE_MODEL__MODEL", "x"),
        ];
        let found = ward.examine_with(&variables).await;
        let mut codes = found.codes();
        codes.sort_unstable();
        assert_eq!(codes, [of_language, of_speech], "{url}: {:#}", found.document);
        for finding in found.document["findings"].as_array().expect("a list") {
            let said = finding["remedy"].as_str().expect("text");
            assert!(said.contains(remedy), "{finding:#}");
        }
    }
    for (command, code, remedy) in [
        ("no-such-program {wav}", "speech_command_missing", "speech.command"),
        ("whisper 'x {wav}", "speech_command_malformed", "{wav}"),
        ("false {wav}", "speech_command_fails", "speech.command"),
        ("cat {wav}", "speech_command_prints_nonsense", "verbose_json"),
    ] {
        let variables =
            [("HEARBACK_SPEECH__PROVIDER", "command"), ("HEARBACK_SPEECH__COMMAND", command)];
        ward.examine_with(&variables).await.assert_is(command, code, remedy);
    }
    let good = [
        ("HEARBACK_SPEECH__PROVIDER", "command"),
        ("HEARBACK_SPEECH__COMMAND", "echo hello {wav}"),
    ];
    assert_eq!(ward.examine_with(&good).await.codes(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_for_speech_inherits_no_secret() {
    let ward = Ward::open().await;
    let curious =
        r#"sh -c 'env | grep -qE "^(HEARBACK|TWILIO|OTEL)_" && exit 1; echo hello' - {wav}"#;
    let variables = [
        ("HEARBACK_SPEECH__PROVIDER", "command"),
        ("HEARBACK_SPEECH__COMMAND", curious),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=a-secret"),
    ];
    assert_eq!(ward.examine_with(&variables).await.codes(), [""; 0]);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named_and_one_that_can_shows_its_sources() {
    let home = Home::new();
    for (variable, value, code, remedy) in [
        ("HEARBACK_AUTH__SECRET", "short", "config_bad_value", "auth.secret"),
        ("HEARBACK_SERVER__LISSTEN", "127.0.0.1:1", "config_unknown_key", "server.listen"),
        ("HEARBACK_NONSUCH__COLOUR", "red", "config_unknown_key", "--config-only"),
        ("HEARBACK_SERVER__PUBLIC_URL", "rec.example", "config_bad_value", "server.public_url"),
        (
            "HEARBACK_TWILIO__AUTH_TOKEN_FILE",
            "nowhere",
            "config_bad_value",
            "twilio.auth_token_file",
        ),
        ("HEARBACK_PLAY__WAITING_MAX", "many", "config_unreadable", "config/default.toml"),
    ] {
        let found = Diagnosis::of(&home, &["--quick"], &[(variable, value)], "").await;
        found.assert_is(variable, code, remedy);
    }
    std::fs::write(home.folder().join("a.toml"), "[play]\nprefetch = false\n").expect("written");
    let secret = "0123456789abcdef0123456789abcdef";
    let only = ["--config-only", "--config", "a.toml"];
    let shown =
        Diagnosis::of(&home, &only, &[("HEARBACK_AUTH__SECRET", secret)], "").await.document;
    let source = |key: &str| {
        let settings = shown["settings"].as_array().expect("a list");
        let setting = settings.iter().find(|setting| setting["key"] == key).expect("it is there");
        format!(
            "{} {}",
            setting["value"].as_str().expect("text"),
            setting["source"].as_str().expect("text")
        )
    };
    assert_eq!(source("play.prefetch"), "false file a.toml");
    assert_eq!(source("auth.secret"), "set variable HEARBACK_AUTH__SECRET");
    assert_eq!(source("twilio.auth_token"), "set variable TWILIO_AUTH_TOKEN");
    assert_eq!(source("vault.master_key"), "empty default");
    let all = shown.to_string();
    assert!(!all.contains(secret) && !all.contains(ACCOUNT_TOKEN), "{all}");
    assert!(!home.data("").exists(), "it makes nothing");
    let ended = home.run(&["doctor", "--webhook", "nowhere"]).await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_webhook_was_refused_is_told() {
    let ward = Ward::open().await;
    let body = format!("AccountSid={ACCOUNT}&CallSid=CA0&To=%2B15550100");
    let params = |body: &str| -> Vec<(String, String)> {
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
    };
    let path = "/webhooks/twilio/recording-status";
    let dump = |token: &str, url: &str| {
        let signature = sign(token, url, &params(&body));
        format!(
            "POST {path} HTTP/1.1\r\nHost: rec.example\r\nX-Twilio-Signature: {signature}\r\n\r\n{body}"
        )
    };
    let right = format!("{}{path}", ward.proxy.url);
    for (token, url, code, remedy) in [
        (ACCOUNT_TOKEN, right.as_str(), "webhook_verifies", "restart"),
        (
            ACCOUNT_TOKEN,
            "https://rec.example/webhooks/twilio/recording-status",
            "webhook_other_url",
            "https://rec.example",
        ),
        ("somebody's", &right, "webhook_token_unknown", "add-token"),
    ] {
        let found = Diagnosis::of(&ward.home, &["--webhook", "-"], &[], &dump(token, url)).await;
        found.assert_is(url, code, remedy);
        assert!(!found.document.to_string().contains("5550100"), "no numbers");
    }
}

/// Its name, what the doctor is told otherwise than the service, the code, and a word of the remedy.
type SetUp<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

/// A server that has one answer to everything.
struct Answering {
    url: String,
    _serving: JoinSet<()>,
}

impl Answering {
    async fn with(status: StatusCode, media_type: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = move || async move { (status, [("content-type", media_type)], body) };
        let router = Router::new().fallback(answer);
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, _serving: serving }
    }
}
