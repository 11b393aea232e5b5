//! Businesses, events and copies to test with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::{
    AccountSid, AudioKey, AudioType, BusinessId, CallDetails, CallEvent, CallKey, CallSid,
    CallStatus, CopyId, Direction, Format, PhoneNumber, RecordingEvent, RecordingSid,
    SegmentDigests, SourceStatus, StoredCopy, Timestamp, Version, WebhookEvent,
};
use actors::ports::{CallRecord, EventOutcome, InboxEvent, NewBusiness};
use hearback::twilio::webhook;

use super::Store;

pub(super) fn business(id: &str) -> BusinessId {
    id.parse().expect("a business id")
}

pub(super) fn account(n: u128) -> AccountSid {
    AccountSid::from_bits(n)
}

pub(super) fn call(n: u128) -> CallSid {
    CallSid::from_bits(n)
}

pub(super) fn recording(n: u128) -> RecordingSid {
    RecordingSid::from_bits(n)
}

pub(super) fn key(id: &str, n: u128) -> CallKey {
    CallKey { business: business(id), call: call(n) }
}

pub(super) fn audio(id: &str, n: u128) -> AudioKey {
    AudioKey { business: business(id), recording: recording(n), format: Format::Mp3 }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(super) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::new(text)
}

pub(super) fn new_business(id: &str, of: AccountSid, numbers: &[&str]) -> NewBusiness {
    NewBusiness {
        id: business(id),
        name: format!("The {id}"),
        account: of,
        sealed_token: format!("token of {id}").into_bytes(),
        numbers: numbers.iter().map(|text| number(text)).collect(),
    }
}

/// The business `acme` alone on account 1.
pub(super) async fn add_acme(store: &dyn Store) {
    store.add_business(&new_business("acme", account(1), &[]), at(0)).await.expect("acme");
}

/// `north` (+1) and `south` (+2) share account 7.
pub(super) async fn add_north_and_south(store: &dyn Store) {
    for (id, ours) in [("north", "+1"), ("south", "+2")] {
        store.add_business(&new_business(id, account(7), &[ours]), at(0)).await.expect(id);
    }
}

/// A finished inbound call from +99 to +1.
pub(super) fn call_news(of: AccountSid, n: u128) -> CallEvent {
    let details = CallDetails {
        parent: None,
        direction: Some(Direction::Inbound),
        from: Some(number("+99")),
        to: Some(number("+1")),
        status: Some(CallStatus::Completed),
        started_at: Some(at(100)),
        duration: Some(Duration::from_secs(60)),
    };
    CallEvent { account: of, call: call(n), details }
}

/// News of a leg, of which nothing but its parent is said.
pub(super) fn leg_news(of: AccountSid, leg: u128, parent: u128) -> CallEvent {
    let details = CallDetails { parent: Some(call(parent)), ..CallDetails::default() };
    CallEvent { account: of, call: call(leg), details }
}

/// A completed recording in two channels.
pub(super) fn recording_news(of: AccountSid, of_call: u128, n: u128) -> RecordingEvent {
    RecordingEvent {
        account: of,
        call: call(of_call),
        recording: recording(n),
        status: SourceStatus::Completed,
        channels: Some(2),
        duration: Some(Duration::from_secs(50)),
        started_at: Some(at(105)),
    }
}

pub(super) fn copy(n: u128) -> StoredCopy {
    StoredCopy {
        id: CopyId::from_bits(n),
        version: Version::FIRST,
        sha256: [7; 32],
        length: 4_096,
        audio_type: AudioType::Mpeg,
        duration: Duration::from_millis(50_123),
        segments: SegmentDigests::from_bytes(&[9; 16]),
    }
}

/// A webhook as it would be stored.
pub(super) fn stored(event: &WebhookEvent, dedup_key: &str) -> InboxEvent {
    InboxEvent {
        event: event.clone(),
        dedup_key: dedup_key.to_owned(),
        raw_form: webhook::form_of(event),
        received_at: at(1),
    }
}

/// Stores an event and applies it.
pub(super) async fn hear(
    store: &dyn Store,
    event: impl Into<News>,
    now: Timestamp,
) -> EventOutcome {
    let News(event) = event.into();
    let dedup_key = format!("heard {}", HEARD.fetch_add(1, Ordering::Relaxed));
    assert!(store.store_event(&stored(&event, &dedup_key)).await.expect("stored"));
    let id = *pending_ids(store).await.last().expect("just stored");
    store.apply_event(id, &event, now).await.expect("applied")
}

/// Makes each event a new one to the inbox: what is tested is what it changes, however often it is said.
static HEARD: AtomicU64 = AtomicU64::new(0);

pub(super) struct News(WebhookEvent);

impl From<CallEvent> for News {
    fn from(event: CallEvent) -> Self {
        Self(WebhookEvent::Call(event))
    }
}

impl From<RecordingEvent> for News {
    fn from(event: RecordingEvent) -> Self {
        Self(WebhookEvent::Recording(event))
    }
}

impl From<WebhookEvent> for News {
    fn from(event: WebhookEvent) -> Self {
        Self(event)
    }
}

pub(super) async fn pending_ids(store: &dyn Store) -> Vec<i64> {
    let pending = store.pending_events(1_000).await.expect("pending events");
    pending.into_iter().map(|it| it.id).collect()
}

pub(super) async fn load(store: &dyn Store, key: &CallKey) -> CallRecord {
    store.load_call(key).await.expect("loaded").expect("a known call")
}

pub(super) fn applied(call: CallKey, recording: Option<RecordingSid>) -> EventOutcome {
    EventOutcome::Applied { call, recording }
}
