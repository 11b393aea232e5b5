//! What users would tell, as data: each line is a moment, what happened, and what came of it.

use super::*;
use crate::domain::PastFailure;

/// Plays a story: `(second, event)` in, one line of consequences out for each.
fn check(title: &str, status: SourceStatus, story: &[(i64, Event)], expected: &[&str]) {
    check_life(title, fresh(status), story, expected);
}

pub(super) fn check_life(title: &str, mut life: Life, story: &[(i64, Event)], expected: &[&str]) {
    let policy = policy();
    let mut lines = Vec::new();
    for (index, (second, event)) in story.iter().enumerate() {
        let context = Context {
            now: at(*second),
            fresh: FetchId(index as u64 + 1),
            chance: 0.0,
            progress: Progress::QUEUED,
            worked_at: None,
            trusted_at: None,
            policy: &policy,
        };
        let step = step(life, event.clone(), &context);
        let effects: Vec<String> = step.effects.iter().map(brief).collect();
        lines.push(format!("{} | {}", brief_state(&step.life.state), effects.join(", ")));
        life = step.life;
    }
    assert_eq!(lines, expected, "{title}");
}

pub(super) const fn asked(ask: u64) -> Event {
    Event::Asked { ask: AskId(ask), intent: Intent::Listen, patience: Patience::Park }
}

fn announced(status: SourceStatus) -> Event {
    Event::Announced(Box::new(recording(status)))
}

pub(super) const fn failed(fetch: u64, error: FetchError) -> Event {
    Event::FetchFailed(FetchId(fetch), error)
}

const COMPLETED: SourceStatus = SourceStatus::Completed;

#[test]
fn two_askers_share_one_fetch() {
    check(
        "both wait, one fetch, both are answered",
        COMPLETED,
        &[
            (0, asked(1)),
            (0, asked(2)),
            (1, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (1, Event::Committed(FetchId(1))),
            (2, asked(3)),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading | ",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play), Answer(Play)",
            "Ready | Answer(Play)",
        ],
    );
}

#[test]
fn a_webhook_prefetches_and_a_listener_goes_first() {
    check(
        "announced, then somebody presses play",
        SourceStatus::InProgress,
        &[(0, asked(1)), (3, Event::AskDue(AskId(1))), (9, announced(COMPLETED)), (9, asked(2))],
        &[
            "Absent(BeingRecorded) | ",
            "Absent(BeingRecorded) | Answer(Wait)",
            "Downloading | StartFetch(prefetch, v1)",
            "Downloading | Prioritise(listen)",
        ],
    );
}

#[test]
fn what_ended_a_day_ago_waits_for_what_ends_now_but_not_with_a_listener() {
    let day = 24 * 3_600 + 61;
    check(
        "found in a list",
        SourceStatus::InProgress,
        &[(day, announced(COMPLETED)), (day, asked(1))],
        &["Downloading | StartFetch(backfill, v1)", "Downloading | Prioritise(listen)"],
    );
    check(
        "waited for while it was announced",
        SourceStatus::InProgress,
        &[(day, asked(1)), (day, announced(COMPLETED))],
        &["Absent(BeingRecorded) | ", "Downloading | StartFetch(listen, v1)"],
    );
}

#[test]
fn three_attempts_then_an_honest_503_until_the_window_opens() {
    let away = || FetchError::Unreachable("connection refused".to_owned());
    check(
        "Twilio is down",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, failed(1, away())),
            (3, Event::Due(FetchId(2))),
            (4, failed(2, away())),
            (19, Event::Due(FetchId(4))),
            (20, failed(4, away())),
            (21, asked(2)),
            (600, asked(3)),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Failed(Retry) | SetTimer, Remember(1)",
            "Downloading | StartFetch(listen, v1)",
            "Failed(Retry) | SetTimer, Remember(2)",
            "Downloading | StartFetch(listen, v1)",
            "Failed(Exhausted) | Remember(3), Answer(Exhausted)",
            "Failed(Exhausted) | Answer(Exhausted)",
            "Downloading | StartFetch(listen, v1)",
        ],
    );
}

#[test]
fn a_failed_prefetch_leaves_two_attempts_to_listeners() {
    check(
        "nobody waits, then somebody does",
        SourceStatus::InProgress,
        &[
            (0, announced(COMPLETED)),
            (1, failed(1, FetchError::Status(500))),
            (2, asked(1)),
            (3, Event::Due(FetchId(3))),
        ],
        &[
            "Downloading | StartFetch(prefetch, v1)",
            "Failed(OnDemand) | Remember(1)",
            "Failed(Retry) | SetTimer",
            "Downloading | StartFetch(listen, v1)",
        ],
    );
}

#[test]
fn a_404_in_the_grace_is_no_attempt_and_after_it_the_end() {
    check(
        "not there yet, not there yet, never there",
        COMPLETED,
        &[
            (590, asked(1)),
            (591, failed(1, FetchError::NotFound)),
            (592, Event::Due(FetchId(2))),
            (593, failed(2, FetchError::NotFound)),
            (601, Event::Due(FetchId(4))),
            (602, failed(4, FetchError::NotFound)),
            (603, asked(2)),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Absent(NotThereYet) | Remember(0), SetTimer",
            "Downloading | StartFetch(listen, v1)",
            "Absent(NotThereYet) | Remember(0), SetTimer",
            "Downloading | StartFetch(listen, v1)",
            "Gone | RecordStatus(missing), Answer(Gone)",
            "Gone | Answer(Gone)",
        ],
    );
}

#[test]
fn a_pause_is_nobodys_failure() {
    let pause = FetchError::Throttled { retry_after: Duration::from_secs(7) };
    check(
        "429, then fetched",
        COMPLETED,
        &[(0, asked(1)), (0, failed(1, pause)), (7, Event::Due(FetchId(2)))],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Absent(Paused) | Remember(0), SetTimer",
            "Downloading | StartFetch(listen, v1)",
        ],
    );
}

#[test]
fn refused_credentials_are_tried_again_after_a_minute() {
    check(
        "wrong token, then the right one",
        COMPLETED,
        &[
            (0, asked(1)),
            (0, failed(1, FetchError::RefusedAccount)),
            (30, asked(2)),
            (60, asked(3)),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Failed(Refused) | Remember(0), Answer(Refused)",
            "Failed(Refused) | Answer(Refused)",
            "Downloading | StartFetch(listen, v1)",
        ],
    );
}

#[test]
fn an_evicted_copy_comes_back_as_the_same_version_or_as_the_next() {
    check(
        "evicted, fetched again, and the bytes differ",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (1, Event::Committed(FetchId(1))),
            (2, Event::EvictionWanted),
            (3, asked(2)),
            (4, failed(5, FetchError::ContentChanged)),
            (5, Event::Fetched(FetchId(6), copy(2, Version(2)))),
            (5, Event::Committed(FetchId(6))),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play)",
            "Absent(NotFetched) | Discard",
            "Downloading | StartFetch(listen, v1)",
            "Downloading | StartFetch(listen, v2)",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play)",
        ],
    );
}

#[test]
fn a_row_that_cannot_be_written_leaves_no_file() {
    check(
        "sealed, but the catalog is full",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (1, Event::CommitFailed(FetchId(1), FetchError::Catalog("full".to_owned()))),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Failed(Retry) | Discard, SetTimer, Remember(1)",
        ],
    );
}

/// A life that begins at second 100 with attempts made before, the last of which ended so.
fn recalled(attempts: &[i64], failure: Option<FetchError>) -> Life {
    let times = attempts.iter().copied().map(at).collect();
    let failure = failure.as_ref().map(PastFailure::from);
    let history = FetchHistory { attempts: Attempts::made_at(times), failure, promised: None };
    Life::load(recording(COMPLETED), None, history, at(100), &RetryPolicy::default())
}

#[test]
fn attempts_survive_a_restart() {
    let outage = || Some(FetchError::Status(503));
    for (attempts, failure, state) in [
        (&[][..], None, "Absent(NotFetched)"),
        // Interrupted with the process: taken up again while an attempt is left.
        (&[90], None, "Absent(NotFetched)"),
        (&[60, 75, 90], None, "Failed(Exhausted)"),
        (&[90], outage(), "Failed(OnDemand)"),
        (&[60, 75, 90], outage(), "Failed(Exhausted)"),
        (&[90], Some(FetchError::RefusedRecording), "Failed(Refused)"),
        (&[60, 75, 90], Some(FetchError::RefusedRecording), "Failed(Refused)"),
        (&[-510, -505, -502], outage(), "Absent(NotFetched)"),
    ] {
        let life = recalled(attempts, failure.clone());
        assert_eq!(brief_state(&life.state), state, "{attempts:?} {failure:?}");
    }
}

#[test]
fn a_prefetch_that_is_interrupted_again_and_again_leaves_an_attempt_to_a_listener() {
    let story = [(101, announced(COMPLETED)), (102, asked(1))];
    check_life(
        "interrupted once: taken up again, and whoever comes meanwhile waits for it",
        recalled(&[90], None),
        &story,
        &["Downloading | StartFetch(prefetch, v1)", "Downloading | Prioritise(listen)"],
    );
    check_life(
        "interrupted twice: the last attempt is whoever listens's own",
        recalled(&[60, 90], None),
        &story,
        &["Absent(NotFetched) | ", "Downloading | StartFetch(listen, v1)"],
    );
    check_life(
        "the window has moved on",
        recalled(&[60, 90], None),
        &[(690, announced(COMPLETED))],
        &["Downloading | StartFetch(prefetch, v1)"],
    );
}

#[test]
fn a_success_forgets_the_attempts_before_it() {
    let outage = || FetchError::Status(503);
    let sound = copy(1, Version::FIRST);
    check(
        "two fail, the third succeeds; when its copy rots there are three again",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, failed(1, outage())),
            (3, Event::Due(FetchId(2))),
            (4, failed(2, outage())),
            (19, Event::Due(FetchId(4))),
            (20, Event::Fetched(FetchId(4), sound.clone())),
            (20, Event::Committed(FetchId(4))),
            (21, Event::DamageFound(sound)),
            (22, asked(2)),
            (23, failed(9, outage())),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Failed(Retry) | SetTimer, Remember(1)",
            "Downloading | StartFetch(listen, v1)",
            "Failed(Retry) | SetTimer, Remember(2)",
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play)",
            "Absent(NotFetched) | Discard",
            "Downloading | StartFetch(listen, v1)",
            "Failed(Retry) | SetTimer, Remember(1)",
        ],
    );
}

#[test]
fn what_is_under_legal_hold_stays() {
    let held = |held| {
        let recording = Recording { held, ..recording(COMPLETED) };
        Event::Announced(Box::new(recording))
    };
    check(
        "kept while its call is held, evicted when it is not",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (1, Event::Committed(FetchId(1))),
            (2, held(true)),
            (3, Event::EvictionWanted),
            (4, held(false)),
            (5, Event::EvictionWanted),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play)",
            "Ready | ",
            "Ready | ",
            "Ready | ",
            "Absent(NotFetched) | Discard",
        ],
    );
}

#[test]
fn the_last_copy_there_is_stays() {
    check(
        "evicted while the source has it; kept, rotten or not, when it has it no longer",
        COMPLETED,
        &[
            (0, asked(1)),
            (1, Event::Fetched(FetchId(1), copy(1, Version::FIRST))),
            (1, Event::Committed(FetchId(1))),
            (2, announced(SourceStatus::Deleted)),
            (3, Event::EvictionWanted),
            (3, Event::DamageFound(copy(1, Version::FIRST))),
            (4, announced(COMPLETED)),
            (5, Event::EvictionWanted),
        ],
        &[
            "Downloading | StartFetch(listen, v1)",
            "Downloading(sealed) | Commit",
            "Ready | Answer(Play)",
            "Ready | ",
            "Ready | ",
            "Ready | ",
            "Ready | ",
            "Absent(NotFetched) | Discard",
        ],
    );
}

#[test]
fn an_outage_that_ended_opens_the_window_early() {
    let exhausted = |cause: FetchError, worked_at, trusted_at| {
        let policy = policy();
        let context = Context {
            now: at(110),
            fresh: FetchId(1),
            chance: 0.0,
            progress: Progress::QUEUED,
            worked_at,
            trusted_at,
            policy: &policy,
        };
        let life = recalled(&[60, 75, 90], Some(cause));
        let ask = step(life.clone(), asked(1), &context);
        let news = step(life, announced(COMPLETED), &context);
        (brief_state(&ask.life.state), brief_state(&news.life.state))
    };
    let away = || FetchError::Unreachable("no route".to_owned());
    let still = ("Failed(Exhausted)", "Failed(Exhausted)");
    assert_eq!(
        exhausted(away(), None, Some(at(105))),
        still,
        "nothing was fetched since the restart"
    );
    assert_eq!(exhausted(away(), Some(at(80)), None), still, "it worked before the last failure");
    assert_eq!(exhausted(away(), Some(at(105)), None), ("Downloading", "Downloading"));
    let not_audio = FetchError::Unexpected("HTML".to_owned());
    assert_eq!(exhausted(not_audio, Some(at(105)), None), still, "it was no outage");
    let bad_request = FetchError::Status(400);
    assert_eq!(exhausted(bad_request, Some(at(105)), None), still, "nor was this");
}
