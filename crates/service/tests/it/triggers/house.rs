//! An application with its stores in memory, and a clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::DateTime;
use portcullis::Clock;
use portcullis::auth::ProviderType;
use portcullis::auth::token::{SigningKey, SigningKeys, TokenIssuer};
use portcullis::login::{Accounts, Authenticator};
use portcullis::store::{AccountEvents, Identity, Sessions, Triggers, Users};
use portcullis_service::triggers::{Runner, RunnerParts, TriggerStores, announcer};
use portcullis_store::Embedded;
use portcullis_testkit::keys::secret;

use super::recorder::{Application, Recorder, options};

/// A clock that changes only when it is set.
pub(crate) struct Hand(Mutex<DateTime>);

impl Hand {
    pub(crate) fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::parse_rfc3339_str(text).unwrap())))
    }

    pub(crate) fn set(&self, text: &str) {
        *self.0.lock().unwrap() = DateTime::parse_rfc3339_str(text).unwrap();
    }
}

impl Clock for Hand {
    fn now(&self) -> DateTime {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn parts(app: &Application, store: &Arc<Embedded>, functions: &Arc<Recorder>) -> RunnerParts {
    RunnerParts {
        application: "app-abcde".to_owned(),
        app: Arc::clone(&app.app),
        functions: Arc::<Recorder>::clone(functions),
        stores: TriggerStores {
            states: Arc::<Embedded>::clone(store),
            events: Arc::<Embedded>::clone(store),
            changes: None,
            accounts: None,
        },
    }
}

pub(crate) fn start(app: &Application, store: &Arc<Embedded>, functions: &Arc<Recorder>) -> Runner {
    Runner::start(parts(app, store, functions), options())
}

/// Logs users in, and records account events for the application's triggers.
pub(crate) fn authenticator(app: &Application, store: &Arc<Embedded>) -> Authenticator {
    let key = SigningKey::from_secret(secret().into_bytes()).unwrap();
    let issuer = TokenIssuer::new(SigningKeys::new(vec![key]).unwrap(), "app-abcde");
    let accounts = Accounts::new(
        Arc::<Embedded>::clone(store) as Arc<dyn Users>,
        Arc::<Embedded>::clone(store) as Arc<dyn Sessions>,
    );
    let events: Arc<dyn AccountEvents> = Arc::<Embedded>::clone(store);
    let accounts = match announcer(&app.app, &events) {
        Some(announcer) => accounts.with_announcer(announcer),
        None => accounts,
    };
    Authenticator::new(issuer, accounts).without_custom_data()
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity { provider_type: ProviderType::EmailPassword, id: name.to_owned(), data: bson::doc! { "email": name } }
}

/// Waits until the state of a trigger meets a condition.
pub(crate) async fn wait_for_state(
    store: &Embedded,
    trigger: &str,
    is_so: impl Fn(&portcullis::store::TriggerState) -> bool,
) -> portcullis::store::TriggerState {
    let wait = async {
        loop {
            let state = Triggers::state(store, trigger).await.unwrap();
            if is_so(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("the state never comes")
}
