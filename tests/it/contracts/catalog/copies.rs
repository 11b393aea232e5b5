//! Copies: what is held, what is known of what was held, what may leave.

use actors::domain::{CopyId, HeldCopy, SegmentDigests, SourceStatus, Version};
use actors::ports::{CatalogError, ColdCopy, VaultUse};

use super::Store;
use super::examples::{
    account, add_acme, at, audio, copy, hear, key, load, recording, recording_news,
};

pub(super) async fn a_copy_is_held_until_it_is_withdrawn(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let audio = audio("acme", 1);
    assert!(!store.is_held(&audio, CopyId::from_bits(1)).await.expect("asked"));
    store.commit_copy(&audio, &copy(1), at(2)).await.expect("committed");
    assert!(store.is_held(&audio, CopyId::from_bits(1)).await.expect("asked"));
    assert!(!store.is_held(&audio, CopyId::from_bits(2)).await.expect("asked"));
    let record = load(store, &key("acme", 1)).await;
    assert_eq!(record.recordings[0].copy, Some(HeldCopy { copy: copy(1), present: true }));
    store.withdraw_copy(&audio, CopyId::from_bits(1)).await.expect("withdrawn");
    assert!(!store.is_held(&audio, CopyId::from_bits(1)).await.expect("asked"));
    let unknown = store.commit_copy(&super::examples::audio("acme", 9), &copy(9), at(2)).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}

pub(super) async fn an_evicted_copy_leaves_its_validators(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let audio = audio("acme", 1);
    store.commit_copy(&audio, &copy(1), at(2)).await.expect("committed");
    store.withdraw_copy(&audio, CopyId::from_bits(1)).await.expect("withdrawn");
    let held = load(store, &key("acme", 1)).await.recordings.remove(0).copy.expect("known");
    assert_eq!(held, HeldCopy { copy: copy(1), present: false });
}

pub(super) async fn withdrawing_a_replaced_copy_changes_nothing(store: &dyn Store) {
    add_acme(store).await;
    hear(store, recording_news(account(1), 1, 1), at(1)).await;
    let audio = audio("acme", 1);
    let mut second = copy(2);
    second.version = Version::FIRST.next();
    second.sha256 = [8; 32];
    second.segments = SegmentDigests::from_bytes(&[8; 16]);
    store.commit_copy(&audio, &copy(1), at(2)).await.expect("committed");
    store.commit_copy(&audio, &second, at(3)).await.expect("replaced");
    store.withdraw_copy(&audio, CopyId::from_bits(1)).await.expect("too late");
    let held = load(store, &key("acme", 1)).await.recordings.remove(0).copy.expect("known");
    assert_eq!(held, HeldCopy { copy: second, present: true });
}

pub(super) async fn recordings_without_a_copy_are_wanted(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=4 {
        let mut news = recording_news(account(1), 1, n);
        news.started_at = Some(at(100 + i64::try_from(n).expect("small")));
        if n == 4 {
            news.status = SourceStatus::InProgress;
        }
        hear(store, news, at(1)).await;
    }
    let wanted = |sids: &[u128]| -> Vec<_> {
        sids.iter().map(|sid| (key("acme", 1), recording(*sid))).collect()
    };
    assert_eq!(store.wanted(10).await.expect("wanted"), wanted(&[3, 2, 1]));
    assert_eq!(store.wanted(1).await.expect("wanted"), wanted(&[3]));
    store.commit_copy(&audio("acme", 3), &copy(3), at(2)).await.expect("committed");
    store.withdraw_copy(&audio("acme", 3), CopyId::from_bits(3)).await.expect("evicted");
    store.record_status(&audio("acme", 2), SourceStatus::Deleted).await.expect("deleted");
    assert_eq!(store.wanted(10).await.expect("wanted"), wanted(&[1]), "neither evicted nor gone");
}

pub(super) async fn the_vaults_use_counts_what_is_present(store: &dyn Store) {
    add_acme(store).await;
    let used = store.vault_use().await.expect("use");
    assert_eq!(used, VaultUse { copies: 0, bytes: 0 });
    for n in 1..=3 {
        hear(store, recording_news(account(1), 1, n), at(1)).await;
        let mut copy = copy(n);
        copy.length = 3_000_000_000;
        store.commit_copy(&audio("acme", n), &copy, at(2)).await.expect("committed");
    }
    store.withdraw_copy(&audio("acme", 2), CopyId::from_bits(2)).await.expect("withdrawn");
    let used = store.vault_use().await.expect("use");
    assert_eq!(used, VaultUse { copies: 2, bytes: 6_000_000_000 });
}

pub(super) async fn the_coldest_leave_first_but_never_the_last_of_its_kind(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=5 {
        hear(store, recording_news(account(1), 1, n), at(1)).await;
        let stored_at = at(10 + i64::try_from(n).expect("small"));
        store.commit_copy(&audio("acme", n), &copy(n), stored_at).await.expect("committed");
    }
    store.record_played(&audio("acme", 1), at(30)).await.expect("played");
    store.record_played(&audio("acme", 1), at(20)).await.expect("an earlier play, told late");
    store.record_played(&audio("acme", 2), at(25)).await.expect("played");
    store.record_status(&audio("acme", 3), SourceStatus::Deleted).await.expect("deleted");
    store.withdraw_copy(&audio("acme", 4), CopyId::from_bits(4)).await.expect("withdrawn");
    let coldest = store.coldest_copies(None, 10).await.expect("coldest");
    let named = |cold: &ColdCopy| (cold.call.clone(), cold.audio.clone(), cold.copy.clone());
    let expected = [5, 2, 1].map(|n| (key("acme", 1), audio("acme", n), copy(n)));
    assert_eq!(coldest.iter().map(named).collect::<Vec<_>>(), expected);
    assert!(coldest.iter().all(|cold| cold.account == account(1)));
    assert_eq!(coldest[2].used_at, at(30));
    assert_eq!(store.coldest_copies(None, 1).await.expect("coldest"), coldest[..1]);
    let behind = store.coldest_copies(Some(&coldest[0]), 10).await.expect("coldest");
    assert_eq!(behind, coldest[1..]);
    store.commit_copy(&audio("acme", 2), &copy(12), at(40)).await.expect("fetched again");
    let last = store.coldest_copies(None, 10).await.expect("coldest").pop().expect("three");
    assert_eq!(last.copy, copy(12), "a new copy is as good as just played");
}
