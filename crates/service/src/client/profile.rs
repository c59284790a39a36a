use portcullis::User;
use portcullis::store::Identity;
use serde_json::{Map, Value, json};

use super::random::id_of;
use super::{ClientApi, ClientError};

impl ClientApi {
    /// The profile of the user of an access token, in the form that clients read.
    ///
    /// # Errors
    /// The token is rejected.
    pub async fn profile(&self, access_token: &str) -> Result<Value, ClientError> {
        let user = self.bearer_now(access_token).await?;
        let identities = self.authenticator.accounts().identities(&user.id).await.map_err(ClientError::internal)?;
        let identities: Vec<Value> = identities.iter().map(|identity| self.identity(identity)).collect();
        Ok(json!({
            "user_id": user.id,
            "domain_id": id_of(&self.id),
            "identities": identities,
            "data": data(&user),
            "type": user.kind.name(),
        }))
    }

    fn identity(&self, identity: &Identity) -> Value {
        let kind = identity.provider_type.name();
        json!({ "id": identity.id, "provider_type": kind, "provider_id": id_of(&format!("{}/{kind}", self.id)) })
    }
}

/// The user data from the providers. All values are strings, since clients read nothing else.
fn data(user: &User) -> Value {
    let mut data = Map::new();
    for (name, value) in &user.data {
        let text = match value {
            bson::Bson::Null => continue,
            bson::Bson::String(text) => Value::String(text.clone()),
            other => Value::String(other.clone().into_relaxed_extjson().to_string()),
        };
        data.insert(name.clone(), text);
    }
    Value::Object(data)
}
