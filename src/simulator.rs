//! A Twilio one can run: real HTTP, real speech, signed webhooks, faults on demand. Beside it, on the same port, a
//! provider of speech recognition and understanding (`openai`) that knows the scripted calls by heart.
//!
//! Invariants: it knows Twilio's wire, and OpenAI's, and nothing of Hearback · the same seed gives the same SIDs · nothing is kept
//! on disk, and what is kept in memory is bounded.
//!
//! `simulator::wire` reads requests and `delivery` writes answers, truthful or not; `media` and `rest` decide what
//! Twilio would say, `fault` what goes wrong; `switchboard` holds the calls; `webhooks` tells of them; `speech` is heard.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actors::domain::{AccountSid, CallSid, RecordingSid};
use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::{CancellationToken, DropGuard};

mod audio;
mod control;
mod delivery;
mod fault;
mod gzip;
mod media;
mod mpeg;
mod openai;
mod plan;
mod refusal;
mod rest;
pub mod speech;
mod switchboard;
mod tally;
mod tape;
mod wav;
mod webhooks;
mod wire;
mod wire_time;

pub use fault::{Behaviour, Document, Fault, Framing};
pub use mpeg::{SYNTHETIC_FRAME_BYTES, synthetic_mpeg};
pub use openai::{ProviderCounters, ProviderOutage};
pub use plan::{Announcement, PlanError, PlannedAudio, PlannedCall, PlannedRecording, demo_calls};
pub use switchboard::{PlacedCall, call_sid, recording_sid};
pub use tally::{Counters, SeenRequest};
pub use webhooks::{Callbacks, Delivered};

use openai::Provider;
use switchboard::Switchboard;

pub struct SimulatorConfig {
    pub listen: SocketAddr,
    /// At least one; the first is the default of planned calls.
    pub accounts: Vec<SimulatedAccount>,
    pub callbacks: Callbacks,
    /// Decides every SID.
    pub seed: u64,
    /// The simulator's clock starts here and runs on.
    pub now_ms: i64,
}

pub struct SimulatedAccount {
    pub sid: AccountSid,
    pub auth_token: String,
}

/// A running simulator. It stops when dropped; `shutdown` also waits until it has.
pub struct Simulator {
    exchange: Exchange,
    server: JoinHandle<()>,
    stop: DropGuard,
}

/// What the routes share with the handle.
#[derive(Clone)]
struct Exchange {
    board: Arc<Switchboard>,
    client: reqwest::Client,
    provider: Arc<Provider>,
}

impl SimulatorConfig {
    /// One account, on a free port of this machine.
    pub fn new(account: AccountSid, auth_token: impl Into<String>, now_ms: i64) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            accounts: vec![SimulatedAccount { sid: account, auth_token: auth_token.into() }],
            callbacks: Callbacks::default(),
            seed: 1,
            now_ms,
        }
    }
}

impl Simulator {
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        let SimulatorConfig { listen, accounts, callbacks, seed, now_ms } = config;
        if accounts.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an account is needed"));
        }
        let listener = TcpListener::bind(listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let board = Arc::new(Switchboard::new(accounts, url, seed, now_ms, callbacks));
        let client = webhooks::client().map_err(io::Error::other)?;
        let exchange = Exchange { board, client, provider: Arc::default() };
        let stop = CancellationToken::new();
        let router = router(exchange.clone());
        let server = tokio::spawn(wire::serve(listener, router, stop.clone()));
        Ok(Self { exchange, server, stop: stop.drop_guard() })
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.exchange.board.url
    }

    pub fn set_callbacks(&self, callbacks: Callbacks) {
        self.exchange.board.known().callbacks = callbacks;
    }

    /// Registers the call, then sends its webhooks one after the other, and says what became of each.
    pub async fn place_call(
        &self,
        plan: PlannedCall,
    ) -> Result<(PlacedCall, Vec<Delivered>), PlanError> {
        let placed = self.exchange.place(&plan).await?;
        let delivered = self.announce(placed.call, &plan.announcements()).await;
        Ok((placed, delivered))
    }

    /// Sends webhooks of a call placed before: late ones, repeated ones, or those withheld.
    pub async fn announce(&self, call: CallSid, announcements: &[Announcement]) -> Vec<Delivered> {
        self.exchange.announce(call, announcements).await
    }

    /// One more recording of a call; nobody is told.
    pub async fn add_recording(
        &self,
        call: CallSid,
        recording: PlannedRecording,
    ) -> Result<RecordingSid, PlanError> {
        let board = Arc::clone(&self.exchange.board);
        blocking(move || board.add_recording(call, &recording)).await
    }

    /// Replaces the script. False: there is no such recording.
    pub fn set_behaviour(&self, recording: RecordingSid, script: Vec<Behaviour>) -> bool {
        let mut known = self.exchange.board.known();
        let recording = known.recordings.get_mut(&recording);
        recording.map(|it| it.plan = fault::FaultPlan::new(script)).is_some()
    }

    /// As the REST API is to say it (`deleted`, `absent`…). Only `completed` has audio. False: there is none such.
    pub fn set_status(&self, recording: RecordingSid, status: &str) -> bool {
        let mut known = self.exchange.board.known();
        let recording = known.recordings.get_mut(&recording);
        recording.map(|it| status.clone_into(&mut it.status)).is_some()
    }

    /// While set, every request to Twilio's routes fares so. Must be a fault that needs no audio.
    pub fn set_outage(&self, outage: Option<Behaviour>) {
        self.exchange.board.known().outage = outage;
    }

    /// While set, every request to the provider's routes fares so.
    pub fn set_provider_outage(&self, outage: Option<ProviderOutage>) {
        self.exchange.provider.set_outage(outage);
    }

    /// What the provider was asked.
    pub fn provider_counters(&self) -> ProviderCounters {
        self.exchange.provider.counters()
    }

    /// How many requests the provider holds, those whose senders have left among them.
    pub fn provider_held(&self) -> u64 {
        self.exchange.provider.held()
    }

    pub fn counters(&self, recording: RecordingSid) -> Counters {
        let known = self.exchange.board.known();
        known.recordings.get(&recording).map(|it| it.tally.counters()).unwrap_or_default()
    }

    /// The requests for its audio, the oldest first.
    pub fn requests(&self, recording: RecordingSid) -> Vec<SeenRequest> {
        let known = self.exchange.board.known();
        known.recordings.get(&recording).map(|it| it.tally.requests()).unwrap_or_default()
    }

    /// Of all audio requests together, those for unknown recordings too.
    pub fn totals(&self) -> Counters {
        self.exchange.board.totals.counters()
    }

    /// How often the REST API was asked for this call.
    pub fn lookups(&self, call: CallSid) -> u64 {
        self.exchange.board.known().calls.get(&call).map_or(0, |call| call.lookups)
    }

    pub async fn shutdown(self) {
        drop(self.stop);
        // It only fails if the server panicked, and then it is just as gone.
        let _ = self.server.await;
    }
}

impl Exchange {
    async fn place(&self, plan: &PlannedCall) -> Result<PlacedCall, PlanError> {
        let (board, plan) = (Arc::clone(&self.board), plan.clone());
        blocking(move || board.place(&plan)).await
    }

    async fn announce(&self, call: CallSid, announcements: &[Announcement]) -> Vec<Delivered> {
        let mut delivered = Vec::new();
        for webhook in webhooks::compose(&self.board, call, announcements) {
            delivered.push(webhook.send(&self.client).await);
        }
        delivered
    }
}

impl FromRef<Exchange> for Arc<Switchboard> {
    fn from_ref(exchange: &Exchange) -> Self {
        Self::clone(&exchange.board)
    }
}

impl FromRef<Exchange> for Arc<Provider> {
    fn from_ref(exchange: &Exchange) -> Self {
        Self::clone(&exchange.provider)
    }
}

fn router(exchange: Exchange) -> Router {
    const ACCOUNT: &str = "/2010-04-01/Accounts/{account}";
    let twilio = Router::new()
        .route(&format!("{ACCOUNT}/Recordings.json"), get(rest::recordings))
        .route(&format!("{ACCOUNT}/Recordings/{{file}}"), get(media::recording))
        .route(&format!("{ACCOUNT}/Calls/{{file}}"), get(rest::call))
        .route(&format!("{ACCOUNT}/Calls/{{file}}/Recordings.json"), get(rest::recordings_of_call))
        .route("/media/{file}", get(media::unguarded))
        .route_layer(from_fn_with_state(Arc::clone(&exchange.board), fail_in_an_outage));
    let provider = openai::routes(Arc::clone(&exchange.provider));
    twilio.merge(control::routes()).merge(provider).fallback(rest::unknown).with_state(exchange)
}

async fn fail_in_an_outage(
    State(board): State<Arc<Switchboard>>,
    request: Request,
    next: Next,
) -> Response {
    let failed = media::outage(&board.known(), &request);
    let mut response = match failed {
        Some(response) => response,
        None => next.run(request).await,
    };
    let date = wire_time::http_date(board.now_ms());
    response.headers_mut().insert(header::DATE, date.parse().expect("a date is ASCII"));
    response
}

/// Putting ten minutes of audio together takes long enough to be in the way.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("the work does not panic and is not cancelled")
}
