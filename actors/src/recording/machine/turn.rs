//! One step in the making: the verbs that the table speaks in.

use std::time::Duration;

use super::{
    Absence, AskId, Context, Decision, Download, Effect, Expected, ExpectedBytes, Facts, Failure,
    Life, Patience, Plan, State, Step,
};
use crate::domain::{
    Attempts, Denial, FetchError, FetchHistory, FetchId, GoneCause, Intent, PastFailure, Permit,
    Preparing, Recording, Retry, SourceStatus, StateName, StoredCopy, Timestamp, Version,
};

const RETRY_AFTER_DOWNLOADING: Duration = Duration::from_secs(2);
const RETRY_AFTER_BEING_RECORDED: Duration = Duration::from_secs(5);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// What ended earlier was not announced just now: it is made up for.
const ANNOUNCED_WITHIN: Duration = Duration::from_hours(24);
/// While our own queue is full or our catalog away.
const OWN_TROUBLE_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Turn<'a> {
    pub(super) facts: Facts,
    pub(super) effects: Vec<Effect>,
    pub(super) context: &'a Context<'a>,
}

impl<'a> Turn<'a> {
    pub(super) const fn new(facts: Facts, context: &'a Context<'a>) -> Self {
        Self { facts, effects: Vec::new(), context }
    }

    pub(super) fn to(self, state: State) -> Step {
        let life = Life { facts: self.facts, state };
        Step { life, effects: self.effects, ignored: None }
    }

    pub(super) fn ignore(self, state: State, why: &'static str) -> Step {
        Step { ignored: Some(why), ..self.to(state) }
    }

    /// Somebody waits: whatever it began as, it is for a listener now.
    pub(super) const fn intent_or(&self, intent: Intent) -> Intent {
        if self.facts.waiting.is_empty() { intent } else { Intent::Listen }
    }

    /// What a recording is fetched for that nobody waits for: an old one can wait for those that end now.
    pub(super) fn unasked(&self) -> Intent {
        let recent = self.context.now.minus(ANNOUNCED_WITHIN);
        let is_old = self.facts.recording.ended_at().is_some_and(|ended_at| ended_at < recent);
        if is_old { Intent::Backfill } else { Intent::Prefetch }
    }

    pub(super) fn start(self, fetch: FetchId, intent: Intent, absences: u32) -> Step {
        let (version, bytes) = match (self.facts.promised, &self.facts.known) {
            (Some(version), _) => (version, ExpectedBytes::Continued),
            (None, Some(copy)) => (copy.version, ExpectedBytes::Known(copy.clone())),
            (None, None) => (Version::FIRST, ExpectedBytes::Any),
        };
        let expected = Expected { version, bytes };
        self.start_expecting(expected, fetch, intent, absences)
    }

    /// What was evicted, and is as it was at the source, stays away whatever else is news of it: nobody asked. So does
    /// what was interrupted so often that only a listener's attempt is left.
    pub(super) fn announced(mut self, recording: Recording, why: Absence) -> Step {
        let before = std::mem::replace(&mut self.facts.recording, recording).status;
        let status = self.facts.recording.status;
        let evicted = self.facts.known.is_some() && before == status;
        let Context { now, policy, .. } = self.context;
        let leaves_one = self.facts.attempts.leave_one(*now, &policy.retry);
        let wanted = policy.prefetch && !evicted && leaves_one;
        match (status, why) {
            (SourceStatus::Completed, Absence::BeingRecorded | Absence::NotFetched)
                if self.facts.waiting.is_empty() && !wanted =>
            {
                self.to(State::Absent(Absence::NotFetched))
            }
            (SourceStatus::Completed, Absence::BeingRecorded | Absence::NotFetched) => {
                let intent = self.intent_or(self.unasked());
                let fetch = self.context.fresh;
                self.start(fetch, intent, 0)
            }
            (status, why) => match status.gone() {
                Some(cause) => self.gone(cause),
                None => self.ignore(State::Absent(why), "it is already waited for"),
            },
        }
    }

    /// An operator's word opens every window.
    pub(super) fn retry_at_once(mut self) -> Step {
        self.facts.attempts = Attempts::default();
        let fetch = self.context.fresh;
        self.start(fetch, Intent::Listen, 0)
    }

    pub(super) fn play(&self, copy: &StoredCopy) -> Decision {
        Permit::Play(self.facts.recording.playable(copy))
    }

    /// Whoever waits may listen. What is sent from now on is written down as of this version already.
    pub(super) fn admit(mut self, mut download: Download) -> Step {
        download.admitted = true;
        if download.expected.bytes == ExpectedBytes::Any {
            self.facts.promised = Some(download.expected.version);
        }
        let (waiting, context) = (std::mem::take(&mut self.facts.waiting), self.context);
        self.to(State::Downloading(download)).and_follow(waiting, context)
    }

    pub(super) fn ready(mut self, copy: StoredCopy) -> Step {
        self.answer_waiting(&self.play(&copy));
        // Never published, we had thought; the commit corrected the row.
        if self.facts.recording.status == SourceStatus::Missing {
            self.facts.recording.status = SourceStatus::Completed;
        }
        self.facts.known = Some(copy.clone());
        self.facts.promised = None;
        self.facts.attempts = Attempts::default();
        self.to(State::Ready(copy))
    }

    pub(super) fn gone(mut self, cause: GoneCause) -> Step {
        self.answer_waiting(&Permit::Deny(Denial::Gone(cause)));
        self.to(State::Gone(cause))
    }

    pub(super) fn evict(self, copy: StoredCopy) -> Step {
        if self.facts.recording.held {
            return self.ignore(State::Ready(copy), "its call is under legal hold");
        }
        if self.facts.recording.status.gone().is_some() {
            return self.ignore(State::Ready(copy), "it is the last copy there is");
        }
        self.discard(copy)
    }

    pub(super) fn discard(mut self, copy: StoredCopy) -> Step {
        self.effects.push(Effect::Discard(copy));
        self.to(State::Absent(Absence::NotFetched))
    }

    /// The machine learns last that an asker's time is over: it may have been answered meanwhile.
    pub(super) fn lose_patience(mut self, ask: AskId, state: State) -> Step {
        let Some(index) = self.facts.waiting.iter().position(|waiting| *waiting == ask) else {
            return self.ignore(state, "it was answered before");
        };
        self.facts.waiting.swap_remove(index);
        let context = self.context;
        self.to(state).and_wait(ask, Patience::AtOnce, context)
    }

    pub(super) fn asked_after_failure(
        mut self,
        failure: Failure,
        intent: Intent,
        ask: AskId,
        patience: Patience,
    ) -> Step {
        let context = self.context;
        let now = context.now;
        if failure.is_over(&self.facts.attempts, context) {
            self.facts.attempts.make_room(&context.policy.retry);
            return self.start(context.fresh, intent, 0).and_wait(ask, patience, context);
        }
        match failure.plan {
            Plan::OnDemand { not_before } if intent == Intent::Listen && now < not_before => {
                let plan = self.retry_at(not_before);
                self.to(State::Failed(Failure { plan, ..failure })).and_wait(ask, patience, context)
            }
            Plan::OnDemand { .. } if intent == Intent::Listen => {
                self.start(context.fresh, intent, 0).and_wait(ask, patience, context)
            }
            Plan::Exhausted { opens_at: at } | Plan::Refused { again_at: at } if at <= now => {
                self.start(context.fresh, intent, 0).and_wait(ask, patience, context)
            }
            Plan::Exhausted { .. } | Plan::Refused { .. } => {
                let denial = failure.denial(now);
                self.effects.push(Effect::Answer(ask, Permit::Deny(denial)));
                self.to(State::Failed(failure))
            }
            Plan::Retry { .. } | Plan::OnDemand { .. } => {
                self.to(State::Failed(failure)).and_wait(ask, patience, context)
            }
        }
    }

    pub(super) fn fetch_failed(mut self, download: &Download, error: FetchError) -> Step {
        let now = self.context.now;
        let intent = self.intent_or(download.intent);
        match error {
            FetchError::NotFound => self.not_found(download, intent),
            FetchError::Deleted => self.gone_at_source(SourceStatus::Deleted, GoneCause::Deleted),
            FetchError::Throttled { retry_after } => {
                self.pause(error, now.plus(retry_after), intent)
            }
            FetchError::QueueFull | FetchError::Unrecorded(_) => {
                self.pause(error, now.plus(OWN_TROUBLE_PAUSE), intent)
            }
            FetchError::ContentChanged => self.content_changed(download, intent),
            FetchError::RefusedAccount => {
                self.facts.attempts.forgive();
                let again_at = now.plus(self.context.policy.retry.refused_pause);
                self.fail(error, Plan::Refused { again_at })
            }
            FetchError::RefusedRecording => {
                let again_at = match self.plan_after_failure(Intent::Prefetch) {
                    Plan::Exhausted { opens_at } => opens_at,
                    Plan::OnDemand { .. } | Plan::Retry { .. } | Plan::Refused { .. } => {
                        now.plus(self.context.policy.retry.refused_pause)
                    }
                };
                self.fail(error, Plan::Refused { again_at })
            }
            FetchError::Unreachable(_)
            | FetchError::TimedOut(_)
            | FetchError::Cut { .. }
            | FetchError::Status(_)
            | FetchError::Unexpected(_)
            | FetchError::NotAudio(_)
            | FetchError::TooLarge { .. }
            | FetchError::Vault(_)
            | FetchError::Catalog(_)
            | FetchError::Interrupted
            | FetchError::Past(_) => {
                let plan = self.plan_after_failure(intent);
                self.fail(error, plan)
            }
        }
    }

    /// Finding out that a version which we knew is no more costs no attempt. Bytes that change while they are
    /// fetched do, or a source that never sends the same twice would be asked without end.
    fn content_changed(mut self, download: &Download, intent: Intent) -> Step {
        let Context { now, chance, policy, fresh, .. } = *self.context;
        if download.expected.bytes != ExpectedBytes::Any {
            self.facts.attempts.forgive();
        } else {
            let plan = match policy.retry.after_failure(&self.facts.attempts, intent, now, chance) {
                Retry::At(_) => None,
                Retry::OnDemand(not_before) => Some(Plan::OnDemand { not_before }),
                Retry::Exhausted(opens_at) => Some(Plan::Exhausted { opens_at }),
            };
            if let Some(plan) = plan {
                return self.fail(FetchError::ContentChanged, plan);
            }
        }
        let version = download.expected.version.next();
        let expected = Expected { version, bytes: ExpectedBytes::Any };
        self.start_expecting(expected, fresh, intent, 0)
    }

    fn not_found(mut self, download: &Download, intent: Intent) -> Step {
        let completed_at = self.facts.recording.completed_at;
        let retry = &self.context.policy.retry;
        match retry.after_absence(completed_at, download.absences, self.context.now) {
            Some(at) => {
                self.forgive();
                let next = self.set_timer(at);
                let asked = download.absences + 1;
                self.to(State::Absent(Absence::NotThereYet { asked, next, at, intent }))
            }
            None => self.gone_at_source(SourceStatus::Missing, GoneCause::Missing),
        }
    }

    fn gone_at_source(mut self, status: SourceStatus, cause: GoneCause) -> Step {
        self.facts.recording.status = status;
        self.effects.push(Effect::RecordStatus(status));
        self.gone(cause)
    }

    fn pause(mut self, cause: FetchError, at: Timestamp, intent: Intent) -> Step {
        self.forgive();
        let next = self.set_timer(at);
        self.to(State::Absent(Absence::Paused { cause, next, at, intent }))
    }

    fn plan_after_failure(&mut self, intent: Intent) -> Plan {
        let Context { now, chance, policy, .. } = *self.context;
        match policy.retry.after_failure(&self.facts.attempts, intent, now, chance) {
            Retry::At(at) => self.retry_at(at),
            Retry::OnDemand(not_before) => Plan::OnDemand { not_before },
            Retry::Exhausted(opens_at) => Plan::Exhausted { opens_at },
        }
    }

    /// The source did not judge the attempt that just ended.
    fn forgive(&mut self) {
        self.facts.attempts.forgive();
        self.effects.push(Effect::Remember(self.history(None)));
    }

    fn history(&self, failure: Option<PastFailure>) -> FetchHistory {
        let Facts { attempts, promised, .. } = &self.facts;
        FetchHistory { attempts: attempts.clone(), failure, promised: *promised }
    }

    fn fail(mut self, cause: FetchError, plan: Plan) -> Step {
        let past = Some(PastFailure::from(&cause));
        self.effects.push(Effect::Remember(self.history(past)));
        let failure = Failure { cause, at: self.context.now, plan };
        if matches!(failure.plan, Plan::Exhausted { .. } | Plan::Refused { .. }) {
            let denial = failure.denial(self.context.now);
            self.answer_waiting(&Permit::Deny(denial));
        }
        self.to(State::Failed(failure))
    }

    fn start_expecting(
        mut self,
        expected: Expected,
        fetch: FetchId,
        intent: Intent,
        absences: u32,
    ) -> Step {
        self.facts.attempts.record(self.context.now, &self.context.policy.retry);
        let mut history = self.history(None);
        if !matches!(expected.bytes, ExpectedBytes::Known(_)) {
            history.promised = Some(expected.version);
        }
        let ordered = expected.clone();
        self.effects.push(Effect::StartFetch { fetch, intent, expected: ordered, history });
        let (admitted, sealed) = (false, None);
        let download = Download { fetch, intent, expected, absences, admitted, sealed };
        self.to(State::Downloading(download))
    }

    fn retry_at(&mut self, at: Timestamp) -> Plan {
        Plan::Retry { next: self.set_timer(at), at }
    }

    fn set_timer(&mut self, at: Timestamp) -> FetchId {
        let next = self.context.fresh;
        self.effects.push(Effect::SetTimer { next, at });
        next
    }

    fn answer_waiting(&mut self, permit: &Decision) {
        let waiting = std::mem::take(&mut self.facts.waiting);
        self.effects.extend(waiting.into_iter().map(|ask| Effect::Answer(ask, permit.clone())));
    }
}

impl Step {
    pub(super) fn and_follow(
        mut self,
        asks: impl IntoIterator<Item = AskId>,
        context: &Context<'_>,
    ) -> Self {
        let permit = Permit::Follow((), self.life.preparing(context));
        self.effects.extend(asks.into_iter().map(|ask| Effect::Answer(ask, permit.clone())));
        self
    }

    /// Parks the ask in the state that was reached, or says at once what that state is.
    pub(super) fn and_wait(
        mut self,
        ask: AskId,
        patience: Patience,
        context: &Context<'_>,
    ) -> Self {
        let full = self.life.facts.waiting.len() >= context.policy.waiting_max;
        if patience == Patience::Park && !full {
            self.life.facts.waiting.push(ask);
        } else {
            let preparing = self.life.preparing(context);
            self.effects.push(Effect::Answer(ask, Permit::Wait(preparing)));
        }
        self
    }
}

impl Life {
    /// Of the bytes that are being sent, or of the last copy there was. None while it is open what the next bytes will
    /// be.
    pub(crate) fn version(&self) -> Option<Version> {
        match (&self.state, self.facts.promised) {
            (State::Downloading(download), _) if download.admitted => {
                Some(download.expected.version)
            }
            (_, None) => self.facts.known.as_ref().map(|copy| copy.version),
            (_, Some(_)) => None,
        }
    }

    fn preparing(&self, context: &Context<'_>) -> Preparing {
        let now = context.now;
        let retry_after = match &self.state {
            State::Absent(Absence::NotThereYet { at, .. } | Absence::Paused { at, .. })
            | State::Failed(Failure { plan: Plan::Retry { at, .. }, .. }) => at.since(now),
            State::Failed(Failure { plan: Plan::OnDemand { not_before }, .. }) => {
                not_before.since(now)
            }
            State::Absent(Absence::BeingRecorded | Absence::NotFetched) => {
                RETRY_AFTER_BEING_RECORDED
            }
            State::Downloading(_) | State::Ready(_) | State::Failed(_) | State::Gone(_) => {
                RETRY_AFTER_DOWNLOADING
            }
        };
        Preparing {
            state: self.state.name(),
            attempt: self.facts.attempts.count(now, &context.policy.retry),
            received_bytes: context.progress.received,
            total_bytes: context.progress.total,
            retry_after: retry_after.clamp(Duration::from_secs(1), RETRY_AFTER_MAX),
        }
    }
}

impl State {
    /// Whether a fetch is under way, or planned.
    pub(crate) const fn goes_on(&self) -> bool {
        match self {
            Self::Downloading(_)
            | Self::Failed(Failure { plan: Plan::Retry { .. }, .. })
            | Self::Absent(Absence::NotThereYet { .. } | Absence::Paused { .. }) => true,
            Self::Failed(Failure {
                plan: Plan::OnDemand { .. } | Plan::Exhausted { .. } | Plan::Refused { .. },
                ..
            })
            | Self::Absent(Absence::NotFetched | Absence::BeingRecorded)
            | Self::Ready(_)
            | Self::Gone(_) => false,
        }
    }

    pub(crate) const fn name(&self) -> StateName {
        match self {
            Self::Absent(_) => StateName::Absent,
            Self::Downloading(_) => StateName::Downloading,
            Self::Ready(_) => StateName::Ready,
            Self::Failed(_) => StateName::Failed,
            Self::Gone(_) => StateName::Gone,
        }
    }
}
