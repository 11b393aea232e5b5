//! Silence: secrets and numbers go through every route, webhook and fault, and none of them sings in the log or in an
//! answer that is not meant to say it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use actors::domain::{AccountSid, CallSid, RecordingSid};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hearback::app::World;
use hearback::auth::Role;
use hearback::config::{Config, Log, LogFormat};
use hearback::telemetry::subscriber;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{ACME, ACME_TOKEN, GLOBEX, GLOBEX_TOKEN, TestApp};

const AUTH_SECRET: &str = "canary-auth-secret-which-signs-all-tokens-and-links";
const MASTER_KEY: &str = "ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a47ca9a";
const API_KEY: &str = "sk-canary-api-key-of-the-speech-service";
const FROM: &str = "+15550104444";
const TO: &str = "+442071838750";
const FORWARDED: &str = "+972541234567";
const NAME: &str = "Canary Q. Caller";
const URL_PASSWORD: &str = "canary-password-in-a-url";
const SIGNED_PART: &str = "canary-signature-of-a-media-url";
/// As a host application may name its people in their tokens.
const OPERATOR: &str = "+15550107779";
const BAD_TOKEN: &str = "canary.bearer.nonsense";

/// What the log was told, by all threads of one runtime.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("whole").clone()).expect("text")
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Heard {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

/// Everything that must stay silent, by what it is.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    fn keep(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 10, "{what} would be found by chance");
        self.0.insert(what.to_owned(), secret.to_owned());
    }

    /// Which of them can be read in a text, however it is spelled.
    fn sung(&self, text: &str) -> Vec<&str> {
        let sings = |secret: &str| spellings(secret).iter().any(|spelled| text.contains(spelled));
        self.0.iter().filter(|(_, secret)| sings(secret)).map(|(what, _)| what.as_str()).collect()
    }
}

/// It was not silent because nobody spoke.
const SAID: &[&str] = &[
    "nothing to do",
    "INFO hearback::http::log: request",
    "http.route=\"/api/recordings/{call_sid}/status\"",
    "webhook refused",
    "signed webhook not understood",
    "recording failed",
    "recording refused",
    "Twilio refused a request",
    "the source refuses the account",
    "operator's order",
];

/// As it is, percent-encoded, and in the middle of any base64.
fn spellings(secret: &str) -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut all = vec![secret.to_owned(), encoded.replace('+', "%20"), encoded];
    for before in 0..3_usize {
        let mut bytes = vec![b' '; before];
        bytes.extend_from_slice(secret.as_bytes());
        let text = STANDARD.encode(&bytes);
        // The first and the last digit hold bits of their neighbours too.
        let inner = &text[(before * 8).div_ceil(6)..bytes.len() * 8 / 6];
        all.extend([inner.to_owned(), inner.replace('+', "-").replace('/', "_")]);
    }
    all
}

#[test]
fn the_search_finds_a_secret_however_it_is_spelled() {
    let mut canaries = Canaries::default();
    canaries.keep("number", FROM);
    canaries.keep("name", NAME);
    let basic = |before: &str| STANDARD.encode(format!("{before}{FROM}:x"));
    for text in [
        format!("from={FROM}"),
        "/api/calls?number=%2B15550104444".to_owned(),
        format!("Basic {}", basic("")),
        format!("Basic {}", basic("A")),
        format!("Basic {}", basic("AB")),
    ] {
        assert_eq!(canaries.sung(&text), ["number"], "{text}");
    }
    assert_eq!(canaries.sung("CallerName=Canary+Q.+Caller"), ["name"]);
    assert!(canaries.sung("from=+15550104445 call.sid=CA15").is_empty());
}

/// A Twilio that says back whatever it is told, and more.
async fn hostile_twilio() -> String {
    let app = Router::new().fallback(async |request: Request| {
        let (path, headers) = (request.uri().path().to_owned(), request.headers());
        let authorization = headers.get("authorization").cloned();
        let authorization = authorization.map(|value| value.to_str().expect("text").to_owned());
        let echo = authorization.unwrap_or_default();
        let echoed = [("twilio-request-id", echo.clone()), ("retry-after", "1".to_owned())];
        let document = format!("{{\"code\":20003,\"message\":\"{ACME_TOKEN} {echo} {FROM}\"}}");
        let redirect = |to: String| (StatusCode::FOUND, [("location", to)]).into_response();
        let signed = format!("X-Amz-Signature={SIGNED_PART}");
        match path.rsplit('/').next().unwrap_or_default() {
            "media" => (StatusCode::FORBIDDEN, echoed, document).into_response(),
            file if file.starts_with(&recording(1).to_string()) => {
                redirect(format!("https://evil.example/media?{signed}"))
            }
            file if file.starts_with(&recording(2).to_string()) => {
                redirect(format!("/media?{signed}"))
            }
            file if file.starts_with(&recording(3).to_string()) => {
                redirect(format!("https://user:{URL_PASSWORD}@api.twilio.com/media?{signed}"))
            }
            file if file.starts_with(&recording(4).to_string()) => {
                ([("content-type", "text/html")], format!("<p>{FROM} {NAME}")).into_response()
            }
            file if file.starts_with(&recording(5).to_string()) => {
                (StatusCode::FORBIDDEN, echoed, document).into_response()
            }
            file if file.starts_with("CA") => axum::Json(serde_json::json!({
                "sid": file.trim_end_matches(".json"), "direction": "inbound", "from": FROM,
                "to": TO, "caller_name": NAME, "forwarded_from": FORWARDED,
            }))
            .into_response(),
            _ => (StatusCode::UNAUTHORIZED, echoed, document).into_response(),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn recording(number: u128) -> RecordingSid {
    RecordingSid::from_bits(0xca0a_0000 + number)
}

fn call(number: u128) -> CallSid {
    CallSid::from_bits(0xca0a_0000 + number)
}

/// Recordings 1 to 5 are acme's; 6 is globex's, whose credentials are refused.
const PLACED: [(u128, AccountSid, &str); 6] = [
    (1, ACME, ACME_TOKEN),
    (2, ACME, ACME_TOKEN),
    (3, ACME, ACME_TOKEN),
    (4, ACME, ACME_TOKEN),
    (5, ACME, ACME_TOKEN),
    (6, GLOBEX, GLOBEX_TOKEN),
];

struct Choir {
    app: TestApp,
    canaries: Canaries,
}

impl Choir {
    async fn new() -> Self {
        let twilio = hostile_twilio().await;
        let app = TestApp::start_with(World::default(), |config| {
            config.play.prefetch = false;
            config.play.first_byte_wait_ms = 20;
            config.auth.secret = AUTH_SECRET.into();
            config.vault.master_key = MASTER_KEY.into();
            config.speech.api_key = API_KEY.into();
            config.twilio.base_url = twilio.parse().expect("a URL");
        })
        .await;
        let mut canaries = Canaries::default();
        for (what, secret) in [
            ("the auth secret", AUTH_SECRET),
            ("the master key", MASTER_KEY),
            ("an API key", API_KEY),
            ("acme's auth token", ACME_TOKEN),
            ("globex's auth token", GLOBEX_TOKEN),
            ("From", &FROM[1..]),
            ("To", &TO[1..]),
            ("ForwardedFrom", &FORWARDED[1..]),
            ("CallerName", NAME),
            ("a password in a URL", URL_PASSWORD),
            ("a signed media URL", SIGNED_PART),
            ("a bad token", BAD_TOKEN),
        ] {
            canaries.keep(what, secret);
        }
        Self { app, canaries }
    }

    /// Checks an answer, unless it is one that is there to say the secret.
    async fn hear(&mut self, what: &str, request: RequestBuilder, may_tell: bool) {
        let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let ok = response.status().is_success();
        let mut text = String::new();
        if !(ok && may_tell) {
            text = format!("{:?}", response.headers());
        }
        let endless = response.headers().get("content-type");
        let endless = endless.is_some_and(|value| value == "text/event-stream");
        let mut body = response.bytes_stream();
        while let Some(Ok(chunk)) = body.next().await {
            if !(ok && may_tell) {
                text.push_str(&String::from_utf8_lossy(&chunk));
            }
            if endless {
                break;
            }
        }
        let sung = self.canaries.sung(&text);
        assert!(sung.is_empty(), "{what} tells {sung:?}: {text}");
    }

    /// News of a call, with everything Twilio may say of it, signed with this token.
    async fn tell(&mut self, number: u128, account: AccountSid, token: &str) {
        let (account, call, recording) =
            (account.to_string(), call(number).to_string(), recording(number).to_string());
        let url = format!("https://user:{URL_PASSWORD}@evil.example/?{SIGNED_PART}");
        let mut form = vec![
            ("AccountSid", account.as_str()),
            ("CallSid", &call),
            ("From", FROM),
            ("To", TO),
            ("Called", TO),
            ("Caller", FROM),
            ("ForwardedFrom", FORWARDED),
            ("CallerName", NAME),
            ("Direction", "inbound"),
        ];
        let mut recorded = form.clone();
        recorded.extend([
            ("RecordingSid", recording.as_str()),
            ("RecordingUrl", &url),
            ("RecordingStatus", "completed"),
        ]);
        form.push(("CallStatus", "completed"));
        let mut odd = form.clone();
        odd.push(("CallStatus", NAME));
        for (path, form) in [
            ("/webhooks/twilio/call-status", form),
            ("/webhooks/twilio/recording-status", recorded),
            ("/webhooks/twilio/call-status", odd),
        ] {
            let request = self.app.webhook(path, token, &form);
            self.hear(path, request, false).await;
            let mut bare = self.app.client.post(self.app.url(path)).form(&form);
            self.hear("an unsigned webhook", bare.try_clone().expect("a copy"), false).await;
            bare = bare.header("x-twilio-signature", token);
            self.hear("a webhook signed with the token itself", bare, false).await;
        }
    }

    async fn until_known(&self, number: u128, business: &str) {
        let path = format!("/api/recordings/{}/status", call(number));
        self.app
            .until("the webhook is applied", async || {
                let request = self.app.request_by((business, Role::Agent), Method::GET, &path);
                request.send().await.ok()?.status().is_success().then_some(())
            })
            .await;
    }

    async fn play(&mut self, number: u128, business: &str) {
        let path = format!("/api/recordings/file/{}", call(number));
        let request = self.app.request_by((business, Role::Agent), Method::GET, &path);
        self.hear(&path, request.header("prefer", "wait=1"), false).await;
    }

    /// A link to call 1, which from now on is a secret too.
    async fn link(&mut self) -> String {
        let path = format!("/api/recordings/{}/link", call(1));
        let link = self.app.request(Method::POST, &path).send().await.expect("an answer");
        let link: Value = link.json().await.expect("JSON");
        let url = link["url"].as_str().expect("a URL").to_owned();
        let (_, signed) = url.split_once("&link=").expect("a link");
        self.canaries.keep("a link", signed);
        url
    }

    /// Every route there is, with every kind of credential, and canaries in query, path and headers.
    async fn ask_everything(&mut self) {
        let link = self.link().await;
        let (agent, operator) =
            (self.app.token("acme", Role::Agent), self.app.token("acme", Role::Operator));
        for (what, token) in [("an agent's token", &agent), ("an operator's token", &operator)] {
            self.canaries.keep(what, token);
            let (_, signature) = token.rsplit_once('.').expect("three parts");
            self.canaries.keep(&format!("the signature of {what}"), signature);
        }
        let (_, query) = link.split_once('?').expect("a query");
        let number: String = url::form_urlencoded::byte_serialize(FROM.as_bytes()).collect();
        for template in routes() {
            let path = template.replace("{call_sid}", &call(1).to_string());
            let path = path.replace("{asset}", &format!("{number}.js"));
            let may_tell = template.starts_with("/api/calls") || template.ends_with("/link");
            for method in [Method::GET, Method::POST, Method::DELETE] {
                for query in [query, &format!("number={number}&token={agent}&link={BAD_TOKEN}")] {
                    let url = self.app.url(&format!("{path}?{query}"));
                    let ask = || {
                        let request = self.app.client.request(method.clone(), &url);
                        let request = request.header("referer", &link);
                        request.header("x-request-id", FROM).header("user-agent", NAME)
                    };
                    let cookie = |token: &str| format!("hearback_session={token}");
                    let mut requests = vec![ask(), ask().bearer_auth(&operator).body(NAME)];
                    if method == Method::GET {
                        requests.extend([
                            ask().bearer_auth(BAD_TOKEN),
                            ask().bearer_auth(&agent),
                            ask().basic_auth(FROM, Some(ACME_TOKEN)),
                            ask().header("cookie", cookie(&agent)),
                            ask().header("cookie", cookie(BAD_TOKEN)),
                        ]);
                    }
                    for request in requests {
                        self.hear(&format!("{method} {template}"), request, may_tell).await;
                    }
                }
            }
        }
        let session = self.app.client.post(self.app.url("/api/session"));
        let good = session.try_clone().expect("a copy");
        let good = good.json(&serde_json::json!({ "token": agent }));
        self.hear("signing in", good, true).await;
        let bad = session.json(&serde_json::json!({ "token": BAD_TOKEN }));
        self.hear("not signing in", bad, false).await;
        for path in [format!("/{number}"), format!("/api/recordings/file/{FROM}")] {
            let request = self.app.client.get(self.app.url(&path));
            self.hear("a path that is not there", request, false).await;
        }
    }
}

/// The templates of all routes, as the route table has them.
fn routes() -> Vec<&'static str> {
    let table = include_str!("../../src/http.rs");
    let routes: Vec<&str> = table
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(template, _)| template)
        .collect();
    assert!(routes.len() >= 15, "the table is written differently now: {routes:?}");
    routes
}

async fn sing(heard: &Heard) -> Canaries {
    let mut choir = Choir::new().await;
    for (number, account, token) in PLACED {
        choir.tell(number, account, token).await;
        let business = if account == ACME { "acme" } else { "globex" };
        choir.until_known(number, business).await;
        choir.play(number, business).await;
    }
    choir.ask_everything().await;
    let retry = format!("/debug/actors/{}/retry", call(4));
    choir.canaries.keep("an operator", OPERATOR);
    let operator = json!({ "sub": OPERATOR, "role": "operator" });
    let order = || {
        let order = choir.app.client.post(choir.app.url(&retry));
        order.bearer_auth(choir.app.token_with(operator.clone()))
    };
    choir
        .app
        .until("an operator's order makes sense", async || {
            order().send().await.ok()?.status().is_success().then_some(())
        })
        .await;
    // A listener who was answered in time has a second to run out in vain.
    choir
        .app
        .until("what is ignored is traced", async || {
            let evict = format!("/debug/actors/{}/evict", call(1));
            let evict = choir.app.request_by(("acme", Role::Operator), Method::POST, &evict);
            let play = choir.app.request(Method::GET, &format!("/api/recordings/file/{}", call(1)));
            evict.send().await.ok()?;
            play.header("prefer", "wait=1").send().await.ok()?;
            heard.text().contains(SAID[0]).then_some(())
        })
        .await;
    for said in SAID {
        choir.app.until(said, async || heard.text().contains(said).then_some(())).await;
    }
    choir.app.app.stop().await;
    choir.canaries
}

#[test]
fn no_secret_and_no_number_is_ever_logged_or_told_in_an_answer() {
    let heard = Heard::default();
    let log = Log { format: LogFormat::Text, filter: "trace".to_owned() };
    let subscriber = subscriber(&log, heard.clone(), false).expect("a filter");
    let dispatch = tracing::Dispatch::new(subscriber);
    // Where there is but one, whoever comes to a line first says for all whether it is listened to: another test may.
    let _deaf = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let everywhere = dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        // Threads of other tests are not listened to.
        .on_thread_start(move || {
            std::mem::forget(tracing::dispatcher::set_default(&everywhere));
        })
        .build()
        .expect("a runtime");
    let listening = tracing::dispatcher::set_default(&dispatch);
    let canaries = runtime.block_on(sing(&heard));
    drop(listening);
    let heard = heard.text();
    for line in heard.lines() {
        let sung = canaries.sung(line);
        assert!(sung.is_empty(), "{sung:?} in: {line}");
    }
    for theirs in ["hyper", "reqwest", "sqlx", "rustls", "ractor", "h2"] {
        for level in ["DEBUG", "TRACE"] {
            assert!(!heard.contains(&format!("{level} {theirs}")), "{theirs} at {level}");
        }
    }
}

#[test]
fn a_mistake_in_the_settings_is_told_without_the_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut canaries = Canaries::default();
    canaries.keep("the secret", "canary-secret");
    for settings in [
        "[auth]\nsecret = \"canary-secret\"",
        "[auth]\nsecret = [\"canary-secret\"]",
        "[vault]\nmaster_key = { key = \"canary-secret\" }",
        "[twilio]\nauth_token = [\"canary-secret\"]",
        "[twilio]\nbase_url = \"https://user:canary-secret@api.twilio.com\"",
        "[twilio]\nbase_url = \"//user:canary-secret@api.twilio.com\"",
        "[twilio]\nbase_url = \"ftp://user:canary-secret@api.twilio.com\"",
        "[server]\npublic_url = \"https://user:canary-secret@rec.example.com\"",
        "[server]\npublic_url = \"ftp://user:canary-secret@rec.example.com\"",
        "[database]\nurl = \"mysql://user:canary-secret@db\"",
        "[speech]\nprovider = \"openai\"\napi_key = \"canary-secret\"",
    ] {
        let file = folder.path().join("hearback.toml");
        std::fs::write(&file, settings).expect("written");
        let error = anyhow::Error::from(Config::load(Some(&file)).expect_err(settings));
        for told in [format!("{error}"), format!("{error:?}"), format!("{error:#}")] {
            assert!(canaries.sung(&told).is_empty(), "{settings}: {told}");
        }
    }
}
