//! A source that answers as it was told to, and counts what runs at once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use actors::domain::{AccountSid, CallDetails, CallSid, Direction, FetchError, RecordingSid};
use actors::ports::{RecordingSource, SourceBody, SourceRequest};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{Gate, speech};

#[derive(Default)]
pub(crate) struct FakeSource {
    /// Held up before the first byte of any body.
    pub(crate) bodies: Arc<Gate>,
    /// Held up before any word on a call.
    pub(crate) calls: Gate,
    answers: Mutex<BTreeMap<RecordingSid, VecDeque<Answer>>>,
    details: Mutex<BTreeMap<CallSid, VecDeque<Result<CallDetails, FetchError>>>>,
    asked_for: Mutex<Vec<CallSid>>,
    traffic: Arc<Mutex<Traffic>>,
}

/// What the source says to one request. Without any it sends `speech(1)`.
pub(crate) enum Answer {
    Audio(Vec<u8>),
    Error(FetchError),
    Panic,
    /// Sends half of it and panics.
    PanicHalfway,
}

#[derive(Default)]
struct Traffic {
    opened: Vec<RecordingSid>,
    running: HashMap<RecordingSid, usize>,
    most_at_once: usize,
    most_of_one_at_once: usize,
}

impl FakeSource {
    pub(crate) fn answers(&self, sid: RecordingSid, answer: Answer) {
        self.answers.lock().expect("whole").entry(sid).or_default().push_back(answer);
    }

    /// What the source says of a call the next time. Without any it is an inbound call.
    pub(crate) fn tells(&self, call: CallSid, details: Result<CallDetails, FetchError>) {
        self.details.lock().expect("whole").entry(call).or_default().push_back(details);
    }

    /// Whose details were asked for, in order.
    pub(crate) fn details_asked(&self) -> Vec<CallSid> {
        self.asked_for.lock().expect("whole").clone()
    }

    /// What was opened, in order.
    pub(crate) fn opened(&self) -> Vec<RecordingSid> {
        self.traffic.lock().expect("whole").opened.clone()
    }

    pub(crate) fn running(&self) -> usize {
        self.traffic.lock().expect("whole").running.values().sum()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.traffic.lock().expect("whole").most_at_once
    }

    pub(crate) fn most_of_one_at_once(&self) -> usize {
        self.traffic.lock().expect("whole").most_of_one_at_once
    }
}

#[async_trait]
impl RecordingSource for FakeSource {
    async fn open(&self, request: &SourceRequest) -> Result<SourceBody, FetchError> {
        let running = Running::begin(&self.traffic, request.recording);
        let answer = {
            let mut answers = self.answers.lock().expect("whole");
            answers.get_mut(&request.recording).and_then(VecDeque::pop_front)
        };
        let (audio, breaks) = match answer.unwrap_or_else(|| Answer::Audio(speech(1))) {
            Answer::Audio(audio) => (audio, false),
            Answer::PanicHalfway => (speech(1), true),
            Answer::Error(error) => return Err(error),
            Answer::Panic => panic!("the source broke"),
        };
        let total = Some(audio.len() as u64);
        let halves = audio.chunks(audio.len().div_ceil(2).max(1)).map(Bytes::copy_from_slice);
        let halves: Vec<Bytes> = halves.collect();
        let gate = Arc::clone(&self.bodies);
        let chunks = stream::iter(halves).enumerate().then(move |(index, half)| {
            let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
            async move {
                gate.pass().await;
                assert!(!(breaks && index == 1), "the source broke halfway");
                drop(running);
                Ok(half)
            }
        });
        Ok(SourceBody { total, chunks: chunks.boxed() })
    }

    async fn call(&self, _: AccountSid, call: CallSid) -> Result<CallDetails, FetchError> {
        self.asked_for.lock().expect("whole").push(call);
        self.calls.pass().await;
        let told = {
            let mut details = self.details.lock().expect("whole");
            details.get_mut(&call).and_then(VecDeque::pop_front)
        };
        told.unwrap_or_else(|| {
            let started_at = Some(actors::domain::Timestamp::from_millis(1));
            Ok(CallDetails {
                direction: Some(Direction::Inbound),
                started_at,
                ..CallDetails::default()
            })
        })
    }
}

/// Counted from the request until its body is dropped.
struct Running {
    traffic: Arc<Mutex<Traffic>>,
    sid: RecordingSid,
}

impl Running {
    fn begin(traffic: &Arc<Mutex<Traffic>>, sid: RecordingSid) -> Arc<Self> {
        let mut now = traffic.lock().expect("whole");
        now.opened.push(sid);
        let of_one = now.running.entry(sid).or_default();
        *of_one += 1;
        let of_one = *of_one;
        let all = now.running.values().sum();
        now.most_of_one_at_once = now.most_of_one_at_once.max(of_one);
        now.most_at_once = now.most_at_once.max(all);
        Arc::new(Self { traffic: Arc::clone(traffic), sid })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut now = self.traffic.lock().expect("whole");
        if let Some(of_one) = now.running.get_mut(&self.sid) {
            *of_one -= 1;
        }
    }
}
