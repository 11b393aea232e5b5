//! A whole deployment: Twilio, the service, a proxy in front, one recording; and the doctor who looks at it.

use std::process::Stdio;

use hearback::simulator::{Callbacks, PlannedRecording, Simulator, synthetic_mpeg};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::proxy::Proxy;
use crate::home::{Home, PATIENCE, Process, is_ready, place, until};

pub(super) const ORIGIN: &str = "https://app.example";
const AUDIO_BYTES: usize = 200_000;
/// Less than any disk has here.
const VAULT_BYTES_MAX: &str = "1048576";

pub(super) struct Ward {
    pub(super) home: Home,
    pub(super) simulator: Simulator,
    pub(super) proxy: Proxy,
    pub(super) process: Process,
}

/// What the doctor found.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) status: Option<i32>,
    pub(super) document: Value,
}

impl Ward {
    pub(super) async fn open() -> Self {
        Self::open_with(|home, _| home).await
    }

    pub(super) async fn open_with(adjust: impl FnOnce(Home, &str) -> Home) -> Self {
        let (home, simulator) = Home::with_simulator().await;
        let proxy = Proxy::to(home.url("")).await;
        let home = home
            .with("HEARBACK_SERVER__PUBLIC_URL", proxy.url.clone())
            .with("HEARBACK_SERVER__CORS_ORIGINS", ORIGIN)
            .with("HEARBACK_SERVER__DRAIN_MS", "0")
            .with("HEARBACK_VAULT__MAX_BYTES", VAULT_BYTES_MAX);
        let home = adjust(home, simulator.url());
        let url = |name| Some(format!("{}/webhooks/twilio/{name}", proxy.url));
        simulator.set_callbacks(Callbacks {
            recording_status: url("recording-status"),
            call_status: url("call-status"),
            connect_to: None,
        });
        let (process, _) = home.serve().await;
        let ward = Self { home, simulator, proxy, process };
        ward.record().await;
        ward
    }

    /// One recording, ready to be played.
    async fn record(&self) {
        let token = self.home.token("agent").await;
        let recording = PlannedRecording::of_mp3(synthetic_mpeg(AUDIO_BYTES, 7));
        let call = place(&self.home, &self.simulator, &token, recording).await;
        let path = format!("/api/recordings/file/{call}");
        until("it is ready", async || is_ready(&self.home.get(&path, &token).await).then_some(()))
            .await;
    }

    pub(super) async fn examine(&self) -> Diagnosis {
        self.examine_with(&[]).await
    }

    /// With these variables instead of what the service has.
    pub(super) async fn examine_with(&self, variables: &[(&str, &str)]) -> Diagnosis {
        Diagnosis::of(&self.home, &["--quick"], variables, "").await
    }
}

impl Diagnosis {
    pub(super) async fn of(
        home: &Home,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Self {
        let arguments = [&["doctor", "--json"], arguments].concat();
        let mut command = home.command(&arguments);
        command.envs(variables.iter().copied()).env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // Whoever reads nothing closes it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = timeout(2 * PATIENCE, child.wait_with_output()).await.expect("it ends");
        let output = output.expect("it runs");
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self { status: output.status.code(), document }
    }

    pub(super) fn codes(&self) -> Vec<&str> {
        let findings = self.document["findings"].as_array().expect("a list");
        findings.iter().map(|finding| finding["code"].as_str().expect("text")).collect()
    }

    /// Exactly this, with this word in what is to be done about it.
    #[track_caller]
    pub(super) fn assert_is(&self, set_up: &str, code: &str, remedy: &str) {
        assert_eq!(self.codes(), [code], "{set_up}: {:#}", self.document["findings"]);
        let finding = &self.document["findings"][0];
        let said = finding["remedy"].as_str().expect("text");
        assert!(said.contains(remedy), "{set_up}: {finding:#}");
        assert!(!finding["what"].as_str().expect("text").is_empty(), "{set_up}");
        assert!(!finding["evidence"].as_str().expect("text").is_empty(), "{set_up}");
        let is_fault = finding["severity"] == "fault";
        assert_eq!(self.status, Some(i32::from(is_fault)), "{set_up}: {finding:#}");
        assert_eq!(self.document["healthy"], !is_fault, "{set_up}");
    }
}
