//! Functions that rules call. Their results arrive asynchronously, after the rules have been evaluated once without
//! them.

use std::sync::Arc;

use bson::Bson;
use portcullis::BoxFuture;
use portcullis::eval::{FunctionError, Functions, PendingCall};

use super::access::Asker;

/// Runs the functions that rules call with `%function`.
pub(crate) trait RuleFunctions: Send + Sync {
    /// Whether a function of this name exists.
    fn contains(&self, name: &str) -> bool;

    /// Calls a function on behalf of the user for whom the rule is evaluated.
    fn call<'a>(&'a self, call: &'a PendingCall, asker: &'a Asker) -> BoxFuture<'a, Result<Bson, FunctionError>>;
}

/// The functions of an application as rules see them: every call is pending until its result is supplied.
pub(super) struct Unanswered(pub(super) Arc<dyn RuleFunctions>);

impl Functions for Unanswered {
    fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn call(&self, name: &str, _: &[Bson]) -> Result<Bson, FunctionError> {
        if self.0.contains(name) {
            return Err(FunctionError::Pending(name.to_owned()));
        }
        Err(FunctionError::NotFound(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bson::{bson, doc};
    use portcullis::app::Secrets;
    use portcullis::{App, User};
    use portcullis_store::EmbeddedDocuments;

    use super::*;
    use crate::data::{Action, Data, DataStore, Outcome, Reserved, Target, of_bson};

    /// Answers whether the caller's level is high enough, and counts the calls.
    #[derive(Default)]
    struct Levels {
        calls: Mutex<Vec<Bson>>,
        asks: AtomicUsize,
    }

    impl RuleFunctions for Levels {
        fn contains(&self, name: &str) -> bool {
            name == "isOfLevel"
        }

        fn call<'a>(&'a self, call: &'a PendingCall, _: &'a Asker) -> BoxFuture<'a, Result<Bson, FunctionError>> {
            Box::pin(async move {
                self.calls.lock().unwrap().extend(call.arguments.iter().cloned());
                self.asks.fetch_add(1, Ordering::Relaxed);
                match call.arguments.first() {
                    Some(Bson::Int32(level)) if *level != 13 => Ok(Bson::Boolean(*level <= 2)),
                    _ => Err(FunctionError::Failed { name: call.name.clone(), message: "no".to_owned() }),
                }
            })
        }
    }

    fn asker() -> Asker {
        Asker::new(User::new("ada").without_custom_data(), None)
    }

    async fn act(data: &Data, asker: &Asker, action: Action, options: Bson) -> Result<Bson, String> {
        let target = Target::of("mongodb-atlas", "guild", "quests").unwrap();
        let done = data.act(asker, &target, action, &of_bson(&options).unwrap()).await;
        done.and_then(Outcome::into_value).map_err(|error| error.message)
    }

    async fn data(levels: &Arc<Levels>, of: &[i32]) -> Arc<Data> {
        let app = App::load(portcullis_testkit::root().join("fixtures/served/guild")).unwrap();
        let store = DataStore::from(EmbeddedDocuments::in_memory().unwrap());
        let data = Arc::new(Data::new(Arc::new(app), Secrets::default(), store, Reserved::default()));
        let quests = of.iter().zip(1..).map(|(level, n)| doc! { "_id": n, "level": level }).collect::<Vec<_>>();
        let target = Target::of("mongodb-atlas", "guild", "quests").unwrap();
        data.act_as_system(&target, Action::InsertMany, &doc! { "documents": quests }).await.unwrap();
        let functions: Arc<dyn RuleFunctions> = Arc::<Levels>::clone(levels);
        data.call_functions_by(&functions);
        data
    }

    fn ids(found: &Bson) -> Vec<i32> {
        let ids = found.as_array().unwrap().iter().map(|one| one.as_document().unwrap().get_i32("_id").unwrap());
        ids.collect()
    }

    #[tokio::test]
    async fn each_function_of_a_rule_is_called_once_per_argument() {
        let levels = Arc::new(Levels::default());
        let data = data(&levels, &[1, 1, 2, 3, 2]).await;
        let found = act(&data, &asker(), Action::Find, bson!({ "sort": { "_id": 1 } })).await;
        assert_eq!(ids(&found.unwrap()), [1, 2, 3, 5]);
        assert_eq!(*levels.calls.lock().unwrap(), [1.into(), 2.into(), 3.into()]);
        let found = act(&data, &asker(), Action::Count, bson!({ "filter": { "level": { "$gt": 1 } } })).await;
        assert_eq!(found, Ok(Bson::Int64(2)));
    }

    /// Otherwise the client could use its filter to probe hidden documents.
    #[tokio::test]
    async fn a_document_for_which_a_function_fails_looks_nonexistent() {
        let mut answers = Vec::new();
        for levels in [&[1, 2, 3][..], &[1, 2, 3, 13, 13]] {
            let data = data(&Arc::new(Levels::default()), levels).await;
            let mut of_world = Vec::new();
            for filter in [bson!({}), bson!({ "level": { "$gt": 9 } }), bson!({ "level": 13 }), bson!({ "_id": 4 })] {
                let query = bson!({ "filter": filter.clone(), "sort": { "_id": 1 } });
                for action in [Action::Find, Action::FindOne, Action::Count] {
                    of_world.push(act(&data, &asker(), action, query.clone()).await);
                }
                let pipeline = bson!({ "pipeline": [{ "$match": filter.clone() }, { "$count": "n" }] });
                of_world.push(act(&data, &asker(), Action::Aggregate, pipeline).await);
                let update = bson!({ "filter": filter.clone(), "update": { "$set": { "n": 1 } } });
                for action in [Action::UpdateOne, Action::UpdateMany] {
                    of_world.push(act(&data, &asker(), action, update.clone()).await);
                }
            }
            of_world.push(act(&data, &asker(), Action::DeleteMany, bson!({ "filter": { "level": 13 } })).await);
            assert!(of_world.iter().all(Result::is_ok), "{of_world:?}");
            let target = Target::of("mongodb-atlas", "guild", "quests").unwrap();
            let untouched = doc! { "filter": { "level": 13, "n": Bson::Null } };
            let untouched = data.act_as_system(&target, Action::Count, &untouched).await;
            assert_eq!(untouched.unwrap(), Bson::Int64(i64::try_from(levels.len()).unwrap() - 3));
            answers.push(of_world);
        }
        assert_eq!(answers[0], answers[1]);
    }

    /// A limit on the number of calls would tell whether a hidden document matches a filter that also matches as many
    /// documents as the limit allows.
    #[tokio::test]
    async fn the_number_of_function_calls_reveals_no_hidden_document() {
        let mut answers = Vec::new();
        for hidden in [&[][..], &[100, 101, 102, 13]] {
            let visible: Vec<i32> = (-1200..0).collect();
            let levels = Arc::new(Levels::default());
            let data = data(&levels, &[&visible, hidden].concat()).await;
            let filter = bson!({ "$or": [{ "level": { "$lt": 0 } }, { "level": { "$gt": 9 } }] });
            let query = bson!({ "filter": filter.clone(), "sort": { "_id": 1 } });
            let pipeline = bson!({ "pipeline": [{ "$match": filter.clone() }, { "$count": "n" }] });
            let update = bson!({ "filter": filter.clone(), "update": { "$set": { "n": 1 } } });
            for (action, options) in [
                (Action::Find, query.clone()),
                (Action::Count, query),
                (Action::Aggregate, pipeline),
                (Action::UpdateMany, update.clone()),
                (Action::UpdateOne, update),
                (Action::DeleteMany, bson!({ "filter": filter })),
            ] {
                answers.push(act(&data, &asker(), action, options).await);
            }
        }
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(answers[..6], answers[6..]);
    }

    #[tokio::test]
    async fn rules_may_await_hundreds_of_function_results() {
        let levels = Arc::new(Levels::default());
        let all: Vec<i32> = (-800..13).collect();
        let data = data(&levels, &all).await;
        let found = act(&data, &asker(), Action::Count, bson!({})).await;
        assert_eq!(found, Ok(Bson::Int64(803)));
        let pipeline = bson!({ "pipeline": [{ "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } }] });
        let found = act(&data, &asker(), Action::Aggregate, pipeline).await;
        assert_eq!(found, Ok(bson!([{ "_id": Bson::Null, "n": 803 }])));
        assert_eq!(levels.asks.load(Ordering::Relaxed), 1626);
    }

    #[tokio::test]
    async fn nothing_is_written_while_a_rule_waits_for_a_function() {
        let levels = Arc::new(Levels::default());
        let data = data(&levels, &[1, 1, 2, 3]).await;
        let update = bson!({ "filter": { "level": { "$lt": 9 } }, "update": { "$inc": { "n": 1 } } });
        let updated = act(&data, &asker(), Action::UpdateMany, update).await;
        assert_eq!(updated, Ok(bson!({ "matchedCount": 3, "modifiedCount": 3 })));
        let target = Target::of("mongodb-atlas", "guild", "quests").unwrap();
        let all = data.act_as_system(&target, Action::Find, &doc! { "filter": { "n": 1 } }).await.unwrap();
        assert_eq!(ids(&all), [1, 2, 3]);
        let insert = |level: i32| bson!({ "document": { "_id": level + 100, "level": level } });
        assert!(act(&data, &asker(), Action::InsertOne, insert(1)).await.is_ok());
        assert_eq!(act(&data, &asker(), Action::InsertOne, insert(3)).await, Err("insert not permitted".to_owned()));
        assert!(act(&data, &asker(), Action::InsertOne, insert(13)).await.is_err());
    }
}
