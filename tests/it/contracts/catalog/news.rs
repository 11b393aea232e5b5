//! Webhooks come in any order, twice, late, and with holes.

use std::time::Duration;

use actors::domain::{CallDetails, CallStatus, Direction, SourceStatus, WebhookEvent};
use actors::ports::CatalogError;

use super::Store;
use super::examples::{
    account, add_acme, applied, at, audio, call_news, hear, key, load, number, recording,
    recording_news,
};

/// All that is said of call `n` and its recording `n`, in the order in which it happens.
fn story(n: u128) -> [WebhookEvent; 4] {
    let mut ringing = call_news(account(1), n);
    ringing.details.status = Some(CallStatus::Ringing);
    ringing.details.duration = None;
    let mut recorded = recording_news(account(1), n, n);
    recorded.status = SourceStatus::InProgress;
    recorded.duration = None;
    [
        WebhookEvent::Call(ringing),
        WebhookEvent::Recording(recorded),
        WebhookEvent::Recording(recording_news(account(1), n, n)),
        WebhookEvent::Call(call_news(account(1), n)),
    ]
}

fn orders() -> Vec<[usize; 4]> {
    let all = (0..4_usize.pow(4)).map(|code| [code / 64, code / 16 % 4, code / 4 % 4, code % 4]);
    all.filter(|order| (0..4).all(|place| order.contains(&place))).collect()
}

pub(super) async fn in_any_order_it_ends_the_same(store: &dyn Store) {
    add_acme(store).await;
    let orders = orders();
    assert_eq!(orders.len(), 24);
    for (n, order) in (1_u128..).zip(orders) {
        let story = story(n);
        for place in order.iter().chain(&order) {
            hear(store, story[*place].clone(), at(200)).await;
        }
        let record = load(store, &key("acme", n)).await;
        assert_eq!(record.call.details, call_news(account(1), n).details, "{order:?}");
        assert_eq!(record.recordings.len(), 1, "{order:?}");
        let known = &record.recordings[0].recording;
        assert_eq!(known.sid, recording(n));
        assert_eq!(known.status, SourceStatus::Completed, "{order:?}");
        assert_eq!(known.duration, Some(Duration::from_secs(50)), "{order:?}");
        assert_eq!(known.completed_at, Some(at(200)), "{order:?}");
    }
}

pub(super) async fn late_news_changes_nothing(store: &dyn Store) {
    add_acme(store).await;
    let outcome = hear(store, call_news(account(1), 1), at(200)).await;
    assert_eq!(outcome, applied(key("acme", 1), None));
    hear(store, recording_news(account(1), 1, 1), at(200)).await;
    let before = load(store, &key("acme", 1)).await;
    let mut call = call_news(account(1), 1);
    call.details.status = Some(CallStatus::Queued);
    call.details.direction = Some(Direction::Outbound);
    call.details.from = Some(number("+5"));
    let mut recorded = recording_news(account(1), 1, 1);
    recorded.status = SourceStatus::InProgress;
    recorded.channels = Some(1);
    assert_eq!(hear(store, call, at(300)).await, applied(key("acme", 1), None));
    let outcome = hear(store, recorded, at(300)).await;
    assert_eq!(outcome, applied(key("acme", 1), Some(recording(1))));
    assert_eq!(load(store, &key("acme", 1)).await, before);
}

pub(super) async fn what_news_leaves_out_stays_known(store: &dyn Store) {
    add_acme(store).await;
    let mut ringing = call_news(account(1), 1);
    ringing.details.status = Some(CallStatus::Ringing);
    hear(store, ringing, at(200)).await;
    let mut ended = call_news(account(1), 1);
    ended.details = CallDetails { status: Some(CallStatus::Busy), ..CallDetails::default() };
    hear(store, ended, at(210)).await;
    let mut expected = call_news(account(1), 1).details;
    expected.status = Some(CallStatus::Busy);
    hear(store, recording_news(account(1), 1, 1), at(220)).await;
    let mut deleted = recording_news(account(1), 1, 1);
    deleted.status = SourceStatus::Deleted;
    (deleted.channels, deleted.duration, deleted.started_at) = (None, None, None);
    hear(store, deleted, at(230)).await;
    let record = load(store, &key("acme", 1)).await;
    assert_eq!(record.call.details, expected);
    assert_eq!(record.call.heard_at, at(200), "heard of once");
    let known = &record.recordings[0].recording;
    assert_eq!(known.status, SourceStatus::Deleted);
    assert_eq!((known.channels, known.started_at), (Some(2), Some(at(105))));
}

pub(super) async fn completion_is_dated_once(store: &dyn Store) {
    add_acme(store).await;
    let mut recorded = recording_news(account(1), 1, 1);
    recorded.status = SourceStatus::InProgress;
    hear(store, recorded, at(200)).await;
    let completed_at =
        async || load(store, &key("acme", 1)).await.recordings[0].recording.completed_at;
    assert_eq!(completed_at().await, None);
    hear(store, recording_news(account(1), 1, 1), at(210)).await;
    hear(store, recording_news(account(1), 1, 1), at(220)).await;
    assert_eq!(completed_at().await, Some(at(210)));
}

pub(super) async fn a_status_that_no_webhook_brought_obeys_the_same_order(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(200)).await;
    let status = async || load(store, &key("acme", 1)).await.recordings[0].recording.status;
    store.record_status(&audio("acme", 1), SourceStatus::Missing).await.expect("recorded");
    assert_eq!(status().await, SourceStatus::Missing);
    store.record_status(&audio("acme", 1), SourceStatus::Completed).await.expect("late");
    hear(store, recording_news(account(1), 1, 1), at(210)).await;
    assert_eq!(status().await, SourceStatus::Missing);
    let unknown = store.record_status(&audio("acme", 2), SourceStatus::Deleted).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}

pub(super) async fn what_was_missing_and_is_listed_is_missing_no_more(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(200)).await;
    let status = async || load(store, &key("acme", 1)).await.recordings[0].recording.status;
    let listed = [WebhookEvent::Recording(recording_news(account(1), 1, 1))];
    let mut told = Vec::new();
    for again in 0..2 {
        store.record_status(&audio("acme", 1), SourceStatus::Missing).await.expect("recorded");
        assert_eq!(store.store_found(&listed, at(300 + again)).await.expect("stored"), 1);
        assert_eq!(status().await, SourceStatus::Completed);
        assert_eq!(store.store_found(&listed, at(310)).await.expect("known"), 0);
        let pending = store.pending_events(10).await.expect("pending");
        assert_eq!(pending.len(), 1, "its actor is told");
        assert_eq!(pending[0].received_at, at(300 + again));
        told.push(pending[0].id);
        store.apply_event(pending[0].id, &listed[0], at(320)).await.expect("applied");
        assert_eq!(status().await, SourceStatus::Completed);
    }
    assert_eq!(told[0], told[1], "however often, it is one row");
    store.record_status(&audio("acme", 1), SourceStatus::Missing).await.expect("recorded");
    let mut others = listed.clone();
    others[0] = WebhookEvent::Recording(recording_news(account(2), 1, 1));
    let mut going_on = recording_news(account(1), 1, 1);
    going_on.status = SourceStatus::InProgress;
    for no_proof in [others, [WebhookEvent::Recording(going_on)]] {
        assert_eq!(store.store_found(&no_proof, at(330)).await.expect("known"), 0);
        assert_eq!(status().await, SourceStatus::Missing);
    }
    store.record_status(&audio("acme", 1), SourceStatus::Deleted).await.expect("recorded");
    assert_eq!(store.store_found(&listed, at(340)).await.expect("known"), 0);
    assert_eq!(status().await, SourceStatus::Deleted);
}

pub(super) async fn details_are_asked_for_once(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=3 {
        let now = at(200 + i64::try_from(n).expect("small"));
        hear(store, recording_news(account(1), n, n), now).await;
    }
    hear(store, call_news(account(1), 4), at(210)).await;
    let asked = |calls: &[u128]| -> Vec<_> {
        calls.iter().map(|n| (key("acme", *n), account(1))).collect()
    };
    assert_eq!(store.calls_without_details(10).await.expect("asked"), asked(&[3, 2, 1]));
    assert_eq!(store.calls_without_details(1).await.expect("asked"), asked(&[3]));
    let told = call_news(account(1), 3).details;
    store.record_details(&key("acme", 3), &told).await.expect("told");
    store.record_details(&key("acme", 2), &CallDetails::default()).await.expect("told nothing");
    assert_eq!(load(store, &key("acme", 3)).await.call.details, told);
    assert_eq!(store.calls_without_details(10).await.expect("asked"), asked(&[1]));
    let unknown = store.record_details(&key("acme", 9), &told).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}
