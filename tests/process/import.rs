//! What was recorded before the service was there, taken in by command.

use std::time::Duration;

use actors::domain::{AccountSid, CallSid};
use actors::ports::Clock;
use hearback::simulator::{
    Fault, PlannedCall, PlannedRecording, SimulatedAccount, Simulator, synthetic_mpeg,
};
use hearback::world::SystemClock;

use crate::home::{ACCOUNT, Home, is_ready, until};

const DAY: Duration = Duration::from_hours(24);

/// A service that looks nothing up by itself, so that only the command finds something.
async fn home() -> (Home, Simulator) {
    let others = SimulatedAccount { sid: SHARED, auth_token: "shared-token".to_owned() };
    let (home, simulator) = Home::with_simulator_of(vec![others]).await;
    (home.with("HEARBACK_TWILIO__LOOKUPS_PER_MINUTE", "0"), simulator)
}

const SHARED: AccountSid = AccountSid::from_bits(0x5a);

fn audio(days_ago: u32) -> Vec<u8> {
    synthetic_mpeg(100_000, u64::from(days_ago))
}

async fn recorded(simulator: &Simulator, account: AccountSid, to: &str, days_ago: u32) -> CallSid {
    let at = SystemClock.now().minus(DAY * days_ago + Duration::from_hours(1));
    let plan = PlannedCall {
        account: Some(account),
        to: to.to_owned(),
        started_at_ms: Some(at.as_millis()),
        recordings: vec![PlannedRecording::of_mp3(audio(days_ago))],
        ..PlannedCall::default()
    };
    simulator.place_call(plan.unannounced()).await.expect("placed").0.call
}

async fn until_it_plays(home: &Home, token: &str, call: CallSid, days_ago: u32) {
    let path = format!("/api/recordings/file/{call}");
    let (body, _) = until("it plays", async || {
        let response = home.get(&path, token).await;
        is_ready(&response).then_some(response.bytes().await.ok()?)
    })
    .await;
    assert_eq!(body, audio(days_ago));
}

#[tokio::test]
async fn what_was_recorded_before_is_taken_in_by_a_running_service_and_only_once() {
    let (home, simulator) = home().await;
    let (_process, _) = home.serve().await;
    let token = home.token("agent").await;
    let mut calls = Vec::new();
    for days_ago in [0, 2, 5, 10, 40] {
        calls.push((recorded(&simulator, ACCOUNT, "+15555550100", days_ago).await, days_ago));
    }
    let said = home.answer(&["import", "--since", "30d"]).await;
    assert!(said.contains("4 recordings listed: 3 new, 1 past their retention"), "{said}");
    assert!(said.contains("the running service takes them in now"), "{said}");
    for (call, days_ago) in &calls[..3] {
        until_it_plays(&home, &token, *call, *days_ago).await;
    }
    for (call, _) in &calls[3..] {
        let status = home.get(&format!("/api/recordings/file/{call}"), &token).await.status();
        assert_eq!(status, 404, "nothing is known of what is past its retention");
    }

    let erased = calls[1].0.to_string();
    home.answer(&["call", "erase", "--business", "default", &erased, "--yes"]).await;
    let again = home.answer(&["import", "--since", "30d"]).await;
    assert_eq!(again, "4 recordings listed: 0 new, 1 past their retention\n");
    let status = home.get(&format!("/api/recordings/file/{erased}"), &token).await.status();
    assert_eq!(status, 410, "what was erased stays so");
    assert_eq!(simulator.totals().gets, 3, "and each was fetched once");
}

#[tokio::test]
async fn what_is_imported_while_no_service_runs_is_taken_in_when_one_starts() {
    let (home, simulator) = home().await;
    let call = recorded(&simulator, ACCOUNT, "+15555550100", 3).await;
    let said = home.answer(&["import", "--since", "7d", "--business", "default"]).await;
    assert!(said.contains("1 new") && said.contains("when the service starts"), "{said}");
    let (_process, _) = home.serve().await;
    let token = home.token("agent").await;
    until_it_plays(&home, &token, call, 3).await;
    assert_eq!(home.answer(&["import", "--since", "7d"]).await.lines().count(), 1, "no news");
}

#[tokio::test]
async fn where_businesses_share_an_account_each_gets_its_own() {
    let (home, simulator) = home().await;
    let (_process, _) = home.serve().await;
    std::fs::write(home.folder().join("token"), "shared-token").expect("written");
    let account = SHARED.to_string();
    for (id, number) in [("north", "+15550000001"), ("south", "+15550000002")] {
        let add = ["business", "add", "--id", id, "--name", id, "--twilio-account-sid", &account];
        let more = ["--twilio-auth-token-file", "token", "--number", number];
        home.answer(&[&add[..], &more].concat()).await;
    }
    let north = recorded(&simulator, SHARED, "+15550000001", 1).await;
    let south = recorded(&simulator, SHARED, "+15550000002", 2).await;
    recorded(&simulator, ACCOUNT, "+15555550100", 1).await;
    let said = home.answer(&["import", "--since", "7d", "--business", "south"]).await;
    assert!(said.contains("2 recordings listed: 2 new"), "of this account only: {said}");
    for (business, own, days_ago, other) in [("north", north, 1, south), ("south", south, 2, north)]
    {
        let mint = ["token", "mint", "--business", business, "--role", "agent"];
        let token = home.answer(&mint).await;
        until_it_plays(&home, token.trim_end(), own, days_ago).await;
        let path = format!("/api/recordings/file/{other}");
        assert_eq!(home.get(&path, token.trim_end()).await.status(), 404);
    }
    assert_eq!(home.answer(&["webhook", "unassigned"]).await, "", "nothing waits for an operator");
}

#[tokio::test]
async fn an_import_waits_when_twilio_says_so_and_names_the_remedy_where_waiting_is_in_vain() {
    let (home, simulator) = home().await;
    recorded(&simulator, ACCOUNT, "+15555550100", 1).await;
    let busy = Fault::Status { code: 429, retry_after: Some("1".to_owned()) };
    simulator.set_outage(Some(busy.into()));
    let importing = home.run(&["import", "--since", "2d"]);
    let relieved = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        simulator.set_outage(None);
    };
    let (imported, ()) = tokio::join!(importing, relieved);
    let said = String::from_utf8_lossy(&imported.stdout);
    assert!(said.contains("1 recordings listed: 1 new"), "{imported:?}");

    let refusal = home.refusal(&["import", "--since", "2d", "--business", "nobody"]).await;
    assert!(refusal.contains("there is no business nobody"), "{refusal}");
    for wrong in ["2w", "0d", "800d"] {
        let output = home.run(&["import", "--since", wrong]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    std::fs::write(home.folder().join("wrong"), "not-this-one").expect("written");
    let account = ACCOUNT.to_string();
    let of_account = ["--twilio-account-sid", &account, "--twilio-auth-token-file", "wrong"];
    home.answer(&[&["business", "add-token"][..], &of_account].concat()).await;
    let refusal = home.refusal(&["import", "--since", "2d"]).await;
    assert!(refusal.contains("hearback business add-token"), "{refusal}");
}
