//! Whose a call is, and that nobody else learns of it.

use actors::domain::{CallDetails, CopyId, Direction, SourceStatus, WebhookEvent};
use actors::ports::{CallFilter, CatalogError, EventOutcome};

use super::Store;
use super::examples::{
    account, add_acme, add_north_and_south, applied, at, audio, business, call, call_news, copy,
    hear, key, leg_news, load, new_business, number, pending_ids, recording, recording_news,
    stored,
};

pub(super) async fn another_businesss_key_finds_and_changes_nothing(store: &dyn Store) {
    add_acme(store).await;
    store.add_business(&new_business("rival", account(2), &[]), at(0)).await.expect("rival");
    hear(store, call_news(account(1), 1), at(200)).await;
    hear(store, recording_news(account(1), 1, 1), at(201)).await;
    store.commit_copy(&audio("acme", 1), &copy(1), at(202)).await.expect("committed");
    store.record_played(&audio("acme", 1), at(203)).await.expect("played");
    let before = load(store, &key("acme", 1)).await;
    let coldest = store.coldest_copies(None, 1).await.expect("coldest");

    let (call, audio) = (key("rival", 1), audio("rival", 1));
    assert_eq!(store.find_call(&call).await.expect("asked"), None);
    assert_eq!(store.load_call(&call).await.expect("asked"), None);
    let filter = CallFilter { limit: 10, ..CallFilter::default() };
    let page = store.list_calls(&business("rival"), &filter).await.expect("listed");
    assert!(page.calls.is_empty());
    assert!(!store.is_held(&audio, CopyId::from_bits(1)).await.expect("asked"));
    let refused = [
        store.record_details(&call, &CallDetails::default()).await,
        store.record_status(&audio, SourceStatus::Deleted).await,
        store.commit_copy(&audio, &copy(2), at(300)).await,
    ];
    for answer in refused {
        assert!(matches!(answer, Err(CatalogError::Unknown(_))), "{answer:?}");
    }
    store.withdraw_copy(&audio, CopyId::from_bits(1)).await.expect("nothing to withdraw");
    store.record_played(&audio, at(300)).await.expect("nothing to play");
    assert!(store.key_of_recording(&audio, b"theirs".to_vec()).await.is_err());

    assert_eq!(load(store, &key("acme", 1)).await, before);
    assert_eq!(store.coldest_copies(None, 1).await.expect("coldest"), coldest);
}

pub(super) async fn the_only_business_of_an_account_gets_its_calls(store: &dyn Store) {
    store.add_business(&new_business("acme", account(1), &["+7"]), at(0)).await.expect("acme");
    let outcome = hear(store, recording_news(account(1), 1, 1), at(200)).await;
    assert_eq!(outcome, applied(key("acme", 1), Some(recording(1))), "whatever its numbers");
}

pub(super) async fn a_shared_account_is_told_apart_by_our_end_of_the_call(store: &dyn Store) {
    add_north_and_south(store).await;
    let cases = [
        (Some(Direction::Inbound), "+99", "+1", Some("north")),
        (Some(Direction::Inbound), "+99", "+2", Some("south")),
        (Some(Direction::Outbound), "+2", "+99", Some("south")),
        (Some(Direction::Inbound), "+1", "+2", Some("south")),
        (Some(Direction::Outbound), "+1", "+2", Some("north")),
        (Some(Direction::Inbound), "+1", "+99", None),
        (Some(Direction::Outbound), "+99", "+2", None),
        (None, "+99", "+2", Some("south")),
        (None, "+1", "+99", Some("north")),
        (None, "+1", "+2", None),
    ];
    for (n, (direction, from, to, owner)) in (1..).zip(cases) {
        let mut news = call_news(account(7), n);
        news.details.direction = direction;
        (news.details.from, news.details.to) = (Some(number(from)), Some(number(to)));
        let expected = match owner {
            Some(owner) => applied(key(owner, n), None),
            None => EventOutcome::Unassigned,
        };
        assert_eq!(hear(store, news, at(200)).await, expected, "{direction:?} {from} {to}");
    }
    let outcome = hear(store, recording_news(account(7), 2, 1), at(201)).await;
    assert_eq!(outcome, applied(key("south", 2), Some(recording(1))), "its call is known");
}

pub(super) async fn what_fits_no_business_is_nobodys(store: &dyn Store) {
    add_north_and_south(store).await;
    let outcome = hear(store, recording_news(account(7), 1, 1), at(200)).await;
    assert_eq!(outcome, EventOutcome::Unassigned);
    for id in ["north", "south"] {
        assert_eq!(store.load_call(&key(id, 1)).await.expect("asked"), None, "{id}");
    }
    assert!(pending_ids(store).await.is_empty(), "and nobody tries again for nothing");
}

pub(super) async fn events_wait_until_their_call_has_a_business(store: &dyn Store) {
    add_north_and_south(store).await;
    let recorded = recording_news(account(7), 2, 1);
    assert_eq!(hear(store, recorded.clone(), at(200)).await, EventOutcome::Unassigned);
    let leg = leg_news(account(7), 2, 1);
    assert_eq!(hear(store, leg.clone(), at(201)).await, EventOutcome::Unassigned);
    hear(store, call_news(account(7), 1), at(202)).await;
    let waiting = pending_ids(store).await;
    assert_eq!(waiting.len(), 1, "the leg's, whose parent is known now");
    let outcome = store.apply_event(waiting[0], &WebhookEvent::Call(leg), at(203)).await;
    assert_eq!(outcome.expect("applied"), applied(key("north", 1), None));
    let waiting = pending_ids(store).await;
    assert_eq!(waiting.len(), 1, "the recording's, whose leg is known now");
    let outcome = store.apply_event(waiting[0], &WebhookEvent::Recording(recorded), at(204)).await;
    assert_eq!(outcome.expect("applied"), applied(key("north", 1), Some(recording(1))));
    assert!(pending_ids(store).await.is_empty());
}

pub(super) async fn events_wait_until_there_is_a_business_for_them(store: &dyn Store) {
    add_north_and_south(store).await;
    let mut western = call_news(account(7), 1);
    western.details.to = Some(number("+3"));
    assert_eq!(hear(store, western.clone(), at(200)).await, EventOutcome::Unassigned);
    store.add_business(&new_business("west", account(7), &["+3"]), at(201)).await.expect("west");
    let waiting = pending_ids(store).await;
    assert_eq!(waiting.len(), 1);
    let outcome = store.apply_event(waiting[0], &WebhookEvent::Call(western), at(202)).await;
    assert_eq!(outcome.expect("applied"), applied(key("west", 1), None));
}

pub(super) async fn another_accounts_news_of_a_known_call_is_nobodys(store: &dyn Store) {
    add_acme(store).await;
    store.add_business(&new_business("rival", account(2), &[]), at(0)).await.expect("rival");
    hear(store, call_news(account(1), 1), at(200)).await;
    hear(store, recording_news(account(1), 1, 1), at(201)).await;
    let before = load(store, &key("acme", 1)).await;
    let mut deleted = recording_news(account(2), 2, 1);
    deleted.status = SourceStatus::Deleted;
    assert_eq!(hear(store, call_news(account(2), 1), at(300)).await, EventOutcome::Unassigned);
    assert_eq!(hear(store, leg_news(account(2), 3, 1), at(301)).await, EventOutcome::Unassigned);
    assert_eq!(hear(store, deleted, at(302)).await, EventOutcome::Unassigned);
    assert_eq!(
        hear(store, recording_news(account(2), 1, 5), at(303)).await,
        EventOutcome::Unassigned
    );
    assert_eq!(load(store, &key("acme", 1)).await, before);
    for n in 1..=3 {
        assert_eq!(store.find_call(&key("rival", n)).await.expect("asked"), None);
    }
}

pub(super) async fn no_account_can_shadow_anothers_event(store: &dyn Store) {
    let forged = WebhookEvent::Recording(recording_news(account(2), 1, 1));
    let genuine = WebhookEvent::Recording(recording_news(account(1), 1, 1));
    assert!(store.store_event(&stored(&forged, "recording 1 completed")).await.expect("stored"));
    assert!(store.store_event(&stored(&genuine, "recording 1 completed")).await.expect("stored"));
    assert!(!store.store_event(&stored(&genuine, "recording 1 completed")).await.expect("known"));
}

pub(super) async fn a_call_never_changes_its_business(store: &dyn Store) {
    add_north_and_south(store).await;
    hear(store, call_news(account(7), 1), at(200)).await;
    let mut news = call_news(account(7), 1);
    news.details.to = Some(number("+2"));
    assert_eq!(hear(store, news.clone(), at(201)).await, applied(key("north", 1), None));
    store.record_details(&key("north", 1), &news.details).await.expect("recorded");
    assert_eq!(store.find_call(&key("south", 1)).await.expect("asked"), None);
    let stays = load(store, &key("north", 1)).await.call;
    assert_eq!((stays.business, stays.sid), (business("north"), call(1)));
}
