//! A folder and a port in which `hearback` is started, killed and started again.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use actors::domain::{AccountSid, CallSid};
use actors::ports::Clock;
use hearback::simulator::{
    Callbacks, PlannedCall, PlannedRecording, SimulatedAccount, Simulator, SimulatorConfig,
};
use hearback::world::SystemClock;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

pub(crate) const ACCOUNT: AccountSid = AccountSid::from_bits(0xac);
pub(crate) const ACCOUNT_TOKEN: &str = "the-auth-token-of-the-account";
/// Far beyond what anything here takes: a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// What outlives the processes started here: a working folder, a port, and settings.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) address: SocketAddr,
    variables: Vec<(&'static str, String)>,
    pub(crate) client: reqwest::Client,
}

/// A running `hearback`. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Home {
    /// Nothing is set but the account, its token, and the address.
    pub(crate) fn new() -> Self {
        let home = Self::unlisted(free_address());
        let address = home.address.to_string();
        home.with("HEARBACK_SERVER__LISTEN", address)
    }

    /// The same without the address: the service chooses it, and is expected at this one.
    pub(crate) fn unlisted(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
        let folder = tempfile::tempdir().expect("a folder");
        let variables = vec![
            ("TWILIO_ACCOUNT_SID", ACCOUNT.to_string()),
            ("TWILIO_AUTH_TOKEN", ACCOUNT_TOKEN.to_owned()),
        ];
        Self { folder, address, variables, client: client.expect("a client") }
    }

    /// A home whose Twilio is simulated, and that has no reason to pace itself or those who listen. What it was not
    /// told of it does not look for: it would do so a second after its start, in the midst of what is tested.
    pub(crate) async fn with_simulator() -> (Self, Simulator) {
        Self::with_simulator_of(Vec::new()).await
    }

    /// The same, where Twilio has more accounts than the one of the business `default`.
    pub(crate) async fn with_simulator_of(others: Vec<SimulatedAccount>) -> (Self, Simulator) {
        let now_ms = SystemClock.now().as_millis();
        let mut config = SimulatorConfig::new(ACCOUNT, ACCOUNT_TOKEN, now_ms);
        config.accounts.extend(others);
        let simulator = Simulator::start(config).await.expect("the simulator starts");
        let home = Self::new()
            .with("HEARBACK_TWILIO__BASE_URL", simulator.url())
            .with("HEARBACK_TWILIO__REQUESTS_PER_SECOND", "1000")
            .with("HEARBACK_TWILIO__RECONCILE_EVERY_MS", "0")
            .with("HEARBACK_PLAY__REQUESTS_PER_SECOND", "100000")
            .with("HEARBACK_PLAY__REQUESTS_BURST", "100000");
        simulator.set_callbacks(home.callbacks());
        (home, simulator)
    }

    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.set(variable, value);
        self
    }

    pub(crate) fn set(&mut self, variable: &'static str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| *known != variable);
        self.variables.push((variable, value.into()));
    }

    /// How long the disk takes just now, with whatever else happens on this machine.
    pub(crate) fn sync_takes(&self) -> Duration {
        let (probe, began) = (self.data("probe"), Instant::now());
        let mut file = std::fs::File::create(&probe).expect("a file");
        file.write_all(&[1; 4_096]).and_then(|()| file.sync_all()).expect("synced");
        std::fs::remove_file(probe).expect("it was there");
        began.elapsed()
    }

    /// Of all processes that were started here.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).expect("a log")
    }

    pub(crate) fn callbacks(&self) -> Callbacks {
        let url = |name| Some(self.url(&format!("/webhooks/twilio/{name}#rc=5&rp=ct,rt,5xx")));
        Callbacks {
            recording_status: url("recording-status"),
            call_status: url("call-status"),
            connect_to: None,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder().join("data").join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let ended = timeout(PATIENCE, self.command(arguments).output()).await;
        ended.unwrap_or_else(|_| panic!("{arguments:?} does not end")).expect("it runs")
    }

    /// The standard output of a command that succeeds.
    pub(crate) async fn answer(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The complaint of a start that fails, and fails soon.
    pub(crate) async fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Starts the service, and does not wait for it.
    pub(crate) fn spawn(&self) -> Process {
        let log = self.folder().join("log");
        let open = std::fs::File::options().append(true).create(true).open(&log).expect("a log");
        let mut command = self.command(&["serve"]);
        let child = command.stdout(open.try_clone().expect("a handle")).stderr(open).spawn();
        Process { child: child.expect("it starts"), log }
    }

    /// The same on a socket that it inherits, as systemd passes one.
    pub(crate) fn spawn_inheriting(&self, socket: &TcpListener) -> Process {
        let log = self.folder().join("log");
        let open = std::fs::File::options().append(true).create(true).open(&log).expect("a log");
        let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" serve";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_hearback")])
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(socket.try_clone().expect("a handle")))
            .stdout(open.try_clone().expect("a handle"))
            .stderr(open)
            .kill_on_drop(true);
        Process { child: command.spawn().expect("it starts"), log }
    }

    /// Starts the service, and says how long it took until it was ready.
    pub(crate) async fn serve(&self) -> (Process, Duration) {
        let started = Instant::now();
        let mut process = self.spawn();
        while !self.is_ready().await {
            process.assert_runs();
            assert!(started.elapsed() < PATIENCE, "it does not get ready: {}", process.log());
            sleep(PAUSE).await;
        }
        (process, started.elapsed())
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.client.get(self.url("/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// A token of the business `default`.
    pub(crate) async fn token(&self, role: &str) -> String {
        let mint = ["token", "mint", "--business", "default", "--role", role, "--ttl", "1h"];
        self.answer(&mint).await.trim_end().to_owned()
    }

    pub(crate) fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(token)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.request(Method::GET, path, token).send().await.expect("an answer")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearback"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Process {
    /// As `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// The same, and a new start at once. Says how long that took until it was ready.
    pub(crate) async fn kill_and_serve(&mut self, home: &Home) -> Duration {
        self.child.kill().await.expect("killed");
        let (again, started) = home.serve().await;
        *self = again;
        started
    }

    /// As an init system asks a service to stop.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Nothing of it runs until it is resumed.
    pub(crate) async fn suspend(&self) {
        self.signal("STOP").await;
        let stopped = async || self.status("State").starts_with('T').then_some(());
        until("it is stopped", stopped).await;
    }

    pub(crate) async fn resume(&self) {
        self.signal("CONT").await;
    }

    async fn signal(&self, name: &str) {
        let (pid, script) = (self.id().to_string(), format!("kill -{name} \"$0\""));
        let kill = Command::new("sh").args(["-c", &script, &pid]).status().await;
        assert!(kill.expect("sh runs").success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Resident memory, as the kernel counts it.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS")
    }

    /// The most that it ever was.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM")
    }

    fn memory(&self, name: &str) -> u64 {
        let kib: u64 = self.status(name).trim_end_matches(" kB").parse().expect("a number");
        kib * 1_024
    }

    /// As the kernel tells it.
    fn status(&self, name: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("it runs");
        let mut lines = status.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.find_map(|rest| rest.strip_prefix(':')).expect("a line");
        value.trim().to_owned()
    }

    /// Files and sockets that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.id()));
        open.expect("it runs").count()
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {}", self.log())).expect("a status")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    pub(crate) fn assert_runs(&mut self) {
        let ended = self.child.try_wait().expect("a status");
        assert_eq!(ended, None, "it has ended: {}", self.log());
    }
}

/// Twilio tells of a call with this recording; returns when the service knows it.
pub(crate) async fn place(
    home: &Home,
    simulator: &Simulator,
    token: &str,
    recording: PlannedRecording,
) -> CallSid {
    let plan = PlannedCall { recordings: vec![recording], ..PlannedCall::default() };
    let (placed, delivered) = simulator.place_call(plan).await.expect("placed");
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
    let status = format!("/api/recordings/{}/status", placed.call);
    until("the webhook is applied", async || {
        (home.get(&status, token).await.status() == StatusCode::OK).then_some(())
    })
    .await;
    placed.call
}

/// With all that is in it, and as it is.
pub(crate) async fn copy_folder(from: &Path, to: &Path) {
    let from = format!("{}/.", from.display());
    std::fs::create_dir_all(to).expect("a folder");
    let copied = Command::new("cp").arg("-a").args([Path::new(&from), to]).status().await;
    assert!(copied.expect("cp runs").success());
}

/// Whether it is audio from a verified copy, not what is still arriving.
pub(crate) fn is_ready(response: &Response) -> bool {
    response.status() == StatusCode::OK && response.headers().contains_key("repr-digest")
}

/// Nobody but the owner reads files or enters folders, however deep.
pub(crate) fn assert_private(path: &Path) {
    let metadata = std::fs::metadata(path).expect("metadata");
    let mode = metadata.permissions().mode() & 0o777;
    let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            assert_private(&entry.expect("an entry").path());
        }
    }
}

/// Asks again and again, with a pause, until there is an answer; and says how long it took.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> (T, Duration) {
    until_within(PATIENCE, what, ask).await
}

/// The same of what takes its time.
pub(crate) async fn until_within<T>(
    patience: Duration,
    what: &str,
    ask: impl AsyncFn() -> Option<T>,
) -> (T, Duration) {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return (answer, started.elapsed());
        }
        assert!(started.elapsed() < patience, "it did not happen in {patience:?}: {what}");
        sleep(PAUSE).await;
    }
}

/// Below the ports that systems hand out by themselves, so that it stays free between two starts. Test
/// processes that run at a time search from different places.
fn free_address() -> SocketAddr {
    const FIRST: u16 = 12_000;
    const SPAN: u16 = 16_000;
    const STRIDE: u32 = 16;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = (std::process::id() * STRIDE % u32::from(SPAN)) as u16;
    loop {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % SPAN;
        let address = SocketAddr::from(([127, 0, 0, 1], FIRST + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
