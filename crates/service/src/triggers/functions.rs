use bson::Bson;
use portcullis::BoxFuture;
use portcullis_functions::Entry;

use super::TriggerFunctions;
use crate::functions::Functions;

/// Runs as the system user, regardless of the functions' own settings.
impl TriggerFunctions for Functions {
    fn run<'a>(&'a self, function: &'a str, argument: Option<Bson>) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let arguments: Vec<Bson> = argument.into_iter().collect();
            let called = self.call_as_system(function, arguments.clone(), Entry::Trigger).await;
            called.map(drop).map_err(|error| self.shown(&error, &arguments))
        })
    }

    fn refusal(&self, function: &str) -> Option<String> {
        self.library().refusal(function).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis::app::Secrets;
    use portcullis::eval::PendingCall;
    use portcullis::{App, User};
    use portcullis_functions::Options;
    use portcullis_store::EmbeddedDocuments;

    use super::*;
    use crate::data::{Asker, Data, Reserved, RuleFunctions};
    use crate::functions::Known;

    /// Errors of triggers are stored and listed, those of rules are logged with the request.
    #[tokio::test]
    async fn errors_of_triggers_and_rules_contain_no_secret_and_no_password() {
        let folder = std::env::temp_dir().join(format!("portcullis-trigger-errors-{}", std::process::id()));
        for (path, text) in [
            ("realm_config.json", r#"{"app_id": "app-abcde", "name": "app"}"#),
            ("values/key.json", r#"{"name": "key", "value": "mailKey", "from_secret": true}"#),
            ("functions/config.json", r#"[{"name": "f", "private": true}]"#),
            (
                "functions/f.js",
                "exports = ({ password }) => { throw new Error(`${context.values.get('key')} ${password}`); };",
            ),
        ] {
            std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(path), text).unwrap();
        }
        let mut secrets = Secrets::default();
        secrets.insert("mailKey", "sup3rS3cretMailKey");
        let app = Arc::new(App::load(&folder).unwrap());
        let documents = EmbeddedDocuments::in_memory().unwrap();
        let data = Arc::new(Data::new(app, secrets, documents.into(), Reserved::default()));
        let functions = Functions::new(&data, Known::Given(Vec::new()), Options::default(), None);
        std::fs::remove_dir_all(&folder).unwrap();
        let argument = Bson::Document(bson::doc! { "password": "hunter2-hunter2" });
        let by_trigger = TriggerFunctions::run(&*functions, "f", Some(argument.clone())).await.unwrap_err();
        let call = PendingCall { name: "f".to_owned(), arguments: vec![argument] };
        let asker = Asker::new(User::new("ada"), None);
        let by_rule = RuleFunctions::call(&*functions, &call, &asker).await.unwrap_err().to_string();
        for shown in [by_trigger, by_rule] {
            assert!(shown.contains("Error: "), "{shown}");
            assert!(!shown.contains("sup3r") && !shown.contains("hunter2"), "{shown}");
        }
    }
}
