//! Retention and erasure: how a life ends, when the end is called off, and what holds after it.

use proptest::prelude::*;

use super::stories::{asked, check_life, failed};
use super::*;

const END: i64 = 100;

/// A row whose retention is over at this second.
fn expiring(second: Option<i64>) -> Recording {
    Recording { expires_at: second.map(at), ..recording(SourceStatus::Completed) }
}

fn life(row: Recording, held: Option<HeldCopy>) -> Life {
    Life::load(row, held, FetchHistory::default(), at(0), &RetryPolicy::default())
}

fn present() -> Option<HeldCopy> {
    Some(HeldCopy { copy: copy(1, Version::FIRST), present: true })
}

fn says(row: Recording) -> Event {
    Event::Announced(Box::new(row))
}

fn erased() -> Event {
    says(recording(SourceStatus::Erased))
}

#[test]
fn a_copy_plays_until_its_retention_is_over_whoever_deletes_it() {
    check_life(
        "played in time, asked too late, and said again by each minute's news until it is done",
        life(expiring(Some(END)), present()),
        &[
            (99, asked(1)),
            (100, asked(2)),
            (101, asked(3)),
            (160, says(expiring(Some(END)))),
            (161, says(recording(SourceStatus::Expired))),
            (162, says(recording(SourceStatus::Completed))),
        ],
        &[
            "Ready | Answer(Play)",
            "Gone(Expired) | Expire, Answer(Gone)",
            "Gone(Expired) | Answer(Gone)",
            "Gone(Expired) | Expire",
            "Gone(Expired) | ",
            "Gone(Expired) | ",
        ],
    );
}

#[test]
fn an_expiry_that_is_called_off_in_time_leaves_everything_as_it_was() {
    let spared = life(expiring(None), present());
    check_life(
        "expired, held before the bytes went, played",
        life(expiring(Some(END)), present()),
        &[(100, asked(1)), (101, Event::Spared(Box::new(spared))), (102, asked(2))],
        &["Gone(Expired) | Expire, Answer(Gone)", "Ready | ", "Ready | Answer(Play)"],
    );
}

#[test]
fn a_download_that_expires_is_never_committed() {
    check_life(
        "its end comes while it arrives: what arrives all the same goes at once",
        life(expiring(Some(END)), None),
        &[
            (98, asked(1)),
            (100, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (101, failed(1, FetchError::Interrupted)),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Gone(Expired) | Discard, Expire, Answer(Gone)",
            "Gone(Expired) | ",
        ],
    );
}

#[test]
fn erasure_ends_everything_and_is_final() {
    let arrived = || Event::Fetched(FetchId(1), copy(1, Version::FIRST));
    check_life(
        "while it is fetched, and somebody waits",
        life(expiring(None), None),
        &[(0, asked(1)), (1, erased()), (2, arrived()), (3, says(expiring(None))), (4, asked(2))],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Gone | Answer(Gone)",
            "Gone | Discard",
            "Gone | ",
            "Gone | Answer(Gone)",
        ],
    );
    let refused = || Event::CommitFailed(FetchId(1), FetchError::Catalog("erased".to_owned()));
    check_life(
        "while it is committed",
        life(expiring(None), None),
        &[(0, asked(1)), (1, arrived()), (2, erased()), (3, refused())],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Gone | Discard, Answer(Gone)",
            "Gone | ",
        ],
    );
    let spared = Event::Spared(Box::new(life(expiring(None), present())));
    check_life(
        "when it was ready; not even an operator brings it back",
        life(expiring(None), present()),
        &[(0, erased()), (1, spared), (2, Event::RetryWanted), (3, asked(1))],
        &["Gone | Discard", "Gone | ", "Gone | ", "Gone | Answer(Gone)"],
    );
}

fn rows() -> impl Strategy<Value = Recording> {
    let status = prop::sample::select(SourceStatus::ALL.to_vec());
    let end = prop::option::of(0i64..400);
    (status, end).prop_map(|(status, end)| Recording { status, ..expiring(end) })
}

fn events() -> impl Strategy<Value = Event> {
    let fetch = || (1u64..40).prop_map(FetchId);
    let patience = prop_oneof![Just(Patience::Park), Just(Patience::AtOnce)];
    prop_oneof![
        4 => (1u64..100, patience).prop_map(|(ask, patience)| Event::Asked {
            ask: AskId(ask), intent: Intent::Listen, patience,
        }),
        3 => rows().prop_map(says),
        2 => (rows(), any::<bool>()).prop_map(|(row, held)| {
            Event::Spared(Box::new(life(row, present().filter(|_| held))))
        }),
        4 => fetch().prop_map(|fetch| Event::Fetched(fetch, copy(1, Version::FIRST))),
        2 => fetch().prop_map(|fetch| Event::FetchFailed(fetch, FetchError::Status(503))),
        4 => fetch().prop_map(Event::Committed),
        2 => fetch().prop_map(Event::Due),
        1 => Just(Event::EvictionWanted),
        1 => Just(Event::RetryWanted),
        1 => Just(Event::DamageFound(copy(1, Version::FIRST))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_has_ended_is_not_played_fetched_or_committed(
        story in prop::collection::vec((events(), 0i64..20), 1..60),
    ) {
        let policy = policy();
        let (mut life, mut now, mut erased) = (fresh(SourceStatus::Completed), 0, false);
        for (index, (event, pause)) in story.iter().enumerate() {
            now += pause;
            let context = Context {
                now: at(now), fresh: FetchId(index as u64 + 1), chance: 0.5,
                progress: Progress::QUEUED, worked_at: None, trusted_at: None, policy: &policy,
            };
            let step = step(life, event.clone(), &context);
            life = step.life;
            let row = &life.facts.recording;
            prop_assert!(!erased || row.status == SourceStatus::Erased, "erasure is final");
            erased = row.status == SourceStatus::Erased;
            if row.ending(at(now)).is_none() {
                continue;
            }
            prop_assert!(matches!(life.state, State::Gone(_)), "{:?}", life.state);
            prop_assert!(life.facts.waiting.is_empty());
            for effect in step.effects {
                let harmless = match &effect {
                    Effect::StartFetch { .. } | Effect::Commit { .. } | Effect::SetTimer { .. } => false,
                    Effect::Answer(_, permit) => matches!(permit, Permit::Deny(Denial::Gone(_))),
                    Effect::Remember(_) | Effect::Prioritise { .. } | Effect::RecordStatus(_) => false,
                    Effect::Discard(_) | Effect::Expire => true,
                };
                prop_assert!(harmless, "{effect:?}");
            }
        }
    }
}
