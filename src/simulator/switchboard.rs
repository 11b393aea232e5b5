//! What the simulated Twilio knows: accounts, calls, recordings, and what was asked of them.
//!
//! One lock, held for look-ups only: never while audio is put together or anything is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use actors::domain::{AccountSid, CallSid, RecordingSid};
use tokio::time::Instant;

use super::SimulatedAccount;
use super::audio::Audio;
use super::fault::{Behaviour, FaultPlan};
use super::plan::{PlanError, PlannedCall, PlannedRecording};
use super::tally::Tally;
use super::webhooks::Callbacks;

const CALLS_MAX: usize = 100_000;
const AUDIO_BYTES_MAX: usize = 4 * 1_024 * 1_024 * 1_024;

pub(super) struct Switchboard {
    pub accounts: Vec<SimulatedAccount>,
    pub url: String,
    /// All audio requests, of every recording.
    pub totals: Arc<Tally>,
    seed: u64,
    started_at_ms: i64,
    started: Instant,
    known: Mutex<Known>,
}

#[derive(Default)]
pub(super) struct Known {
    pub calls: BTreeMap<CallSid, Call>,
    pub recordings: BTreeMap<RecordingSid, Recording>,
    pub callbacks: Callbacks,
    pub outage: Option<Behaviour>,
    sids_given: u64,
    audio_bytes: usize,
    pub webhooks_sent: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub sid: CallSid,
    pub account: AccountSid,
    pub parent: Option<CallSid>,
    pub direction: String,
    pub from: String,
    pub to: String,
    pub status: String,
    pub started_at_ms: i64,
    pub duration_s: u64,
    /// How often the REST API was asked for it.
    pub lookups: u64,
}

pub(super) struct Recording {
    pub sid: RecordingSid,
    pub call: CallSid,
    pub account: AccountSid,
    pub channels: u8,
    pub status: String,
    pub started_at_ms: i64,
    pub announced_s: u64,
    pub audio: Audio,
    pub plan: FaultPlan,
    pub tally: Arc<Tally>,
}

/// The SIDs of one placed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedCall {
    pub call: CallSid,
    pub child_leg: Option<CallSid>,
    pub recordings: Vec<RecordingSid>,
}

impl Switchboard {
    pub(super) fn new(
        accounts: Vec<SimulatedAccount>,
        url: String,
        seed: u64,
        started_at_ms: i64,
        callbacks: Callbacks,
    ) -> Self {
        let known = Mutex::new(Known { callbacks, ..Known::default() });
        let started = Instant::now();
        Self { accounts, url, totals: Arc::default(), seed, started_at_ms, started, known }
    }

    pub(super) fn now_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis());
        self.started_at_ms.saturating_add(elapsed.unwrap_or(i64::MAX))
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nothing panics while it is held")
    }

    pub(super) fn account(&self, sid: AccountSid) -> Option<&SimulatedAccount> {
        self.accounts.iter().find(|account| account.sid == sid)
    }

    pub(super) fn place(&self, plan: &PlannedCall) -> Result<PlacedCall, PlanError> {
        let account = plan.account.unwrap_or(self.accounts[0].sid);
        self.account(account).ok_or(PlanError::UnknownAccount(account))?;
        let audio: Vec<Audio> =
            plan.recordings.iter().map(PlannedRecording::audio).collect::<Result<_, _>>()?;
        let lasts = |(recording, audio): (&PlannedRecording, &Audio)| {
            u64::from(recording.offset_s) + seconds(audio)
        };
        let duration_s = plan.recordings.iter().zip(&audio).map(lasts).max().unwrap_or(0);
        let ended_now_ms = self.now_ms().saturating_sub_unsigned(duration_s * 1_000);
        let mut known = self.known();
        let sid = plan.sid.unwrap_or_else(|| known.next_call_sid(self.seed));
        known.check_room(sid, &plan.recordings)?;
        let call = Call {
            sid,
            account,
            parent: None,
            direction: plan.direction.clone(),
            from: plan.from.clone(),
            to: plan.to.clone(),
            status: plan.status.clone(),
            started_at_ms: plan.started_at_ms.unwrap_or(ended_now_ms),
            duration_s,
            lookups: 0,
        };
        let child_leg = plan.child_leg.then(|| known.add_child_leg(&call, self.seed));
        let recordings = plan.recordings.iter().zip(audio);
        let recordings = recordings
            .map(|(recording, audio)| known.add_recording(&call, recording, audio, self.seed))
            .collect();
        known.calls.insert(sid, call);
        Ok(PlacedCall { call: sid, child_leg, recordings })
    }

    pub(super) fn add_recording(
        &self,
        call: CallSid,
        plan: &PlannedRecording,
    ) -> Result<RecordingSid, PlanError> {
        let audio = plan.audio()?;
        let mut known = self.known();
        let call = known.calls.get(&call).cloned().ok_or(PlanError::UnknownCall(call))?;
        known.check_recordings(std::slice::from_ref(plan))?;
        Ok(known.add_recording(&call, plan, audio, self.seed))
    }
}

impl Known {
    fn check_room(&self, call: CallSid, recordings: &[PlannedRecording]) -> Result<(), PlanError> {
        if self.calls.contains_key(&call) {
            return Err(PlanError::CallExists(call));
        }
        if self.calls.len() >= CALLS_MAX {
            return Err(PlanError::Full);
        }
        self.check_recordings(recordings)
    }

    fn check_recordings(&self, recordings: &[PlannedRecording]) -> Result<(), PlanError> {
        let mut given = recordings.iter().filter_map(|recording| recording.sid);
        match given.find(|sid| self.recordings.contains_key(sid)) {
            Some(sid) => Err(PlanError::RecordingExists(sid)),
            None if self.recordings.len() >= CALLS_MAX => Err(PlanError::Full),
            None if self.audio_bytes >= AUDIO_BYTES_MAX => Err(PlanError::Full),
            None => Ok(()),
        }
    }

    fn add_child_leg(&mut self, parent: &Call, seed: u64) -> CallSid {
        let sid = self.next_call_sid(seed);
        let leg = Call {
            sid,
            parent: Some(parent.sid),
            direction: "outbound-dial".into(),
            to: "client:agent".into(),
            ..parent.clone()
        };
        self.calls.insert(sid, leg);
        sid
    }

    fn add_recording(
        &mut self,
        call: &Call,
        plan: &PlannedRecording,
        audio: Audio,
        seed: u64,
    ) -> RecordingSid {
        let sid = plan.sid.unwrap_or_else(|| {
            self.sids_given += 1;
            recording_sid(seed, self.sids_given - 1)
        });
        self.audio_bytes += audio.own_bytes;
        let recording = Recording {
            sid,
            call: call.sid,
            account: call.account,
            channels: plan.channels,
            status: plan.status.clone(),
            started_at_ms: call.started_at_ms + i64::from(plan.offset_s) * 1_000,
            announced_s: plan.announced_s.unwrap_or(seconds(&audio)),
            audio,
            plan: FaultPlan::new(plan.behaviours.clone()),
            tally: Arc::default(),
        };
        self.recordings.insert(sid, recording);
        sid
    }

    fn next_call_sid(&mut self, seed: u64) -> CallSid {
        self.sids_given += 1;
        call_sid(seed, self.sids_given - 1)
    }
}

/// The SID that a simulator with this seed gives as its `index`th (calls, legs and recordings count together, a
/// call before its leg before its recordings).
pub fn call_sid(seed: u64, index: u64) -> CallSid {
    CallSid::from_bits(scattered(seed, index))
}

pub fn recording_sid(seed: u64, index: u64) -> RecordingSid {
    RecordingSid::from_bits(scattered(seed, index))
}

/// 128 bits that look random and are always the same (two rounds of splitmix64).
pub(super) fn scattered(seed: u64, index: u64) -> u128 {
    let half = |lane: u64| {
        let mut bits = seed
            .wrapping_mul(0xd134_2543_de82_ef95)
            .wrapping_add(index * 2 + lane + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}

/// As Twilio counts: whole seconds.
fn seconds(audio: &Audio) -> u64 {
    (audio.duration.as_millis() as u64 + 500) / 1_000
}
