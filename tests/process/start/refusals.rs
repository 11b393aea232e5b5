//! Starts that must not happen, and what they tell the operator to do.

use hearback::simulator::{PlannedRecording, synthetic_mpeg};

use crate::home::{Home, is_ready, place, until};

#[tokio::test]
async fn a_lost_master_key_is_not_replaced() {
    let home = Home::new();
    let (process, _) = home.serve().await;
    process.kill().await;
    let key = std::fs::read(home.data("master.key")).expect("a key");
    std::fs::remove_file(home.data("master.key")).expect("removed");
    let refusal = home.refusal(&["serve"]).await;
    for word in ["master key is lost", "Restore", "master.key", "vault.master_key"] {
        assert!(refusal.contains(word), "{word:?} is not in {refusal}");
    }
    assert!(!home.data("master.key").exists());

    std::fs::write(home.data("master.key"), "5a".repeat(32)).expect("written");
    let refusal = home.refusal(&["serve"]).await;
    assert!(refusal.contains("does not open") && refusal.contains("backup"), "{refusal}");

    std::fs::write(home.data("master.key"), key).expect("written");
    home.serve().await;
}

#[tokio::test]
async fn a_damaged_signing_secret_is_not_used() {
    let home = Home::new();
    let (process, _) = home.serve().await;
    process.kill().await;
    for damaged in ["", "short"] {
        std::fs::write(home.data("auth.secret"), damaged).expect("written");
        let refusal = home.refusal(&["serve"]).await;
        for word in ["auth.secret", "32 bytes", "remove it"] {
            assert!(refusal.contains(word), "{word:?} is not in {refusal}");
        }
    }
    std::fs::remove_file(home.data("auth.secret")).expect("removed");
    home.serve().await;
}

#[tokio::test]
async fn a_vault_has_one_owner_at_a_time() {
    let home = Home::new();
    let (process, _) = home.serve().await;
    let vault = home.data("vault").display().to_string();
    let mut second = Home::new().with("HEARBACK_VAULT__DIR", &vault);
    // With another database, or another key, it would be refused for that.
    second
        .set("HEARBACK_DATABASE__URL", format!("sqlite://{}", home.data("hearback.db").display()));
    let key = std::fs::read_to_string(home.data("master.key")).expect("a key");
    second.set("HEARBACK_VAULT__MASTER_KEY", key.trim_end());
    second.set("HEARBACK_SERVER__TAKEOVER_WAIT_MS", "100");
    let refusal = second.refusal(&["serve"]).await;
    for word in ["vault.dir", "another process owns", &vault] {
        assert!(refusal.contains(word), "{word:?} is not in {refusal}");
    }
    process.kill().await;
    second.serve().await;
}

#[tokio::test]
async fn a_vault_that_is_not_mounted_is_not_begun_anew() {
    let (home, simulator) = Home::with_simulator().await;
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let audio = synthetic_mpeg(60_000, 1);
    let call = place(&home, &simulator, &token, PlannedRecording::of_mp3(audio.clone())).await;
    let path = format!("/api/recordings/file/{call}");
    let play = async || {
        let response = home.get(&path, &token).await;
        let whole = is_ready(&response);
        if whole { response.bytes().await.ok() } else { None }
    };
    until("it plays", play).await;
    process.kill().await;

    let (vault, unmounted) = (home.data("vault"), home.data("unmounted"));
    std::fs::rename(&vault, &unmounted).expect("renamed");
    std::fs::create_dir(&vault).expect("an empty mount point");
    std::fs::write(home.folder().join("new.key"), "5c".repeat(32)).expect("written");
    let call = call.to_string();
    let commands: [&[&str]; 6] = [
        &["serve"],
        &["vault", "check"],
        &["vault", "check", "--repair"],
        &["vault", "rotate-key", "--new-key-file", "new.key"],
        &["call", "erase", "--business", "default", &call, "--yes"],
        &["serve"],
    ];
    for command in commands {
        let refusal = home.refusal(command).await;
        for word in ["vault.dir", "names copies", "mount it", "data/vault"] {
            assert!(refusal.contains(word), "{word:?} is not in {refusal}");
        }
    }
    assert!(std::fs::read_dir(&vault).expect("a folder").next().is_none());

    std::fs::remove_dir(&vault).expect("removed");
    std::fs::rename(&unmounted, &vault).expect("renamed");
    simulator.shutdown().await;
    let (_process, _) = home.serve().await;
    assert_eq!(play().await.expect("it plays without Twilio"), audio);
}

#[tokio::test]
async fn an_occupied_address_stops_the_start() {
    let home = Home::new();
    let _process = home.serve().await;
    let second = Home::new().with("HEARBACK_SERVER__LISTEN", home.address.to_string());
    let refusal = second.refusal(&["serve"]).await;
    assert!(refusal.contains("server.listen"), "{refusal}");
    assert!(refusal.contains(&home.address.to_string()), "{refusal}");
}

#[tokio::test]
async fn a_mistake_in_a_variable_is_named() {
    for (variable, value, named) in [
        ("HEARBACK_SERVER__LISTEN", "nowhere", "server.listen"),
        ("HEARBACK_SERVER__LISSTEN", "127.0.0.1:1", "lissten"),
        ("HEARBACK_PLAY__FIRST_BYTE_WAIT_MS", "soon", "play.first_byte_wait_ms"),
        ("HEARBACK_PLAY__PREFETCH", "perhaps", "play.prefetch"),
        ("HEARBACK_TWILIO__MAX_PARALLEL_FETCHES", "0", "twilio.max_parallel_fetches"),
        ("HEARBACK_AUTH__SECRET", "too short", "auth.secret"),
        ("HEARBACK_VAULT__MASTER_KEY", "no key", "vault.master_key"),
        ("HEARBACK_VAULT__MASTER_KEY_FILE", "nowhere", "vault.master_key_file"),
        ("HEARBACK_TYPO", "1", "typo"),
        ("HEARBACK_NONSUCH__KEY", "1", "nonsuch"),
        ("TWILIO_ACCOUNT_SID", "AC1", "TWILIO_ACCOUNT_SID"),
        ("TWILIO_AUTH_TOKEN", "", "TWILIO_AUTH_TOKEN"),
    ] {
        let refusal = Home::new().with(variable, value).refusal(&["serve"]).await;
        assert!(refusal.contains(named), "{variable}={value}: {refusal}");
    }
}

#[tokio::test]
async fn a_mistake_in_a_file_is_named() {
    let home = Home::new();
    for (text, named) in [
        ("[server]\npublic_ur = \"https://x.example\"", "public_ur"),
        ("[server]\npublic_url = \"x.example\"", "server.public_url"),
        ("[sever]\n", "sever"),
        ("[play]\nwaiting_max = -1", "play.waiting_max"),
        ("[server\n", "hearback.toml"),
    ] {
        std::fs::write(home.folder().join("hearback.toml"), text).expect("written");
        let refusal = home.refusal(&["serve", "--config", "hearback.toml"]).await;
        assert!(refusal.contains(named), "{text}: {refusal}");
    }
    let refusal = home.refusal(&["serve", "--config", "nowhere.toml"]).await;
    assert!(refusal.contains("nowhere.toml"), "{refusal}");
    assert!(!home.data("").exists(), "nothing is made by a start that fails");
}
