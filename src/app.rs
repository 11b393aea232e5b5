//! The composition root: the only file that names concrete adapters.

pub(crate) mod looking;
pub(crate) mod pipeline;
pub(crate) mod possession;
mod reloading;
mod visitors;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{AccountSid, BusinessId, JobRetry, Retention, RetryPolicy};
use actors::ports::{Catalog, Chance, Clock, NewBusiness, RecordingSource, SealedKeys};
use actors::{Core, Happening, JobSettings, Ports, Settings};
use anyhow::Context;
use axum::http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::Authority;
use crate::auth::links::Links;
use crate::catalog::SqliteCatalog;
use crate::config::{Config, auth_secret, make_private_folder, millis};
use crate::http::{self, RateLimit, ServiceParts, Streams, Waits};
use crate::server::{self, Inherited, Limits, Listening, News, Offer, Server};
use crate::tenants::Tenants;
use crate::twilio::client::{Credential, Credentials, TwilioClient, TwilioClientConfig};
use crate::vault::keys::{AUTH_TOKEN, KeyRing, MasterKey};
use crate::vault::local::{LocalVault, LocalVaultConfig};
use crate::vault::owner::VaultOwner;
use crate::world::{SystemChance, SystemClock};

/// Counting peaks takes a processor for itself: one recording after the other.
const MEASURERS: usize = 1;
/// A job that could not be done for so long, for nobody's fault, uses up its attempts from then on.
const OUTAGE_MAX: Duration = Duration::from_hours(72);

/// What commands and the service both stand on: the catalog, opened and migrated, and the keys.
pub struct Foundation {
    pub catalog: Arc<SqliteCatalog>,
    pub clock: Arc<dyn Clock>,
    keys: Arc<KeyRing>,
}

impl Foundation {
    pub async fn lay(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        possession::expect_database(config)?;
        make_private_folder(&config.data.dir)
            .with_context(|| format!("data.dir: {} cannot be made", config.data.dir.display()))?;
        let catalog = SqliteCatalog::open(&config.database_url()).await.context("database.url")?;
        let catalog = catalog.keeping_for(Retention::of_days(config.retention.days));
        catalog.migrate().await.context("migrating the database")?;
        let catalog = Arc::new(catalog);
        let setting = config.vault.master_key.clone();
        let setting = (!setting.expose_secret().is_empty()).then_some(setting);
        let store: Arc<dyn SealedKeys> = catalog.clone();
        let master = MasterKey::load_or_make(setting, &config.master_key_file(), &*store).await?;
        let keys = Arc::new(KeyRing::new(&master, store));
        Ok(Self { catalog, clock, keys })
    }

    /// The same for commands about what is there already: they do not begin anew where a setting is wrong.
    pub async fn at(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let database = SqliteCatalog::file_of(&config.database_url())?;
        anyhow::ensure!(
            database.exists(),
            "there is no database {}: say with data.dir, database.url or --config where the service has it",
            database.display(),
        );
        Self::lay(config, clock).await
    }

    pub async fn add_business(
        &self,
        id: BusinessId,
        name: String,
        account: AccountSid,
        token: &SecretString,
        numbers: Vec<actors::domain::PhoneNumber>,
    ) -> anyhow::Result<()> {
        let sealed_token = self.seal_token(account, token);
        let business = NewBusiness { id, name, account, sealed_token, numbers };
        Ok(self.catalog.add_business(&business, self.clock.now()).await?)
    }

    pub async fn add_token(&self, account: AccountSid, token: &SecretString) -> anyhow::Result<()> {
        let sealed = self.seal_token(account, token);
        Ok(self.catalog.add_token(account, sealed, self.clock.now()).await?)
    }

    async fn settled_tenants(&self, config: &Config) -> anyhow::Result<Arc<Tenants>> {
        self.provide_default_business(config).await?;
        let tenants = Arc::new(self.tenants());
        tenants.reload().await?;
        Ok(tenants)
    }

    /// Also where it was added more than once. Never the account's only one.
    pub async fn remove_token(
        &self,
        account: AccountSid,
        token: &SecretString,
    ) -> anyhow::Result<()> {
        let accounts = self.catalog.accounts().await?;
        let known = accounts.into_iter().find(|known| known.sid == account);
        let sealed = known.map(|known| known.sealed_tokens).unwrap_or_default();
        let is_it = |sealed: &Vec<u8>| {
            open_token(&self.keys, account, sealed)
                .is_some_and(|known| known.expose_secret() == token.expose_secret())
        };
        let doomed: Vec<Vec<u8>> = sealed.into_iter().filter(is_it).collect();
        anyhow::ensure!(!doomed.is_empty(), "{account} has no such auth token");
        for sealed in doomed {
            self.catalog.remove_token(account, sealed).await?;
        }
        Ok(())
    }

    /// The business of the account in the settings, so that those two settings are enough to start.
    async fn provide_default_business(&self, config: &Config) -> anyhow::Result<()> {
        let twilio = &config.twilio;
        if twilio.account_sid.is_empty() {
            return Ok(());
        }
        let account: AccountSid =
            twilio.account_sid.parse().context("twilio.account_sid (TWILIO_ACCOUNT_SID)")?;
        if twilio.auth_token.expose_secret().is_empty() {
            anyhow::bail!(
                "twilio.auth_token: it is empty; set TWILIO_AUTH_TOKEN, or twilio.auth_token_file"
            );
        }
        let known = self.catalog.businesses().await?.iter().any(|known| known.account == account);
        if !known {
            let id = "default".parse().expect("a business id");
            self.add_business(id, "Default".to_owned(), account, &twilio.auth_token, Vec::new())
                .await?;
        }
        Ok(())
    }

    /// A token that was changed in the settings is the newest from then on.
    async fn tenants_at_start(&self, config: &Config) -> anyhow::Result<Arc<Tenants>> {
        let tenants = self.settled_tenants(config).await?;
        let token = &config.twilio.auth_token;
        let is_it = |known: &SecretString| known.expose_secret() == token.expose_secret();
        if let Ok(account) = config.twilio.account_sid.parse()
            && !tenants.tokens(account).iter().any(is_it)
        {
            self.add_token(account, token).await?;
            tenants.reload().await?;
        }
        Ok(tenants)
    }

    /// To be read only, unless an owner is given. Every read is one from disk.
    pub fn vault(&self, config: &Config, owner: Option<VaultOwner>) -> LocalVault {
        let folder = LocalVaultConfig { dir: config.vault_dir(), memory_bytes: 0 };
        let keys = Arc::clone(&self.keys);
        match owner {
            Some(owner) => LocalVault::owned(folder, owner, keys),
            None => LocalVault::unowned(folder, keys),
        }
    }

    /// Seals with another master key whatever this one sealed, and says how much that was.
    pub async fn exchange_master_key(
        &self,
        config: &Config,
        new: &MasterKey,
    ) -> anyhow::Result<u64> {
        let file = config.master_key_file();
        let file = config.makes_master_key().then_some(file.as_path());
        Ok(self.keys.exchange_master(new, file).await?)
    }

    /// Twilio, for commands that ask it something themselves.
    pub async fn source(&self, config: &Config) -> anyhow::Result<Arc<dyn RecordingSource>> {
        let tenants = self.settled_tenants(config).await?;
        Ok(Arc::new(twilio_client(config, tenants)?))
    }

    fn tenants(&self) -> Tenants {
        let keys = Arc::clone(&self.keys);
        let open = move |account: AccountSid, sealed: &[u8]| open_token(&keys, account, sealed);
        Tenants::new(self.catalog.clone(), Box::new(open))
    }

    fn seal_token(&self, account: AccountSid, token: &SecretString) -> Vec<u8> {
        self.keys.seal_secret(AUTH_TOKEN, &account.to_string(), token.expose_secret().as_bytes())
    }
}

fn open_token(keys: &KeyRing, account: AccountSid, sealed: &[u8]) -> Option<SecretString> {
    let opened = keys.open_secret(AUTH_TOKEN, &account.to_string(), sealed).ok()?;
    String::from_utf8(opened.expose_secret().to_vec()).ok().map(SecretString::from)
}

/// Tests own time and chance.
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub inherited: Inherited,
}

impl Default for World {
    fn default() -> Self {
        let inherited = Inherited::default();
        Self { clock: Arc::new(SystemClock), chance: Arc::new(SystemChance), inherited }
    }
}

/// A running service.
pub struct App {
    pub address: SocketAddr,
    pub public_url: String,
    pub foundation: Foundation,
    core: Core,
    server: Server,
    vault: Arc<LocalVault>,
    stopping: CancellationToken,
    drain: Duration,
    shutdown_grace: Duration,
    tenants: Arc<Tenants>,
    happenings: Option<broadcast::Receiver<Happening>>,
    _reloading: AbortOnDropHandle<()>,
}

impl App {
    /// Serves once it returns. `notice` is a sentence for the console.
    pub async fn start(
        config: &Config,
        world: World,
        notice: Option<&'static str>,
    ) -> anyhow::Result<Self> {
        let World { clock, chance, inherited } = world;
        let listening = listen(config, inherited)?;
        let address = listening.address()?;
        let public_url = config.public_url(address);
        let foundation = Foundation::lay(config, Arc::clone(&clock)).await?;
        let secret = auth_secret(config)?;
        let authority = Authority::new(config, &secret)?;
        let tenants = foundation.tenants_at_start(config).await?;
        let source = Arc::new(twilio_client(config, Arc::clone(&tenants))?);
        // As late as can be: while a predecessor still owns the vault, connections wait in the backlog.
        let vault = foundation.own_vault(config).await?;
        let ports = Ports {
            catalog: foundation.catalog.clone(),
            vault: vault.clone(),
            source,
            clock: Arc::clone(&clock),
            chance,
            pipeline: pipeline::pipeline(config, &foundation)?,
        };
        let core = Core::start(ports, settings(config)).await?;
        let (stopping, closing) = (CancellationToken::new(), CancellationToken::new());
        let visitors = Arc::<server::Counts>::default();
        let parts = ServiceParts {
            recordings: core.recordings.clone(),
            inbox: core.inbox.clone(),
            jobs: core.jobs.clone(),
            job_store: foundation.catalog.clone(),
            findings: foundation.catalog.clone(),
            board: Arc::clone(&core.board),
            catalog: foundation.catalog.clone(),
            vault: vault.clone(),
            clock,
            tenants: Arc::clone(&tenants),
            authority,
            links: Links::new(&secret),
            path_prefix: path_of(&public_url)?,
            public_url: public_url.clone(),
            cors_origins: cors_origins(config)?,
            waits: waits(config),
            rate_limit: RateLimit::new(config.play.requests_per_second, config.play.requests_burst),
            body_timeout: millis(config.server.body_timeout_ms),
            cache_control: config.play.cache_control.parse().context("play.cache_control")?,
            notice,
            streams: streams(config),
            traffic: visitors::traffic(&visitors, foundation.clock.now()),
            stopping: stopping.clone(),
            closing,
        };
        let server = Server::start(listening, offer(parts, visitors), limits(config));
        server::tell(News::Ready);
        Ok(Self {
            address,
            public_url,
            _reloading: reloading::begin(&tenants, &core, &foundation),
            happenings: Some(core.board.happenings()),
            foundation,
            core,
            server,
            vault,
            stopping,
            drain: millis(config.server.drain_ms),
            shutdown_grace: millis(config.server.shutdown_grace_ms),
            tenants,
        })
    }

    /// Takes notice of businesses now, which would happen within seconds anyway.
    pub async fn reload_tenants(&self) -> anyhow::Result<()> {
        self.tenants.reload().await?;
        Ok(())
    }

    /// What happens among the actors, from the start on; for the first who asks.
    pub const fn happenings(&mut self) -> Option<broadcast::Receiver<Happening>> {
        self.happenings.take()
    }

    /// Returns when the service cannot go on.
    pub async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            () = self.core.failed() => anyhow::anyhow!("the actors end again and again; see the log"),
            error = self.server.failed() => anyhow::anyhow!("the server ended: {error}"),
        }
    }

    /// Somebody waits for it to end, and no load balancer has to notice.
    pub const fn skip_drain(&mut self) {
        self.drain = Duration::ZERO;
    }

    /// Says that it is not ready and serves on, for `server.drain_ms`; then lets nobody in, answers what was asked,
    /// lets those who listen to a download hear it through, and gives the vault to whoever waits for it while the last
    /// answers are still being sent.
    pub async fn stop(mut self) {
        server::tell(News::Stopping);
        self.stopping.cancel();
        self.core.close();
        sleep(self.drain).await;
        let deadline = Instant::now() + self.shutdown_grace;
        self.server.close().await;
        if timeout_at(deadline, self.server.quiet()).await.is_err() {
            tracing::warn!("requests were still being handled; they are cut");
        }
        if timeout_at(deadline, self.core.unheard()).await.is_err() {
            tracing::warn!("somebody still listened to what was being downloaded; they are cut");
        }
        self.core.stop(self.shutdown_grace).await;
        self.vault.give_up();
        tracing::info!("the vault is given up; answers are being finished");
        if timeout_at(deadline, self.server.empty()).await.is_err() {
            let connected = self.server.connected();
            tracing::warn!(connected, "responses were still running; they are cut");
        }
        self.foundation.catalog.close().await;
    }
}

fn offer(parts: ServiceParts, counts: Arc<server::Counts>) -> Offer {
    let (stopping, closing) = (parts.stopping.clone(), parts.closing.clone());
    let service = http::service(parts);
    Offer {
        router: http::router(service.clone()),
        at_once: Box::new(move |request| service.answer_at_once(request)),
        refusal: http::refusal,
        counts,
        stopping,
        closing,
    }
}

fn listen(config: &Config, inherited: Inherited) -> anyhow::Result<Listening> {
    let address = config.server.listen;
    let Config { server, .. } = config;
    Listening::start(inherited, address, server.listen_backlog, server.send_buffer_bytes)
        .with_context(|| format!("server.listen: {address} cannot be listened on"))
}

fn settings(config: &Config) -> Settings {
    Settings {
        retry: RetryPolicy::default(),
        prefetch: config.play.prefetch,
        waiting_max: config.play.waiting_max,
        parked_max: config.actors.parked_max,
        live_max: config.actors.live_max,
        idle_after: millis(config.actors.idle_after_ms),
        parallel_fetches_max: config.twilio.max_parallel_fetches,
        queued_fetches_max: config.twilio.max_queued_fetches,
        requests_per_second: config.twilio.requests_per_second,
        vault_bytes_max: config.vault.max_bytes,
        reconcile_every: (config.twilio.reconcile_every_ms > 0)
            .then(|| millis(config.twilio.reconcile_every_ms)),
        lookups_per_minute: config.twilio.lookups_per_minute,
        jobs: job_settings(config),
    }
}

fn job_settings(config: &Config) -> JobSettings {
    let jobs = &config.jobs;
    JobSettings {
        lease: millis(jobs.lease_ms),
        retry: JobRetry {
            attempts_max: jobs.attempts_max,
            pause_first: millis(jobs.retry_pause_ms),
            pause_max: millis(jobs.retry_pause_max_ms),
            outage_max: OUTAGE_MAX,
        },
        measurers: MEASURERS,
        transcribers: config.speech.workers,
        readers: config.language_model.workers,
    }
}

fn limits(config: &Config) -> Limits {
    let server = &config.server;
    Limits {
        connections_max: server.max_connections,
        header_bytes_max: server.max_header_bytes,
        header_timeout: millis(server.header_timeout_ms),
        idle_timeout: millis(server.idle_timeout_ms),
        slow_reader_period: millis(server.slow_reader_period_ms),
        slow_reader_bytes: server.slow_reader_min_bytes,
    }
}

const fn waits(config: &Config) -> Waits {
    Waits {
        first_byte: millis(config.play.first_byte_wait_ms),
        media_element: millis(config.play.media_element_wait_ms),
    }
}

fn streams(config: &Config) -> Streams {
    let server = &config.server;
    Streams::new(server.event_streams_max, server.event_streams_per_reader_max)
}

fn twilio_client(config: &Config, tenants: Arc<Tenants>) -> anyhow::Result<TwilioClient> {
    let twilio = &config.twilio;
    let settings = TwilioClientConfig {
        base_url: twilio.base_url.clone(),
        redirect_hosts: twilio.redirect_hosts(),
        connect_timeout: millis(twilio.connect_timeout_ms),
        header_timeout: millis(twilio.header_timeout_ms),
        idle_timeout: millis(twilio.idle_timeout_ms),
        total_timeout: millis(twilio.total_timeout_ms),
        max_recording_bytes: twilio.max_recording_bytes,
    };
    Ok(TwilioClient::new(settings, Arc::new(TenantCredentials(tenants)))?)
}

/// An account authenticates by its newest token.
struct TenantCredentials(Arc<Tenants>);

impl Credentials for TenantCredentials {
    fn of(&self, account: AccountSid) -> Option<Credential> {
        let secret = self.0.tokens(account).first()?.clone();
        Some(Credential { user: account.to_string(), secret })
    }
}

/// `/prefix` of `https://host/prefix`; nothing where there is none.
fn path_of(public_url: &str) -> anyhow::Result<String> {
    let url: url::Url = public_url.parse().context("server.public_url")?;
    Ok(url.path().trim_end_matches('/').to_owned())
}

fn cors_origins(config: &Config) -> anyhow::Result<Vec<HeaderValue>> {
    let parse = |origin: String| {
        HeaderValue::from_str(&origin).with_context(|| format!("server.cors_origins: {origin:?}"))
    };
    config.server.cors_origins().into_iter().map(parse).collect()
}
