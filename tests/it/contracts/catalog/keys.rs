//! Wrapped keys.

use actors::ports::{SealedByMaster, VaultError};
use futures_util::future::try_join_all;

use super::Store;
use super::examples::{account, add_acme, at, audio, business, hear, recording_news};

pub(super) async fn the_first_key_is_kept(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    hear(store, recording_news(account(1), 1, 2), at(1)).await;
    let acme = business("acme");
    for fresh in [b"first", b"again"] {
        let kept = store.key_of_business(&acme, fresh.to_vec()).await.expect("a key");
        assert_eq!(kept, b"first");
        let kept = store.key_of_recording(&audio("acme", 1), fresh.to_vec()).await.expect("a key");
        assert_eq!(kept, b"first");
    }
    let other = store.key_of_recording(&audio("acme", 2), b"other".to_vec()).await;
    assert_eq!(other.expect("a key"), b"other", "each recording has its own");
}

pub(super) async fn whoever_asks_at_once_gets_the_same_key(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let (acme, audio) = (business("acme"), audio("acme", 1));
    let of_recording = (0..8).map(|fresh| store.key_of_recording(&audio, vec![fresh]));
    let of_business = (0..8).map(|fresh| store.key_of_business(&acme, vec![fresh]));
    for keys in [try_join_all(of_recording).await, try_join_all(of_business).await] {
        let keys = keys.expect("keys");
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
}

pub(super) async fn a_key_needs_something_to_belong_to(store: &dyn Store) {
    add_acme(store).await;
    let nobody = store.key_of_business(&business("nobody"), b"x".to_vec()).await;
    assert!(matches!(nobody, Err(VaultError::Keys(_))), "{nobody:?}");
    let nothing = store.key_of_recording(&audio("acme", 1), b"x".to_vec()).await;
    assert!(matches!(nothing, Err(VaultError::Keys(_))), "{nothing:?}");
}

pub(super) async fn the_key_check_is_kept(store: &dyn Store) {
    assert_eq!(store.key_check().await.expect("no check"), None);
    store.set_key_check(b"one".to_vec()).await.expect("set");
    assert_eq!(store.key_check().await.expect("a check").as_deref(), Some(b"one".as_slice()));
    store.set_key_check(b"two".to_vec()).await.expect("replaced");
    assert_eq!(store.key_check().await.expect("a check").as_deref(), Some(b"two".as_slice()));
}

/// Every column that the master key seals: one that an exchange forgot would be lost with the old key.
pub(super) async fn what_the_master_key_sealed_is_resealed_all_or_nothing(store: &dyn Store) {
    add_acme(store).await;
    store.add_token(account(1), b"newer".to_vec(), at(5)).await.expect("added");
    store.key_of_business(&business("acme"), b"key".to_vec()).await.expect("kept");
    store.set_key_check(b"check".to_vec()).await.expect("set");
    let sealed = async || {
        let tokens = store.accounts().await.expect("accounts").remove(0).sealed_tokens;
        let key = store.key_of_business(&business("acme"), Vec::new()).await.expect("a key");
        let check = store.key_check().await.expect("a check").expect("set");
        [tokens, vec![key, check]].concat()
    };
    let before = sealed().await;
    assert_eq!(before, [&b"newer"[..], b"token of acme", b"key", b"check"]);
    let refused = store.reseal_all(Box::new(|what, sealed| match what {
        SealedByMaster::KeyCheck => Err(VaultError::Keys("no".to_owned())),
        SealedByMaster::KeyOfBusiness(_) | SealedByMaster::AuthTokenOf(_) => Ok(sealed.to_vec()),
    }));
    assert!(refused.await.is_err());
    assert_eq!(sealed().await, before);

    let named = |what: &SealedByMaster| match what {
        SealedByMaster::KeyCheck => "check of".to_owned(),
        SealedByMaster::KeyOfBusiness(business) => business.to_string(),
        SealedByMaster::AuthTokenOf(account) => account.to_string(),
    };
    let reseal = move |what: &SealedByMaster, sealed: &[u8]| {
        Ok([named(what).as_bytes(), b" ", sealed].concat())
    };
    assert_eq!(store.reseal_all(Box::new(reseal)).await.expect("resealed"), 4);
    let account = account(1);
    let expected = [
        format!("{account} newer"),
        format!("{account} token of acme"),
        "acme key".to_owned(),
        "check of check".to_owned(),
    ];
    assert_eq!(sealed().await, expected.map(String::into_bytes));
}
