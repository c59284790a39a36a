//! Imported users take over their accounts: by a mail, or by a token with a claim that identifies them.

use std::cell::RefCell;
use std::sync::Arc;

use bson::{DateTime, doc};
use portcullis::auth::ProviderType;
use portcullis::json;
use portcullis::store::{Account, AccountState, ImportOutcome, LoginAddition};
use portcullis_service::client::ClientApi;
use portcullis_testkit::keys::OTHER_SECRET;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span;

use super::{CodeName as _, Place, credentials, imported, log_in_by, payload, register, token, told, users};

const KEN: &str = "65a0000000000000000000b2";

/// The ID of the user as whom a case logs in.
async fn user_of(place: &Place, api: &ClientApi, subject: &str, case: &Value) -> String {
    let mut claims = case["claims"].clone();
    claims["sub"] = case.get("subject").cloned().unwrap_or_else(|| json!(subject));
    api.log_in("custom-token", Some(&place.token_payload(claims))).await.unwrap().user_id
}

fn by(case: &Value) -> Vec<&str> {
    case["by"].as_array().unwrap().iter().map(|by| by.as_str().unwrap()).collect()
}

/// Imports the users of a fixture, and sets passwords for those who are to have one.
async fn import(api: &ClientApi, fixture: &Value) -> Vec<Account> {
    let accounts: Vec<Account> = (fixture["users"].as_array().unwrap().iter())
        .map(|user| {
            let document = json::to_document(&json::parse(&user.to_string()).unwrap()).unwrap();
            Account::from_export(document, DateTime::now()).unwrap().account
        })
        .collect();
    let added = api.administration().import(&accounts).await.unwrap();
    assert!(added.iter().all(|user| user.outcome == ImportOutcome::Added));
    for email in fixture["passwords"].as_array().unwrap() {
        api.administration().set_password(email.as_str().unwrap(), "a password").await.unwrap();
    }
    accounts
}

pub(super) async fn claims_take_over_only_matching_users(place: Place) {
    let file = portcullis_testkit::root().join("fixtures/served/takeovers.json");
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    let (taking, others): (Vec<&Value>, Vec<&Value>) = cases.iter().partition(|case| case["takes"].is_string());
    assert!(taking.len() >= 8 && others.len() >= 30, "the fixture lost its cases");

    let mut api = place.open().await;
    let accounts = import(&api, &fixture).await;
    let before = users(&api).await;
    for (number, case) in others.iter().enumerate() {
        let claims = by(case).iter().map(|by| by.parse().unwrap()).collect();
        drop(api);
        api = place.open().await.with_takeover(claims);
        let user_id = user_of(&place, &api, &format!("subject {number}"), case).await;
        assert!(accounts.iter().all(|account| account.id != user_id), "{}", case["name"]);
    }
    let after: Vec<Account> = users(&api).await.into_iter().filter(|account| before.contains(account)).collect();
    assert_eq!(after, before, "nobody was changed");
    drop(api);

    for (number, case) in taking.iter().enumerate() {
        let place = place.fresh(&number.to_string());
        let api = place.open_claiming(&by(case)).await;
        import(&api, &fixture).await;
        let taken = case["takes"].as_str().unwrap();
        for _ in 0..2 {
            assert_eq!(user_of(&place, &api, "subject", case).await, taken, "{}", case["name"]);
        }
        // If another person has the same claims, the account has already been taken over.
        if case.get("subject").is_none() {
            assert_ne!(user_of(&place, &api, "another", case).await, taken, "{}", case["name"]);
            let stored = users(&api).await.into_iter().find(|account| account.id == taken).unwrap();
            let kinds: Vec<ProviderType> = stored.identities.iter().map(|one| one.provider_type).collect();
            assert_eq!((kinds.len(), kinds[1], stored.is_unclaimed), (2, ProviderType::CustomToken, false));
        }
    }
}

pub(super) async fn a_refused_token_takes_over_no_user(place: Place) {
    let api = place.open_claiming(&["email=email", "id=old_id"]).await;
    api.administration().import(&[imported(KEN, "ken@example.com")]).await.unwrap();
    let claims = json!({ "old_id": KEN, "email": "ken@example.com", "email_verified": true });
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        token(claims, &portcullis_testkit::keys::SECRET)
    };
    for wrong in [
        token(claims.clone(), &OTHER_SECRET),
        with("aud", json!("another-app")),
        with("exp", json!(1)),
        with("sub", json!("")),
    ] {
        let refused = told(api.log_in("custom-token", Some(&payload(json!({ "token": wrong })))).await);
        assert_eq!(refused.code_name(), "AuthError");
    }
    // Claims sent along with the credentials of another provider do not count.
    let mut anonymous = claims.clone();
    anonymous["email"] = json!("ken@example.com");
    let guest = api.log_in("anon-user", Some(&payload(anonymous))).await.unwrap();
    assert_ne!(guest.user_id, KEN);
    // Linking such a token does not change the user who is logged in.
    let linked = api.link(&guest.access_token, "custom-token", Some(&place.token_payload(claims))).await.unwrap();
    assert_eq!(linked.user_id, guest.user_id);
    assert_eq!(api.accounts().stored(KEN).await.unwrap(), imported(KEN, "ken@example.com"));
}

pub(super) async fn a_reset_mail_takes_over_a_user(place: Place) {
    let api = place.open().await;
    api.administration().import(&[imported(KEN, "ken@example.com")]).await.unwrap();
    assert_eq!(told(api.register("ken@example.com", "password").await).code_name(), "AccountNameInUse");
    for password in ["", "password"] {
        let login = api.log_in("local-userpass", Some(&credentials("ken@example.com", password))).await;
        assert_eq!(told(login).code_name(), "InvalidPassword", "there is none yet");
    }
    // Addresses are case-sensitive: this one is unused, and registering it creates another user.
    assert_eq!(told(api.send_reset("Ken@example.com").await).code_name(), "UserNotFound");
    register(&api, "Ken@example.com").await;
    assert_ne!(log_in_by(&api, "Ken@example.com").await.user_id, KEN);
    assert_eq!(told(api.send_confirmation("ken@example.com").await).code_name(), "UserAlreadyConfirmed");
    // A reset function never sets the first password.
    assert_eq!(told(api.call_reset("ken@example.com", "password", &[]).await).code, None);
    assert_eq!(api.accounts().stored(KEN).await.unwrap(), imported(KEN, "ken@example.com"));
    assert!(place.mails().is_empty());

    api.send_reset("ken@example.com").await.unwrap();
    let (token, id) = place.mailed();
    assert!(api.accounts().stored(KEN).await.unwrap().is_unclaimed, "a mail that was sent shows nothing yet");
    api.reset(&token, &id, "password").await.unwrap();
    assert_eq!(told(api.reset(&token, &id, "another").await).code_name(), "UserpassTokenInvalid");
    let ken = log_in_by(&api, "ken@example.com").await;
    assert_eq!(ken.user_id, KEN);
    assert!(!api.accounts().stored(KEN).await.unwrap().is_unclaimed);
    assert_eq!(api.profile(&ken.access_token).await.unwrap()["identities"].as_array().unwrap().len(), 1);
}

pub(super) async fn a_user_is_taken_over_by_either_a_mail_or_a_token(place: Place) {
    let api = Arc::new(place.open_claiming(&["email=email"]).await);
    for round in 0..8 {
        let (id, email) = (format!("65a00000000000000000000{round}"), format!("ken{round}@example.com"));
        api.administration().import(&[imported(&id, &email)]).await.unwrap();
        api.send_reset(&email).await.unwrap();
        let (token, token_id) = place.mailed();
        let claims = json!({ "sub": email, "email": email, "email_verified": true });
        let by_token = {
            let (api, payload) = (Arc::clone(&api), place.token_payload(claims));
            tokio::spawn(async move { api.log_in("custom-token", Some(&payload)).await })
        };
        let by_mail = {
            let api = Arc::clone(&api);
            tokio::spawn(async move { api.reset(&token, &token_id, "password").await })
        };
        by_mail.await.unwrap().unwrap();
        let other = by_token.await.unwrap();
        let stored = api.accounts().stored(&id).await.unwrap();
        // Either the token came first, and the mail ended its session, perhaps before the login was complete; or the
        // token led to a separate user.
        let linked = stored.identities.len() == 2;
        match other {
            Ok(other) => assert_eq!(linked, other.user_id == id, "{stored:?}"),
            Err(error) => assert_eq!((linked, error.code_name()), (true, "AuthError"), "{stored:?}"),
        }
        assert_eq!(log_in_by(&api, &email).await.user_id, id);
        let late = json!({ "sub": "late", "email": email, "email_verified": true });
        let late = api.log_in("custom-token", Some(&place.token_payload(late))).await.unwrap();
        assert_ne!(late.user_id, id, "who has a password is not taken over");
    }
}

pub(super) async fn one_of_several_concurrent_tokens_takes_over_a_user(place: Place) {
    let api = Arc::new(place.open_claiming(&["email=email"]).await);
    api.administration().import(&[imported(KEN, "ken@example.com")]).await.unwrap();
    // Four subjects, twice each.
    let logins: Vec<_> = (0..8)
        .map(|n| {
            let subject = format!("subject {}", n % 4);
            let claims = json!({ "sub": subject, "email": "ken@example.com", "email_verified": true });
            let (api, payload) = (Arc::clone(&api), place.token_payload(claims));
            tokio::spawn(async move { (subject, api.log_in("custom-token", Some(&payload)).await.unwrap().user_id) })
        })
        .collect();
    let (mut winners, mut users_of) = (Vec::new(), std::collections::BTreeMap::new());
    for login in logins {
        let (subject, user_id) = login.await.unwrap();
        if user_id == KEN {
            winners.push(subject.clone());
        }
        let first = users_of.entry(subject).or_insert_with(|| user_id.clone());
        assert_eq!(*first, user_id, "one person is one user");
    }
    winners.dedup();
    winners.sort();
    winners.dedup();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(api.accounts().stored(KEN).await.unwrap().identities.len(), 2);
}

tokio::task_local! {
    /// The fields of the log events of a task.
    static LOGGED: RefCell<Vec<String>>;
}

/// Records the fields of log events in `LOGGED`, in tasks that have it.
struct Recorder;

impl Visit for Recorder {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = LOGGED.try_with(|logged| logged.borrow_mut().push(format!("{field}={value:?}")));
    }
}

impl tracing::Subscriber for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("portcullis")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Self);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

pub(super) async fn a_takeover_is_logged(place: Place) {
    // For the whole process: `tracing` remembers forever whether the thread that first reached an event had a subscriber.
    // With a subscriber for this story alone, that could be the thread of another story.
    tracing::subscriber::set_global_default(Recorder).unwrap();
    tracing::callsite::rebuild_interest_cache();
    let api = place.open_claiming(&["email=email"]).await;
    let others = ["65a0000000000000000000b3", "65a0000000000000000000b4"];
    let accounts = [
        imported(KEN, "ken@example.com"),
        imported(others[0], "zoe@example.com"),
        imported(others[1], "lin@example.com"),
    ];
    api.administration().import(&accounts).await.unwrap();
    api.send_reset("zoe@example.com").await.unwrap();
    let (token, id) = place.mailed();
    let claims = place.token_payload(json!({ "email": "ken@example.com", "email_verified": true }));
    let work = async {
        api.log_in("custom-token", Some(&claims)).await.unwrap();
        api.log_in("custom-token", Some(&claims)).await.unwrap();
        api.reset(&token, &id, "password").await.unwrap();
        api.administration().set_password("lin@example.com", "password").await.unwrap();
        api.administration().set_password("lin@example.com", "another").await.unwrap();
    };
    let logged = LOGGED
        .scope(RefCell::default(), async {
            work.await;
            LOGGED.with(RefCell::take)
        })
        .await;
    let users: Vec<&String> = logged.iter().filter(|field| field.starts_with("user_id=")).collect();
    assert_eq!(
        users,
        [&format!("user_id={KEN}"), &format!("user_id={}", others[0]), &format!("user_id={}", others[1])]
    );
    assert!(logged.iter().all(|field| !field.contains("example.com") && !field.contains(&token)), "{logged:?}");
}

pub(super) async fn an_import_reports_addresses_already_in_use(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let nameless = Account { identities: vec![], ..imported("3", "") };
    let without = Account {
        identities: imported("3", "x")
            .identities
            .into_iter()
            .map(|one| portcullis::store::Identity { data: doc! {}, ..one })
            .collect(),
        ..nameless
    };
    let accounts =
        [imported(KEN, "ken@example.com"), imported("2", "zoe@example.com"), imported("4", "zoe@example.com"), without];
    let results = api.administration().import(&accounts).await.unwrap();
    let addresses: Vec<_> = results.iter().map(|user| user.address).collect();
    let (added, taken) = (Some(LoginAddition::Added), Some(LoginAddition::AddressTaken));
    assert_eq!(addresses, [taken, added, taken, None]);
    assert_ne!(log_in_by(&api, "ken@example.com").await.user_id, KEN, "who registered it is nobody else");
    let again = api.administration().import(&accounts[1..2]).await.unwrap();
    assert_eq!((&again[0].outcome, again[0].address), (&ImportOutcome::Unchanged, Some(LoginAddition::Unchanged)));
    // A deleted user can be imported again.
    let credentials = api.administration();
    credentials.delete("2").await.unwrap();
    assert_eq!(api.administration().import(&accounts[1..2]).await.unwrap()[0].address, added);
    assert_eq!(api.accounts().stored("2").await.unwrap().state, AccountState::Active);
}
