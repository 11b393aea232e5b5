//! The rules of the master key: configured, found, or made once; never guessed, never made anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::ports::{SealedKeys, VaultError};
use hearback::vault::keys::{KeyRing, MasterKey};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::memory_keys::MemoryKeys;

const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const OTHER: &str = "0202020202020202020202020202020202020202020202020202020202020202";

struct Installation {
    home: TempDir,
    store: Arc<MemoryKeys>,
}

impl Installation {
    fn new() -> Self {
        Self { home: TempDir::new().expect("a folder"), store: Arc::default() }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("data/master.key")
    }

    async fn start(&self, setting: Option<&str>) -> Result<KeyRing, VaultError> {
        let setting = setting.map(|text| SecretString::from(text.to_owned()));
        let master = MasterKey::load_or_make(setting, &self.file(), &*self.store).await?;
        Ok(KeyRing::new(&master, self.store.clone()))
    }

    async fn refusal(&self, setting: Option<&str>) -> String {
        match self.start(setting).await {
            Err(VaultError::Keys(message)) => message,
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

fn opens(ring: &KeyRing, sealed: &[u8]) -> bool {
    ring.open_secret("auth token", "AC1", sealed)
        .is_ok_and(|secret| secret.expose_secret() == b"token")
}

#[tokio::test]
async fn a_new_installation_makes_a_private_key_once() {
    let installation = Installation::new();
    let sealed =
        installation.start(None).await.expect("made").seal_secret("auth token", "AC1", b"token");
    let file = installation.file();
    assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    let made = fs::read_to_string(&file).expect("readable");
    assert!(MasterKey::parse(&made).is_some());
    let ring = installation.start(None).await.expect("found again");
    assert!(opens(&ring, &sealed));
    assert_eq!(fs::read_to_string(&file).expect("readable"), made);
    let files = fs::read_dir(file.parent().expect("a folder")).expect("listed").count();
    assert_eq!(files, 1, "no draft of it stays behind");
}

#[tokio::test]
async fn two_installations_have_two_keys() {
    let one = Installation::new().start(None).await.expect("made");
    let other = Installation::new().start(None).await.expect("made");
    assert!(!opens(&other, &one.seal_secret("auth token", "AC1", b"token")));
}

#[tokio::test]
async fn a_configured_key_wins_and_makes_no_file() {
    let installation = Installation::new();
    let sealed = installation.start(Some(ONE)).await.expect("taken").seal_secret(
        "auth token",
        "AC1",
        b"token",
    );
    assert!(!installation.file().exists());
    fs::create_dir_all(installation.file().parent().expect("a folder")).expect("created");
    fs::write(installation.file(), OTHER).expect("written");
    assert!(opens(&installation.start(Some(ONE)).await.expect("wins"), &sealed));
}

#[tokio::test]
async fn a_key_that_moved_from_the_file_to_the_setting_still_opens() {
    let installation = Installation::new();
    let sealed =
        installation.start(None).await.expect("made").seal_secret("auth token", "AC1", b"token");
    let key = fs::read_to_string(installation.file()).expect("readable");
    fs::remove_file(installation.file()).expect("removed");
    assert!(opens(&installation.start(Some(&key)).await.expect("the same key"), &sealed));
}

#[tokio::test]
async fn a_lost_key_is_never_replaced() {
    let installation = Installation::new();
    installation.start(None).await.expect("made");
    fs::remove_file(installation.file()).expect("removed");
    let message = installation.refusal(None).await;
    assert!(message.contains(&installation.file().display().to_string()), "{message}");
    assert!(message.contains("Restore") && message.contains("vault.master_key"), "{message}");
    assert!(!installation.file().exists());
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_the_name_of_its_origin() {
    let installation = Installation::new();
    installation.start(Some(ONE)).await.expect("taken");
    let check = installation.store.key_check().await.expect("a store").expect("set");
    let message = installation.refusal(Some(OTHER)).await;
    assert!(message.starts_with("vault.master_key does not open"), "{message}");
    fs::create_dir_all(installation.file().parent().expect("a folder")).expect("created");
    fs::write(installation.file(), OTHER).expect("written");
    let message = installation.refusal(None).await;
    assert!(
        message.contains("master.key does not open") && message.contains("restore"),
        "{message}"
    );
    assert!(!message.contains(OTHER));
    let after = installation.store.key_check().await.expect("a store");
    assert_eq!(after, Some(check), "a wrong key changes nothing");
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_not_repeated() {
    let installation = Installation::new();
    let message = installation.refusal(Some("hunter2")).await;
    assert!(message.starts_with("vault.master_key is not a key"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    fs::create_dir_all(installation.file().parent().expect("a folder")).expect("created");
    fs::write(installation.file(), "").expect("written");
    let message = installation.refusal(None).await;
    assert!(message.contains("master.key is not a key"), "{message}");
    assert_eq!(installation.store.key_check().await.expect("a store"), None);
}

#[tokio::test]
async fn a_secret_opens_only_for_its_purpose_and_subject() {
    let ring = Installation::new().start(Some(ONE)).await.expect("taken");
    let sealed = ring.seal_secret("auth token", "AC1", b"token");
    assert!(opens(&ring, &sealed));
    assert!(!sealed.windows(5).any(|bytes| bytes == b"token"));
    assert!(ring.open_secret("auth token", "AC2", &sealed).is_err());
    assert!(ring.open_secret("api key", "AC1", &sealed).is_err());
    assert_ne!(sealed, ring.seal_secret("auth token", "AC1", b"token"));
}
