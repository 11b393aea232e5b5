//! Businesses, accounts, tokens.

use actors::ports::{Business, CatalogError};

use super::Store;
use super::examples::{account, at, business, new_business, number};

pub(super) async fn they_are_listed_as_they_were_added(store: &dyn Store) {
    store.ping().await.expect("it answers");
    store
        .add_business(&new_business("b", account(1), &["+2", "+1", "+2"]), at(1))
        .await
        .expect("b");
    store.add_business(&new_business("a", account(2), &[]), at(2)).await.expect("a");
    let expected = [
        Business { id: business("a"), name: "The a".into(), account: account(2), numbers: vec![] },
        Business {
            id: business("b"),
            name: "The b".into(),
            account: account(1),
            numbers: vec![number("+1"), number("+2")],
        },
    ];
    assert_eq!(store.businesses().await.expect("businesses"), expected);
}

pub(super) async fn an_id_is_taken_once(store: &dyn Store) {
    store.add_business(&new_business("acme", account(1), &[]), at(1)).await.expect("acme");
    let again = store.add_business(&new_business("acme", account(2), &["+1"]), at(2)).await;
    assert!(matches!(again, Err(CatalogError::Exists(what)) if what == "business acme"));
    assert_eq!(store.businesses().await.expect("businesses").len(), 1);
    assert_eq!(store.accounts().await.expect("accounts").len(), 1, "nothing of it is left");
}

pub(super) async fn a_number_names_one_business_of_an_account(store: &dyn Store) {
    store.add_business(&new_business("one", account(1), &["+4412345"]), at(1)).await.expect("one");
    let taken = store.add_business(&new_business("two", account(1), &["+4412345"]), at(2)).await;
    let Err(CatalogError::Exists(what)) = taken else { panic!("{taken:?}") };
    assert!(!what.contains("+4412345"), "numbers stay out of errors: {what}");
    assert_eq!(store.businesses().await.expect("businesses").len(), 1, "all or nothing");
    store
        .add_business(&new_business("three", account(3), &["+4412345"]), at(3))
        .await
        .expect("another account may use it");
}

pub(super) async fn tokens_are_listed_newest_first(store: &dyn Store) {
    store.add_business(&new_business("acme", account(1), &[]), at(1)).await.expect("acme");
    store.add_token(account(1), b"second".to_vec(), at(2)).await.expect("rotated");
    store.add_token(account(1), b"third".to_vec(), at(2)).await.expect("rotated again");
    let accounts = store.accounts().await.expect("accounts");
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].sid, account(1));
    let expected: [&[u8]; 3] = [b"third", b"second", b"token of acme"];
    assert_eq!(accounts[0].sealed_tokens, expected);
    let unknown = store.add_token(account(2), b"x".to_vec(), at(3)).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))), "{unknown:?}");
}

pub(super) async fn a_token_is_removed_unless_it_is_the_last(store: &dyn Store) {
    store.add_business(&new_business("acme", account(1), &[]), at(1)).await.expect("acme");
    store.add_business(&new_business("other", account(2), &[]), at(1)).await.expect("other");
    store.add_token(account(1), b"second".to_vec(), at(2)).await.expect("rotated");
    for (of, token) in [(2, b"second".to_vec()), (1, b"unheard of".to_vec()), (3, vec![])] {
        let refused = store.remove_token(account(of), token).await;
        assert!(matches!(refused, Err(CatalogError::Unknown(_))), "{refused:?}");
    }
    store.remove_token(account(1), b"token of acme".to_vec()).await.expect("removed");
    let last = store.remove_token(account(1), b"second".to_vec()).await;
    assert!(matches!(last, Err(CatalogError::Unknown(_))), "{last:?}");
    let accounts = store.accounts().await.expect("accounts");
    assert_eq!(accounts[0].sealed_tokens, [b"second"]);
    assert_eq!(accounts[1].sealed_tokens, [b"token of other"]);
}

pub(super) async fn numbers_come_and_go(store: &dyn Store) {
    for (id, numbers) in [("north", ["+1"]), ("south", ["+2"])] {
        store.add_business(&new_business(id, account(7), &numbers), at(1)).await.expect(id);
    }
    store.add_number(&business("north"), &number("+3")).await.expect("added");
    let taken = store.add_number(&business("south"), &number("+3")).await;
    assert!(matches!(taken, Err(CatalogError::Exists(_))), "{taken:?}");
    let nobody = store.add_number(&business("nobody"), &number("+4")).await;
    assert!(matches!(nobody, Err(CatalogError::Unknown(_))), "{nobody:?}");
    let others = store.remove_number(&business("south"), &number("+1")).await;
    assert!(matches!(others, Err(CatalogError::Unknown(_))), "{others:?}");
    store.remove_number(&business("north"), &number("+1")).await.expect("removed");
    store.add_number(&business("south"), &number("+1")).await.expect("free again");
    let listed = store.businesses().await.expect("businesses");
    assert_eq!(listed[0].numbers, [number("+3")]);
    assert_eq!(listed[1].numbers, [number("+1"), number("+2")]);
}
