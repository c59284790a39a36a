//! A user who is changed while being deleted.

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use portcullis::BoxFuture;
use portcullis::auth::ProviderType;
use portcullis::login::Accounts;
use portcullis::store::{
    Account, AccountState, Identity, ImportOutcome, PasswordLogin, Removed, StoreError, Users, UsersError,
};
use portcullis_service::client::delete;
use portcullis_service::{IfMissing, Places};

/// A store of users that links an address to a user right before deleting that user, and logs in with the address right
/// after.
struct LinkedMeanwhile {
    users: Arc<dyn Users>,
    address: Identity,
}

/// Methods that delegate to the inner store.
macro_rules! as_they_do {
    ($($life:lifetime $name:ident($($argument:ident: $kind:ty),*) -> $told:ty;)+) => {
        $(fn $name<$life>(&$life self, $($argument: $kind),*) -> BoxFuture<$life, $told> {
            self.users.$name($($argument),*)
        })+
    };
}

impl Users for LinkedMeanwhile {
    as_they_do! {
        'a find_or_create(identity: &'a Identity, now: DateTime) -> Result<Account, StoreError>;
        'a find(id: &'a str) -> Result<Option<Account>, StoreError>;
        'a owner(provider_type: ProviderType, id: &'a str) -> Result<Option<String>, StoreError>;
        'a link(id: &'a str, identity: &'a Identity) -> Result<Account, UsersError>;
        'a take_over(id: &'a str, identity: &'a Identity, now: DateTime) -> Result<Option<Account>, StoreError>;
        'a remove_identity(provider_type: ProviderType, id: &'a str) -> Result<Option<Removed>, StoreError>;
        'a touch(id: &'a str, now: DateTime) -> Result<bool, StoreError>;
        'a set_state(id: &'a str, state: AccountState) -> Result<(), UsersError>;
        'a activate(id: &'a str) -> Result<(), UsersError>;
        'a import(accounts: &'a [Account]) -> Result<Vec<ImportOutcome>, StoreError>;
        'a list(after: Option<&'a str>, limit: usize) -> Result<Vec<Account>, StoreError>;
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>> {
        Box::pin(async move {
            self.users.link(id, &self.address).await.unwrap();
            let deleted = self.users.delete(id).await;
            self.users.find_or_create(&self.address, DateTime::now()).await.unwrap();
            deleted
        })
    }
}

#[tokio::test]
async fn an_address_that_is_linked_during_a_deletion_is_free_afterwards() {
    let state = std::env::temp_dir().join(format!("portcullis-linked-{}", bson::oid::ObjectId::new().to_hex()));
    let stores = Places::in_directory(&state).account_stores("moved-abcde", IfMissing::Create).await.unwrap();
    let guest = Identity { provider_type: ProviderType::Anonymous, id: "guest".to_owned(), data: Document::new() };
    let guest = stores.users.find_or_create(&guest, DateTime::now()).await.unwrap();
    let login = PasswordLogin {
        id: "650000000000000000000001".to_owned(),
        email: "ken@example.com".to_owned(),
        hash: Some("a hash".to_owned()),
        is_confirmed: true,
        created_at: DateTime::now(),
    };
    assert!(stores.credentials.add_login(&login).await.unwrap());
    let data = doc! { "email": &login.email };
    let address = Identity { provider_type: ProviderType::EmailPassword, id: login.id.clone(), data };
    let users = LinkedMeanwhile { users: Arc::clone(&stores.users), address };
    let accounts = Accounts::new(Arc::new(users), Arc::clone(&stores.sessions));
    assert!(delete(&accounts, &*stores.credentials, &guest.id).await.unwrap());
    assert!(stores.credentials.login(&login.email).await.unwrap().is_none(), "the address is registered for nobody");
    assert_eq!(stores.users.list(None, 10).await.unwrap(), [], "nobody can reach whoever is left");
    drop((accounts, stores));
    std::fs::remove_dir_all(state).unwrap();
}
