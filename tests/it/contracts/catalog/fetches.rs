//! Attempts: remembered until there is a copy, and nobody else's.

use actors::domain::{Attempts, FailureKind, FetchHistory, PastFailure, SourceStatus, Version};
use actors::ports::CatalogError;

use super::Store;
use super::examples::{
    account, add_acme, at, audio, copy, hear, key, load, recording, recording_news,
};

fn history(seconds: &[i64], failure: Option<(FailureKind, &str)>) -> FetchHistory {
    let attempts = Attempts::made_at(seconds.iter().copied().map(at).collect());
    let failure = failure.map(|(kind, words)| PastFailure { kind, words: words.to_owned() });
    FetchHistory { attempts, failure, promised: None }
}

pub(super) async fn attempts_are_remembered_until_there_is_a_copy(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let (call, audio) = (key("acme", 1), audio("acme", 1));
    assert_eq!(load(store, &call).await.recordings[0].history, FetchHistory::default());
    for known in [
        history(&[2], None),
        history(&[2, 4], Some((FailureKind::Outage, "the source answered 503"))),
        history(&[], Some((FailureKind::RefusedAccount, "401"))),
        FetchHistory { promised: Some(Version(3)), ..history(&[2, 4, 9], None) },
        history(&[2, 4, 9], None),
    ] {
        store.remember_fetches(&audio, &known).await.expect("remembered");
        assert_eq!(load(store, &call).await.recordings[0].history, known);
    }
    store.commit_copy(&audio, &copy(1), at(10)).await.expect("committed");
    assert_eq!(load(store, &call).await.recordings[0].history, FetchHistory::default());
}

pub(super) async fn attempts_at_an_unknown_recording_are_refused(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    for unknown in [audio("acme", 2), audio("globex", 1)] {
        let refused = store.remember_fetches(&unknown, &history(&[2], None)).await;
        assert!(matches!(refused, Err(CatalogError::Unknown(_))), "{refused:?}");
    }
    let known = load(store, &key("acme", 1)).await.recordings.remove(0).history;
    assert_eq!(known, FetchHistory::default());
}

pub(super) async fn what_failed_for_a_reason_of_its_own_is_not_wanted_unasked(store: &dyn Store) {
    add_acme(store).await;
    for (n, kind) in (1..).zip(FailureKind::ALL) {
        hear(store, recording_news(account(1), 1, n), at(1)).await;
        let failed = history(&[2], Some((kind, "it failed")));
        store.remember_fetches(&audio("acme", n), &failed).await.expect("remembered");
    }
    let wanted = store.wanted(10).await.expect("asked");
    let mut kinds: Vec<FailureKind> = wanted
        .iter()
        .filter_map(|(_, sid)| (1..).zip(FailureKind::ALL).find(|(n, _)| recording(*n) == *sid))
        .map(|(_, kind)| kind)
        .collect();
    kinds.sort_by_key(|kind| kind.as_str());
    assert_eq!(kinds, [FailureKind::Outage, FailureKind::RefusedAccount]);
}

pub(super) async fn what_was_missing_and_came_is_completed_again(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let (call, audio) = (key("acme", 1), audio("acme", 1));
    store.record_status(&audio, SourceStatus::Missing).await.expect("recorded");
    store.commit_copy(&audio, &copy(1), at(10)).await.expect("committed");
    let status = load(store, &call).await.recordings[0].recording.status;
    assert_eq!(status, SourceStatus::Completed);
    store.record_status(&audio, SourceStatus::Deleted).await.expect("recorded");
    store.commit_copy(&audio, &copy(2), at(11)).await.expect("committed");
    let status = load(store, &call).await.recordings[0].recording.status;
    assert_eq!(status, SourceStatus::Deleted, "and what was deleted stays so");
}
