use bson::Bson;
use portcullis::BoxFuture;
use portcullis_functions::Entry;

use super::TriggerFunctions;
use crate::functions::Functions;

/// Runs as the system user, regardless of the functions' own settings.
impl TriggerFunctions for Functions {
    fn run<'a>(&'a self, function: &'a str, argument: Option<Bson>) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let called = self.call_as_system(function, argument.into_iter().collect(), Entry::Trigger).await;
            called.map(drop).map_err(|error| error.to_string())
        })
    }

    fn refusal(&self, function: &str) -> Option<String> {
        self.library().refusal(function).map(str::to_owned)
    }
}
