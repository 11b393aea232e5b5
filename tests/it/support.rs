//! A whole service on a simulated Twilio, in a folder of its own.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use actors::domain::{AccountSid, BusinessId, CallSid, RecordingSid, Timestamp};
use actors::ports::Clock;
use hearback::app::{App, World};
use hearback::auth::{Authority, Role};
use hearback::config::{Config, auth_secret};
use hearback::simulator::{
    Callbacks, PlannedAudio, PlannedCall, PlannedRecording, SimulatedAccount, Simulator,
    SimulatorConfig,
};
use hearback::twilio::signature::sign;
use hearback::twilio::webhook::CallbackUrls;
use hearback::world::SystemClock;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::behind_nginx::Way;
use crate::nginx::Nginx;

pub const ACME: AccountSid = AccountSid::from_bits(0xac);
pub const GLOBEX: AccountSid = AccountSid::from_bits(0x61);
pub const ACME_TOKEN: &str = "acme-auth-token";
pub const GLOBEX_TOKEN: &str = "globex-auth-token";
/// Far beyond what anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(90);
/// A client gives up, its body included.
const ANSWER_MAX: Duration = Duration::from_secs(30);

pub struct TestApp {
    pub app: App,
    pub simulator: Simulator,
    pub client: reqwest::Client,
    config: Config,
    authority: Authority,
    started: Timestamp,
    _nginx: Option<Nginx>,
    _folder: TempDir,
}

/// A call with one recording, and the bytes that it should play.
pub struct Placed {
    pub call: CallSid,
    pub recording: RecordingSid,
    pub audio: Vec<u8>,
}

impl TestApp {
    /// Two businesses, `acme` and `globex`, each with its account. Nothing is fetched unasked.
    pub async fn start() -> Self {
        Self::start_with(World::default(), |config| config.play.prefetch = false).await
    }

    /// The same, where every play reads the disk.
    pub async fn start_without_memory() -> Self {
        let adjust = |config: &mut Config| {
            config.play.prefetch = false;
            config.vault.memory_bytes = 0;
        };
        Self::start_with(World::default(), adjust).await
    }

    /// Requests go the test's `Way`.
    pub async fn start_with(world: World, adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let started = SystemClock.now();
        let mut simulated = SimulatorConfig::new(ACME, ACME_TOKEN, started.as_millis());
        let globex = SimulatedAccount { sid: GLOBEX, auth_token: GLOBEX_TOKEN.to_owned() };
        simulated.accounts.push(globex);
        let simulator = Simulator::start(simulated).await.expect("the simulator starts");
        let mut config = Config::defaults_in(folder.path());
        config.server.listen = "127.0.0.1:0".parse().expect("an address");
        config.twilio.base_url = simulator.url().parse().expect("a URL");
        config.twilio.requests_per_second = 1_000.try_into().expect("not zero");
        config.twilio.reconcile_every_ms = 0;
        config.server.drain_ms = 0;
        config.server.shutdown_grace_ms = 2_000;
        // A test about waiting says so; no other is to be told to come back where the disk is slow.
        config.play.first_byte_wait_ms = 20_000;
        let front = Way::of_this_test().front();
        if let Some((_, url)) = &front {
            config.server.public_url.clone_from(url);
        }
        adjust(&mut config);
        let app = App::start(&config, world, None).await.expect("the service starts");
        let nginx = front.map(|(front, _)| front.start(app.address));
        for (id, account, token) in [("acme", ACME, ACME_TOKEN), ("globex", GLOBEX, GLOBEX_TOKEN)] {
            let id: BusinessId = id.parse().expect("an id");
            let name = id.to_string();
            app.foundation
                .add_business(id, name, account, &token.into(), Vec::new())
                .await
                .expect("added");
        }
        app.reload_tenants().await.expect("reloaded");
        simulator.set_callbacks(callbacks(&app.public_url));
        let secret = auth_secret(&config).expect("a secret");
        let authority = Authority::new(&config, &secret).expect("an authority");
        let client = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        Self { app, simulator, client, config, authority, started, _nginx: nginx, _folder: folder }
    }

    pub fn vault_dir(&self) -> std::path::PathBuf {
        self.config.vault_dir()
    }

    /// Twilio tells of a call of acme's with this audio.
    pub async fn place(&self, audio: Vec<u8>) -> Placed {
        self.place_planned(PlannedRecording::of_mp3(audio.clone()), ACME, audio).await
    }

    /// The same with a plan: behaviours, channels, status.
    pub async fn place_planned(
        &self,
        recording: PlannedRecording,
        account: AccountSid,
        audio: Vec<u8>,
    ) -> Placed {
        let planned = PlannedCall {
            account: Some(account),
            recordings: vec![recording],
            ..PlannedCall::default()
        };
        let (placed, delivered) = self.simulator.place_call(planned).await.expect("placed");
        assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
        let placed = Placed { call: placed.call, recording: placed.recordings[0], audio };
        self.until_listed(&placed, account).await;
        placed
    }

    /// A plan for synthetic MPEG audio of about so many bytes, every byte of which identifies itself.
    pub fn synthetic(bytes: usize, tag: u64) -> (PlannedRecording, Vec<u8>) {
        let audio = hearback::simulator::synthetic_mpeg(bytes, tag);
        let recording = PlannedRecording {
            audio: PlannedAudio::Mp3(audio.clone().into()),
            ..PlannedRecording::default()
        };
        (recording, audio)
    }

    /// The same each time, as a client keeps its own: one that the service has not seen is no hot play.
    pub fn token(&self, business: &str, role: Role) -> String {
        let business = business.parse().expect("an id");
        let day = Duration::from_hours(24);
        self.authority.mint(&business, role, self.started, day).expect("minted")
    }

    /// A token with these claims beside, or instead of, those of a good one; `null` leaves one out.
    pub fn token_with(&self, claims: serde_json::Value) -> String {
        self.token_by(Algorithm::HS256, claims)
    }

    pub fn token_by(&self, algorithm: Algorithm, claims: serde_json::Value) -> String {
        let exp = SystemClock.now().as_millis() / 1_000 + 3_600;
        let mut all = serde_json::json!({ "sub": "agent-7", "business_id": "acme",
            "role": "agent", "exp": exp, "aud": "hearback", "iss": "hearback" });
        for (name, value) in claims.as_object().expect("an object") {
            all[name] = value.clone();
        }
        all.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let secret = auth_secret(&self.config).expect("a secret");
        let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), &all, &key).expect("encoded")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.public_url)
    }

    /// As an agent of acme's.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.token("acme", Role::Agent);
        self.client.request(method, self.url(path)).bearer_auth(token)
    }

    pub fn request_by(
        &self,
        (business, role): (&str, Role),
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(self.token(business, role))
    }

    /// A webhook as Twilio sends it, signed with `auth_token`.
    pub fn webhook(&self, path: &str, auth_token: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let form: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let signature = sign(auth_token, &self.url(path), &form);
        self.client.post(self.url(path)).header("x-twilio-signature", signature).form(&form)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// As `/debug/actors` shows it to an operator.
    pub async fn debug_actors(&self) -> serde_json::Value {
        let token = self.token("acme", Role::Operator);
        let request = self.client.get(self.url("/debug/actors")).bearer_auth(token);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Asks until a verified copy is here, and returns its entity tag.
    pub async fn until_ready(&self, placed: &Placed) -> String {
        let path = play_path(placed);
        self.until("the recording is ready", async || {
            let response = self.get(&path).await;
            let ready = response.headers().contains_key("repr-digest");
            let tag = ready.then(|| header(&response, "etag"));
            // Not at once: a listener that leaves is another story.
            let _ = response.bytes().await;
            tag
        })
        .await
    }

    /// The same without anybody waiting at the actor, so that no timer is left behind.
    pub async fn until_prepared(&self, placed: &Placed) {
        let path = format!("/api/recordings/{}/prepare", placed.call);
        self.until("the recording is prepared", async || {
            let response = self.request(Method::POST, &path).send().await.ok()?;
            (response.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Asks again and again, with a pause, until there is an answer.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let asking = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| panic!("it did not happen in {PATIENCE:?}: {what}"))
    }

    async fn until_listed(&self, placed: &Placed, account: AccountSid) {
        let business = if account == ACME { "acme" } else { "globex" };
        let token = self.token(business, Role::Agent);
        let url = self.url(&format!("/api/calls/{}", placed.call));
        let recording = placed.recording.to_string();
        self.until("the webhook is applied", async || {
            let response = self.client.get(&url).bearer_auth(&token).send().await.ok()?;
            response.text().await.ok()?.contains(&recording).then_some(())
        })
        .await;
    }
}

/// Real time, until a test moves it on or makes its next reading panic.
#[derive(Default)]
pub struct TestClock {
    ahead_ms: AtomicI64,
    panics: AtomicBool,
    /// Whoever else reads it is told the time.
    only_in_call_actors: AtomicBool,
}

pub const CLOCK_PANIC: &str = "the clock struck thirteen";

impl TestClock {
    pub fn world(self: &Arc<Self>) -> World {
        World { clock: Arc::clone(self) as Arc<dyn Clock>, ..World::default() }
    }

    pub fn advance(&self, span: Duration) {
        let span_ms = i64::try_from(span.as_millis()).expect("not that long");
        self.ahead_ms.fetch_add(span_ms, Ordering::SeqCst);
    }

    pub fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// The same, when the actor of a call reads it next.
    pub fn panic_once_in_a_call_actor(&self) {
        self.only_in_call_actors.store(true, Ordering::SeqCst);
        self.panic_once();
    }

    fn is_to_panic(&self) -> bool {
        let spares_others = self.only_in_call_actors.load(Ordering::SeqCst);
        if spares_others && self.panics.load(Ordering::SeqCst) {
            let reader = Backtrace::force_capture().to_string();
            if !reader.contains("actors::recording::") {
                return false;
            }
        }
        self.panics.swap(false, Ordering::SeqCst)
    }

    /// Whether the panic that was ordered has taken place.
    pub fn has_panicked(&self) -> bool {
        !self.panics.load(Ordering::SeqCst)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        assert!(!self.is_to_panic(), "{CLOCK_PANIC}");
        let ahead_ms = self.ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(SystemClock.now().as_millis() + ahead_ms)
    }
}

pub fn play_path(placed: &Placed) -> String {
    format!("/api/recordings/file/{}", placed.call)
}

/// The same, spelled so that nothing is answered at once: the call's actor is asked.
pub fn asked_path(placed: &Placed) -> String {
    play_path(placed).replacen("/CA", "/C%41", 1)
}

pub fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("no {name}: {response:?}"));
    value.to_str().expect("text").to_owned()
}

fn callbacks(service: &str) -> Callbacks {
    let urls = CallbackUrls::at(service);
    Callbacks {
        recording_status: Some(urls.recording_status),
        call_status: Some(urls.call_status),
        connect_to: None,
    }
}
