use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::login::{UserCreation, UserCreationRefused};
use portcullis::{BoxFuture, User};
use portcullis_functions::{CallError, Entry};

use super::{Functions, private};

/// The user creation function of an application. Its result is ignored; if it throws, the user is not created.
pub(crate) struct CreationFunction {
    functions: Arc<Functions>,
    name: String,
}

impl CreationFunction {
    /// Uses the function with this name.
    pub(crate) fn new(functions: Arc<Functions>, name: impl Into<String>) -> Self {
        Self { functions, name: name.into() }
    }
}

/// The user object passed to the function, which has no custom data yet.
fn argument(user: &User) -> Bson {
    let mut object: Document = user.to_document();
    object.remove("custom_data");
    Bson::Document(object)
}

impl UserCreation for CreationFunction {
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        Box::pin(async move {
            let called = self.functions.call_as_system(&self.name, vec![argument(user)], Entry::UserCreation).await;
            called.map(drop).map_err(|error| UserCreationRefused {
                function: self.name.clone(),
                message: match &error {
                    // What the function threw may contain the new user's data, so only its position is shown. The call
                    // log has the rest, without passwords.
                    CallError::Failed(_) => private(&error).unwrap_or_else(|| "it failed".to_owned()),
                    error => error.to_string(),
                },
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use portcullis::App;
    use portcullis::app::Secrets;
    use portcullis_functions::Options;
    use portcullis_store::EmbeddedDocuments;

    use super::*;
    use crate::data::{Data, Reserved};
    use crate::functions::Known;

    #[tokio::test]
    async fn errors_of_the_user_creation_function_are_not_revealed() {
        let folder = std::env::temp_dir().join(format!("portcullis-creation-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("functions")).unwrap();
        std::fs::write(folder.join("realm_config.json"), r#"{"app_id": "app-abcde", "name": "app"}"#).unwrap();
        std::fs::write(folder.join("functions/config.json"), r#"[{"name": "greet", "private": true}]"#).unwrap();
        let source = "exports = ({ data }) => {\n  throw new Error(`not ${data.email}`);\n};";
        std::fs::write(folder.join("functions/greet.js"), source).unwrap();
        let app = Arc::new(App::load(&folder).unwrap());
        let documents = EmbeddedDocuments::in_memory().unwrap();
        let data = Arc::new(Data::new(app, Secrets::default(), documents.into(), Reserved::default()));
        let functions = Functions::new(&data, Known::Given(Vec::new()), Options::default(), None);
        let mut user = User::new("ada");
        user.data.insert("email", "ada@example.com");
        let refused = CreationFunction::new(functions, "greet").user_created(&user).await.unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(refused.contains("functions/greet.js:2:") && !refused.contains("ada@example.com"), "{refused}");
    }
}
