//! Events that fit no business, and what an operator does with them.

use actors::domain::WebhookEvent;
use actors::ports::{Assignment, CatalogError, EventOutcome, UnassignedCall};

use super::Store;
use super::examples::{
    account, add_acme, add_north_and_south, at, business, call, call_news, hear, key, new_business,
    number, recording, recording_news,
};

/// News on the shared account that fits neither `north` nor `south`: call `n` and its recording `n`.
async fn hear_of_nobodys(store: &dyn Store, n: u128) {
    let mut news = call_news(account(7), n);
    news.details.to = Some(number("+77"));
    assert_eq!(hear(store, news, at(200)).await, EventOutcome::Unassigned);
    let outcome = hear(store, recording_news(account(7), n, n), at(201)).await;
    assert_eq!(outcome, EventOutcome::Unassigned);
}

/// Applies what is pending, as the inbox does.
async fn work_off(store: &dyn Store) {
    loop {
        let pending = store.pending_events(10).await.expect("pending");
        let Some(first) = pending.first() else { return };
        store.apply_event(first.id, &first.event, at(300)).await.expect("applied");
    }
}

async fn listed(store: &dyn Store) -> Vec<(i64, u128)> {
    let listed = store.unassigned_events(100).await.expect("listed");
    let number = |event: &WebhookEvent| (1..10).find(|n| event.call() == call(*n)).expect("ours");
    listed.iter().map(|listed| (listed.id, number(&listed.event))).collect()
}

async fn knows(store: &dyn Store, id: &str, n: u128) -> bool {
    store.load_call(&key(id, n)).await.expect("asked").is_some()
}

pub(super) async fn they_are_listed_until_somebody_gets_them(store: &dyn Store) {
    add_north_and_south(store).await;
    hear_of_nobodys(store, 1).await;
    hear(store, call_news(account(7), 2), at(200)).await;
    let waiting = listed(store).await;
    assert_eq!(waiting.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 1]);
    assert!(waiting.is_sorted());
    assert_eq!(store.unassigned_events(1).await.expect("listed").len(), 1);
    assert_eq!(store.unassigned_events(1).await.expect("listed")[0].received_at, at(1));
    let assigned = store.assign_events(&business("south"), &Assignment::Account).await;
    assert_eq!(assigned.expect("assigned"), 2);
    work_off(store).await;
    assert!(listed(store).await.is_empty());
    assert!(knows(store, "south", 1).await && !knows(store, "north", 1).await);
    let again = store.assign_events(&business("north"), &Assignment::Account).await;
    assert_eq!(again.expect("asked"), 0, "there is nothing left");
}

pub(super) async fn their_calls_are_listed_once_each(store: &dyn Store) {
    add_north_and_south(store).await;
    store.add_business(&new_business("east", account(8), &["+5"]), at(0)).await.expect("east");
    store.add_business(&new_business("west", account(8), &["+6"]), at(0)).await.expect("west");
    for n in [3, 1, 2] {
        hear_of_nobodys(store, n).await;
        hear(store, recording_news(account(7), n, n + 10), at(202)).await;
    }
    hear(store, recording_news(account(8), 4, 4), at(203)).await;
    let listed = async |of, after, limit| {
        let listed = store.unassigned_calls(account(of), after, limit).await;
        listed.expect("listed")
    };
    let all = listed(7, 0, 10).await;
    let calls = |listed: &[UnassignedCall]| listed.iter().map(|it| it.call).collect::<Vec<_>>();
    assert_eq!(calls(&all), [3, 1, 2].map(call), "in the order of their oldest events");
    assert_eq!(listed(7, 0, 2).await, all[..2]);
    assert_eq!(listed(7, all[0].event, 10).await, all[1..], "none again for its later events");
    assert!(listed(7, all[2].event, 10).await.is_empty());
    assert_eq!(calls(&listed(8, 0, 10).await), [call(4)]);
}

pub(super) async fn a_business_gets_events_of_its_own_account_only(store: &dyn Store) {
    add_acme(store).await;
    add_north_and_south(store).await;
    hear_of_nobodys(store, 1).await;
    let id = listed(store).await[0].0;
    for which in [Assignment::Account, Assignment::Call(call(1)), Assignment::Event(id)] {
        let refused = store.assign_events(&business("acme"), &which).await;
        assert_eq!(refused.expect("asked"), 0, "{which:?}");
        let nobody = store.assign_events(&business("nobody"), &which).await;
        assert!(matches!(nobody, Err(CatalogError::Unknown(_))), "{nobody:?}");
    }
    work_off(store).await;
    assert_eq!(listed(store).await.len(), 2);
    assert!(!knows(store, "acme", 1).await);
}

pub(super) async fn one_call_or_one_event_can_be_assigned(store: &dyn Store) {
    add_north_and_south(store).await;
    for n in 1..=3 {
        hear_of_nobodys(store, n).await;
    }
    let of_call = store.assign_events(&business("north"), &Assignment::Call(call(1))).await;
    assert_eq!(of_call.expect("assigned"), 2);
    let (id, _) = *listed(store).await.last().expect("waiting");
    let one = store.assign_events(&business("south"), &Assignment::Event(id)).await;
    assert_eq!(one.expect("assigned"), 1);
    work_off(store).await;
    let north = store.load_call(&key("north", 1)).await.expect("asked").expect("north's");
    assert_eq!(north.recordings[0].recording.sid, recording(1));
    assert!(knows(store, "south", 3).await, "its other events follow");
    assert_eq!(listed(store).await.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [2, 2]);
}

pub(super) async fn a_call_that_has_a_business_stays_there(store: &dyn Store) {
    add_north_and_south(store).await;
    hear_of_nobodys(store, 1).await;
    let waiting = listed(store).await;
    for (id, to) in [(waiting[0].0, "north"), (waiting[1].0, "south")] {
        let assigned = store.assign_events(&business(to), &Assignment::Event(id)).await;
        assert_eq!(assigned.expect("assigned"), 1);
    }
    work_off(store).await;
    assert!(knows(store, "north", 1).await && !knows(store, "south", 1).await);
    let north = store.load_call(&key("north", 1)).await.expect("asked").expect("north's");
    assert_eq!(north.recordings.len(), 1, "what came later belongs to the call");
}

pub(super) async fn a_number_more_assigns_what_it_fits(store: &dyn Store) {
    add_north_and_south(store).await;
    store.add_business(&new_business("east", account(7), &["+5"]), at(0)).await.expect("east");
    hear_of_nobodys(store, 1).await;
    store.add_number(&business("east"), &number("+77")).await.expect("added");
    work_off(store).await;
    work_off(store).await;
    assert!(listed(store).await.is_empty());
    assert!(knows(store, "east", 1).await);
}
