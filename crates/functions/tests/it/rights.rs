//! Nested calls: rules that call functions which read under rules.

use std::sync::{Arc, OnceLock, Weak};

use bson::{Bson, doc};
use portcullis::app::Secrets;
use portcullis::eval::Request;
use portcullis::predicate::Predicate;
use portcullis::{App, BoxFuture, User};
use portcullis_functions::{Backend, BackendError, Call, DataAction, Entry, Library, Options, Rights, Runtime};
use serde_json::json;

use super::world::{Draft, ada};

/// A host whose rules call the function `rule` at each read, and that function reads again.
#[derive(Default)]
struct Recursive {
    runtime: OnceLock<Weak<Runtime>>,
}

impl Backend for Recursive {
    fn user<'a>(&'a self, _id: &'a str) -> BoxFuture<'a, Result<Option<User>, BackendError>> {
        Box::pin(async { Ok(None) })
    }

    fn holds<'a>(&'a self, _: &'a Predicate, _: &'a User, _: Option<&'a Request>) -> BoxFuture<'a, bool> {
        Box::pin(async { false })
    }

    fn data(&self, action: DataAction) -> BoxFuture<'_, Result<Bson, BackendError>> {
        Box::pin(async move {
            let Rights::User(user) = action.rights else { return Ok(Bson::Null) };
            let depth = action.arguments.get_document("filter").unwrap().get("depth").cloned().unwrap();
            if depth == Bson::Int64(0) {
                return Ok(Bson::Document(doc! { "end": true }));
            }
            let runtime = self.runtime.get().unwrap().upgrade().unwrap();
            let call = Call::new("rule", vec![depth], Entry::Rule, (*user).clone());
            let answer = runtime.call(call).await.map_err(|error| BackendError::new(error.to_string()))?;
            Ok(answer.value)
        })
    }

    fn begin<'a>(&'a self, _service: &'a str, _rights: &'a Rights) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async { Err(BackendError::new("no transactions")) })
    }

    fn commit(&self, _transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn abort(&self, _transaction: u64) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn is_exclusive(&self, _service: &str) -> bool {
        false
    }

    fn has_data_source(&self, _name: &str) -> bool {
        true
    }
}

fn recursive() -> (Arc<Runtime>, Draft) {
    let source = "exports = (depth) => context.services.get('mongodb-atlas').db('db').collection('c').findOne({ depth: depth - 1 });";
    let draft = Draft::new().function("rule", source, json!({"private": true})).function("f", source, json!({}));
    let (app, library): (Arc<App>, Library) = draft.load();
    let backend = Arc::new(Recursive::default());
    let mut options = Options::default();
    // One thread for each nesting level: if the levels shared it, the calls would deadlock.
    (options.running, options.prepared) = (1, 1);
    let runtime = Arc::new(Runtime::new(app, Secrets::default(), library, Arc::clone(&backend) as _, options));
    backend.runtime.set(Arc::downgrade(&runtime)).unwrap();
    (runtime, draft)
}

#[tokio::test]
async fn rules_may_call_functions_within_functions() {
    let (runtime, _draft) = recursive();
    let call = |depth| Call::new("f", vec![Bson::Int64(depth)], Entry::Client, ada());
    let calls = (0..6).map(|_| runtime.call(call(4)));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().value, Bson::Document(doc! { "end": true }));
    }
}

#[tokio::test]
async fn endless_recursion_between_rules_and_functions_is_stopped() {
    let (runtime, _draft) = recursive();
    let call = Call::new("f", vec![Bson::Int64(1000)], Entry::Client, ada());
    let error = runtime.call(call).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "MongoError: MongoError: MongoError: MongoError: Error: rules call functions inside of one another more than 4 levels deep"
    );
}
