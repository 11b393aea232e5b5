//! Jobs in memory, and whoever hears and understands for them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use actors::domain::{
    AudioKey, ClaimedJob, JobId, JobRecord, JobState, Lease, Profile, Stage, Timestamp, Transcript,
    Utterance, Waveform,
};
use actors::ports::{
    CatalogError, Claim, Ear, EarError, EncodedAudio, Failure, Finding, JobFilter, JobStore,
    PIECE_SAMPLE_RATE, Piece, PieceLimits, PieceStream, ProviderError, Speech,
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use super::{Gate, call, recording};

#[derive(Default)]
pub(crate) struct FakeJobs {
    pub(crate) away: AtomicBool,
    /// What is claimed is claimed; the answer takes its time.
    pub(crate) answering: Gate,
    rows: Mutex<Vec<Row>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) record: JobRecord,
    pub(crate) epoch: i64,
    /// Each time that a finding had an effect.
    pub(crate) findings: Vec<Finding>,
}

impl FakeJobs {
    /// A stage of recording `n` that is to be run.
    pub(crate) fn add(&self, n: u128, stage: Stage) -> JobId {
        let mut rows = self.rows();
        let id = JobId(rows.len() as i64 + 1);
        let record = JobRecord {
            id,
            stage,
            call: call(n),
            recording: recording(n),
            state: JobState::Waiting,
            attempt: 0,
            run_at: Timestamp::from_millis(0),
            lease_until: None,
            last_error: None,
            result: None,
            created_at: Timestamp::from_millis(1_700_000_000_000),
            finished_at: None,
        };
        rows.push(Row { record, epoch: 0, findings: Vec::new() });
        id
    }

    pub(crate) fn row(&self, id: JobId) -> Row {
        self.rows()[id.0 as usize - 1].clone()
    }

    pub(crate) fn state(&self, id: JobId) -> JobState {
        self.row(id).record.state
    }

    pub(crate) fn count(&self, state: JobState) -> usize {
        self.rows().iter().filter(|row| row.record.state == state).count()
    }

    /// Somebody else claims it, as if its lease had run out.
    pub(crate) fn steal(&self, id: JobId) {
        let mut rows = self.rows();
        rows[id.0 as usize - 1].epoch += 1;
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().expect("whole")
    }

    fn reached(&self) -> Result<MutexGuard<'_, Vec<Row>>, CatalogError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(CatalogError::Away("as told".to_owned()));
        }
        Ok(self.rows())
    }

    fn claim(&self, claim: &Claim, now: Timestamp) -> Result<Vec<ClaimedJob>, CatalogError> {
        let mut rows = self.reached()?;
        for row in rows.iter_mut().filter(|row| row.record.state == JobState::Running) {
            if row.record.lease_until.is_some_and(|until| until <= now) {
                row.record.state = JobState::Waiting;
                row.record.attempt -= 1;
            }
        }
        let mut claimed = Vec::new();
        for (stage, wanted) in &claim.wanted {
            let is_due = |row: &&mut Row| {
                let record = &row.record;
                record.stage == *stage && record.state == JobState::Waiting && record.run_at <= now
            };
            for row in rows.iter_mut().filter(is_due).take(*wanted as usize) {
                row.epoch += 1;
                row.record.state = JobState::Running;
                row.record.attempt += 1;
                row.record.lease_until = Some(now.plus(claim.span));
                claimed.push(ClaimedJob {
                    lease: Lease { job: row.record.id, epoch: row.epoch },
                    stage: *stage,
                    call: row.record.call.clone(),
                    recording: row.record.recording,
                    attempt: row.record.attempt,
                    created_at: row.record.created_at,
                });
            }
        }
        Ok(claimed)
    }

    fn under(
        &self,
        lease: Lease,
        now: Timestamp,
        change: impl FnOnce(&mut Row),
    ) -> Result<(), CatalogError> {
        let mut rows = self.reached()?;
        let row = &mut rows[lease.job.0 as usize - 1];
        let holds = row.epoch == lease.epoch
            && row.record.state == JobState::Running
            && row.record.lease_until.is_some_and(|until| until > now);
        if !holds {
            return Err(CatalogError::LeaseLost(format!("job {}", lease.job)));
        }
        change(row);
        Ok(())
    }
}

#[async_trait]
impl JobStore for FakeJobs {
    async fn claim_jobs(
        &self,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<ClaimedJob>, CatalogError> {
        let claimed = self.claim(claim, now)?;
        self.answering.pass().await;
        Ok(claimed)
    }

    async fn renew_leases(
        &self,
        leases: &[Lease],
        span: Duration,
        now: Timestamp,
    ) -> Result<Vec<Lease>, CatalogError> {
        drop(self.reached()?);
        let renewed = |lease: &Lease| {
            let until = Some(now.plus(span));
            self.under(*lease, now, |row| row.record.lease_until = until).is_err()
        };
        Ok(leases.iter().copied().filter(renewed).collect())
    }

    async fn release_job(&self, lease: Lease, now: Timestamp) -> Result<(), CatalogError> {
        self.under(lease, now, |row| {
            row.record.state = JobState::Waiting;
            row.record.attempt -= 1;
        })
    }

    async fn fail_job(
        &self,
        lease: Lease,
        Failure { words, retry_at, counts }: Failure<'_>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.under(lease, now, |row| {
            row.record.state = retry_at.map_or(JobState::Dead, |_| JobState::Waiting);
            row.record.run_at = retry_at.unwrap_or(row.record.run_at);
            row.record.last_error = Some(words.to_owned());
            row.record.attempt -= u32::from(!counts);
        })
    }

    async fn finish_job(
        &self,
        lease: Lease,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.under(lease, now, |row| {
            row.record.state = JobState::Done;
            row.findings.push(finding.clone());
        })
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, CatalogError> {
        let rows = self.reached()?;
        let records = rows.iter().rev().map(|row| row.record.clone());
        Ok(records.take(filter.limit as usize).collect())
    }

    async fn job_counts(&self) -> Result<Vec<(Stage, JobState, u64)>, CatalogError> {
        drop(self.reached()?);
        Ok(Vec::new())
    }

    async fn oldest_waiting(&self) -> Result<Vec<(Stage, Timestamp)>, CatalogError> {
        drop(self.reached()?);
        Ok(Vec::new())
    }

    async fn jobs_of(&self, audio: &AudioKey) -> Result<Vec<JobRecord>, CatalogError> {
        let rows = self.reached()?;
        let of = rows.iter().filter(|row| row.record.recording == audio.recording);
        Ok(of.map(|row| row.record.clone()).collect())
    }

    async fn retry_job(&self, id: JobId, now: Timestamp) -> Result<bool, CatalogError> {
        let mut rows = self.reached()?;
        let record = &mut rows[id.0 as usize - 1].record;
        record.state = JobState::Waiting;
        (record.attempt, record.run_at) = (0, now);
        Ok(true)
    }

    async fn cancel_job(&self, id: JobId, _: Timestamp) -> Result<bool, CatalogError> {
        self.reached()?[id.0 as usize - 1].record.state = JobState::Cancelled;
        Ok(true)
    }
}

/// Hears pieces of one second for each part that a test names; what the bytes are does not matter.
#[derive(Default)]
pub(crate) struct FakeEar {
    pieces: Mutex<Option<Vec<Piece>>>,
}

/// One second in which somebody speaks all the time.
pub(crate) fn spoken_piece(channel: u8, start_s: u64) -> Piece {
    Piece {
        channel,
        channels: 2,
        start: Duration::from_secs(start_s),
        samples: vec![1; PIECE_SAMPLE_RATE as usize],
        voiced: vec![(Duration::ZERO, Duration::from_secs(1))],
    }
}

impl FakeEar {
    /// Instead of one second of speech on each of two channels.
    pub(crate) fn hears(&self, pieces: Vec<Piece>) {
        *self.pieces.lock().expect("whole") = Some(pieces);
    }
}

#[async_trait]
impl Ear for FakeEar {
    async fn measure(&self, audio: EncodedAudio) -> Result<Waveform, EarError> {
        let bytes: Vec<Result<bytes::Bytes, EarError>> = audio.collect().await;
        let length: usize =
            bytes.into_iter().collect::<Result<Vec<_>, _>>()?.iter().map(|b| b.len()).sum();
        Ok(Waveform {
            channels: 1,
            sample_rate: 8_000,
            samples_per_pixel: 400,
            duration: Duration::from_millis(length as u64),
            peaks: vec![-1, 1],
        })
    }

    fn listen(&self, audio: EncodedAudio, _: PieceLimits) -> PieceStream {
        let pieces = self.pieces.lock().expect("whole").clone();
        let pieces = pieces.unwrap_or_else(|| vec![spoken_piece(0, 0), spoken_piece(1, 1)]);
        stream::once(async move {
            let read: Vec<Result<bytes::Bytes, EarError>> = audio.collect().await;
            let broken = read.into_iter().find_map(Result::err);
            let heard: Vec<Result<Piece, EarError>> = match broken {
                Some(error) => vec![Err(error)],
                None => pieces.into_iter().map(Ok).collect(),
            };
            stream::iter(heard)
        })
        .flatten()
        .boxed()
    }
}

/// Says `words` of every piece, unless it was told to answer otherwise.
#[derive(Default)]
pub(crate) struct FakeSpeech {
    /// Held up before each answer.
    pub(crate) answering: Gate,
    answers: Mutex<VecDeque<Reply>>,
    pub(crate) asked: AtomicUsize,
    at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

pub(crate) enum Reply {
    Text(&'static str),
    Error(ProviderError),
    Panic,
}

impl FakeSpeech {
    pub(crate) fn answers(&self, reply: Reply) {
        self.answers.lock().expect("whole").push_back(reply);
    }
}

/// Counts who asks at this moment, however that ends.
struct Asking<'a>(&'a FakeSpeech);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Speech for FakeSpeech {
    fn piece_limits(&self) -> PieceLimits {
        PieceLimits { longest: Duration::from_mins(5) }
    }

    async fn transcribe(
        &self,
        piece: &Piece,
        _: Option<&str>,
    ) -> Result<Transcript, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        let _asking = Asking(self);
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.answering.pass().await;
        let reply = self.answers.lock().expect("whole").pop_front();
        let text = match reply {
            None => "words",
            Some(Reply::Text(text)) => text,
            Some(Reply::Error(error)) => return Err(error),
            Some(Reply::Panic) => panic!("the speech service's client is broken"),
        };
        let utterance = Utterance {
            channel: piece.channel,
            start: Duration::ZERO,
            end: piece.duration(),
            text: text.to_owned(),
            words: Vec::new(),
        };
        Ok(Transcript { language: Some("en".to_owned()), utterances: vec![utterance] })
    }
}

/// Nothing was found yet, and nobody asks here.
pub(crate) struct NoFindings;

mod nothing_found {
    use actors::domain::{
        Appointment, AppointmentChange, BusinessId, Calendar, Correction, Facts, KeptTranscript,
        Summary,
    };
    use actors::ports::{AppointmentFilter, Findings};

    use super::*;

    #[async_trait]
    impl Findings for NoFindings {
        async fn waveform(&self, _: &AudioKey) -> Result<Option<Waveform>, CatalogError> {
            Ok(None)
        }
        async fn transcript(&self, _: &AudioKey) -> Result<Option<KeptTranscript>, CatalogError> {
            Ok(None)
        }
        async fn correct(
            &self,
            _: &AudioKey,
            _: &[Correction],
            _: Option<u32>,
        ) -> Result<Option<KeptTranscript>, CatalogError> {
            Ok(None)
        }
        async fn summary(&self, _: &AudioKey) -> Result<Option<Summary>, CatalogError> {
            Ok(None)
        }
        async fn facts(&self, _: &AudioKey) -> Result<Option<Facts>, CatalogError> {
            Ok(None)
        }
        async fn appointments(
            &self,
            _: &BusinessId,
            _: &AppointmentFilter,
        ) -> Result<Vec<Appointment>, CatalogError> {
            Ok(Vec::new())
        }
        async fn appointment_of(&self, _: &AudioKey) -> Result<Option<Appointment>, CatalogError> {
            Ok(None)
        }
        async fn change_appointment(
            &self,
            _: &BusinessId,
            _: i64,
            _: &AppointmentChange,
            _: Timestamp,
        ) -> Result<Option<Appointment>, CatalogError> {
            Ok(None)
        }
        async fn calendars(&self, _: &BusinessId) -> Result<Vec<Calendar>, CatalogError> {
            Ok(Vec::new())
        }
        async fn add_calendar(
            &self,
            _: &BusinessId,
            name: &str,
            _: bool,
        ) -> Result<Calendar, CatalogError> {
            Err(CatalogError::Exists(name.to_owned()))
        }
        async fn remove_calendar(&self, _: &BusinessId, _: i64) -> Result<bool, CatalogError> {
            Ok(false)
        }
        async fn business_profile(&self, _: &BusinessId) -> Result<Profile, CatalogError> {
            Ok(Profile::default())
        }
        async fn set_profile(&self, _: &BusinessId, _: &Profile) -> Result<(), CatalogError> {
            Ok(())
        }
    }
}
