//! Retention, legal hold, erasure and orders: what goes, what stays, and what never comes back.

use std::time::Duration;

use actors::domain::{
    CallDetails, CopyId, FetchHistory, Recording, Retention, SourceStatus, WebhookEvent,
};
use actors::ports::{
    CallFilter, CatalogError, EventOutcome, Order, OrderOutcome, Overdue, VaultError,
};

use super::Store;
use super::examples::{
    account, add_acme, applied, at, audio, business, call_news, copy, hear, key, leg_news, load,
    pending_ids, recording, recording_news, stored,
};

const DAY_S: i64 = 86_400;
/// `recording_news` tells of one that began at 105 s and lasted 50 s.
const END_S: i64 = 155;

/// Call 1 of acme's with recording 1, and a copy of it under a key.
async fn add_copied(store: &dyn Store) {
    add_acme(store).await;
    hear(store, call_news(account(1), 1), at(190)).await;
    add_recording(store, 1).await;
}

async fn add_recording(store: &dyn Store, n: u128) {
    hear(store, recording_news(account(1), 1, n), at(200)).await;
    store.commit_copy(&audio("acme", n), &copy(n), at(201)).await.expect("committed");
    let key = store.key_of_recording(&audio("acme", n), b"wrapped".to_vec()).await;
    key.expect("a key");
}

async fn first(store: &dyn Store) -> Recording {
    load(store, &key("acme", 1)).await.recordings.remove(0).recording
}

async fn overdue(store: &dyn Store, second: i64) -> usize {
    store.overdue(at(second), None, 100).await.expect("overdue").len()
}

pub(super) async fn a_recording_is_kept_for_a_week_after_its_end(store: &dyn Store) {
    add_copied(store).await;
    let end = END_S + 7 * DAY_S;
    assert_eq!(first(store).await.expires_at, Some(at(end)));
    assert_eq!(overdue(store, end - 1).await, 0);
    assert_eq!(store.expire(&audio("acme", 1), at(end - 1)).await.expect("asked"), None);
    assert_eq!(
        store.overdue(at(end), None, 100).await.expect("overdue"),
        [Overdue { call: key("acme", 1), recording: recording(1), ended_at: at(END_S) }]
    );
    let files = store.expire(&audio("acme", 1), at(end)).await.expect("expired");
    assert_eq!(files, Some(vec![(audio("acme", 1), CopyId::from_bits(1))]));
    let record = load(store, &key("acme", 1)).await.recordings.remove(0);
    assert_eq!((record.recording.status, record.copy), (SourceStatus::Expired, None));
    assert_eq!(overdue(store, end).await, 0);
    assert_eq!(store.expire(&audio("acme", 1), at(end)).await.expect("asked"), None, "done");
    assert_eq!(store.vault_use().await.expect("use").copies, 0);
}

pub(super) async fn overdue_recordings_are_listed_batch_by_batch(store: &dyn Store) {
    add_acme(store).await;
    for (n, began_s) in [(1, 130), (2, 110), (3, 110), (4, 120)] {
        let mut news = recording_news(account(1), 1, n);
        news.started_at = Some(at(began_s));
        hear(store, news, at(200)).await;
    }
    let (mut after, mut listed) = (None, Vec::new());
    for _ in 0..4 {
        let batch = store.overdue(at(10 * DAY_S), after.as_ref(), 1).await.expect("overdue");
        listed.extend(batch.iter().map(|it| it.recording));
        after = batch.into_iter().next();
    }
    assert_eq!(listed, [2, 3, 4, 1].map(recording), "in the order of their ends");
    assert!(store.overdue(at(10 * DAY_S), after.as_ref(), 1).await.expect("overdue").is_empty());
}

pub(super) async fn where_its_end_is_unknown_it_counts_from_when_we_heard_of_it(store: &dyn Store) {
    add_acme(store).await;
    let mut news = recording_news(account(1), 1, 1);
    news.duration = None;
    hear(store, news.clone(), at(300)).await;
    assert_eq!(first(store).await.expires_at, Some(at(300 + 7 * DAY_S)));
    assert_eq!(overdue(store, 299 + 7 * DAY_S).await, 0);
    assert_eq!(overdue(store, 300 + 7 * DAY_S).await, 1);
    news.recording = recording(2);
    news.status = SourceStatus::InProgress;
    hear(store, news, at(300)).await;
    assert_eq!(overdue(store, 1_000 * DAY_S).await, 1, "what still goes on has no end");
}

pub(super) async fn each_business_has_its_own_retention(store: &dyn Store) {
    add_copied(store).await;
    let acme = business("acme");
    assert_eq!(store.retention(&acme).await.expect("asked"), Retention::DEFAULT);
    let set = async |days| {
        store.set_retention(&acme, Retention::of_days(days), at(1)).await.expect("set");
        assert_eq!(store.retention(&acme).await.expect("asked"), Retention::of_days(days));
        first(store).await.expires_at
    };
    assert_eq!(set(1).await, Some(at(END_S + DAY_S)));
    assert_eq!(overdue(store, END_S + DAY_S).await, 1);
    assert_eq!(set(30).await, Some(at(END_S + 30 * DAY_S)));
    assert_eq!(overdue(store, END_S + 29 * DAY_S).await, 0);
    assert_eq!(set(0).await, None, "for ever");
    assert_eq!(overdue(store, 100_000 * DAY_S).await, 0);
    let orders = store.pending_orders(10).await.expect("orders");
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|(_, order)| *order == Ok(Order::LookAgainAt(acme.clone()))));
    let nobody = store.set_retention(&business("nobody"), Retention::DEFAULT, at(1)).await;
    assert!(matches!(nobody, Err(CatalogError::Unknown(_))), "{nobody:?}");
}

pub(super) async fn nothing_under_legal_hold_is_let_go(store: &dyn Store) {
    add_copied(store).await;
    hear(store, leg_news(account(1), 2, 1), at(210)).await;
    let (late, call) = (1_000 * DAY_S, key("acme", 1));
    assert_eq!(store.coldest_copies(None, 10).await.expect("coldest").len(), 1);
    store.set_hold(&key("acme", 2), true, at(220)).await.expect("any leg names the call");
    let held = first(store).await;
    assert_eq!((held.expires_at, held.held), (None, true));
    assert_eq!(store.coldest_copies(None, 10).await.expect("coldest"), []);
    assert_eq!(overdue(store, late).await, 0);
    assert_eq!(store.expire(&audio("acme", 1), at(late)).await.expect("asked"), None);
    let erased = store.erase(&call, at(late)).await;
    assert!(matches!(erased, Err(CatalogError::Held(_))), "{erased:?}");
    let ordered = store.place_order(&Order::Erase(call.clone()), at(late)).await;
    assert!(matches!(ordered, Err(CatalogError::Held(_))), "{ordered:?}");
    assert!(store.is_held(&audio("acme", 1), CopyId::from_bits(1)).await.expect("asked"));
    store.set_hold(&call, false, at(230)).await.expect("released");
    assert_eq!(overdue(store, late).await, 1);
    assert!(store.expire(&audio("acme", 1), at(late)).await.expect("expired").is_some());
    let unknown = store.set_hold(&key("acme", 9), true, at(240)).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}

pub(super) async fn a_leg_takes_its_hold_along(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 2, 1), at(200)).await;
    store.set_hold(&key("acme", 2), true, at(210)).await.expect("held");
    hear(store, leg_news(account(1), 2, 1), at(220)).await;
    assert_eq!(load(store, &key("acme", 1)).await.recordings[0].recording.expires_at, None);
}

/// No fetch, no copy and no key of what was expunged: whatever an actor has not heard yet.
pub(super) async fn what_was_expunged_takes_nothing_new(store: &dyn Store) {
    add_copied(store).await;
    add_recording(store, 2).await;
    store.expire(&audio("acme", 1), at(1_000 * DAY_S)).await.expect("expired").expect("files");
    store.erase(&key("acme", 1), at(500)).await.expect("erased");
    for n in [1, 2] {
        let audio = audio("acme", n);
        let copied = store.commit_copy(&audio, &copy(10 + n), at(600)).await;
        assert!(matches!(copied, Err(CatalogError::Unknown(_))), "{n}: {copied:?}");
        let fetched = store.remember_fetches(&audio, &FetchHistory::default()).await;
        assert!(matches!(fetched, Err(CatalogError::Unknown(_))), "{n}: {fetched:?}");
        let key = store.key_of_recording(&audio, b"fresh".to_vec()).await;
        assert!(matches!(key, Err(VaultError::Missing)), "{n}: {key:?}");
        store.record_status(&audio, SourceStatus::Deleted).await.expect("without effect");
    }
    let record = load(store, &key("acme", 1)).await;
    let statuses: Vec<_> = record.recordings.iter().map(|row| row.recording.status).collect();
    assert_eq!(statuses, [SourceStatus::Erased; 2], "also of what had expired before");
    assert_eq!(store.wanted(10).await.expect("wanted"), []);
    assert_eq!(store.coldest_copies(None, 10).await.expect("coldest"), []);
}

pub(super) async fn erasing_leaves_nothing_but_names(store: &dyn Store) {
    add_copied(store).await;
    add_recording(store, 2).await;
    hear(store, leg_news(account(1), 2, 1), at(210)).await;
    let files = store.erase(&key("acme", 2), at(500)).await.expect("any leg names the call");
    let file = |n: u128| (audio("acme", n), CopyId::from_bits(n));
    assert_eq!(files, [file(1), file(2)]);
    let record = load(store, &key("acme", 1)).await;
    assert_eq!(record.call.details, CallDetails::default());
    assert_eq!(record.call.heard_at, at(500), "nor when it was");
    for row in record.recordings {
        let Recording { status, channels, duration, started_at, completed_at, .. } = row.recording;
        assert_eq!(status, SourceStatus::Erased);
        assert_eq!((channels, duration, started_at, completed_at), (None, None, None, None));
        assert_eq!(row.copy, None);
    }
    let filter = CallFilter { limit: 10, ..CallFilter::default() };
    let listed = store.list_calls(&business("acme"), &filter).await.expect("listed").calls;
    assert!(listed.is_empty(), "{listed:?}");
    assert_eq!(store.calls_without_details(10).await.expect("asked"), []);
    assert_eq!(store.erase(&key("acme", 1), at(600)).await.expect("again"), []);
}

pub(super) async fn news_of_an_erased_call_brings_nothing_back(store: &dyn Store) {
    add_copied(store).await;
    let waiting = WebhookEvent::Recording(recording_news(account(1), 1, 1));
    assert!(store.store_event(&stored(&waiting, "waiting")).await.expect("stored"));
    store.erase(&key("acme", 1), at(500)).await.expect("erased");
    assert_eq!(pending_ids(store).await, Vec::<i64>::new(), "what waited is done with");
    let replayed = store.store_event(&stored(&waiting, "waiting")).await.expect("asked");
    assert!(!replayed, "a replay is known for one");

    let again = hear(store, recording_news(account(1), 1, 1), at(600)).await;
    assert_eq!(again, applied(key("acme", 1), Some(recording(1))));
    let another = hear(store, recording_news(account(1), 1, 3), at(600)).await;
    assert!(matches!(another, EventOutcome::Applied { .. }), "{another:?}");
    hear(store, call_news(account(1), 1), at(600)).await;
    let details = call_news(account(1), 1).details;
    store.record_details(&key("acme", 1), &details).await.expect("without effect");
    let record = load(store, &key("acme", 1)).await;
    assert_eq!(record.call.details, CallDetails::default());
    assert_eq!(record.recordings.len(), 2);
    for row in record.recordings {
        assert_eq!((row.recording.status, row.recording.duration), (SourceStatus::Erased, None));
    }
}

/// A call that was known by itself turns out to be a leg of an erased one: it goes the same way.
pub(super) async fn a_leg_that_joins_an_erased_call_is_erased_too(store: &dyn Store) {
    add_copied(store).await;
    store.erase(&key("acme", 1), at(500)).await.expect("erased");
    hear(store, recording_news(account(1), 2, 2), at(600)).await;
    store.commit_copy(&audio("acme", 2), &copy(2), at(600)).await.expect("committed");
    hear(store, leg_news(account(1), 2, 1), at(601)).await;
    let orders = store.pending_orders(10).await.expect("orders");
    assert!(matches!(orders.as_slice(), [(_, Ok(Order::Erase(call)))] if *call == key("acme", 1)));
    let files = store.erase(&key("acme", 1), at(602)).await.expect("erased");
    assert_eq!(files, [(audio("acme", 2), CopyId::from_bits(2))]);
}

pub(super) async fn another_businesss_call_cannot_be_held_or_erased(store: &dyn Store) {
    add_copied(store).await;
    store
        .add_business(&super::examples::new_business("globex", account(2), &[]), at(0))
        .await
        .expect("globex");
    let theirs = key("globex", 1);
    let held = store.set_hold(&theirs, true, at(1)).await;
    assert!(matches!(held, Err(CatalogError::Unknown(_))), "{held:?}");
    let erased = store.erase(&theirs, at(1)).await;
    assert!(matches!(erased, Err(CatalogError::Unknown(_))), "{erased:?}");
    let ordered = store.place_order(&Order::Erase(theirs), at(1)).await;
    assert!(matches!(ordered, Err(CatalogError::Unknown(_))), "{ordered:?}");
    assert_eq!(store.expire(&audio("globex", 1), at(1_000 * DAY_S)).await.expect("asked"), None);
    assert_eq!(load(store, &key("acme", 1)).await.recordings[0].recording, first(store).await);
}

pub(super) async fn orders_wait_until_they_are_settled(store: &dyn Store) {
    add_copied(store).await;
    hear(store, leg_news(account(1), 2, 1), at(210)).await;
    let call = key("acme", 1);
    let mend =
        Order::Mend { call: call.clone(), recording: recording(1), copy: CopyId::from_bits(1) };
    let orders = [
        Order::Erase(call.clone()),
        Order::LookAgain(call),
        Order::LookAgainAt(business("acme")),
        mend,
    ];
    let mut placed = Vec::new();
    for order in orders {
        placed.push((store.place_order(&order, at(1)).await.expect("placed"), Ok(order)));
    }
    assert_eq!(store.pending_orders(10).await.expect("orders"), placed);
    assert_eq!(store.pending_orders(1).await.expect("orders"), placed[..1]);
    let by_leg = store.place_order(&Order::Erase(key("acme", 2)), at(1)).await.expect("placed");
    let last = store.pending_orders(10).await.expect("orders").pop().expect("an order");
    assert_eq!(last, (by_leg, placed[0].1.clone()), "an order names the call");

    let (first, second) = (placed[0].0, placed[1].0);
    assert_eq!(store.order_outcome(first).await.expect("known"), None);
    store.settle_order(first, &OrderOutcome::Done, at(2)).await.expect("settled");
    let refused = OrderOutcome::Refused("it is under legal hold".to_owned());
    store.settle_order(second, &refused, at(3)).await.expect("settled");
    assert_eq!(store.order_outcome(first).await.expect("known"), Some(OrderOutcome::Done));
    assert_eq!(store.order_outcome(second).await.expect("known"), Some(refused));
    assert_eq!(store.pending_orders(10).await.expect("orders").len(), 3);

    let next_day = at(1).plus(Duration::from_hours(25));
    store.settle_order(placed[2].0, &OrderOutcome::Done, next_day).await.expect("settled");
    let forgotten = store.order_outcome(first).await;
    assert!(matches!(forgotten, Err(CatalogError::Unknown(_))), "{forgotten:?}");
    assert_eq!(store.pending_orders(10).await.expect("orders").len(), 2, "pending ones stay");
}

pub(super) async fn present_copies_are_listed_page_by_page(store: &dyn Store) {
    add_copied(store).await;
    for n in 2..=4 {
        add_recording(store, n).await;
    }
    store.withdraw_copy(&audio("acme", 2), CopyId::from_bits(2)).await.expect("withdrawn");
    store.record_status(&audio("acme", 4), SourceStatus::Deleted).await.expect("deleted");
    let page = store.present_copies(None, 2).await.expect("a page");
    let names: Vec<_> = page.iter().map(|found| found.audio.recording).collect();
    assert_eq!(names, [recording(1), recording(3)]);
    assert_eq!((&page[0].call, &page[0].copy), (&key("acme", 1), &copy(1)));
    let rest = store.present_copies(Some(recording(3)), 2).await.expect("a page");
    assert_eq!(rest.len(), 1);
    assert_eq!((rest[0].audio.recording, rest[0].status), (recording(4), SourceStatus::Deleted));
}
