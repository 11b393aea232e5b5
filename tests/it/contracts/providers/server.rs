//! A provider on this machine that answers as it is told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub struct Provider {
    pub url: String,
    state: Told,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
pub struct Asked {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    waits: Duration,
    then: Then,
}

/// What comes after the body's last byte.
#[derive(Clone, Copy)]
enum Then {
    End,
    /// The connection ends, and the answer does not.
    Cut,
    /// Nothing comes any more.
    Silence,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    pub fn text(status: u16, body: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), body.into());
        Self { status, headers, body, waits: Duration::ZERO, then: Then::End }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn after(self, waits: Duration) -> Self {
        Self { waits, ..self }
    }

    pub fn cut(self) -> Self {
        Self { then: Then::Cut, ..self }
    }

    pub fn stalled(self) -> Self {
        Self { then: Then::Silence, ..self }
    }

    async fn given(self) -> Response {
        tokio::time::sleep(self.waits).await;
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let said = stream::iter([Ok(Bytes::from(self.body))]);
        let body = match self.then {
            Then::End => Body::from_stream(said),
            Then::Cut => {
                Body::from_stream(said.chain(stream::iter([Err(std::io::Error::other("cut"))])))
            }
            Then::Silence => Body::from_stream(said.chain(stream::pending())),
        };
        response.body(body).expect("a response")
    }
}

#[derive(Clone)]
struct Told {
    answers: Arc<Mutex<std::vec::IntoIter<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Provider {
    /// Answers the first request with the first answer and so on; then it is out of order.
    pub async fn start(answers: Vec<Answer>) -> Self {
        let state =
            Told { answers: Arc::new(Mutex::new(answers.into_iter())), asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(state.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url, state, _serving: serving }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().expect("not poisoned").clone()
    }
}

async fn answer(State(told): State<Told>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let asked = Asked { path: head.uri.to_string(), headers: head.headers, body };
    told.asked.lock().expect("not poisoned").push(asked);
    let next = told.answers.lock().expect("not poisoned").next();
    let out_of_order = StatusCode::INTERNAL_SERVER_ERROR.as_u16();
    next.unwrap_or_else(|| Answer::text(out_of_order, "")).given().await
}

/// Takes connections, and resets them without a word.
pub async fn resetting() -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_zero_linger().expect("a linger");
        }
    });
    (url, serving)
}
