//! Every state × every event, printed into `actors/README.md`: reviewers read the diff of behaviour.

use super::*;

const BEGIN: &str = "<!-- matrix: generated, do not edit -->\n";
const END: &str = "<!-- end of matrix -->";

#[test]
fn the_readme_shows_the_matrix() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("actors/README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the beginning of the matrix");
    let (shown, after) = rest.split_once(END).expect("the end of the matrix");
    let matrix = matrix();
    if std::env::var_os("BLESS").is_some() {
        let blessed = format!("{before}{BEGIN}{matrix}{END}{after}");
        std::fs::write(path, blessed).expect("README is writable");
        return;
    }
    assert_eq!(shown, matrix, "the behaviour changed: if it should, run `make bless`");
}

fn matrix() -> String {
    states().iter().map(section).collect()
}

/// One state: what each event leads to, and then what is ignored and why.
fn section(state: &State) -> String {
    let mut lines = String::new();
    let mut ignored: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, event) in events() {
        let step = take(state.clone(), event);
        match step.ignored {
            Some(why) => match ignored.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, names)) => names.push(name),
                None => ignored.push((why, vec![name])),
            },
            None => {
                let effects: Vec<String> = step.effects.iter().map(brief).collect();
                let next = brief_state(&step.life.state);
                lines += &format!("| {name} | {next} | {} |\n", effects.join(", "));
            }
        }
    }
    for (why, names) in ignored {
        lines += &format!("| {} | *ignored* | {why} |\n", names.join(", "));
    }
    format!(
        "\n**{}**\n\n| event | next | effects, or why not |\n|---|---|---|\n{lines}",
        brief_state(state)
    )
}

fn take(state: State, event: Event) -> Step {
    let known = match &state {
        State::Ready(copy) => Some(copy.clone()),
        State::Absent(_) | State::Downloading(_) | State::Failed(_) | State::Gone(_) => None,
    };
    let status = match state {
        State::Absent(Absence::BeingRecorded) => SourceStatus::InProgress,
        State::Absent(_)
        | State::Downloading(_)
        | State::Ready(_)
        | State::Failed(_)
        | State::Gone(_) => SourceStatus::Completed,
    };
    let mut attempts = Attempts::default();
    attempts.record(at(0), &RetryPolicy::default());
    let parked = match &state {
        State::Absent(_) => true,
        State::Downloading(download) => !download.admitted,
        State::Ready(_) | State::Failed(_) | State::Gone(_) => false,
    };
    let waiting = if parked { vec![AskId(0)] } else { Vec::new() };
    let expires_at = matches!(state, State::Gone(GoneCause::Expired)).then_some(at(9));
    let recording = Recording { expires_at, ..recording(status) };
    let promised = match &state {
        State::Downloading(download) if download.admitted => Some(Version::FIRST),
        State::Absent(_)
        | State::Downloading(_)
        | State::Ready(_)
        | State::Failed(_)
        | State::Gone(_) => None,
    };
    let facts = Facts { recording, known, promised, attempts, waiting };
    let policy = policy();
    let context = Context {
        now: at(10),
        fresh: FetchId(9),
        chance: 0.0,
        progress: Progress::QUEUED,
        worked_at: None,
        trusted_at: None,
        policy: &policy,
    };
    step(Life { facts, state }, event, &context)
}

fn states() -> Vec<State> {
    let download = Download {
        fetch: FETCH,
        intent: Intent::Prefetch,
        expected: Expected { version: Version::FIRST, bytes: ExpectedBytes::Any },
        absences: 0,
        admitted: false,
        sealed: None,
    };
    let admitted = Download { admitted: true, ..download.clone() };
    let sealed = Download { sealed: Some(copy(1, Version::FIRST)), ..admitted.clone() };
    let failed = |plan| State::Failed(Failure { cause: FetchError::Status(503), at: at(5), plan });
    let intent = Intent::Listen;
    vec![
        State::Absent(Absence::BeingRecorded),
        State::Absent(Absence::NotFetched),
        State::Absent(Absence::NotThereYet { asked: 1, next: FETCH, at: at(12), intent }),
        State::Absent(Absence::Paused {
            cause: FetchError::Throttled { retry_after: Duration::from_secs(2) },
            next: FETCH,
            at: at(12),
            intent,
        }),
        State::Downloading(download),
        State::Downloading(admitted),
        State::Downloading(sealed),
        State::Ready(copy(1, Version::FIRST)),
        failed(Plan::Retry { next: FETCH, at: at(12) }),
        failed(Plan::OnDemand { not_before: at(12) }),
        failed(Plan::Exhausted { opens_at: at(600) }),
        failed(Plan::Refused { again_at: at(60) }),
        State::Gone(GoneCause::Deleted),
        State::Gone(GoneCause::Expired),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let asked = |intent, patience| Event::Asked { ask: ASK, intent, patience };
    let failed = |error| Event::FetchFailed(FETCH, error);
    let expired = Recording { expires_at: Some(at(9)), ..recording(SourceStatus::Completed) };
    vec![
        ("Asked", asked(Intent::Listen, Patience::Park)),
        ("Asked(at once)", asked(Intent::Listen, Patience::AtOnce)),
        ("AskDue", Event::AskDue(AskId(0))),
        ("Announced(completed)", Event::Announced(Box::new(recording(SourceStatus::Completed)))),
        ("Announced(absent)", Event::Announced(Box::new(recording(SourceStatus::Absent)))),
        ("Announced(expired)", Event::Announced(Box::new(expired))),
        ("Announced(erased)", Event::Announced(Box::new(recording(SourceStatus::Erased)))),
        ("Admitted", Event::Admitted(FETCH)),
        ("Fetched", Event::Fetched(FETCH, copy(1, Version::FIRST))),
        ("FetchFailed(503)", failed(FetchError::Status(503))),
        ("FetchFailed(404)", failed(FetchError::NotFound)),
        ("FetchFailed(410)", failed(FetchError::Deleted)),
        ("FetchFailed(429)", failed(FetchError::Throttled { retry_after: Duration::from_secs(2) })),
        ("FetchFailed(401)", failed(FetchError::RefusedAccount)),
        ("FetchFailed(changed)", failed(FetchError::ContentChanged)),
        ("FetchFailed(queue full)", failed(FetchError::QueueFull)),
        ("FetchFailed(stale)", Event::FetchFailed(FetchId(0), FetchError::Status(503))),
        ("Committed", Event::Committed(FETCH)),
        ("CommitFailed", Event::CommitFailed(FETCH, FetchError::Catalog("full".to_owned()))),
        ("Due", Event::Due(FETCH)),
        ("Due(stale)", Event::Due(FetchId(0))),
        ("EvictionWanted", Event::EvictionWanted),
        ("RetryWanted", Event::RetryWanted),
        ("DamageFound", Event::DamageFound(copy(1, Version::FIRST))),
        ("Spared", Event::Spared(Box::new(fresh(SourceStatus::Completed)))),
    ]
}
