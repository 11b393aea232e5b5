//! A machine to try a document's commands on: the service, a simulated Twilio, and folders in place of the system's.

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use actors::domain::{AccountSid, CallSid};
use hearback::simulator::{
    PlannedCall, PlannedRecording, SimulatedAccount, Simulator, synthetic_mpeg,
};
use tokio::process::Command;
use tokio::time::timeout;

use super::{Block, blocks};
use crate::home::{ACCOUNT_TOKEN, Home, PATIENCE, Process, is_ready, until};

/// Where another business of the documents has its calls.
const ANOTHER: AccountSid = AccountSid::from_bits(0xd0c);
/// How many recordings Twilio has.
const RECORDINGS: u64 = 3;

pub(super) struct Sandbox {
    home: Home,
    _simulator: Simulator,
    process: Option<Process>,
    calls: Vec<CallSid>,
    token: String,
}

impl Sandbox {
    /// Twilio has recordings that the service does not know of.
    pub(super) async fn before_import() -> Self {
        let another = SimulatedAccount { sid: ANOTHER, auth_token: ACCOUNT_TOKEN.to_owned() };
        let (home, simulator) = Home::with_simulator_of(vec![another]).await;
        let data = home.data("").display().to_string();
        let home = home
            .with("HEARBACK_DATA__DIR", data.trim_end_matches('/'))
            .with("HEARBACK_SERVER__CORS_ORIGINS", "https://app.example.com")
            .with("HEARBACK_SERVER__DRAIN_MS", "0")
            .with("HEARBACK_TWILIO__RECONCILE_EVERY_MS", "0");
        let (process, _) = home.serve().await;
        let mut calls = Vec::new();
        for tag in 0..RECORDINGS {
            let recordings = vec![PlannedRecording::of_mp3(synthetic_mpeg(100_000, tag))];
            let plan = PlannedCall { recordings, ..PlannedCall::default() };
            calls.push(simulator.place_call(plan.unannounced()).await.expect("placed").0.call);
        }
        let folder = home.folder();
        for name in ["bin", "mnt/backup", "mnt/safe"] {
            std::fs::create_dir_all(folder.join(name)).expect("a folder");
        }
        let program = folder.join("bin/hearback");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hearback"), program).expect("a link");
        std::fs::write(folder.join("token.txt"), ACCOUNT_TOKEN).expect("written");
        let token = home.token("operator").await;
        Self { home, _simulator: simulator, process: Some(process), calls, token }
    }

    /// The service has them.
    pub(super) async fn with_calls() -> Self {
        let sandbox = Self::before_import().await;
        sandbox.home.answer(&["import", "--since", "2d"]).await;
        sandbox.until_all_play().await;
        sandbox
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.home.address
    }

    pub(super) fn calls(&self) -> &[CallSid] {
        &self.calls
    }

    /// An operator's.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What the service itself answers.
    pub(super) async fn recording(&self, call: CallSid) -> Vec<u8> {
        let path = format!("/api/recordings/file/{call}");
        let answer = self.home.get(&path, &self.token).await;
        answer.bytes().await.expect("whole").to_vec()
    }

    /// Runs every command of a document.
    pub(super) async fn run(mut self, document: &str) {
        let commands = |block: &Block| ["sh", "console"].contains(&block.language.as_str());
        let blocks: Vec<Block> = blocks(document).into_iter().filter(commands).collect();
        assert!(!blocks.is_empty(), "{document} has no commands");
        for block in blocks.into_iter().filter(|block| !block.is_skipped()) {
            match block.language.as_str() {
                "console" => self.converse(document, &block).await,
                _ => self.run_block(document, &block).await,
            }
            if block.lines.iter().any(|line| line.contains("hearback import")) {
                self.until_all_play().await;
            }
        }
    }

    /// Whoever manages services is us; everything else goes to a shell, which ends at the first failure.
    async fn run_block(&mut self, document: &str, block: &Block) {
        let mut script = String::new();
        for line in block.lines.iter().map(String::as_str).chain([""]) {
            let order = line.strip_prefix("systemctl ");
            if order.is_some() || line.is_empty() {
                let output = self.shell(&script).await;
                assert!(output.status.success(), "{document}:\n{script}\n{output:?}");
                script.clear();
            } else {
                script = script + line + "\n";
            }
            match order {
                Some("stop hearback.socket hearback") => self.stop().await,
                Some("start hearback.socket hearback") => {
                    self.process = Some(self.home.serve().await.0)
                }
                Some(other) => panic!("{document}: systemctl {other}"),
                None => {}
            }
        }
    }

    async fn converse(&self, document: &str, block: &Block) {
        let mut lines = block.lines.iter().peekable();
        while let Some(command) = lines.next() {
            let command = command.strip_prefix("$ ").expect("a prompt");
            let output = self.shell(command).await;
            assert!(output.status.success(), "{document}: {command}\n{output:?}");
            let printed = String::from_utf8(output.stdout).expect("text");
            let mut printed = printed.lines();
            while let Some(expected) = lines.next_if(|line| !line.starts_with("$ ")) {
                let (expected, line) = (self.here(expected), printed.next().unwrap_or_default());
                assert!(fits(&expected, line), "{document}: {command}\n  {line}\n  {expected}");
            }
            assert_eq!(printed.next(), None, "{document}: {command}");
        }
    }

    async fn shell(&self, script: &str) -> Output {
        let folder = self.home.folder();
        // Only for its environment.
        let like = self.home.command(&[]);
        let variables = like.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
        let shell = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &self.here(script)])
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .env("PATH", format!("{}/bin:/usr/bin:/bin", folder.display()))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        timeout(PATIENCE * 2, shell).await.expect("it ends").expect("it runs")
    }

    /// What a document names, as it is here.
    fn here(&self, text: &str) -> String {
        let folder = self.home.folder().display();
        text.replace("/var/lib/hearback", &format!("{folder}/data"))
            .replace("/mnt/", &format!("{folder}/mnt/"))
            .replace("https://calls.example.com", &self.home.url(""))
            .replace(&format!("CA{:032}", 0), &self.calls[0].to_string())
            .replace(&format!("AC{:032}", 0), &ANOTHER.to_string())
    }

    async fn stop(&mut self) {
        let process = self.process.take().expect("it runs");
        process.terminate().await;
        assert!(process.ended().await.success());
    }

    async fn until_all_play(&self) {
        for call in &self.calls {
            let path = format!("/api/recordings/file/{call}");
            let plays = async || is_ready(&self.home.get(&path, &self.token).await).then_some(());
            until("it plays", plays).await;
        }
    }
}

/// `…` stands for anything.
fn fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = true;
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || (open && expected.ends_with('…'))
}
