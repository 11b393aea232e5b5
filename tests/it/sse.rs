//! Reads server-sent events as a browser does.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use reqwest::Response;
use serde_json::Value;

/// Longer than anything here takes, shorter than a heartbeat.
const PATIENCE: Duration = Duration::from_secs(12);

pub struct Events {
    chunks: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    unread: String,
    passed_over: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Events {
    pub fn of(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200);
        let headers = response.headers();
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        let chunks = response.bytes_stream().boxed();
        Self { chunks, unread: String::new(), passed_over: None }
    }

    /// Passes over events of this name.
    #[must_use]
    pub fn without(self, name: &'static str) -> Self {
        Self { passed_over: Some(name), ..self }
    }

    /// The next event; `None` when the stream has ended properly.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let event = parse(event);
                self.unread = rest.to_owned();
                let is_wanted = |event: &Event| self.passed_over != Some(event.name.as_str());
                if event.as_ref().is_some_and(is_wanted) {
                    return event;
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.chunks.next()).await;
            let chunk = chunk.expect("an event, or the end")?.expect("not cut");
            self.unread.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Reads until an event is as wanted.
    pub async fn until(&mut self, what: &str, is_wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("it ended before: {what}"));
            if is_wanted(&event) {
                return event;
            }
        }
    }
}

/// `None` for a comment.
fn parse(lines: &str) -> Option<Event> {
    let field = |wanted: &str| {
        lines.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == wanted))
    };
    let (_, data) = field("data")?;
    Some(Event {
        name: field("event").map_or("message", |(_, name)| name).to_owned(),
        id: field("id").map(|(_, id)| id.to_owned()),
        data: serde_json::from_str(data).expect("JSON"),
    })
}
