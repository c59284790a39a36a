//! Laws for implementations of `Users`.

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use portcullis::UserType;
use portcullis::auth::ProviderType;
use portcullis::store::{Account, AccountState, Identity, ImportOutcome, Removed, Users, UsersError};

type Store = Arc<dyn Users>;

super::laws! { Store:
    a_first_login_creates_a_pending_user
    a_later_login_finds_the_user_and_updates_provider_data
    the_same_id_at_another_provider_is_another_user
    an_api_key_is_a_server_user
    provider_data_of_any_shape_is_stored
    concurrent_logins_create_one_user
    a_linked_identity_logs_in_as_its_user
    an_identity_is_linked_to_one_user_only
    concurrent_links_give_an_identity_to_one_user
    a_user_has_one_address_with_a_password
    an_unclaimed_user_is_taken_over_once
    only_an_active_unclaimed_user_is_taken_over
    an_identity_of_another_user_cannot_take_over_a_user
    removing_the_last_identity_deletes_its_user
    the_last_visit_is_recorded
    only_a_pending_user_is_activated
    a_disabled_user_is_found_but_not_changed
    deleting_a_user_frees_its_identities
    an_import_reports_the_outcome_of_each_user
    an_import_never_changes_a_user
    a_large_import_is_complete
    users_are_listed_in_the_order_of_their_ids
    several_users_are_found_in_one_lookup
}

fn identity(id: &str) -> Identity {
    said(id, doc! {})
}

fn said(id: &str, data: Document) -> Identity {
    Identity { provider_type: ProviderType::CustomToken, id: id.to_owned(), data }
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(1_700_000_000_000 + seconds * 1000)
}

fn account(id: &str, identities: &[&str]) -> Account {
    let mut account = Account::new(id, identity(identities[0]), at(0));
    account.state = AccountState::Active;
    account.identities = identities.iter().map(|id| identity(id)).collect();
    account
}

async fn a_first_login_creates_a_pending_user(users: Store) {
    let ada = users.find_or_create(&said("ada", doc! { "name": "Ada" }), at(0)).await.unwrap();
    assert_eq!(ada, Account::new(&ada.id, said("ada", doc! { "name": "Ada" }), at(0)));
    assert!(
        ada.id.len() == 24 && ada.id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
        "{}",
        ada.id
    );
    assert_eq!(users.find(&ada.id).await.unwrap(), Some(ada));
    assert_eq!(users.find("ada").await.unwrap(), None);
}

async fn a_later_login_finds_the_user_and_updates_provider_data(users: Store) {
    let first = users.find_or_create(&said("ada", doc! { "name": "Ada", "team": "red" }), at(0)).await.unwrap();
    users.link(&first.id, &said("lovelace", doc! { "kept": true })).await.unwrap();
    let later = users.find_or_create(&said("ada", doc! { "name": "Countess" }), at(60)).await.unwrap();
    assert_eq!((&later.id, later.created_at, later.last_login_at), (&first.id, at(0), Some(at(60))));
    let expected = [said("ada", doc! { "name": "Countess" }), said("lovelace", doc! { "kept": true })];
    assert_eq!(later.identities, expected);
    assert_eq!(users.find(&first.id).await.unwrap(), Some(later));
}

async fn the_same_id_at_another_provider_is_another_user(users: Store) {
    let one = users.find_or_create(&identity("7"), at(0)).await.unwrap();
    let google = Identity { provider_type: ProviderType::Google, ..identity("7") };
    let other = users.find_or_create(&google, at(0)).await.unwrap();
    assert_ne!(one.id, other.id);
    for id in ["7 ", "07", "", "7\0"] {
        let another = users.find_or_create(&identity(id), at(0)).await.unwrap();
        assert_ne!(another.id, one.id, "{id:?}");
    }
    let upper = users.find_or_create(&identity("ADA"), at(0)).await.unwrap();
    assert_ne!(users.find_or_create(&identity("ada"), at(0)).await.unwrap().id, upper.id);
}

async fn an_api_key_is_a_server_user(users: Store) {
    let key = Identity { provider_type: ProviderType::ApiKey, ..identity("key") };
    assert_eq!(users.find_or_create(&key, at(0)).await.unwrap().kind, UserType::Server);
}

async fn provider_data_of_any_shape_is_stored(users: Store) {
    let data = doc! {
        "$set": { "$gt": "" }, "a.b": { "c.d": 1 }, "": 2, "$ref": "$$ROOT", "list": [1_i64, 2.5, [{}], null],
        "when": at(3), "text": "\0\u{202e}é",
    };
    let ada = users.find_or_create(&said("ada", data.clone()), at(0)).await.unwrap();
    assert_eq!(users.find(&ada.id).await.unwrap().unwrap().identities, [said("ada", data.clone())]);
    let again = users.find_or_create(&said("ada", data.clone()), at(1)).await.unwrap();
    assert_eq!(again.identities, [said("ada", data.clone())]);
    let linked = users.link(&ada.id, &said("$x.y", data.clone())).await.unwrap();
    assert_eq!(linked.identities, [said("ada", data.clone()), said("$x.y", data)]);
    assert_eq!(users.find(&ada.id).await.unwrap(), Some(linked));
}

async fn concurrent_logins_create_one_user(users: Store) {
    let logins: Vec<_> = (0..16)
        .map(|n| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.find_or_create(&said("ada", doc! { "n": n }), at(i64::from(n))).await })
        })
        .collect();
    let mut ids = Vec::new();
    for login in logins {
        ids.push(login.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(users.list(None, 10).await.unwrap().len(), 1);
}

async fn a_linked_identity_logs_in_as_its_user(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let linked = users.link(&ada.id, &said("lovelace", doc! { "n": 1 })).await.unwrap();
    assert_eq!(linked.identities, [identity("ada"), said("lovelace", doc! { "n": 1 })]);
    assert_eq!(users.find_or_create(&said("lovelace", doc! { "n": 1 }), at(1)).await.unwrap().id, ada.id);
    let again = users.link(&ada.id, &said("lovelace", doc! { "n": 2 })).await.unwrap();
    assert_eq!(again.identities, [identity("ada"), said("lovelace", doc! { "n": 2 })]);
    let error = users.link("nobody", &identity("x")).await.unwrap_err();
    assert!(matches!(&error, UsersError::Unknown(id) if id == "nobody"), "{error}");
    assert_ne!(users.find_or_create(&identity("x"), at(2)).await.unwrap().id, ada.id);
}

async fn an_identity_is_linked_to_one_user_only(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let eve = users.find_or_create(&identity("eve"), at(0)).await.unwrap();
    let error = users.link(&eve.id, &said("ada", doc! { "by": "eve" })).await.unwrap_err();
    let UsersError::IdentityTaken { provider_type, id } = error else { panic!("{error}") };
    assert_eq!((provider_type, id.as_str()), (ProviderType::CustomToken, "ada"));
    assert_eq!(users.find(&ada.id).await.unwrap(), Some(ada));
    assert_eq!(users.find(&eve.id).await.unwrap(), Some(eve.clone()));
    // Third parties choose this ID, so it must not be able to forge a line in the log.
    let forged = identity(&format!("a\nlogged in as root{}", "x".repeat(10_000)));
    users.find_or_create(&forged, at(0)).await.unwrap();
    let message = users.link(&eve.id, &forged).await.unwrap_err().to_string();
    assert!(!message.contains('\n') && message.len() < 300, "{message}");
    let message = users.link(&forged.id, &forged).await.unwrap_err().to_string();
    assert!(!message.contains('\n') && message.len() < 300, "{message}");
}

async fn concurrent_links_give_an_identity_to_one_user(users: Store) {
    let mut owners = Vec::new();
    for n in 0..8 {
        owners.push(users.find_or_create(&identity(&format!("user {n}")), at(0)).await.unwrap().id);
    }
    // Each identity is linked twice, so that users also race with themselves.
    let links: Vec<_> = (owners.iter().chain(&owners))
        .map(|owner| {
            let (users, owner) = (Arc::clone(&users), owner.clone());
            tokio::spawn(async move { users.link(&owner, &identity("shared")).await })
        })
        .collect();
    let mut winners = Vec::new();
    for link in links {
        match link.await.unwrap() {
            Ok(account) => winners.push(account.id),
            Err(UsersError::IdentityTaken { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    winners.dedup();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let all = users.list(None, 100).await.unwrap();
    let times = all.iter().flat_map(|account| &account.identities).filter(|identity| identity.id == "shared").count();
    assert_eq!(times, 1);
}

fn address(id: &str) -> Identity {
    Identity { provider_type: ProviderType::EmailPassword, ..said(id, doc! { "email": id }) }
}

async fn a_user_has_one_address_with_a_password(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let links: Vec<_> = (0..8)
        .map(|n| {
            let (users, id) = (Arc::clone(&users), ada.id.clone());
            tokio::spawn(async move { users.link(&id, &address(&format!("{n}@x"))).await })
        })
        .collect();
    let mut linked = 0;
    for link in links {
        match link.await.unwrap() {
            Ok(_) => linked += 1,
            Err(UsersError::SecondIdentity(ProviderType::EmailPassword)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let stored = users.find(&ada.id).await.unwrap().unwrap();
    assert_eq!((linked, stored.identities.len()), (1, 2), "{stored:?}");
    assert_eq!(users.link(&ada.id, &stored.identities[1]).await.unwrap(), stored, "the same again");
    assert_eq!(users.link(&ada.id, &identity("lovelace")).await.unwrap().identities.len(), 3);
    // An address that was not linked to anyone is still free.
    let free = (0..8).map(|n| address(&format!("{n}@x"))).find(|one| !stored.identities.contains(one)).unwrap();
    assert_ne!(users.find_or_create(&free, at(1)).await.unwrap().id, ada.id);
    // The error does not reveal whether another user has the address.
    let refused = users.link(&ada.id, &free).await.unwrap_err();
    assert!(matches!(refused, UsersError::SecondIdentity(_)), "{refused}");
}

fn unclaimed(id: &str) -> Account {
    Account {
        is_unclaimed: true,
        last_login_at: None,
        identities: vec![address(&format!("{id}@x"))],
        ..account(id, &[id])
    }
}

async fn an_unclaimed_user_is_taken_over_once(users: Store) {
    users.import(&[unclaimed("1")]).await.unwrap();
    assert!(users.find("1").await.unwrap().unwrap().is_unclaimed);
    let racing: Vec<_> = (0..8)
        .map(|n| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.take_over("1", &identity(&format!("sub {n}")), at(9)).await.unwrap() })
        })
        .collect();
    let mut taken = Vec::new();
    for one in racing {
        taken.extend(one.await.unwrap());
    }
    let stored = users.find("1").await.unwrap().unwrap();
    assert_eq!(taken, std::slice::from_ref(&stored));
    assert_eq!((stored.identities.len(), stored.last_login_at, stored.is_unclaimed), (2, Some(at(9)), false));
    // Importing the user again neither makes it claimable again nor changes it.
    assert_eq!(users.import(&[unclaimed("1")]).await.unwrap(), [ImportOutcome::IdTaken]);
    assert_eq!(users.take_over("1", &identity("eve"), at(10)).await.unwrap(), None);
}

async fn only_an_active_unclaimed_user_is_taken_over(users: Store) {
    let closed = [
        Account { state: AccountState::Disabled, ..unclaimed("disabled") },
        Account { state: AccountState::Pending, ..unclaimed("pending") },
        Account { kind: UserType::Server, ..unclaimed("server") },
        Account { is_unclaimed: false, ..unclaimed("claimed") },
        unclaimed("logged in"),
        unclaimed("linked"),
    ];
    users.import(&closed).await.unwrap();
    users.find_or_create(&address("logged in@x"), at(1)).await.unwrap();
    users.link("linked", &identity("somebody")).await.unwrap();
    for id in ["disabled", "pending", "server", "claimed", "logged in", "linked", "nobody", ""] {
        assert_eq!(users.take_over(id, &identity("eve"), at(9)).await.unwrap(), None, "{id}");
    }
    let kept = Account { last_login_at: Some(at(1)), is_unclaimed: false, ..unclaimed("logged in") };
    assert_eq!(users.find("logged in").await.unwrap(), Some(kept));
    assert_eq!(users.import(&[unclaimed("logged in")]).await.unwrap(), [ImportOutcome::Unchanged]);
    assert!(!users.find("logged in").await.unwrap().unwrap().is_unclaimed, "an import does not open it again");
    assert_eq!(users.owner(ProviderType::CustomToken, "eve").await.unwrap(), None);
}

async fn an_identity_of_another_user_cannot_take_over_a_user(users: Store) {
    users.import(&[unclaimed("1"), account("2", &["eve"])]).await.unwrap();
    assert_eq!(users.take_over("1", &identity("eve"), at(9)).await.unwrap(), None);
    assert_eq!(users.take_over("1", &address("other@x"), at(9)).await.unwrap(), None, "a second address");
    assert_eq!(users.find("1").await.unwrap(), Some(unclaimed("1")));
    assert!(users.take_over("1", &identity("ada"), at(9)).await.unwrap().is_some());
}

async fn removing_the_last_identity_deletes_its_user(users: Store) {
    let kind = ProviderType::CustomToken;
    users.import(&[account("1", &["a", "b", "c"]), account("2", &["d"])]).await.unwrap();
    assert_eq!(users.remove_identity(kind, "nobody").await.unwrap(), None);
    assert_eq!(users.remove_identity(ProviderType::ApiKey, "a").await.unwrap(), None);
    assert_eq!(users.remove_identity(kind, "b").await.unwrap(), Some(Removed::FromUser("1".to_owned())));
    assert_eq!(users.remove_identity(kind, "b").await.unwrap(), None);
    assert_eq!(users.find("1").await.unwrap(), Some(account("1", &["a", "c"])));
    assert_eq!(users.owner(kind, "b").await.unwrap(), None);
    let racing: Vec<_> = ["a", "c", "d", "d"]
        .map(|id| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.remove_identity(kind, id).await.unwrap() })
        })
        .into();
    let mut with_user = 0;
    for one in racing {
        with_user += usize::from(matches!(one.await.unwrap(), Some(Removed::WithUser(_))));
    }
    assert_eq!((with_user, users.list(None, 10).await.unwrap()), (2, Vec::new()));
    assert_eq!(users.owner(kind, "d").await.unwrap(), None);
}

async fn the_last_visit_is_recorded(users: Store) {
    users.import(&[unclaimed("1")]).await.unwrap();
    for (time, noted) in [(5, 5), (3, 5), (7, 7)] {
        assert!(users.touch("1", at(time)).await.unwrap());
        let expected = Account { last_login_at: Some(at(noted)), ..unclaimed("1") };
        assert_eq!(users.find("1").await.unwrap(), Some(expected));
    }
    assert!(!users.touch("nobody", at(9)).await.unwrap());
}

async fn only_a_pending_user_is_activated(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let state = async || users.find(&ada.id).await.unwrap().unwrap().state;
    for _ in 0..2 {
        users.activate(&ada.id).await.unwrap();
        assert_eq!(state().await, AccountState::Active);
    }
    users.set_state(&ada.id, AccountState::Disabled).await.unwrap();
    users.activate(&ada.id).await.unwrap();
    assert_eq!(state().await, AccountState::Disabled);
    users.set_state(&ada.id, AccountState::Active).await.unwrap();
    assert_eq!(state().await, AccountState::Active);
    let error = users.activate("nobody").await.unwrap_err();
    assert!(matches!(error, UsersError::Unknown(_)), "{error}");
    let error = users.set_state("nobody", AccountState::Active).await.unwrap_err();
    assert!(matches!(error, UsersError::Unknown(_)), "{error}");
}

async fn a_disabled_user_is_found_but_not_changed(users: Store) {
    let ada = users.find_or_create(&said("ada", doc! { "n": 1 }), at(0)).await.unwrap();
    for state in [AccountState::Disabled, AccountState::DisabledPending] {
        users.set_state(&ada.id, state).await.unwrap();
        users.activate(&ada.id).await.unwrap();
        let expected = Account { state, ..ada.clone() };
        assert_eq!(users.find_or_create(&said("ada", doc! { "n": 2 }), at(9)).await.unwrap(), expected);
        assert_eq!(users.find(&expected.id).await.unwrap(), Some(expected));
    }
}

async fn deleting_a_user_frees_its_identities(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let eve = users.find_or_create(&identity("eve"), at(0)).await.unwrap();
    users.link(&ada.id, &identity("lovelace")).await.unwrap();
    assert_eq!(users.delete(&ada.id).await.unwrap(), Some(vec![identity("ada"), identity("lovelace")]));
    assert_eq!(users.delete(&ada.id).await.unwrap(), None);
    assert_eq!(users.find(&ada.id).await.unwrap(), None);
    users.link(&eve.id, &identity("lovelace")).await.unwrap();
    assert_ne!(users.find_or_create(&identity("ada"), at(1)).await.unwrap().id, ada.id);
}

async fn an_import_reports_the_outcome_of_each_user(users: Store) {
    let taken = |id: &str| ImportOutcome::IdentityTaken { provider_type: ProviderType::CustomToken, id: id.to_owned() };
    let first = [account("1", &["a", "b"]), account("2", &["c"])];
    assert_eq!(users.import(&first).await.unwrap(), [ImportOutcome::Added, ImportOutcome::Added]);
    assert_eq!(users.import(&[]).await.unwrap(), []);
    let login = |account: Account| Account { last_login_at: None, ..account };
    let batch = [
        login(account("1", &["a", "b"])),
        account("2", &["d"]),
        account("3", &["x", "c"]),
        account("4", &["e"]),
        account("4", &["e"]),
        account("4", &["f"]),
        account("5", &["e"]),
        Account { state: AccountState::Pending, ..account("2", &["c"]) },
        account("6", &["g"]),
    ];
    let expected = [
        ImportOutcome::Unchanged,
        ImportOutcome::IdTaken,
        taken("c"),
        ImportOutcome::Added,
        ImportOutcome::Unchanged,
        ImportOutcome::IdTaken,
        taken("e"),
        ImportOutcome::IdTaken,
        ImportOutcome::Added,
    ];
    assert_eq!(users.import(&batch).await.unwrap(), expected);
    let ids: Vec<_> = users.list(None, 100).await.unwrap().into_iter().map(|account| account.id).collect();
    assert_eq!(ids, ["1", "2", "4", "6"]);
    assert_eq!(users.find("4").await.unwrap(), Some(account("4", &["e"])));
    // If a user was not added, none of the user's identities is stored.
    assert_eq!(users.find_or_create(&identity("x"), at(1)).await.unwrap().state, AccountState::Pending);
}

async fn an_import_never_changes_a_user(users: Store) {
    let ada = account("1", &["a"]);
    users.import(std::slice::from_ref(&ada)).await.unwrap();
    let changed = [
        Account { kind: UserType::Server, ..ada.clone() },
        Account { state: AccountState::Disabled, ..ada.clone() },
        Account { created_at: at(5), ..ada.clone() },
        Account { identities: vec![said("a", doc! { "n": 1 })], ..ada.clone() },
        account("1", &["a", "b"]),
    ];
    for changed in changed {
        assert_eq!(
            users.import(std::slice::from_ref(&changed)).await.unwrap(),
            [ImportOutcome::IdTaken],
            "{changed:?}"
        );
        assert_eq!(users.find("1").await.unwrap().as_ref(), Some(&ada));
    }
    let later = Account { last_login_at: Some(at(99)), ..ada.clone() };
    assert_eq!(users.import(&[later]).await.unwrap(), [ImportOutcome::Unchanged]);
    assert_eq!(users.find("1").await.unwrap(), Some(ada));
}

async fn a_large_import_is_complete(users: Store) {
    let accounts: Vec<_> = (0..1203).map(|n| account(&format!("{n:04}"), &[&format!("identity {n}")])).collect();
    let mut expected = vec![ImportOutcome::Added; accounts.len()];
    assert_eq!(users.import(&accounts).await.unwrap(), expected);
    expected.fill(ImportOutcome::Unchanged);
    assert_eq!(users.import(&accounts).await.unwrap(), expected);
    assert_eq!(users.list(None, 5000).await.unwrap(), accounts);
}

async fn users_are_listed_in_the_order_of_their_ids(users: Store) {
    let ids = ["é", "a", "B", "aa", "10", "9", "a\u{10000}", "a\u{ffff}", "Z"];
    let accounts: Vec<_> = ids.iter().map(|id| account(id, &[&format!("identity of {id}")])).collect();
    users.import(&accounts).await.unwrap();
    let mut sorted = ids;
    sorted.sort_unstable();
    let list = async |after: Option<&str>, limit| {
        let page = users.list(after, limit).await.unwrap();
        page.into_iter().map(|account| account.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 100).await, sorted);
    assert_eq!(list(None, usize::MAX).await, sorted);
    assert_eq!(list(None, 0).await, [""; 0]);
    assert_eq!(list(Some("c"), 100).await, ["é"]);
    assert_eq!(list(Some("A"), 2).await, ["B", "Z"]);
    assert_eq!(list(Some(""), 1).await, ["10"]);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = list(after.as_deref(), 2).await;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        paged.extend(page);
    }
    assert_eq!(paged, sorted);
}

/// Not in the table above, since it needs two views of the same store. An identity provider of one application has no
/// authority over users of another, even if both know an `ada`.
pub async fn applications_in_one_store_are_isolated(mine: Store, other: Store) {
    let ada = mine.find_or_create(&said("ada", doc! { "role": "user" }), at(0)).await.unwrap();
    let eve = other.find_or_create(&said("ada", doc! { "role": "admin" }), at(1)).await.unwrap();
    assert_ne!(ada.id, eve.id);
    other.activate(&eve.id).await.unwrap();
    assert_eq!(mine.find(&ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!((mine.find(&eve.id).await.unwrap(), other.find(&ada.id).await.unwrap()), (None, None));
    assert!(matches!(other.link(&ada.id, &identity("x")).await.unwrap_err(), UsersError::Unknown(_)));
    assert!(matches!(other.activate(&ada.id).await.unwrap_err(), UsersError::Unknown(_)));
    assert!(matches!(other.set_state(&ada.id, AccountState::Disabled).await.unwrap_err(), UsersError::Unknown(_)));
    assert!(other.delete(&ada.id).await.unwrap().is_none());
    assert!(!other.touch(&ada.id, at(5)).await.unwrap());
    mine.import(&[unclaimed("%")]).await.unwrap();
    assert_eq!(other.take_over("%", &identity("x"), at(5)).await.unwrap(), None);
    assert_eq!(other.remove_identity(ProviderType::EmailPassword, "%@x").await.unwrap(), None);
    assert!(mine.delete("%").await.unwrap().is_some());
    // Imported IDs can be the same in both applications.
    let twins = [Account { kind: UserType::Server, ..account(&ada.id, &["lovelace"]) }, account("~", &["b"])];
    assert_eq!(other.import(&twins).await.unwrap(), [ImportOutcome::Added, ImportOutcome::Added]);
    let linked = mine.link(&ada.id, &identity("lovelace")).await.unwrap();
    assert_eq!(linked.kind, UserType::Normal);
    assert_eq!(mine.list(None, 10).await.unwrap(), std::slice::from_ref(&linked));
    assert_eq!(mine.list(Some(&ada.id), 10).await.unwrap(), []);
    let ids: Vec<_> = other.list(None, 10).await.unwrap().into_iter().map(|account| account.id).collect();
    assert!(ids.len() == 3 && ids.contains(&eve.id) && ids.contains(&ada.id), "{ids:?}");
    for id in &ids {
        assert!(other.delete(id).await.unwrap().is_some());
    }
    assert_eq!(mine.find_or_create(&identity("lovelace"), at(2)).await.unwrap().id, ada.id);
    assert!(mine.delete(&ada.id).await.unwrap().is_some());
}

async fn several_users_are_found_in_one_lookup(users: Store) {
    let ada = users.find_or_create(&identity("ada"), at(0)).await.unwrap();
    let bob = users.find_or_create(&identity("bob"), at(0)).await.unwrap();
    let ids = [bob.id.as_str(), "none", ada.id.as_str(), bob.id.as_str(), ""];
    let found = users.find_all(&ids).await.unwrap();
    assert_eq!(found, [Some(bob.clone()), None, Some(ada.clone()), Some(bob.clone()), None]);
    assert_eq!(users.find_all(&[]).await.unwrap(), []);
}
