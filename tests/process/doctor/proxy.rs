//! A proxy that does one thing wrong.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    DropsOnTheWayIn(&'static str),
    DropsOnTheWayOut(&'static str),
    /// Answers when it has everything.
    Buffers,
    CompressesAudio,
    CachesForEverybody,
    LimitsBodies(usize),
    CutsEvents,
    CutsBodiesAfter(usize),
    ChangesBytes,
    WeakensTags,
    /// Of the query.
    DropsQueries,
    KeepsPrefix,
    LeadsToHttps,
    /// It is not connected to anything.
    BadGateway,
    WantsALogin,
    PutsItsOwnErrors,
    AnswersPreflights,
    RefusesHead,
    ChangesCacheControl,
}

pub(super) struct Proxy {
    pub(super) url: String,
    state: Arc<Inside>,
    _serving: JoinSet<()>,
}

struct Inside {
    upstream: String,
    wrong: Mutex<Wrong>,
    client: reqwest::Client,
    cache: Mutex<HashMap<String, (HeaderMap, Bytes)>>,
}

const BODY_BYTES_MAX: usize = 1024 * 1024;
const HEAD_START: Duration = Duration::from_millis(100);
/// Less than the quickest examination looks at it.
const STREAM_LASTS: Duration = Duration::from_millis(200);
/// What concerns one connection only.
const HOP_BY_HOP: [&str; 3] = ["connection", "transfer-encoding", "host"];

impl Proxy {
    pub(super) async fn to(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        let state = Arc::new(Inside {
            upstream,
            wrong: Mutex::new(Wrong::Nothing),
            client: client.expect("a client"),
            cache: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&state));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, state, _serving: serving }
    }

    pub(super) fn go_wrong(&self, wrong: Wrong) {
        *self.state.wrong.lock().expect("whole") = wrong;
        self.state.cache.lock().expect("whole").clear();
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each does one thing wrong")]
async fn pass(State(inside): State<Arc<Inside>>, request: Request) -> Response<Body> {
    let wrong = *inside.wrong.lock().expect("whole");
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    match wrong {
        Wrong::BadGateway => return page(StatusCode::BAD_GATEWAY),
        Wrong::WantsALogin => return page(StatusCode::UNAUTHORIZED),
        Wrong::RefusesHead if method == Method::HEAD => {
            return page(StatusCode::METHOD_NOT_ALLOWED);
        }
        Wrong::AnswersPreflights if method == Method::OPTIONS => return page(StatusCode::OK),
        Wrong::LeadsToHttps => {
            let to = format!("https://127.0.0.1{path}");
            return (StatusCode::MOVED_PERMANENTLY, [("location", to)]).into_response();
        }
        _ => {}
    }
    let key = request.uri().to_string();
    if let Some((headers, body)) = inside.cache.lock().expect("whole").get(&key) {
        return (StatusCode::OK, headers.clone(), body.clone()).into_response();
    }
    let answer = inside.ask(wrong, request).await;
    match answer {
        Some(answer) => inside.answer(wrong, &method, key, answer).await,
        None => page(StatusCode::PAYLOAD_TOO_LARGE),
    }
}

fn page(status: StatusCode) -> Response<Body> {
    (status, [("content-type", "text/html")], "<html>nginx</html>").into_response()
}

impl Inside {
    async fn ask(&self, wrong: Wrong, request: Request) -> Option<reqwest::Response> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, BODY_BYTES_MAX).await.expect("a short body");
        if let Wrong::LimitsBodies(bytes) = wrong
            && body.len() > bytes
        {
            return None;
        }
        let query = head.uri.query().filter(|_| wrong != Wrong::DropsQueries);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let prefix = if wrong == Wrong::KeepsPrefix { "/prefix" } else { "" };
        let url = format!("{}{prefix}{}{query}", self.upstream, head.uri.path());
        let mut headers = head.headers;
        HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
        if let Wrong::DropsOnTheWayIn(name) = wrong {
            headers.remove(name);
        }
        let asked = self.client.request(head.method, url).headers(headers).body(body);
        Some(asked.send().await.expect("the service answers"))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "each does one thing wrong")]
    async fn answer(
        &self,
        wrong: Wrong,
        method: &Method,
        key: String,
        answer: reqwest::Response,
    ) -> Response<Body> {
        let status = answer.status();
        if wrong == Wrong::PutsItsOwnErrors && status.is_client_error() {
            return page(status);
        }
        let mut headers = answer.headers().clone();
        HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
        spoil(wrong, &mut headers);
        let is_of = |kind| headers.get("content-type").is_some_and(|it| it == kind);
        let is_stream = is_of("text/event-stream");
        let is_whole = is_of("audio/mpeg") && status == StatusCode::OK && method == Method::GET;
        let body = match wrong {
            Wrong::Buffers => Body::from(answer.bytes().await.unwrap_or_default()),
            Wrong::CachesForEverybody if is_whole => {
                let body = answer.bytes().await.expect("whole");
                self.cache.lock().expect("whole").insert(key, (headers.clone(), body.clone()));
                Body::from(body)
            }
            Wrong::CompressesAudio if is_whole => {
                headers.remove("content-length");
                headers.remove("etag");
                headers.insert("content-encoding", HeaderValue::from_static("gzip"));
                Body::from(gzip(&answer.bytes().await.expect("whole")))
            }
            Wrong::ChangesBytes if is_whole => {
                let mut body = answer.bytes().await.expect("whole").to_vec();
                body[100] ^= 1;
                Body::from(body)
            }
            Wrong::CutsBodiesAfter(bytes) if is_whole => {
                let body = answer.bytes().await.expect("whole").slice(..bytes);
                // An answer that is cut at once has no head, either.
                let cut = async {
                    sleep(HEAD_START).await;
                    Err(std::io::Error::other("cut"))
                };
                Body::from_stream(stream::iter([Ok(body)]).chain(stream::once(cut)))
            }
            Wrong::CutsEvents if is_stream => cut_soon(answer),
            _ => Body::from_stream(answer.bytes_stream()),
        };
        (status, headers, body).into_response()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each does one thing wrong")]
fn spoil(wrong: Wrong, headers: &mut HeaderMap) {
    match wrong {
        Wrong::DropsOnTheWayOut(name) => drop(headers.remove(name)),
        Wrong::WeakensTags => {
            if let Some(tag) = headers.get("etag") {
                let weak = format!("W/{}", tag.to_str().expect("text"));
                headers.insert("etag", weak.parse().expect("a value"));
            }
        }
        Wrong::ChangesCacheControl if headers.contains_key("etag") => {
            let cache_control = HeaderName::from_static("cache-control");
            headers.insert(cache_control, HeaderValue::from_static("public, max-age=3600"));
        }
        _ => {}
    }
}

fn cut_soon(answer: reqwest::Response) -> Body {
    let end = Instant::now() + STREAM_LASTS;
    let pieces = Box::pin(answer.bytes_stream());
    Body::from_stream(stream::unfold(pieces, move |mut pieces| async move {
        match timeout_at(end, pieces.next()).await {
            Ok(piece) => Some((piece?.map_err(std::io::Error::other), pieces)),
            Err(_) => Some((Err(std::io::Error::other("too long")), pieces)),
        }
    }))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory is patient");
    encoder.finish().expect("memory is patient")
}
