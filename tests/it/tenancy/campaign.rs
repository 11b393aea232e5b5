//! Whoever asks for another business's call, in whatever way and state, gets to the byte what an unknown one gets.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::CallSid;
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Announcement, Behaviour, Fault, PlannedCall, PlannedRecording};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use super::wire::{Answer, Line};
use crate::campaign::{Chance, seed, size};
use crate::support::{ACME, GLOBEX, Placed, TestApp};

const CONNECTIONS: u64 = 16;
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const HEADERS: [&str; 8] = [
    "",
    "Range: bytes=0-1\r\n",
    "Range: bytes=999999999-\r\n",
    "If-None-Match: *\r\n",
    "If-Match: \"another\"\r\n",
    "Sec-Fetch-Dest: audio\r\n",
    "Prefer: respond-async\r\n",
    "Origin: https://elsewhere.example\r\n",
];

/// The routes that take a call's SID, as the route table has them: a new one cannot be forgotten.
fn routes() -> Vec<&'static str> {
    let table = include_str!("../../../src/http.rs");
    let quoted = table.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with('/') && text.contains("{call_sid}")).collect()
}

/// What is asked, but for the call: method, route, header and query, as indexes.
type Question = (usize, usize, usize, bool);

/// One who asks as globex for acme's calls, for unknown ones, and now and then for an own one.
struct Intruder {
    line: Line,
    chance: Chance,
    token: String,
    routes: Vec<&'static str>,
    /// Acme's calls, in every state that a call can have, with a recording of each.
    foreign: Vec<(CallSid, String)>,
    own: Arc<Placed>,
    /// What an unknown call is answered.
    expected: HashMap<Question, Answer>,
    asked: Arc<AtomicU64>,
}

impl Intruder {
    async fn ask_all(mut self, count: u64) {
        for _ in 0..count {
            match self.chance.below(64) {
                0 => self.hear_own().await,
                1..=4 => self.hang_up().await,
                _ => self.compare().await,
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn question(&mut self) -> Question {
        let chance = &mut self.chance;
        // Mostly by the methods that could tell something.
        let method = if chance.below(8) == 0 { chance.below(7) } else { chance.below(3) };
        let route = chance.below(self.routes.len() as u64);
        let header = chance.below(HEADERS.len() as u64);
        (method as usize, route as usize, header as usize, chance.below(4) == 0)
    }

    fn request(&self, question: Question, call: &str, recording: &str) -> String {
        let (method, route, header, named) = question;
        let path = self.routes[route].replace("{call_sid}", call);
        let query = if named { format!("?recording={recording}") } else { String::new() };
        format!(
            "{} {path}{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{}\
             Content-Length: 0\r\n\r\n",
            METHODS[method], self.token, HEADERS[header]
        )
    }

    fn unknown(&mut self) -> String {
        let bits = u128::from(self.chance.next()) << 64 | u128::from(self.chance.next());
        CallSid::from_bits(bits).to_string()
    }

    fn foreign(&mut self) -> (String, String) {
        let (call, recording) =
            &self.foreign[self.chance.below(self.foreign.len() as u64) as usize];
        (call.to_string(), recording.clone())
    }

    async fn compare(&mut self) {
        let question = self.question();
        let (call, recording) = self.foreign();
        if !self.expected.contains_key(&question) {
            let nobodys = self.unknown();
            let request = self.request(question, &nobodys, &recording);
            let answer = self.line.ask(&request).await;
            assert!(answer.status >= 300 || METHODS[question.0] == "OPTIONS", "{request}");
            self.expected.insert(question, answer);
        }
        let call = if self.chance.below(3) == 0 { self.unknown() } else { call };
        let request = self.request(question, &call, &recording);
        let answer = self.line.ask(&request).await;
        assert_eq!(answer, self.expected[&question], "it can be told apart: {request}");
    }

    /// What was left unread must not turn up in anybody's next answer.
    async fn hang_up(&mut self) {
        let question = self.question();
        let (call, recording) = if self.chance.below(4) == 0 {
            (self.own.call.to_string(), self.own.recording.to_string())
        } else {
            self.foreign()
        };
        let request = self.request(question, &call, &recording);
        let whole = self.chance.below(2) == 0;
        let sent = if whole { request.len() } else { self.chance.below(400) as usize };
        let read = self.chance.below(3_000) as usize;
        self.line.hang_up(&request, sent, read).await;
    }

    /// Every byte of synthetic audio says whose it is.
    async fn hear_own(&mut self) {
        let request = format!(
            "GET /api/recordings/file/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            self.own.call, self.token
        );
        let answer = self.line.ask(&request).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body == self.own.audio, "a foreign byte");
    }
}

/// Acme's calls: ready, downloading, failed, gone, still being recorded, not fetched, without a recording.
async fn calls_in_every_state(app: &TestApp) -> Vec<(CallSid, String)> {
    let states: [(&str, Vec<Behaviour>, &str); 6] = [
        ("ready", vec![], "completed"),
        ("downloading", vec![Fault::StallAfterBytes(1_000).into()], "completed"),
        ("failed", vec![Behaviour::status(500)], "completed"),
        ("gone", vec![], "absent"),
        ("absent", vec![], "in-progress"),
        ("absent", vec![Behaviour::status(404)], "completed"),
    ];
    let mut calls = Vec::new();
    for (tag, (state, behaviours, announced)) in (1..).zip(states) {
        let (plan, _) = TestApp::synthetic(40_000, tag);
        let plan = PlannedRecording { behaviours, ..plan };
        let announce = ["completed"].map(|status| Announcement::Call(status.into())).to_vec();
        let planned = PlannedCall {
            account: Some(ACME),
            recordings: vec![plan],
            announce: Some([announce, vec![Announcement::Recordings(announced.into())]].concat()),
            ..PlannedCall::default()
        };
        let (placed, _) = app.simulator.place_call(planned).await.expect("placed");
        let path = format!("/api/recordings/{}", placed.call);
        app.until(state, async || {
            let prepare = app.request(reqwest::Method::POST, &format!("{path}/prepare"));
            prepare.send().await.ok()?;
            let status: Value = app.get(&format!("{path}/status")).await.json().await.ok()?;
            (status["state"] == state).then_some(())
        })
        .await;
        calls.push((placed.call, placed.recordings[0].to_string()));
    }
    let planned = PlannedCall { recordings: Vec::new(), ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned).await.expect("placed");
    calls.push((placed.call, calls[0].1.clone()));
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_tenancy_anothers_call_is_like_no_call_to_the_byte() {
    let total = size(8_000, 1_000_000);
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        for per_caller in [&mut config.play.requests_per_second, &mut config.play.requests_burst] {
            *per_caller = 1_000_000.try_into().expect("not zero");
        }
        // A stalled download is to stay one.
        config.twilio.idle_timeout_ms = 3_600_000;
    })
    .await;
    let foreign = calls_in_every_state(&app).await;
    let (plan, audio) = TestApp::synthetic(60_000, 99);
    let own = Arc::new(app.place_planned(plan, GLOBEX, audio).await);
    let path = format!("/api/recordings/file/{}", own.call);
    app.until("the own one is ready", async || {
        let asked = app.request_by(("globex", Role::Owner), reqwest::Method::GET, &path);
        (asked.send().await.ok()?.status() == StatusCode::OK).then_some(())
    })
    .await;
    assert!(routes().len() >= 6, "the route table is read: {:?}", routes());
    let (seed, asked) = (seed(), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let intruders = (0..CONNECTIONS).map(|n| {
        let intruder = Intruder {
            line: Line::to(app.app.address),
            chance: Chance(seed.wrapping_add(n << 32)),
            token: app.token("globex", Role::Owner),
            routes: routes(),
            foreign: foreign.clone(),
            own: Arc::clone(&own),
            expected: HashMap::new(),
            asked: Arc::clone(&asked),
        };
        tokio::spawn(intruder.ask_all(total / CONNECTIONS))
    });
    for ended in futures_util::future::join_all(intruders).await {
        ended.expect("nothing could be told apart");
    }
    let (asked, took) = (asked.load(Ordering::Relaxed), begun.elapsed());
    let per_second = asked as f64 / took.max(Duration::from_millis(1)).as_secs_f64();
    eprintln!(
        "{asked} requests over {} routes as globex for acme's calls and unknown ones in {took:?} \
         ({per_second:.0}/s): 0 differences, 0 foreign bytes",
        routes().len()
    );
}
