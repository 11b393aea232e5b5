//! The list of calls: order, pages, filters.

use actors::domain::{CallKey, CallStatus, CopyId, Direction, SourceStatus};
use actors::ports::{CallFilter, CatalogError};

use super::Store;
use super::examples::{
    account, add_acme, at, audio, business, call, call_news, copy, hear, leg_news, load, number,
    recording_news,
};

fn all() -> CallFilter {
    CallFilter { limit: 100, ..CallFilter::default() }
}

/// The numbers of the calls that a filter leaves, in the list's order.
async fn listed(store: &dyn Store, filter: CallFilter) -> Vec<u128> {
    let page = store.list_calls(&business("acme"), &filter).await.expect("listed");
    assert_eq!(page.next_cursor, None, "one page");
    let number_of = |sid| (1..100).find(|n| call(*n) == sid).expect("a call of the test");
    page.calls.iter().map(|record| number_of(record.call.sid)).collect()
}

pub(super) async fn pages_follow_each_other_across_equal_times(store: &dyn Store) {
    add_acme(store).await;
    // Three moments for ten calls; calls 9 and 10 have no start, only the moment we heard of them.
    for n in 1..=10_u128 {
        let moment = at(100 + i64::try_from(n % 3).expect("small"));
        let mut news = call_news(account(1), n);
        news.details.started_at = (n < 9).then_some(moment);
        hear(store, news, moment).await;
    }
    let whole = listed(store, all()).await;
    assert_eq!(whole, [8, 5, 2, 10, 7, 4, 1, 9, 6, 3]);
    for limit in 1..=10 {
        let mut filter = CallFilter { limit, ..CallFilter::default() };
        let mut paged = Vec::new();
        loop {
            let page = store.list_calls(&business("acme"), &filter).await.expect("a page");
            assert!(page.calls.len() <= limit as usize);
            paged.extend(page.calls.iter().map(|record| record.call.sid));
            assert!(paged.len() <= whole.len(), "pages of {limit} repeat themselves");
            match page.next_cursor {
                Some(cursor) => filter.cursor = Some(cursor),
                None => break,
            }
        }
        assert!(paged.iter().copied().eq(whole.iter().map(|n| call(*n))), "pages of {limit}");
    }
    let empty = listed(store, CallFilter { to: Some(at(1)), ..all() }).await;
    assert!(empty.is_empty());
}

pub(super) async fn each_call_comes_with_its_recordings_and_copies(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=3 {
        hear(store, call_news(account(1), n), at(200)).await;
        for part in 0..n {
            let mut recorded = recording_news(account(1), n, 10 * n + part);
            recorded.started_at = Some(at(200 - i64::try_from(part).expect("small")));
            hear(store, recorded, at(201)).await;
        }
    }
    store.commit_copy(&audio("acme", 20), &copy(1), at(202)).await.expect("committed");
    store.commit_copy(&audio("acme", 31), &copy(2), at(202)).await.expect("committed");
    store.withdraw_copy(&audio("acme", 31), CopyId::from_bits(2)).await.expect("withdrawn");
    let page = store.list_calls(&business("acme"), &all()).await.expect("listed");
    let counts: Vec<usize> = page.calls.iter().map(|record| record.recordings.len()).collect();
    assert_eq!(counts, [3, 2, 1]);
    for record in page.calls {
        let own = CallKey { business: business("acme"), call: record.call.sid };
        assert_eq!(record, load(store, &own).await);
        let starts = record.recordings.iter().map(|record| record.recording.started_at);
        assert!(starts.is_sorted(), "the one that started last is the last");
    }
}

pub(super) async fn filters_narrow_it(store: &dyn Store) {
    add_acme(store).await;
    hear(store, call_news(account(1), 1), at(500)).await;
    let mut second = call_news(account(1), 2);
    second.details.direction = Some(Direction::Outbound);
    second.details.status = Some(CallStatus::NoAnswer);
    second.details.started_at = Some(at(200));
    hear(store, second, at(500)).await;
    let mut leg = leg_news(account(1), 3, 2);
    leg.details.to = Some(number("+42"));
    hear(store, leg, at(500)).await;
    let mut fourth = call_news(account(1), 4);
    fourth.details.from = Some(number("+42"));
    fourth.details.started_at = Some(at(300));
    hear(store, fourth, at(500)).await;
    hear(store, recording_news(account(1), 4, 4), at(500)).await;
    let mut silent = recording_news(account(1), 2, 2);
    silent.status = SourceStatus::Absent;
    hear(store, silent, at(500)).await;

    assert_eq!(listed(store, all()).await, [4, 2, 1]);
    let inbound = CallFilter { direction: Some(Direction::Inbound), ..all() };
    assert_eq!(listed(store, inbound).await, [4, 1]);
    let unanswered = CallFilter { status: Some(CallStatus::NoAnswer), ..all() };
    assert_eq!(listed(store, unanswered).await, [2]);
    let of_number = CallFilter { number: Some(number("+42")), ..all() };
    assert_eq!(listed(store, of_number).await, [4, 2], "on the call or on one of its legs");
    let since = CallFilter { from: Some(at(200)), ..all() };
    assert_eq!(listed(store, since).await, [4, 2], "from is included");
    let until = CallFilter { to: Some(at(300)), ..all() };
    assert_eq!(listed(store, until).await, [2, 1], "to is not");
    let recorded = CallFilter { has_recording: Some(true), ..all() };
    assert_eq!(listed(store, recorded).await, [4]);
    let unrecorded = CallFilter { has_recording: Some(false), ..all() };
    assert_eq!(listed(store, unrecorded).await, [2, 1], "nor where Twilio kept nothing");
    let both =
        CallFilter { number: Some(number("+42")), direction: Some(Direction::Inbound), ..all() };
    assert_eq!(listed(store, both).await, [4]);

    store.commit_copy(&audio("acme", 4), &copy(4), at(501)).await.expect("committed");
    store.record_status(&audio("acme", 4), SourceStatus::Deleted).await.expect("deleted");
    let recorded = CallFilter { has_recording: Some(true), ..all() };
    assert_eq!(listed(store, recorded.clone()).await, [4], "our copy plays on");
    store.withdraw_copy(&audio("acme", 4), CopyId::from_bits(4)).await.expect("withdrawn");
    assert!(listed(store, recorded).await.is_empty());
}

pub(super) async fn a_cursor_that_we_did_not_make_is_refused(store: &dyn Store) {
    add_acme(store).await;
    for cursor in ["", "x", "%%%", "MTIz", "MTIzIENBMQ", "' OR 1=1 --"] {
        let filter = CallFilter { cursor: Some(cursor.to_owned()), ..all() };
        let page = store.list_calls(&business("acme"), &filter).await;
        assert!(matches!(page, Err(CatalogError::Cursor)), "{cursor}: {page:?}");
    }
}
