//! Webhooks: stored once, applied once, never in each other's way.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use actors::domain::{CallDetails, SourceStatus, WebhookEvent};
use actors::ports::CatalogError;
use futures_util::FutureExt;
use hearback::twilio::webhook;
use tokio::time::timeout;

use super::Store;
use super::examples::{
    account, add_acme, at, call, call_news, hear, key, leg_news, load, new_business, pending_ids,
    recording_news, stored,
};

pub(super) async fn an_event_is_stored_once(store: &dyn Store) {
    let event = stored(&WebhookEvent::Call(call_news(account(1), 1)), "the same");
    assert!(store.store_event(&event).await.expect("stored"));
    assert!(!store.store_event(&event).await.expect("known"), "a duplicate");
    let id = store.pending_events(10).await.expect("pending")[0].id;
    store.apply_event(id, &event.event, at(2)).await.expect("applied");
    assert!(!store.store_event(&event).await.expect("known"), "a replay");
    assert!(pending_ids(store).await.is_empty());
}

pub(super) async fn events_are_pending_in_order_until_they_are_applied(store: &dyn Store) {
    add_acme(store).await;
    let forms: Vec<String> = (1..=3)
        .map(|n| {
            format!(
                "AccountSid={}&CallSid={}&CallStatus=ringing&Direction=inbound&From=%2B99&To=%2B1",
                account(1),
                call(n)
            )
        })
        .collect();
    let events: Vec<WebhookEvent> = forms
        .iter()
        .map(|form| {
            webhook::event(&webhook::parse_form(form.as_bytes()).expect("a form"))
                .expect("an event")
        })
        .collect();
    for (event, form) in events.iter().zip(&forms) {
        let mut stored = stored(event, form);
        stored.raw_form.clone_from(form);
        assert!(store.store_event(&stored).await.expect("stored"));
    }
    let pending = store.pending_events(10).await.expect("pending");
    assert!(pending.iter().map(|it| &it.event).eq(&events), "as they were stored");
    assert!(pending.is_sorted_by_key(|it| it.id));
    assert!(pending.iter().all(|it| it.received_at == stored(&it.event, "").received_at));
    assert_eq!(store.pending_count().await.expect("counted"), pending.len() as u64);
    assert_eq!(store.pending_events(2).await.expect("pending"), pending[..2]);
    store.apply_event(pending[0].id, &pending[0].event, at(2)).await.expect("applied");
    assert_eq!(store.pending_events(10).await.expect("pending"), pending[1..]);
}

pub(super) async fn unreadable_events_are_set_aside_and_block_nobody(store: &dyn Store) {
    let event = WebhookEvent::Call(call_news(account(1), 1));
    for n in 0..3 {
        let mut broken = stored(&event, &format!("broken {n}"));
        broken.raw_form = "CallSid=nonsense".into();
        assert!(store.store_event(&broken).await.expect("stored"));
    }
    assert!(store.store_event(&stored(&event, "readable")).await.expect("stored"));
    let pending = store.pending_events(2).await.expect("pending");
    assert_eq!(pending.len(), 1, "the readable one behind a batch of unreadable ones");
    assert_eq!(pending[0].event.call(), call(1));
}

pub(super) async fn marking_an_event_that_is_not_there_undoes_everything(store: &dyn Store) {
    add_acme(store).await;
    let event = WebhookEvent::Call(call_news(account(1), 1));
    let outcome = store.apply_event(41, &event, at(1)).await;
    assert!(matches!(outcome, Err(CatalogError::Unknown(_))), "{outcome:?}");
    assert_eq!(store.load_call(&key("acme", 1)).await.expect("loaded"), None);
}

pub(super) async fn a_call_is_expected_while_news_of_it_is_pending(store: &dyn Store) {
    add_acme(store).await;
    store.add_business(&new_business("rival", account(2), &[]), at(0)).await.expect("rival");
    let expected = async |id, n| store.is_expected(&key(id, n)).await.expect("asked");
    let leg = WebhookEvent::Call(leg_news(account(1), 2, 1));
    assert!(store.store_event(&stored(&leg, "leg")).await.expect("stored"));
    for n in [1, 2] {
        assert!(expected("acme", n).await, "pending");
        assert!(!expected("rival", n).await, "another account's");
    }
    assert!(!expected("acme", 3).await, "nobody spoke of it");
    let id = pending_ids(store).await[0];
    store.apply_event(id, &leg, at(2)).await.expect("applied");
    for n in [1, 2] {
        assert!(expected("acme", n).await, "known");
        assert!(!expected("rival", n).await, "another's");
    }
}

pub(super) async fn an_event_that_is_set_aside_is_not_pending(store: &dyn Store) {
    add_acme(store).await;
    let event = stored(&WebhookEvent::Call(call_news(account(1), 1)), "poison");
    assert!(store.store_event(&event).await.expect("stored"));
    let id = pending_ids(store).await[0];
    store.set_event_aside(id, at(2)).await.expect("set aside");
    assert!(pending_ids(store).await.is_empty());
    assert!(!store.is_expected(&key("acme", 1)).await.expect("asked"));
    assert!(store.unassigned_events(10).await.expect("listed").is_empty());
    assert!(!store.store_event(&event).await.expect("known"), "a duplicate");
}

pub(super) async fn what_was_found_is_stored_once_and_only_if_it_is_news(store: &dyn Store) {
    add_acme(store).await;
    let mut going_on = recording_news(account(1), 1, 1);
    going_on.status = SourceStatus::InProgress;
    hear(store, going_on, at(100)).await;
    hear(store, recording_news(account(1), 2, 2), at(100)).await;
    let found = [
        WebhookEvent::Call(call_news(account(1), 1)),
        WebhookEvent::Recording(recording_news(account(1), 1, 1)),
        WebhookEvent::Recording(recording_news(account(1), 2, 2)),
        WebhookEvent::Recording(recording_news(account(1), 3, 3)),
    ];
    assert_eq!(store.store_found(&found, at(200)).await.expect("stored"), 3);
    assert_eq!(store.store_found(&found, at(201)).await.expect("known"), 0);
    let pending = store.pending_events(10).await.expect("pending");
    let expected = [&found[0], &found[1], &found[3]];
    assert!(pending.iter().map(|it| &it.event).eq(expected), "{pending:?}");
    for it in &pending {
        store.apply_event(it.id, &it.event, at(202)).await.expect("applied");
    }
    assert_eq!(store.store_found(&found, at(203)).await.expect("known"), 0);
    let call = load(store, &key("acme", 1)).await;
    assert_eq!(call.call.details, call_news(account(1), 1).details);
    assert_eq!(call.recordings[0].recording.status, SourceStatus::Completed);
    assert_eq!(load(store, &key("acme", 3)).await.recordings.len(), 1);
}

pub(super) async fn what_was_dealt_with_is_forgotten_after_a_while(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=3 {
        hear(store, call_news(account(1), n), at(2)).await;
    }
    hear(store, call_news(account(2), 4), at(2)).await;
    let pending = stored(&WebhookEvent::Call(call_news(account(1), 5)), "pending");
    assert!(store.store_event(&pending).await.expect("stored"));
    assert_eq!(store.prune_events(at(1), 10).await.expect("pruned"), 0, "received at 1");
    assert_eq!(store.prune_events(at(2), 3).await.expect("pruned"), 3, "so many at a time");
    assert_eq!(store.prune_events(at(2), 3).await.expect("pruned"), 1);
    assert_eq!(store.prune_events(at(2), 3).await.expect("pruned"), 0, "the rest is pending");
    assert!(!store.store_event(&pending).await.expect("known"));
    assert!(store.load_call(&key("acme", 1)).await.expect("loaded").is_some());
}

pub(super) async fn how_far_an_account_was_reconciled_is_kept(store: &dyn Store) {
    add_acme(store).await;
    assert_eq!(store.reconciled(account(1)).await.expect("asked"), None);
    for through in [at(5), at(9)] {
        store.record_reconciled(account(1), through).await.expect("kept");
        assert_eq!(store.reconciled(account(1)).await.expect("asked"), Some(through));
    }
    let unknown = store.record_reconciled(account(2), at(5)).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}

/// Browsers hang up at any time: the future of a request is then dropped wherever it stands.
pub(super) async fn aborted_requests_leave_it_usable(store: &dyn Store) {
    add_acme(store).await;
    for n in 0..500_u128 {
        let event = WebhookEvent::Call(leg_news(account(1), 2 * n + 2, 2 * n + 1));
        let (stored, asked) = (stored(&event, &n.to_string()), key("acme", 1));
        let details = CallDetails::default();
        let mut request = async {
            match n % 4 {
                0 => drop(store.store_event(&stored).await),
                1 => drop(store.load_call(&asked).await),
                2 => drop(store.pending_events(10).await),
                _ => drop(store.record_details(&asked, &details).await),
            }
        }
        .boxed();
        // Given up the moment it could go on for the n-th time: wherever it awaits something.
        let mut patience = n / 4 % 25;
        poll_fn(|task| match patience.checked_sub(1) {
            Some(left) => {
                patience = left;
                request.poll_unpin(task)
            }
            None => Poll::Ready(()),
        })
        .await;
    }
    let event = WebhookEvent::Call(call_news(account(1), 5_000));
    assert!(store.store_event(&stored(&event, "the one after")).await.expect("still writes"));
    let begun = (0..500).filter(|n| n % 4 == 0 && n / 4 % 25 > 0).count();
    let finished = async { while pending_ids(store).await.len() < begun + 1 {} };
    timeout(Duration::from_secs(20), finished).await.expect("what was begun is finished");
    let id = store.pending_events(1).await.expect("still reads")[0].id;
    store.apply_event(id, &event, at(1)).await.expect("still applies");
    assert!(store.load_call(&key("acme", 5_000)).await.expect("still loads").is_some());
}
