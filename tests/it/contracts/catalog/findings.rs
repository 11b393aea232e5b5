//! What was found out about recordings: kept, corrected, found again, and gone with its recording.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::domain::{
    AppointmentChange, AppointmentStatus, Correction, Fact, Facts, Profile, ProposedAppointment,
    Stage, Summary, Timestamp, Transcript, Utterance, Word,
};
use actors::ports::{AppointmentFilter, CallFilter, CatalogError, Claim, Finding};

use super::Store;
use super::examples::{
    account, add_acme, at, audio, business, call, call_news, copy, hear, key, new_business,
    recording_news,
};

const SPAN: Duration = Duration::from_secs(30);

fn utterance(channel: u8, start_ms: u64, text: &str) -> Utterance {
    let words = text.split(' ').zip(0..).map(|(word, at)| Word {
        text: word.to_owned(),
        start: Duration::from_millis(start_ms + at * 100),
        end: Duration::from_millis(start_ms + at * 100 + 90),
    });
    Utterance {
        channel,
        start: Duration::from_millis(start_ms),
        end: Duration::from_millis(start_ms + 1_000),
        text: text.to_owned(),
        words: words.collect(),
    }
}

fn transcript(texts: &[&str]) -> Transcript {
    let utterances = texts.iter().zip(0..).map(|(text, n)| utterance(0, n * 1_000, text));
    Transcript { language: Some("en".to_owned()), utterances: utterances.collect() }
}

async fn add(store: &dyn Store, of: u128, n: u128) {
    hear(store, call_news(account(of), n), at(190)).await;
    hear(store, recording_news(account(of), n, n), at(200)).await;
}

/// Runs every waiting job of a stage to this end.
async fn find(store: &dyn Store, stage: Stage, finding: Finding, now: Timestamp) {
    let claim = Claim { wanted: vec![(stage, 9)], owner: "us".to_owned(), span: SPAN };
    for job in store.claim_jobs(&claim, now).await.expect("claimed") {
        store.finish_job(job.lease, &finding, now).await.expect("finished");
    }
}

/// Acme's call 1, in which this is said.
async fn add_said(store: &dyn Store, texts: &[&str]) {
    add_acme(store).await;
    add(store, 1, 1).await;
    say(store, texts).await;
}

async fn say(store: &dyn Store, texts: &[&str]) {
    let finding = Finding::Transcript { transcript: transcript(texts), channels: 2 };
    find(store, Stage::Transcribe, finding, at(300)).await;
}

async fn found(store: &dyn Store, id: &str, question: &str) -> Vec<String> {
    let filter = CallFilter { limit: 50, said: Some(question.to_owned()), ..CallFilter::default() };
    let page = store.list_calls(&business(id), &filter).await.expect("a page");
    page.calls.iter().map(|record| record.call.sid.to_string()).collect()
}

fn correction(utterance: u32, text: &str) -> Correction {
    Correction { utterance, text: text.to_owned(), by: "agent-7".to_owned(), at: at(400) }
}

fn facts(starts_at: Option<Timestamp>) -> Facts {
    let fact = |value: &str| Some(Fact { value: value.to_owned(), confidence: 0.5 });
    Facts {
        customer_name: fact("Tom Becker"),
        city: None,
        service: fact("repair"),
        appointment: starts_at.map(|starts_at| Fact {
            value: ProposedAppointment { starts_at, subject: Some("the seal".to_owned()) },
            confidence: 0.25,
        }),
    }
}

pub(super) async fn a_transcript_is_kept_as_it_was_heard(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1, 1).await;
    assert_eq!(store.transcript(&audio("acme", 1)).await.expect("read"), None);
    let mut heard = transcript(&["good morning", "שלום \"לכם\" 'כולם' \\ <b> 😀"]);
    heard.utterances[1].channel = 1;
    heard.utterances[1].words.clear();
    heard.language = None;
    let finding = Finding::Transcript { transcript: heard.clone(), channels: 2 };
    find(store, Stage::Transcribe, finding, at(300)).await;
    let kept = store.transcript(&audio("acme", 1)).await.expect("read").expect("kept");
    assert!(kept.heard == heard, "word for word");
    assert_eq!((kept.channels, kept.made_at, kept.revision), (2, at(300), 0));
    assert!(kept.corrections.is_empty());
}

pub(super) async fn corrections_stand_beside_what_was_heard(store: &dyn Store) {
    add_said(store, &["the sink is leaking", "I see"]).await;
    let audio = audio("acme", 1);
    let corrected = store.correct(&audio, &[correction(0, "the tap is leaking")], None).await;
    let corrected = corrected.expect("written").expect("kept");
    assert_eq!(corrected.revision, 1);
    assert_eq!(corrected.heard.utterances[0].text, "the sink is leaking");
    assert_eq!(corrected.corrected().text(), "the tap is leaking\nI see");
    assert!(corrected.corrected().utterances[0].words.is_empty(), "their times are not known");
    let again = store.correct(&audio, &[correction(0, "the tap leaks")], Some(1)).await;
    let again = again.expect("written").expect("kept");
    assert_eq!((again.revision, again.corrections.len()), (2, 1));
    let back = store.correct(&audio, &[correction(0, "the sink is leaking")], None).await;
    assert!(back.expect("written").expect("kept").corrections.is_empty(), "taken back");
    let nothing = store.correct(&audio, &[], None).await.expect("asked").expect("kept");
    assert_eq!(nothing.revision, 3);
}

pub(super) async fn two_people_do_not_overwrite_each_other_unseen(store: &dyn Store) {
    add_said(store, &["one"]).await;
    let audio = audio("acme", 1);
    store.correct(&audio, &[correction(0, "won")], Some(0)).await.expect("written");
    let late = store.correct(&audio, &[correction(0, "wan")], Some(0)).await;
    assert!(matches!(late, Err(CatalogError::Conflict(_))), "{late:?}");
    let kept = store.transcript(&audio).await.expect("read").expect("kept");
    assert_eq!(kept.corrected().text(), "won");
}

pub(super) async fn summaries_and_facts_are_kept_with_their_nulls(store: &dyn Store) {
    add_said(store, &["one"]).await;
    let audio = audio("acme", 1);
    assert_eq!(store.summary(&audio).await.expect("read"), None);
    assert_eq!(store.facts(&audio).await.expect("read"), None);
    let summary =
        Summary { topic: Some("a leak".to_owned()), outcome: None, next_step: Some("x".into()) };
    find(store, Stage::Summarise, Finding::Summary(summary.clone()), at(301)).await;
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    assert_eq!(store.summary(&audio).await.expect("read"), Some(summary));
    assert_eq!(store.facts(&audio).await.expect("read"), Some(facts(Some(at(9_000)))));
}

pub(super) async fn an_appointment_is_proposed_in_the_default_calendar(store: &dyn Store) {
    add_said(store, &["one"]).await;
    let acme = business("acme");
    store.add_calendar(&acme, "First", false).await.expect("added");
    let second = store.add_calendar(&acme, "Second", true).await.expect("added");
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    let proposed = store.appointment_of(&audio("acme", 1)).await.expect("read").expect("one");
    assert_eq!(proposed.calendar, Some(second.id));
    assert_eq!((proposed.status, proposed.starts_at), (AppointmentStatus::Proposed, at(9_000)));
    assert_eq!(proposed.customer_name.as_deref(), Some("Tom Becker"));
    assert_eq!(proposed.subject.as_deref(), Some("the seal"));
    assert_eq!((proposed.proposed_at, proposed.changed_at), (at(301), None));

    add(store, 1, 2).await;
    say(store, &["two"]).await;
    find(store, Stage::Extract, Finding::Facts(facts(None)), at(302)).await;
    assert!(store.appointment_of(&audio("acme", 2)).await.expect("read").is_none());
}

pub(super) async fn an_appointment_that_somebody_touched_is_not_proposed_again(store: &dyn Store) {
    add_said(store, &["one"]).await;
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    let acme = business("acme");
    let id = store.appointment_of(&audio("acme", 1)).await.expect("read").expect("one").id;
    let moved = AppointmentChange {
        status: Some(AppointmentStatus::Confirmed),
        starts_at: Some(at(9_500)),
        calendar: None,
    };
    let changed = store.change_appointment(&acme, id, &moved, at(400)).await;
    let changed = changed.expect("written").expect("one");
    assert_eq!((changed.status, changed.starts_at), (AppointmentStatus::Confirmed, at(9_500)));
    assert_eq!(changed.changed_at, Some(at(400)));
    let nobody = store.change_appointment(&acme, id + 1, &moved, at(400)).await;
    assert!(nobody.expect("asked").is_none());
}

pub(super) async fn a_calendar_that_goes_leaves_its_appointments(store: &dyn Store) {
    add_said(store, &["one"]).await;
    let acme = business("acme");
    let calendar = store.add_calendar(&acme, "Visits", false).await.expect("added");
    assert!(calendar.is_default, "the first one is, whatever is said");
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    assert!(store.remove_calendar(&acme, calendar.id).await.expect("removed"));
    assert!(!store.remove_calendar(&acme, calendar.id).await.expect("asked"));
    let left = store.appointment_of(&audio("acme", 1)).await.expect("read").expect("one");
    assert_eq!(left.calendar, None);
}

pub(super) async fn calendars_of_a_business_are_its_own(store: &dyn Store) {
    add_said(store, &["one"]).await;
    let globex = new_business("globex", account(2), &[]);
    store.add_business(&globex, at(0)).await.expect("added");
    let (acme, globex) = (business("acme"), business("globex"));
    let theirs = store.add_calendar(&globex, "Visits", true).await.expect("added");
    store.add_calendar(&acme, "Visits", true).await.expect("of another business");
    let twice = store.add_calendar(&acme, "Visits", false).await;
    assert!(matches!(twice, Err(CatalogError::Exists(_))), "{twice:?}");
    assert!(!store.remove_calendar(&acme, theirs.id).await.expect("asked"));
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    let id = store.appointment_of(&audio("acme", 1)).await.expect("read").expect("one").id;
    let into_theirs =
        AppointmentChange { calendar: Some(Some(theirs.id)), ..AppointmentChange::default() };
    let refused = store.change_appointment(&acme, id, &into_theirs, at(400)).await;
    assert!(matches!(refused, Err(CatalogError::Unknown(_))), "{refused:?}");
    let dismissed = AppointmentStatus::Dismissed;
    let change = AppointmentChange { status: Some(dismissed), ..AppointmentChange::default() };
    let foreign = store.change_appointment(&globex, id, &change, at(400)).await;
    assert!(foreign.expect("asked").is_none());
    let none = store.appointments(&globex, &all(10)).await.expect("listed");
    assert!(none.is_empty());
}

fn all(limit: u32) -> AppointmentFilter {
    AppointmentFilter { limit, ..AppointmentFilter::default() }
}

pub(super) async fn appointments_are_listed_in_the_order_of_their_times(store: &dyn Store) {
    add_acme(store).await;
    for (n, starts_at) in [(1, 9_000), (2, 8_000), (3, 9_000), (4, 7_000)] {
        add(store, 1, n).await;
        say(store, &["one"]).await;
        find(store, Stage::Extract, Finding::Facts(facts(Some(at(starts_at)))), at(301)).await;
    }
    let acme = business("acme");
    let mut seen = Vec::new();
    let mut filter = all(2);
    loop {
        let page = store.appointments(&acme, &filter).await.expect("a page");
        let Some(last) = page.last() else { break };
        filter.after = Some((last.starts_at, last.id));
        seen.extend(page.iter().map(|it| it.starts_at));
    }
    assert_eq!(seen, [7_000, 8_000, 9_000, 9_000].map(at));
    let between = AppointmentFilter { from: Some(at(7_500)), to: Some(at(9_000)), ..all(10) };
    let between = store.appointments(&acme, &between).await.expect("a page");
    assert_eq!(between.iter().map(|it| it.starts_at).collect::<Vec<_>>(), [at(8_000)]);
    let confirmed = AppointmentFilter { status: Some(AppointmentStatus::Confirmed), ..all(10) };
    assert!(store.appointments(&acme, &confirmed).await.expect("a page").is_empty());
}

pub(super) async fn calls_are_found_by_what_was_said(store: &dyn Store) {
    add_said(store, &["The washing-machine leaks whenever it spins", "Is it a front loader?"])
        .await;
    add(store, 1, 2).await;
    say(store, &["Café opening hours, please"]).await;
    let summary =
        Summary { topic: Some("breakfast menu".to_owned()), outcome: None, next_step: None };
    for question in ["leak", "LEAKS washing", "front loa", "machine"] {
        assert_eq!(found(store, "acme", question).await, [call(1).to_string()], "{question}");
    }
    assert_eq!(found(store, "acme", "cafe").await, [call(2).to_string()], "without its accent");
    assert_eq!(found(store, "acme", "leaks breakfast").await, [""; 0], "all words are wanted");
    for nothing in ["hotel", "\"", "*", "words: leaks NOT front", "aks"] {
        assert!(found(store, "acme", nothing).await.is_empty(), "{nothing}");
    }
    find(store, Stage::Summarise, Finding::Summary(summary), at(301)).await;
    assert_eq!(found(store, "acme", "breakfast").await.len(), 2, "summaries are searched too");
    let corrected = correction(0, "The dishwasher leaks");
    store.correct(&audio("acme", 1), &[corrected], None).await.expect("written");
    assert_eq!(found(store, "acme", "dishwasher").await, [call(1).to_string()]);
    assert_eq!(found(store, "acme", "spins").await, [call(1).to_string()], "the original too");
}

pub(super) async fn hebrew_is_found_with_and_without_prefixes(store: &dyn Store) {
    add_said(store, &["אני רוצה לקבוע תור לרופא עיניים", "עדיף אחרי הצהריים"]).await;
    for question in ["רופא", "לרופא", "תור", "צהריים", "הצהריים", "תּוֹר", "עיני", "רופא תור"]
    {
        assert_eq!(found(store, "acme", question).await.len(), 1, "{question}");
    }
    assert!(found(store, "acme", "שיניים").await.is_empty());
}

pub(super) async fn nobody_finds_or_reads_what_was_said_elsewhere(store: &dyn Store) {
    add_said(store, &["a secret"]).await;
    let globex = new_business("globex", account(2), &[]);
    store.add_business(&globex, at(0)).await.expect("added");
    assert!(found(store, "globex", "secret").await.is_empty());
    let theirs = audio("globex", 1);
    assert_eq!(store.transcript(&theirs).await.expect("asked"), None);
    assert_eq!(store.summary(&theirs).await.expect("asked"), None);
    assert_eq!(store.facts(&theirs).await.expect("asked"), None);
    assert_eq!(store.waveform(&theirs).await.expect("asked"), None);
    assert!(store.jobs_of(&theirs).await.expect("asked").is_empty());
    let corrected = store.correct(&theirs, &[correction(0, "mine")], None).await;
    assert_eq!(corrected.expect("asked"), None);
}

pub(super) async fn expiry_takes_what_was_said_and_erasure_the_appointment_too(store: &dyn Store) {
    add_said(store, &["something private"]).await;
    let audio = audio("acme", 1);
    store.commit_copy(&audio, &copy(1), at(201)).await.expect("committed");
    find(store, Stage::Extract, Finding::Facts(facts(Some(at(9_000)))), at(301)).await;
    let expired = store.expire(&audio, at(9_000_000)).await.expect("expired");
    assert!(expired.is_some());
    assert_eq!(store.transcript(&audio).await.expect("read"), None);
    assert_eq!(store.facts(&audio).await.expect("read"), None);
    assert!(found(store, "acme", "private").await.is_empty());
    assert!(store.jobs_of(&audio).await.expect("read").is_empty());
    assert!(store.appointment_of(&audio).await.expect("read").is_some(), "it is the business's");
    store.erase(&key("acme", 1), at(9_000_001)).await.expect("erased");
    assert!(store.appointment_of(&audio).await.expect("read").is_none());
}

pub(super) async fn a_profile_is_kept(store: &dyn Store) {
    add_acme(store).await;
    let acme = business("acme");
    assert_eq!(store.business_profile(&acme).await.expect("read"), Profile::default());
    let profile = Profile {
        language: Some("he".to_owned()),
        time_zone: "Asia/Jerusalem".to_owned(),
        services: vec!["רופא עיניים".to_owned()],
        labels: BTreeMap::from([("proposed".to_owned(), "מוצע".to_owned())]),
        skips: vec![Stage::Extract],
        agent_channel: 0,
    };
    store.set_profile(&acme, &profile).await.expect("set");
    assert_eq!(store.business_profile(&acme).await.expect("read"), profile);
    let nobody = store.set_profile(&business("nobody"), &profile).await;
    assert!(matches!(nobody, Err(CatalogError::Unknown(_))), "{nobody:?}");
}
