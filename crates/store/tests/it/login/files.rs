//! Users and sessions in a file.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::doc;
use expect_test::expect;
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer};
use portcullis::login::Authenticator;
use portcullis_store::Embedded;
use portcullis_testkit::keys::secret;

use super::{House, accounts, provider};

#[tokio::test]
async fn users_and_sessions_in_a_file_outlive_the_process() {
    let path = std::env::temp_dir().join(format!("portcullis-state-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    let house = House::new();
    let open = || {
        let users = Arc::new(Embedded::open(&path, "app").unwrap());
        Authenticator::new(issuer_again(), accounts(&users))
            .with_provider(provider(&house.secret, false))
            .without_custom_data()
            .with_clock(Arc::clone(&house.clock) as Arc<_>)
    };
    let token = house.token(doc! { "sub": "ada" });
    let login = open().log_in("intranet", &token, None).await.unwrap();
    let later = open();
    let refused = Embedded::open(&path, "app").unwrap_err().to_string();
    expect![
        "cannot open the file of users, sessions and documents: another process has had it open for more than 5 seconds: stop that process, or share a MongoDB server"
    ]
    .assert_eq(&refused.replace(path.to_str().unwrap(), "<file>"));
    assert_eq!(later.log_in("intranet", &token, None).await.unwrap().user.id, login.user.id);
    later.refresh(&login.refresh_token).await.unwrap();
    drop(later);
    fs::remove_file(&path).unwrap();
}

/// An issuer that has one key in all calls.
fn issuer_again() -> TokenIssuer {
    static SECRET: Mutex<Option<String>> = Mutex::new(None);
    let secret = SECRET.lock().unwrap().get_or_insert_with(secret).clone();
    let key = SigningKey::from_secret(secret.into_bytes()).unwrap();
    TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "app")
}

#[test]
fn an_empty_store_file_is_an_error() {
    let path = std::env::temp_dir().join(format!("portcullis-empty-{}.redb", std::process::id()));
    fs::write(&path, "").unwrap();
    let error = Embedded::open(&path, "app").unwrap_err().to_string();
    expect!["cannot open the file of users, sessions and documents: it is empty: its contents are lost; restore a backup, or remove it to start afresh"].assert_eq(&error.replace(path.to_str().unwrap(), "<file>"));
    fs::remove_file(&path).unwrap();
}

#[test]
fn processes_that_share_a_file_wait_for_each_other() {
    let path = std::env::temp_dir().join(format!("portcullis-waiting-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let open = Embedded::open(&path, "app").unwrap();
                std::thread::sleep(Duration::from_millis(30));
                drop(open);
            })
        })
        .collect();
    opens.into_iter().for_each(|open| open.join().unwrap());
    fs::remove_file(&path).unwrap();
}
