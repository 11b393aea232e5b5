//! Webhooks as a receiver sees them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use hearback::simulator::{
    Announcement, Callbacks, PlannedCall, Simulator, SimulatorConfig, speech,
};
use hearback::twilio::signature::sign;

use super::{ACCOUNT, NOW_MS, TOKEN, start};

const CALLBACK: &str = "https://rec.example.com/webhooks?x='1#rc=5&rp=ct,rt,5xx";
const SIGNED: &str = "https://rec.example.com/webhooks?x='1";

/// Answers with each status in turn, the last one for good, and keeps what arrived.
#[derive(Default)]
struct Receiver {
    statuses: Mutex<Vec<u16>>,
    arrived: Mutex<Vec<Arrival>>,
}

struct Arrival {
    uri: String,
    signature: String,
    idempotency_token: String,
    params: Vec<(String, String)>,
}

impl Arrival {
    fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name| headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    receiver.arrived.lock().expect("unpoisoned").push(Arrival {
        uri: uri.to_string(),
        signature: header("x-twilio-signature"),
        idempotency_token: header("i-twilio-idempotency-token"),
        params: url::form_urlencoded::parse(&body).into_owned().collect(),
    });
    let mut statuses = receiver.statuses.lock().expect("unpoisoned");
    let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] };
    StatusCode::from_u16(status).expect("a status")
}

/// A receiver that answers so, and the callbacks that reach it.
async fn listen(statuses: &[u16]) -> (Arc<Receiver>, Callbacks) {
    let receiver = Arc::new(Receiver::default());
    *receiver.statuses.lock().expect("unpoisoned") = statuses.to_vec();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(receive).with_state(Arc::clone(&receiver));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let callbacks = Callbacks {
        recording_status: Some(CALLBACK.into()),
        call_status: Some(CALLBACK.into()),
        connect_to: Some(origin),
    };
    (receiver, callbacks)
}

#[tokio::test]
async fn a_placed_call_is_announced_with_signed_webhooks() {
    let (receiver, callbacks) = listen(&[204]).await;
    let config = SimulatorConfig { callbacks, ..SimulatorConfig::new(ACCOUNT, TOKEN, NOW_MS) };
    let simulator = Simulator::start(config).await.expect("a free port");
    let plan = PlannedCall::scripted(speech::script("washing-machine").expect("a script"));
    let (placed, delivered) = simulator.place_call(plan).await.expect("a plan");
    assert!(delivered.iter().all(|it| it.status == Some(204) && it.attempts == 1));

    let arrived = std::mem::take(&mut *receiver.arrived.lock().expect("unpoisoned"));
    let [leg, call, recording] = &arrived[..] else { panic!("{} arrived", arrived.len()) };
    for arrival in [leg, call, recording] {
        assert_eq!(arrival.signature, sign(TOKEN, SIGNED, &arrival.params));
        assert!(!arrival.uri.contains('#'));
        assert_eq!(arrival.param("AccountSid"), ACCOUNT.to_string());
    }
    assert_eq!(leg.param("ParentCallSid"), placed.call.to_string());
    assert_eq!(call.param("CallSid"), placed.call.to_string());
    assert_eq!(call.param("CallStatus"), "completed");
    assert_eq!(call.param("From"), "+15555550142");
    assert_eq!(recording.param("CallSid"), placed.call.to_string());
    assert_eq!(recording.param("RecordingSid"), placed.recordings[0].to_string());
    assert_eq!(recording.param("RecordingStatus"), "completed");
    assert_eq!(recording.param("RecordingChannels"), "2");
    assert!(recording.param("RecordingStartTime").ends_with(" +0000"));
    assert!(recording.param("RecordingUrl").starts_with(simulator.url()));
    let announced: u64 = recording.param("RecordingDuration").parse().expect("seconds");
    assert!((20..60).contains(&announced), "{announced} s");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_5xx_is_retried_with_the_same_token_as_the_fragment_asks() {
    let (receiver, callbacks) = listen(&[503, 500, 204]).await;
    let simulator = start().await;
    let plan = PlannedCall::default().unannounced();
    let (placed, none) = simulator.place_call(plan).await.expect("a plan");
    assert_eq!(none, []);
    simulator.set_callbacks(callbacks.clone());
    let news = [Announcement::Recordings("completed".into())];
    let delivered = simulator.announce(placed.call, &news).await;
    assert_eq!((delivered[0].attempts, delivered[0].status), (3, Some(204)));
    {
        let arrived = receiver.arrived.lock().expect("unpoisoned");
        assert!(arrived.iter().all(|it| it.idempotency_token == arrived[0].idempotency_token));
    }

    *receiver.statuses.lock().expect("unpoisoned") = vec![503];
    let without_fragment = Callbacks { recording_status: Some(SIGNED.into()), ..callbacks };
    simulator.set_callbacks(without_fragment);
    let delivered = simulator.announce(placed.call, &news).await;
    assert_eq!((delivered[0].attempts, delivered[0].status), (1, Some(503)), "Twilio's default");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_receiver_that_is_down_costs_the_webhook() {
    let simulator = start().await;
    let (address, _kept) = crate::nobody::nobody_listens();
    let recording_status = Some(format!("http://{address}/hook"));
    simulator.set_callbacks(Callbacks { recording_status, ..Callbacks::default() });
    let (_, delivered) = simulator.place_call(PlannedCall::default()).await.expect("a plan");
    assert_eq!(delivered.len(), 1, "no URL is set for calls");
    assert_eq!((delivered[0].attempts, delivered[0].status), (2, None));
    simulator.shutdown().await;
}
