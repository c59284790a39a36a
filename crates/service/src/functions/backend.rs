//! The backend of functions: looks up users, and accesses data sources under a user's rules or as the system.

use std::sync::Arc;

use bson::Bson;
use portcullis::eval::Request;
use portcullis::login::{LoginError, UserAssembler};
use portcullis::predicate::Predicate;
use portcullis::{BoxFuture, Clock, SystemClock, User};
use portcullis_functions::{ActionName, Backend, BackendError, DataAction, Rights};

use crate::client::{ClientError, ErrorClass, ErrorCode};
use crate::data::{Action, Asker, Data, Target, of_bson};

/// The backend that the runtime of functions calls.
pub(super) struct Reach {
    data: Arc<Data>,
    users: Known,
}

/// The users that functions may run as.
pub(crate) enum Known {
    /// The users in the account store.
    Accounts(UserAssembler),
    /// A fixed list, for tests of functions.
    Given(Vec<User>),
}

impl Reach {
    pub(super) const fn new(data: Arc<Data>, users: Known) -> Self {
        Self { data, users }
    }

    async fn act(&self, action: DataAction) -> Result<Bson, ClientError> {
        let DataAction { rights, service, database, collection, name, arguments, transaction, request, by_rule } =
            action;
        match (name, &rights) {
            (ActionName::GetDatabaseNames, Rights::System) => return self.data.database_names().await,
            (ActionName::GetCollectionNames, Rights::System) => return self.data.collection_names(&database).await,
            _ => {}
        }
        let Some(action) = Action::from_name(name.name()) else {
            let message = format!("the data source has no action '{}'", name.name());
            return Err(ClientError::bad(ErrorCode::ServiceCommandNotFound, message));
        };
        let target = Target::of(&service, &database, &collection.unwrap_or_default())?;
        let target = Target { transaction, by_rule, ..target };
        match rights {
            Rights::System => self.data.act_as_system(&target, action, &arguments).await,
            Rights::User(user) => {
                let asker = Asker::new(Arc::unwrap_or_clone(user), request);
                let options = of_bson(&Bson::Document(arguments))
                    .map_err(|error| ClientError::bad(ErrorCode::InvalidParameter, error.to_string()))?;
                self.data.act(&asker, &target, action, &options).await?.into_value()
            }
        }
    }
}

impl Backend for Reach {
    fn user<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>> {
        Box::pin(async move {
            let users = match &self.users {
                Known::Accounts(users) => users,
                Known::Given(users) => return Ok(users.iter().find(|user| user.id == id).cloned()),
            };
            match users.look_up(id, SystemClock.now()).await {
                Ok(found) => Ok(Some(found.user)),
                Err(LoginError::UserUnknown(_) | LoginError::UserDisabled(_) | LoginError::UserExpired(_)) => Ok(None),
                Err(error) => Err(seen(ClientError::internal(error))),
            }
        })
    }

    fn holds<'a>(
        &'a self,
        condition: &'a Predicate,
        user: &'a User,
        request: Option<&'a Request>,
    ) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let asker = Asker::new(user.clone(), request.cloned());
            self.data.holds(condition, &asker).await.is_ok()
        })
    }

    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>> {
        Box::pin(async move { self.act(action).await.map_err(seen) })
    }

    fn begin<'a>(&'a self, _: &'a str, _: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move { self.data.begin().await.map_err(seen) })
    }

    fn commit(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move { self.data.commit(transaction).await.map_err(seen) })
    }

    fn abort(&self, transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.data.abort(transaction).await;
            Ok(())
        })
    }

    fn is_exclusive(&self, _: &str) -> bool {
        self.data.has_exclusive_transactions()
    }

    fn has_data_source(&self, name: &str) -> bool {
        self.data.has_source(name)
    }
}

/// Converts a failure into the error that the function sees, with no more detail than a client would get. The rest is
/// logged.
fn seen(error: ClientError) -> BackendError {
    if let Some(private) = error.private.as_deref() {
        if error.class == ErrorClass::Internal {
            tracing::error!(private, "a data source failed under a function");
        } else {
            tracing::debug!(private, "{}", error.message);
        }
    }
    let seen = BackendError::new(error.message);
    match error.mongodb_code {
        Some(code) => seen.with_code(code),
        None => seen,
    }
}
