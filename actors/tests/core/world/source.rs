//! A source that answers as it was told to, and counts what runs at once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::iter::repeat_n;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::domain::{
    AccountSid, CallDetails, CallSid, Direction, FetchError, RecordingEvent, RecordingSid,
    SourceStatus,
};
use actors::ports::{
    Listing, PageToken, RecordingSource, RecordingsPage, Resume, SourceBody, SourceRequest,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

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
    lists: Mutex<Lists>,
    standing: Mutex<Standing>,
    traffic: Arc<Mutex<Traffic>>,
}

/// What the source says to one request. Without any it sends `speech(1)`.
pub(crate) enum Answer {
    Audio(Vec<u8>),
    Error(FetchError),
    Panic,
    /// Sends half of it and panics.
    PanicHalfway,
    /// Sends so much of it, then the connection is gone.
    Cut(Vec<u8>, usize),
    /// Sends so much of it, then the body ends as if that were all.
    Short(Vec<u8>, usize),
    /// To a resume: the rest of this.
    Rest(Vec<u8>),
    Paced(Pace),
}

/// A body in so many bytes after so long at a time. To a resume it is the rest, if it may be.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    pub(crate) audio: Vec<u8>,
    pub(crate) resumes: bool,
    pub(crate) tells_length: bool,
    pub(crate) chunks: Vec<(Duration, usize)>,
    /// Whether the connection is gone after these chunks. Else all that is left comes at once.
    pub(crate) is_cut: bool,
}

/// What the source calls every audio that it sends.
const VALIDATOR: &str = "\"made-up\"";

/// The lists of recordings, and who asked for them.
#[derive(Default)]
struct Lists {
    recordings: Vec<RecordingEvent>,
    /// What the next questions are answered, in turn.
    refusals: VecDeque<Option<FetchError>>,
    asked: Vec<(AccountSid, Listing)>,
}

/// How recordings stand, and of which it was asked.
#[derive(Default)]
struct Standing {
    said: BTreeMap<RecordingSid, Result<SourceStatus, FetchError>>,
    asked: Vec<RecordingSid>,
}

/// How long refusing an account takes.
pub(crate) const REFUSED_AFTER: Duration = Duration::from_millis(20);
/// Recordings on a page of a list.
const LIST_PAGE: usize = 10;

#[derive(Default)]
struct Traffic {
    opened: Vec<RecordingSid>,
    resumed: Vec<Resume>,
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

    /// What the source says of a recording from now on. Without a word it is there.
    pub(crate) fn says(&self, sid: RecordingSid, status: Result<SourceStatus, FetchError>) {
        self.standing.lock().expect("whole").said.insert(sid, status);
    }

    /// Of which recordings it was asked how they stand, in order.
    pub(crate) fn standing_asked(&self) -> Vec<RecordingSid> {
        self.standing.lock().expect("whole").asked.clone()
    }

    /// Has this recording in its lists from now on, whether or not it told of it.
    pub(crate) fn lists(&self, recording: RecordingEvent) {
        self.lists.lock().expect("whole").recordings.insert(0, recording);
    }

    /// The next question for a list is answered so; several are taken in turn.
    pub(crate) fn refuses_list(&self, error: FetchError) {
        self.lists.lock().expect("whole").refusals.push_back(Some(error));
    }

    /// So many questions for a list are answered as they should be, and the one after them so.
    pub(crate) fn refuses_list_after(&self, answered: usize, error: FetchError) {
        let answers = repeat_n(None, answered).chain([Some(error)]);
        self.lists.lock().expect("whole").refusals.extend(answers);
    }

    /// Which lists were asked for, in order.
    pub(crate) fn lists_asked(&self) -> Vec<(AccountSid, Listing)> {
        self.lists.lock().expect("whole").asked.clone()
    }

    /// Whose details were asked for, in order.
    pub(crate) fn details_asked(&self) -> Vec<CallSid> {
        self.asked_for.lock().expect("whole").clone()
    }

    /// What was opened, in order.
    pub(crate) fn opened(&self) -> Vec<RecordingSid> {
        self.traffic.lock().expect("whole").opened.clone()
    }

    /// Where it was asked to go on, in order.
    pub(crate) fn resumed(&self) -> Vec<Resume> {
        self.traffic.lock().expect("whole").resumed.clone()
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
        let answer = self.answer(request.recording, 0);
        if let Err(FetchError::RefusedAccount) = answer {
            sleep(REFUSED_AFTER).await;
        }
        answer
    }

    async fn resume(
        &self,
        request: &SourceRequest,
        from: &Resume,
    ) -> Result<SourceBody, FetchError> {
        assert_eq!(from.validator, VALIDATOR);
        self.traffic.lock().expect("whole").resumed.push(from.clone());
        self.answer(request.recording, from.offset)
    }

    async fn recordings(
        &self,
        account: AccountSid,
        listing: &Listing,
        page: Option<&PageToken>,
    ) -> Result<RecordingsPage, FetchError> {
        self.calls.pass().await;
        let mut lists = self.lists.lock().expect("whole");
        lists.asked.push((account, listing.clone()));
        if let Some(error) = lists.refusals.pop_front().flatten() {
            return Err(error);
        }
        let of_account = lists.recordings.iter().filter(|event| event.account == account);
        let listed: Vec<RecordingEvent> = of_account
            .filter(|event| match listing {
                Listing::Since(since) => event.started_at.is_some_and(|at| at >= *since),
                Listing::OfCall(call) => event.call == *call,
            })
            .cloned()
            .collect();
        let start = page.map_or(0, |page| page.0[0].1.parse().expect("a number"));
        let end = listed.len().min(start + LIST_PAGE);
        let next = (end < listed.len()).then(|| PageToken(vec![("at".into(), end.to_string())]));
        Ok(RecordingsPage { recordings: listed[start..end].to_vec(), next })
    }

    async fn recording(
        &self,
        _: AccountSid,
        recording: RecordingSid,
    ) -> Result<SourceStatus, FetchError> {
        let mut standing = self.standing.lock().expect("whole");
        standing.asked.push(recording);
        standing.said.get(&recording).cloned().unwrap_or(Ok(SourceStatus::Completed))
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

impl FakeSource {
    fn answer(&self, sid: RecordingSid, offset: u64) -> Result<SourceBody, FetchError> {
        let running = Running::begin(&self.traffic, sid);
        let answer = {
            let mut answers = self.answers.lock().expect("whole");
            answers.get_mut(&sid).and_then(VecDeque::pop_front)
        };
        let (audio, start, end) = match answer.unwrap_or_else(|| Answer::Audio(speech(1))) {
            Answer::Audio(audio) => (audio, 0, End::Whole),
            Answer::Rest(audio) => (audio, offset, End::Whole),
            Answer::Cut(audio, sent) => (audio, 0, End::Cut(sent)),
            Answer::Short(audio, sent) => (audio, 0, End::Short(sent)),
            Answer::PanicHalfway => (speech(1), 0, End::Panic),
            Answer::Paced(pace) => return Ok(pace.body(offset, running)),
            Answer::Error(error) => return Err(error),
            Answer::Panic => panic!("the source broke"),
        };
        let total = Some(audio.len() as u64);
        let first = usize::try_from(start).expect("it fits");
        let sent = match end {
            End::Cut(sent) | End::Short(sent) => &audio[first..sent],
            End::Whole | End::Panic => &audio[first..],
        };
        let halves = sent.chunks(sent.len().div_ceil(2).max(1)).map(Bytes::copy_from_slice);
        let mut parts: Vec<Result<Bytes, FetchError>> = halves.map(Ok).collect();
        if let End::Cut(_) = end {
            parts.push(Err(FetchError::Cut { received: start + sent.len() as u64 }));
        }
        let gate = Arc::clone(&self.bodies);
        let chunks = stream::iter(parts).enumerate().then(move |(index, part)| {
            let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
            async move {
                gate.pass().await;
                assert!(!(matches!(end, End::Panic) && index == 1), "the source broke halfway");
                drop(running);
                part
            }
        });
        let validator = Some(VALIDATOR.to_owned());
        Ok(SourceBody { start, total, validator, chunks: chunks.boxed() })
    }
}

impl Pace {
    fn body(self, offset: u64, running: Arc<Running>) -> SourceBody {
        let total = self.tells_length.then_some(self.audio.len() as u64);
        let start = if self.resumes { offset } else { 0 };
        let mut rest = Bytes::from(self.audio).split_off(usize::try_from(start).expect("it fits"));
        let mut parts: Vec<(Duration, Result<Bytes, FetchError>)> = Vec::new();
        for (pause, count) in self.chunks {
            parts.push((pause, Ok(rest.split_to(count.min(rest.len())))));
        }
        let last = if self.is_cut { Err(FetchError::Cut { received: 0 }) } else { Ok(rest) };
        parts.push((Duration::ZERO, last));
        let chunks = stream::iter(parts).then(move |(pause, part)| {
            let running = Arc::clone(&running);
            async move {
                sleep(pause).await;
                drop(running);
                part
            }
        });
        let validator = Some(VALIDATOR.to_owned());
        SourceBody { start, total, validator, chunks: chunks.boxed() }
    }
}

/// How a body ends.
#[derive(Clone, Copy)]
enum End {
    Whole,
    Cut(usize),
    Short(usize),
    Panic,
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
