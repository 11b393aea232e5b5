//! Calls of several legs, heard of in any order.

use actors::domain::{CallDetails, CallKey};
use actors::ports::CallFilter;

use super::Store;
use super::examples::{
    account, add_acme, add_north_and_south, applied, at, business, call, call_news, hear, key,
    leg_news, load, number, recording, recording_news,
};

async fn parent_of(store: &dyn Store, leg: u128) -> Option<CallKey> {
    store.find_call(&key("acme", leg)).await.expect("found")
}

/// The recordings of call 1, and that nothing else is listed.
async fn recordings_of_the_only_call(store: &dyn Store) -> usize {
    let filter = CallFilter { limit: 10, ..CallFilter::default() };
    let page = store.list_calls(&business("acme"), &filter).await.expect("listed");
    assert_eq!(page.calls.len(), 1, "parents only");
    assert_eq!(page.calls[0].call.sid, call(1));
    assert_eq!(load(store, &key("acme", 1)).await, page.calls[0]);
    page.calls[0].recordings.len()
}

pub(super) async fn a_leg_makes_its_parent_known(store: &dyn Store) {
    add_acme(store).await;
    let outcome = hear(store, leg_news(account(1), 2, 1), at(200)).await;
    assert_eq!(outcome, applied(key("acme", 1), None));
    let parent = load(store, &key("acme", 1)).await.call;
    assert_eq!(parent.details, CallDetails::default(), "its details are its own");
    assert_eq!(store.load_call(&key("acme", 2)).await.expect("loaded"), None, "a leg is no call");
    hear(store, call_news(account(1), 1), at(210)).await;
    let parent = load(store, &key("acme", 1)).await.call;
    assert_eq!(parent.details, call_news(account(1), 1).details);
    assert_eq!(parent_of(store, 2).await, Some(key("acme", 1)));
    assert_eq!(parent_of(store, 1).await, Some(key("acme", 1)));
    assert_eq!(parent_of(store, 3).await, None);
    for (leg, parent) in [(1, Some(key("acme", 1))), (2, Some(key("acme", 1))), (3, None)] {
        assert_eq!(store.find_call_anywhere(call(leg)).await.expect("asked"), parent);
    }
    assert_eq!(recordings_of_the_only_call(store).await, 0);
}

pub(super) async fn a_recording_of_a_leg_is_kept_under_the_parent(store: &dyn Store) {
    add_acme(store).await;
    hear(store, call_news(account(1), 1), at(200)).await;
    hear(store, leg_news(account(1), 2, 1), at(201)).await;
    let outcome = hear(store, recording_news(account(1), 2, 8), at(202)).await;
    assert_eq!(outcome, applied(key("acme", 1), Some(recording(8))));
    hear(store, recording_news(account(1), 1, 9), at(203)).await;
    assert_eq!(recordings_of_the_only_call(store).await, 2);
}

pub(super) async fn a_leg_known_as_a_call_moves_with_its_recordings(store: &dyn Store) {
    add_acme(store).await;
    let outcome = hear(store, recording_news(account(1), 2, 8), at(200)).await;
    assert_eq!(outcome, applied(key("acme", 2), Some(recording(8))), "nobody said it is a leg");
    hear(store, recording_news(account(1), 3, 9), at(201)).await;
    let outcome = hear(store, leg_news(account(1), 2, 1), at(202)).await;
    assert_eq!(outcome, applied(key("acme", 1), None));
    let mut told = call_news(account(1), 3).details;
    told.parent = Some(call(1));
    store.record_details(&key("acme", 3), &told).await.expect("told by the REST API");
    assert_eq!(recordings_of_the_only_call(store).await, 2);
    hear(store, recording_news(account(1), 2, 8), at(203)).await;
    assert_eq!(recordings_of_the_only_call(store).await, 2, "a replay does not move it back");
}

pub(super) async fn legs_of_legs_hang_under_the_same_call(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 3, 9), at(200)).await;
    hear(store, leg_news(account(1), 3, 2), at(201)).await;
    assert_eq!(parent_of(store, 3).await, Some(key("acme", 2)));
    hear(store, leg_news(account(1), 2, 1), at(202)).await;
    hear(store, leg_news(account(1), 4, 2), at(203)).await;
    for leg in 1..=4 {
        assert_eq!(parent_of(store, leg).await, Some(key("acme", 1)), "leg {leg}");
    }
    assert_eq!(recordings_of_the_only_call(store).await, 1);
}

pub(super) async fn a_circle_of_legs_is_not_followed(store: &dyn Store) {
    add_acme(store).await;
    hear(store, leg_news(account(1), 1, 1), at(200)).await;
    hear(store, leg_news(account(1), 2, 1), at(201)).await;
    hear(store, leg_news(account(1), 1, 2), at(202)).await;
    for leg in 1..=2 {
        assert_eq!(parent_of(store, leg).await, Some(key("acme", 1)), "leg {leg}");
    }
}

pub(super) async fn another_businesss_call_is_no_parent(store: &dyn Store) {
    add_north_and_south(store).await;
    hear(store, call_news(account(7), 1), at(200)).await;
    let mut southern = call_news(account(7), 2);
    southern.details.to = Some(number("+2"));
    hear(store, southern.clone(), at(201)).await;
    southern.details.parent = Some(call(1));
    let outcome = hear(store, southern, at(202)).await;
    assert_eq!(outcome, applied(key("south", 2), None));
    assert_eq!(load(store, &key("south", 2)).await.call.business, business("south"));
    assert_eq!(load(store, &key("north", 1)).await.call.business, business("north"));
}
