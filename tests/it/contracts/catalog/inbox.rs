//! Webhooks: stored once, applied once, never in each other's way.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use actors::domain::{CallDetails, WebhookEvent};
use actors::ports::CatalogError;
use futures_util::FutureExt;
use hearback::twilio::webhook;
use tokio::time::timeout;

use super::Store;
use super::examples::{account, add_acme, at, call, call_news, key, leg_news, pending_ids, stored};

pub(super) async fn an_event_is_stored_once(store: &dyn Store) {
    let event = stored(&WebhookEvent::Call(call_news(account(1), 1)), "the same");
    assert!(store.store_event(&event).await.expect("stored"));
    assert!(!store.store_event(&event).await.expect("known"), "a duplicate");
    let (id, _) = store.pending_events(10).await.expect("pending")[0];
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
    assert!(pending.iter().map(|(_, event)| event).eq(&events), "as they were stored");
    assert!(pending.is_sorted_by_key(|(id, _)| *id));
    assert_eq!(store.pending_events(2).await.expect("pending"), pending[..2]);
    store.apply_event(pending[0].0, &pending[0].1, at(2)).await.expect("applied");
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
    assert_eq!(pending[0].1.call(), call(1));
}

pub(super) async fn marking_an_event_that_is_not_there_undoes_everything(store: &dyn Store) {
    add_acme(store).await;
    let event = WebhookEvent::Call(call_news(account(1), 1));
    let outcome = store.apply_event(41, &event, at(1)).await;
    assert!(matches!(outcome, Err(CatalogError::Unknown(_))), "{outcome:?}");
    assert_eq!(store.load_call(&key("acme", 1)).await.expect("loaded"), None);
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
    let (id, _) = store.pending_events(1).await.expect("still reads")[0];
    store.apply_event(id, &event, at(1)).await.expect("still applies");
    assert!(store.load_call(&key("acme", 5_000)).await.expect("still loads").is_some());
}
