use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, Document};
use portcullis::login::{UserCreation, UserCreationRefused};
use portcullis::{BoxFuture, User};
use portcullis_functions::{CallError, Entry};
use tokio::sync::OnceCell;

use super::{Functions, private};

/// The user creation function of an application. Its result is ignored; if it throws, the user is not created.
///
/// Several logins of a new user may arrive at once. One of them calls the function, while the others wait for its success.
pub(crate) struct CreationFunction {
    functions: Arc<Functions>,
    name: String,
    /// For each user who was created recently, by ID, when the first call began and whether one has succeeded.
    recent: Mutex<HashMap<String, (Instant, Success)>>,
}

/// Set once a call has succeeded.
type Success = Arc<OnceCell<()>>;

/// How long a success is remembered: for logins that began before the user's account became active.
const REMEMBERED: Duration = Duration::from_secs(60);

impl CreationFunction {
    /// Uses the function with this name.
    pub(crate) fn new(functions: Arc<Functions>, name: impl Into<String>) -> Self {
        Self { functions, name: name.into(), recent: Mutex::default() }
    }

    /// Whether the function has succeeded for this user.
    fn success(&self, id: &str) -> Success {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (began, success)| began.elapsed() < REMEMBERED || Arc::strong_count(success) > 1);
        let (_, success) = recent.entry(id.to_owned()).or_insert_with(|| (Instant::now(), Arc::default()));
        Arc::clone(success)
    }

    async fn call(&self, user: &User) -> Result<(), UserCreationRefused> {
        let called = self.functions.call_as_system(&self.name, vec![argument(user)], Entry::UserCreation).await;
        called.map(drop).map_err(|error| UserCreationRefused {
            function: self.name.clone(),
            message: match &error {
                // What the function threw may contain the new user's data, so only its position is shown. The call log
                // has the rest, without passwords.
                CallError::Failed(_) => private(&error).unwrap_or_else(|| "it failed".to_owned()),
                error => error.to_string(),
            },
        })
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
        Box::pin(async move { self.success(&user.id).get_or_try_init(|| self.call(user)).await.copied() })
    }
}

#[cfg(test)]
mod tests {
    use portcullis::App;
    use portcullis::app::Secrets;
    use portcullis_functions::Options;
    use portcullis_store::EmbeddedDocuments;

    use super::*;
    use crate::data::{Action, Data, Reserved, Target};
    use crate::functions::Known;

    /// An application whose user creation function has this source, and its data.
    fn creation(name: &str, source: &str) -> (CreationFunction, Arc<Data>) {
        let folder = std::env::temp_dir().join(format!("portcullis-creation-{name}-{}", std::process::id()));
        for (path, text) in [
            ("realm_config.json", r#"{"app_id": "app-abcde", "name": "app"}"#),
            ("data_sources/mongodb-atlas/config.json", r#"{"name": "mongodb-atlas", "type": "mongodb-atlas"}"#),
            ("functions/config.json", r#"[{"name": "greet", "private": true}]"#),
            ("functions/greet.js", source),
        ] {
            std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(path), text).unwrap();
        }
        let app = Arc::new(App::load(&folder).unwrap());
        let documents = EmbeddedDocuments::in_memory().unwrap();
        let data = Arc::new(Data::new(app, Secrets::default(), documents.into(), Reserved::default()));
        let functions = Functions::new(&data, Known::Given(Vec::new()), Options::default(), None);
        std::fs::remove_dir_all(&folder).unwrap();
        (CreationFunction::new(functions, "greet"), data)
    }

    #[tokio::test]
    async fn errors_of_the_user_creation_function_are_not_revealed() {
        let source = "exports = ({ data }) => {\n  throw new Error(`not ${data.email}`);\n};";
        let (creation, _data) = creation("errors", source);
        let mut user = User::new("ada");
        user.data.insert("email", "ada@example.com");
        let refused = creation.user_created(&user).await.unwrap_err().to_string();
        assert!(refused.contains("functions/greet.js:2:") && !refused.contains("ada@example.com"), "{refused}");
    }

    #[tokio::test]
    async fn simultaneous_logins_of_a_new_user_call_the_function_once() {
        let source = "exports = async ({ id }) => {
            const made = context.services.get('mongodb-atlas').db('app').collection('made');
            await made.insertOne({ user: id });
            await new Promise((done) => setTimeout(done, 50));
        };";
        let (creation, data) = creation("once", source);
        let (ada, ken) = (User::new("ada"), User::new("ken"));
        let (first, second, third) =
            tokio::join!(creation.user_created(&ada), creation.user_created(&ken), creation.user_created(&ada));
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        creation.user_created(&ada).await.unwrap();
        let target = Target::of("mongodb-atlas", "app", "made").unwrap();
        let count = data.act_as_system(&target, Action::Count, &Document::new()).await.unwrap();
        assert_eq!(count, Bson::Int64(2));
    }
}
