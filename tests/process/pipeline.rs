//! What the pipeline promises, kept by the real process: whatever happens to it, all is done, and nothing twice.
//!
//! Twilio, the speech service and the language model are the simulator's, in the test's own process: they survive
//! the service.

mod killed;
mod leases;
mod memory;
mod records;

use actors::domain::{AccountSid, RecordingSid};
use actors::ports::Clock;
use hearback::simulator::{
    Delivered, PlannedCall, ProviderOutage, SimulatedAccount, Simulator, speech,
};
use hearback::world::SystemClock;

use crate::home::{ACCOUNT, Home, until};
use crate::ledger::both;
use records::Records;

/// A service that has its calls heard and understood, and a file that watches it.
struct Works {
    home: Home,
    simulator: Simulator,
    records: Records,
    /// When all calls began: what is understood of a call depends on it.
    began_ms: i64,
}

impl Works {
    async fn new() -> Self {
        Self::with_accounts(Vec::new()).await
    }

    async fn with_accounts(others: Vec<SimulatedAccount>) -> Self {
        let (home, simulator) = Home::with_simulator_of(others).await;
        let home = home
            .with("HEARBACK_SPEECH__PROVIDER", "openai")
            .with("HEARBACK_SPEECH__BASE_URL", simulator.url())
            .with("HEARBACK_SPEECH__MODEL", "stand-in")
            .with("HEARBACK_LANGUAGE_MODEL__PROVIDER", "openai")
            .with("HEARBACK_LANGUAGE_MODEL__BASE_URL", simulator.url())
            .with("HEARBACK_LANGUAGE_MODEL__MODEL", "stand-in")
            .with("HEARBACK_SERVER__DRAIN_MS", "0");
        home.answer(&["migrate"]).await;
        let records = Records::of(&home);
        records.watch().await;
        const HOUR_MS: i64 = 3_600_000;
        let began_ms = SystemClock.now().as_millis() - HOUR_MS;
        Self { home, simulator, records, began_ms }
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.home.set(variable, value);
        self
    }

    /// A scripted call. Twilio tells of it until that is acknowledged.
    async fn place(&self, script: &str, account: AccountSid) -> RecordingSid {
        let script = speech::script(script).expect("a script");
        let plan = PlannedCall {
            account: Some(account),
            started_at_ms: Some(self.began_ms),
            ..PlannedCall::scripted(script)
        };
        let (placed, mut delivered) = self.simulator.place_call(plan).await.expect("placed");
        let is_taken = |webhook: &Delivered| webhook.status == Some(204);
        while !delivered.iter().all(is_taken) {
            assert!(delivered.iter().all(|webhook| webhook.status.is_none_or(|it| it == 204)));
            delivered = self.simulator.announce(placed.call, &both()).await;
        }
        placed.recordings[0]
    }

    /// A short call whose transcription the speech service has begun and does not end.
    async fn place_held(&self) -> RecordingSid {
        self.simulator.set_provider_outage(Some(ProviderOutage::Hold));
        let recording = self.place("missed-call", ACCOUNT).await;
        self.until_held(1).await;
        recording
    }

    async fn until_held(&self, requests: u64) {
        let held = async || (self.simulator.provider_held() >= requests).then_some(());
        until("the speech service is asked", held).await;
    }

    /// The speech service answers what it was asked, and all that follows.
    fn answer(&self) {
        self.simulator.set_provider_outage(None);
    }
}
