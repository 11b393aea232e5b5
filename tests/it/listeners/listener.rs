//! One listener: a request by chance, over a connection of its own, and whether what came is right.
//!
//! It speaks HTTP by hand, so that no library decides for it what a short body is.

use std::collections::HashMap;
use std::time::Duration;

use hearback::auth::Role;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::ledger::Ledger;
use crate::campaign::Chance;
use crate::support::{Placed, TestApp, play_path};

/// Little more fits between the service and a slow reader.
const SLOW_BUFFER_BYTES: u32 = 16_384;
const HEAD_BYTES_MAX: usize = 16_384;
const PIECE_BYTES: usize = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Whole,
    Part,
    Cut,
    /// It hung up.
    Left,
    Headers,
    NotModified,
    Unsatisfiable,
    Preparing,
    Exhausted,
}

/// What is asked for, and how it is listened to.
#[derive(Debug)]
pub struct Wish {
    head_only: bool,
    range: Option<(String, Selected)>,
    condition: Option<Condition>,
    preference: Option<&'static str>,
    reading: Reading,
}

/// What a range selects of a recording that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selected {
    Whole,
    Part { first: usize, last: usize },
    Nothing,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    IfRange(Tag),
    IfNoneMatch(Tag),
}

#[derive(Debug, Clone, Copy)]
enum Tag {
    /// One that was seen by then, drawn with this.
    Known(u64),
    Foreign,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    Eager,
    Slow {
        piece_bytes: usize,
        pause: Duration,
    },
    /// As players do all the time.
    HangsUpAfter(usize),
}

impl Wish {
    pub fn draw(chance: &mut Chance, length: usize) -> Self {
        let tag = |chance: &mut Chance| match chance.below(4) {
            0 => Tag::Foreign,
            _ => Tag::Known(chance.next()),
        };
        let condition = match chance.below(6) {
            0 => Some(Condition::IfRange(tag(chance))),
            1 => Some(Condition::IfNoneMatch(tag(chance))),
            _ => None,
        };
        let reading = match chance.below(6) {
            0 => Reading::HangsUpAfter(chance.below(length as u64 + 1) as usize),
            1 => Reading::HangsUpAfter(0),
            2 => Reading::Slow {
                piece_bytes: length / (4 + chance.below(30) as usize) + 1,
                pause: Duration::from_millis(chance.below(60)),
            },
            _ => Reading::Eager,
        };
        let preferences = [
            None,
            None,
            Some("prefer: respond-async"),
            Some("prefer: wait=3"),
            Some("sec-fetch-dest: audio"),
        ];
        Self {
            head_only: chance.below(8) == 0,
            range: range(chance, length),
            condition,
            preference: preferences[chance.below(preferences.len() as u64) as usize],
            reading,
        }
    }
}

fn range(chance: &mut Chance, length: usize) -> Option<(String, Selected)> {
    let last = length - 1;
    let below = |chance: &mut Chance, bound: usize| chance.below(bound as u64) as usize;
    let (text, selected) = match chance.below(9) {
        0..=2 => return None,
        3 => ("0-".to_owned(), Selected::Part { first: 0, last }),
        4 => ("0-1".to_owned(), Selected::Part { first: 0, last: 1 }),
        5 => {
            let first = below(chance, length);
            (format!("{first}-"), Selected::Part { first, last })
        }
        6 => {
            let first = below(chance, length);
            let end = first + below(chance, length);
            (format!("{first}-{end}"), Selected::Part { first, last: end.min(last) })
        }
        7 => {
            let count = 1 + below(chance, length);
            (format!("-{count}"), Selected::Part { first: length - count, last })
        }
        _ if chance.below(2) == 0 => (format!("{length}-"), Selected::Nothing),
        _ => ("0-1,5-9".to_owned(), Selected::Whole),
    };
    Some((text, selected))
}

/// Who asks, and where.
pub struct Asker {
    address: String,
    head: String,
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    stream: TcpStream,
    /// Of the body, what came with the head.
    begun: Vec<u8>,
}

struct Heard {
    bytes: Vec<u8>,
    outcome: Outcome,
}

impl Asker {
    pub fn new(app: &TestApp, placed: &Placed) -> Self {
        let address = app.app.public_url.trim_start_matches("http://").to_owned();
        let token = app.token("acme", Role::Agent);
        let path = play_path(placed);
        let head = format!(
            "{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
        );
        Self { address, head }
    }

    /// What it got, or what was wrong with it.
    pub async fn ask(&self, wish: &Wish, ledger: &Ledger) -> Result<Outcome, String> {
        let named = |tag: Tag| match tag {
            Tag::Known(draw) => ledger.known_tag(draw),
            Tag::Foreign => Some("\"another\"".to_owned()),
        };
        let (mut if_range, mut if_none_match) = (None, None);
        match wish.condition {
            Some(Condition::IfRange(tag)) => if_range = named(tag),
            Some(Condition::IfNoneMatch(tag)) => if_none_match = named(tag),
            None => {}
        }
        let asked = Asked { wish, if_range, if_none_match };
        let sent = self.send(&asked).await;
        let answer = match sent {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(Outcome::Left),
            Err(error) => return Err(format!("no answer to {asked:?}: {error}")),
        };
        let (status, headers) = (answer.status, answer.headers.clone());
        asked
            .judge(answer, ledger)
            .await
            .map_err(|wrong| format!("{asked:?}: {status} {headers:?}: {wrong}"))
    }

    /// `None`: it hung up before there was an answer.
    async fn send(&self, asked: &Asked<'_>) -> std::io::Result<Option<Answer>> {
        let socket = TcpSocket::new_v4()?;
        if matches!(asked.wish.reading, Reading::Slow { .. }) {
            socket.set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        let mut stream = socket.connect(self.address.parse().expect("an address")).await?;
        let request = format!("{} {}{}\r\n", asked.method(), self.head, asked.lines());
        stream.write_all(request.as_bytes()).await?;
        if matches!(asked.wish.reading, Reading::HangsUpAfter(0)) {
            return Ok(None);
        }
        let mut received = Vec::new();
        loop {
            if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                let begun = received.split_off(end + 4);
                let head = String::from_utf8_lossy(&received).into_owned();
                return Ok(Some(parse(&head, stream, begun)));
            }
            let too_long = received.len() > HEAD_BYTES_MAX;
            if too_long || stream.read_buf(&mut received).await? == 0 {
                return Err(std::io::Error::other("no head"));
            }
        }
    }
}

fn parse(head: &str, stream: TcpStream, begun: Vec<u8>) -> Answer {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, stream, begun }
}

/// A wish with the tags that were known when it was expressed.
#[derive(Debug)]
struct Asked<'a> {
    wish: &'a Wish,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

impl Asked<'_> {
    fn method(&self) -> &'static str {
        if self.wish.head_only { "HEAD" } else { "GET" }
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some((range, _)) = &self.wish.range {
            lines += &format!("range: bytes={range}\r\n");
        }
        if let Some(tag) = &self.if_range {
            lines += &format!("if-range: {tag}\r\n");
        }
        if let Some(tag) = &self.if_none_match {
            lines += &format!("if-none-match: {tag}\r\n");
        }
        if let Some(preference) = self.wish.preference {
            lines += &format!("{preference}\r\n");
        }
        lines
    }

    /// What it has to get if the recording is of this version.
    fn selected(&self, tag: &str) -> Selected {
        match &self.wish.range {
            Some(_) if self.wish.head_only => Selected::Whole,
            Some(_) if self.if_range.as_deref().is_some_and(|wanted| wanted != tag) => {
                Selected::Whole
            }
            Some((_, selected)) => *selected,
            None => Selected::Whole,
        }
    }

    async fn judge(&self, answer: Answer, ledger: &Ledger) -> Result<Outcome, String> {
        let length = ledger.length();
        match answer.status {
            200 | 206 => self.judge_audio(answer, ledger).await,
            304 => {
                let confirmed = self.if_none_match.is_some()
                    && answer.headers.get("etag") == self.if_none_match.as_ref();
                holds(confirmed, "not what it has").map(|()| Outcome::NotModified)
            }
            416 => {
                let beyond = self
                    .wish
                    .range
                    .as_ref()
                    .is_some_and(|(_, selected)| *selected == Selected::Nothing);
                holds(beyond && !self.wish.head_only, "that range is satisfiable")?;
                let total = answer.headers.get("content-range").cloned();
                holds(total == Some(format!("bytes */{length}")), "another length")
                    .map(|()| Outcome::Unsatisfiable)
            }
            202 | 503 => self.judge_delay(answer).await,
            _ => Err("not in the contract".to_owned()),
        }
    }

    async fn judge_audio(&self, answer: Answer, ledger: &Ledger) -> Result<Outcome, String> {
        let header = |name: &str| answer.headers.get(name).cloned().ok_or(format!("no {name}"));
        let (status, length, tag) = (answer.status, ledger.length(), header("etag")?);
        holds(self.if_none_match.as_ref() != Some(&tag), "it has that one")?;
        let (expected, first, last) = match self.selected(&tag) {
            Selected::Whole => (200, 0, length - 1),
            Selected::Part { first, last } => (206, first, last),
            Selected::Nothing => return Err("nothing can be sent of that".to_owned()),
        };
        holds(status == expected, "another status")?;
        if status == 206 {
            holds(
                header("content-range")? == format!("bytes {first}-{last}/{length}"),
                "another part",
            )?;
        }
        let announced = last - first + 1;
        holds(header("content-length")? == announced.to_string(), "another length")?;
        holds(header("content-type")? == "audio/mpeg", "another type")?;
        if self.wish.head_only {
            let heard = hear(answer, 0, Reading::Eager).await?;
            return holds(heard.bytes.is_empty(), "HEAD with a body").map(|()| Outcome::Headers);
        }
        let heard = hear(answer, announced, self.wish.reading).await?;
        ledger.note(&tag, first, &heard.bytes)?;
        Ok(if heard.outcome == Outcome::Whole && status == 206 {
            Outcome::Part
        } else {
            heard.outcome
        })
    }

    async fn judge_delay(&self, answer: Answer) -> Result<Outcome, String> {
        let status = answer.status;
        let header = |name: &str| answer.headers.get(name).cloned().ok_or(format!("no {name}"));
        let length = header("content-length")?.parse().map_err(|_| "no length")?;
        holds(header("cache-control")? == "no-store", "it would be kept")?;
        let retry_after: u64 = header("retry-after")?.parse().map_err(|_| "not seconds")?;
        let body = if self.wish.head_only { 0 } else { length };
        let heard = hear(answer, body, Reading::Eager).await?;
        holds(heard.outcome == Outcome::Whole, "cut")?;
        if !self.wish.head_only {
            let told: Value =
                serde_json::from_slice(&heard.bytes).map_err(|error| error.to_string())?;
            let word = if status == 202 { &told["status"] } else { &told["code"] };
            let expected = if status == 202 { "preparing" } else { "attempts_exhausted" };
            holds(word == expected, &told.to_string())?;
            holds(told["retry_after"] == retry_after, &told.to_string())?;
        }
        Ok(if status == 202 { Outcome::Preparing } else { Outcome::Exhausted })
    }
}

/// The body, of which so many bytes were announced.
async fn hear(mut answer: Answer, announced: usize, reading: Reading) -> Result<Heard, String> {
    let (piece_bytes, pause) = match reading {
        Reading::Slow { piece_bytes, pause } => (piece_bytes, pause),
        Reading::Eager | Reading::HangsUpAfter(_) => (PIECE_BYTES, Duration::ZERO),
    };
    let mut bytes = answer.begun;
    let mut rest_at = piece_bytes;
    let mut piece = vec![0; piece_bytes];
    loop {
        if let Reading::HangsUpAfter(enough) = reading
            && bytes.len() >= enough
        {
            return Ok(Heard { bytes, outcome: Outcome::Left });
        }
        // An error is a cut like any other: the connection was reset.
        let count = answer.stream.read(&mut piece).await.unwrap_or(0);
        bytes.extend_from_slice(&piece[..count]);
        if bytes.len() > announced {
            return Err(format!("{} bytes more than announced", bytes.len() - announced));
        }
        if count == 0 {
            let outcome = if bytes.len() == announced { Outcome::Whole } else { Outcome::Cut };
            return Ok(Heard { bytes, outcome });
        }
        if bytes.len() >= rest_at {
            rest_at += piece_bytes;
            sleep(pause).await;
        }
    }
}

fn holds(so: bool, otherwise: &str) -> Result<(), String> {
    if so { Ok(()) } else { Err(otherwise.to_owned()) }
}
