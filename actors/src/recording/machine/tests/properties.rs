//! What holds for any sequence of events, sensible or not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Happenings whose identities are filled in while the story runs.
#[derive(Debug, Clone)]
enum Happening {
    Asked { intent: Intent, patience: Patience },
    AskDue { recent: u64 },
    Announced(SourceStatus),
    Admitted { current: bool },
    Fetched { current: bool },
    FetchFailed { current: bool, error: FetchError },
    Committed { current: bool },
    CommitFailed { current: bool },
    Due { current: bool },
    EvictionWanted,
    RetryWanted,
    DamageFound,
}

fn errors() -> impl Strategy<Value = FetchError> {
    prop_oneof![
        Just(FetchError::Unreachable("refused".to_owned())),
        Just(FetchError::Status(503)),
        Just(FetchError::NotFound),
        Just(FetchError::Deleted),
        Just(FetchError::Throttled { retry_after: Duration::from_secs(3) }),
        Just(FetchError::RefusedAccount),
        Just(FetchError::ContentChanged),
        Just(FetchError::QueueFull),
        Just(FetchError::Interrupted),
    ]
}

fn happenings() -> impl Strategy<Value = Happening> {
    let intent = prop::sample::select(Intent::ALL.to_vec());
    let patience = prop_oneof![Just(Patience::Park), Just(Patience::AtOnce)];
    let status = prop::sample::select(SourceStatus::ALL.to_vec());
    prop_oneof![
        6 => (intent, patience).prop_map(|(intent, patience)| Happening::Asked { intent, patience }),
        3 => (0u64..6).prop_map(|recent| Happening::AskDue { recent }),
        1 => status.prop_map(Happening::Announced),
        3 => prop::bool::weighted(0.9).prop_map(|current| Happening::Admitted { current }),
        4 => prop::bool::weighted(0.9).prop_map(|current| Happening::Fetched { current }),
        4 => (prop::bool::weighted(0.9), errors())
            .prop_map(|(current, error)| Happening::FetchFailed { current, error }),
        4 => prop::bool::weighted(0.9).prop_map(|current| Happening::Committed { current }),
        1 => any::<bool>().prop_map(|current| Happening::CommitFailed { current }),
        5 => prop::bool::weighted(0.9).prop_map(|current| Happening::Due { current }),
        1 => Just(Happening::EvictionWanted),
        1 => Just(Happening::RetryWanted),
        1 => Just(Happening::DamageFound),
    ]
}

#[derive(Default)]
struct World {
    asks: u64,
    answers: BTreeMap<AskId, u32>,
    /// Fetches that were ordered and have not reported.
    flying: BTreeSet<FetchId>,
    sealed: Option<FetchId>,
    timer: Option<FetchId>,
    starts: Vec<Timestamp>,
}

impl World {
    fn event(&mut self, happening: &Happening) -> Event {
        let stale = FetchId(u64::MAX);
        let flying =
            |current: &bool| self.flying.first().copied().filter(|_| *current).unwrap_or(stale);
        match happening {
            Happening::Asked { intent, patience } => {
                self.asks += 1;
                Event::Asked { ask: AskId(self.asks), intent: *intent, patience: *patience }
            }
            Happening::AskDue { recent } => Event::AskDue(AskId(self.asks.saturating_sub(*recent))),
            Happening::Announced(status) => Event::Announced(Box::new(recording(*status))),
            Happening::Admitted { current } => Event::Admitted(flying(current)),
            Happening::Fetched { current } => {
                Event::Fetched(flying(current), copy(u128::from(self.asks), Version::FIRST))
            }
            Happening::FetchFailed { current, error } => {
                Event::FetchFailed(flying(current), error.clone())
            }
            Happening::Committed { current } => {
                Event::Committed(self.sealed.filter(|_| *current).unwrap_or(stale))
            }
            Happening::CommitFailed { current } => Event::CommitFailed(
                self.sealed.filter(|_| *current).unwrap_or(stale),
                FetchError::Catalog("away".to_owned()),
            ),
            Happening::Due { current } => {
                Event::Due(self.timer.filter(|_| *current).unwrap_or(stale))
            }
            Happening::EvictionWanted => Event::EvictionWanted,
            Happening::RetryWanted => Event::RetryWanted,
            Happening::DamageFound => Event::DamageFound(copy(1, Version::FIRST)),
        }
    }

    /// Follows what was reported, and obeys.
    fn obey(&mut self, event: &Event, effects: &[Effect], now: Timestamp) {
        match event {
            Event::Fetched(fetch, _) | Event::FetchFailed(fetch, _) => {
                self.flying.remove(fetch);
            }
            Event::Committed(_) | Event::CommitFailed(..) => self.sealed = None,
            Event::Due(_) => self.timer = None,
            Event::Asked { .. }
            | Event::AskDue(_)
            | Event::Announced(_)
            | Event::Admitted(_)
            | Event::EvictionWanted
            | Event::RetryWanted
            | Event::DamageFound(_)
            | Event::Spared(_) => {}
        }
        for effect in effects {
            match effect {
                Effect::StartFetch { fetch, .. } => {
                    self.flying.insert(*fetch);
                    self.starts.push(now);
                }
                Effect::Commit { fetch, .. } => self.sealed = Some(*fetch),
                Effect::SetTimer { next, .. } => self.timer = Some(*next),
                Effect::Answer(ask, _) => *self.answers.entry(*ask).or_default() += 1,
                Effect::Remember(_)
                | Effect::Prioritise { .. }
                | Effect::Discard(_)
                | Effect::Expire
                | Effect::RecordStatus(_) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn one_fetch_at_a_time_and_every_ask_is_answered_once(
        story in prop::collection::vec((happenings(), 0i64..20), 1..120),
    ) {
        let policy = policy();
        let mut world = World::default();
        let mut life = fresh(SourceStatus::InProgress);
        let mut now = 0;
        for (index, (happening, pause)) in story.iter().enumerate() {
            now += pause;
            let event = world.event(happening);
            let context = Context {
                now: at(now),
                fresh: FetchId(index as u64 + 1),
                chance: 0.5,
                progress: Progress::QUEUED,
                worked_at: None,
                trusted_at: None,
                policy: &policy,
            };
            // An operator may have the source asked once more for what it never published.
            let was_gone = matches!(life.state, State::Gone(cause) if cause != GoneCause::Missing);
            let step = step(life, event.clone(), &context);
            world.obey(&event, &step.effects, at(now));
            life = step.life;

            prop_assert!(world.flying.len() <= 1, "two fetches in flight");
            prop_assert!(world.answers.values().all(|count| *count == 1), "answered twice");
            let answered = world.answers.len() as u64;
            let waiting = life.facts.waiting.len() as u64;
            prop_assert_eq!(answered + waiting, world.asks, "an ask was lost");
            prop_assert!(life.facts.waiting.len() <= policy.waiting_max);
            prop_assert!(!was_gone || matches!(life.state, State::Gone(_)), "Gone is final");
            match &life.state {
                State::Ready(_) | State::Gone(_) => prop_assert!(life.facts.waiting.is_empty()),
                State::Downloading(download) if download.admitted => {
                    prop_assert!(life.facts.waiting.is_empty(), "who may follow waits");
                }
                State::Absent(_) | State::Downloading(_) | State::Failed(_) => {}
            }
            let attempts = life.facts.attempts.count(at(now), &policy.retry) as usize;
            prop_assert!(attempts <= policy.retry.attempts_max, "{attempts} attempts");
        }
    }

    /// Only failures that are the source's fault count, and of those three in ten minutes.
    #[test]
    fn an_outage_costs_three_requests_in_ten_minutes(
        asks in prop::collection::vec(0i64..30, 1..200),
    ) {
        let policy = policy();
        let mut world = World::default();
        let mut life = fresh(SourceStatus::Completed);
        let mut now = 0;
        for (index, pause) in asks.iter().enumerate() {
            now += pause;
            let happenings = [
                Happening::Asked { intent: Intent::Listen, patience: Patience::AtOnce },
                Happening::Due { current: true },
                Happening::FetchFailed { current: true, error: FetchError::Status(500) },
            ];
            for (part, happening) in happenings.iter().enumerate() {
                let event = world.event(happening);
                let fresh = FetchId((index * happenings.len() + part + 1) as u64);
                let context = Context {
                    now: at(now), fresh, chance: 0.0, progress: Progress::QUEUED, worked_at: None, trusted_at: None,
                    policy: &policy,
                };
                let step = step(life, event.clone(), &context);
                world.obey(&event, &step.effects, at(now));
                life = step.life;
            }
        }
        for start in &world.starts {
            let within = |other: &&Timestamp| {
                *other >= start && **other < start.plus(policy.retry.window)
            };
            prop_assert!(world.starts.iter().filter(within).count() <= policy.retry.attempts_max);
        }
    }
}
