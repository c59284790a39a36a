use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, Timestamp, doc};
use portcullis::User;
use portcullis::auth::ProviderType;
use portcullis::text::OneLine;
use portcullis::trigger::{AuthenticationTrigger, DatabaseTrigger, Source, TriggerDefinition, TriggerEvent};
use portcullis_functions::{ActionName, Call, DataAction, Entry, Rights};
use portcullis_service::client::{ClientApi, Host, MailSettings, Served};

use super::check_name;
use crate::Answer;
use crate::accounts::AppArgs;
use crate::function_args::FunctionArgs;
use crate::input;
use crate::output::{Output, note};
use crate::run::report;
use crate::secrets::SecretArgs;
use crate::stores::{AccountStoreArgs, shut_down};
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis triggers run nightly --app DIR
  portcullis triggers run onOrder --app DIR --store mongodb://localhost:27017
  portcullis triggers run onOrder --event '{\"operationType\": \"insert\", \"fullDocument\": {\"_id\": 1}}' --app DIR
  portcullis triggers run onLogin --id 65a0000000000000000000b2 --app DIR

Without --event, the function receives a sample event: for a database trigger, about the first document of its collection and an \
operation that the trigger listens to; for an authentication trigger, about the user given with --id or, without it, a made-up user. \
A scheduled function receives no event. The function's writes are real.";

/// Run the function of a trigger once, as the system user; print its result, and its console output on standard error
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// The name of the trigger; it may be disabled or paused
    #[arg(value_name = "NAME")]
    name: String,
    /// The event that the function receives, instead of a sample event
    #[arg(long, value_name = "JSON|FILE|-", conflicts_with = "id")]
    event: Option<String>,
    /// For an authentication trigger: the ID of the user that the sample event is about
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    stores: AccountStoreArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

pub(super) fn run(args: &Run, output: &mut Output) -> Result<Answer, Trouble> {
    let app = args.app.load()?;
    check_name(&args.name, &app)?;
    let trigger = app.triggers.iter().find(|trigger| trigger.name == args.name);
    let definition = match trigger.map(portcullis::app::Trigger::definition) {
        Some(Ok(definition)) => definition,
        Some(Err(errors)) => {
            let reason = errors.first().map(ToString::to_string).unwrap_or_default();
            return Err(Trouble::usage(format!("the trigger `{}` cannot run: {reason}", OneLine(&args.name))));
        }
        None => return Err(Trouble::usage("there is no such trigger")),
    };
    let given = args.event.as_deref().map(|event| input::document(event, "--event")).transpose()?;
    let served = Served { secrets: args.secrets.read(&app)?, app: Arc::new(app) };
    let (places, place) = (args.stores.places()?, args.stores.place()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let result = async {
            let mail = MailSettings::to_folder(places.state.join("mail"));
            let mail = mail.map_err(|error| Trouble::usage(error.to_string()))?;
            let (host, _) = Host::open(places, &place, mail).await?;
            let host = host.with_functions(args.functions.options());
            let apis = host.applications(vec![served])?;
            let api = apis.first().ok_or_else(|| Trouble::usage("the application cannot be opened"))?;
            let event = match given {
                Some(event) => Some(event),
                None => sample(args, api, &definition).await?,
            };
            let call = Call::new(
                &definition.function,
                event.map(Bson::Document).into_iter().collect(),
                Entry::Trigger,
                User::system(),
            );
            Ok::<_, Trouble>(api.functions().call(call).await)
        }
        .await;
        shut_down().await;
        result
    })?;
    report(result, output)
}

/// An event as the trigger would receive it.
async fn sample(args: &Run, api: &ClientApi, definition: &TriggerDefinition) -> Result<Option<Document>, Trouble> {
    if args.id.is_some() && !matches!(definition.event, TriggerEvent::Authentication(_)) {
        return Err(Trouble::usage("--id is for authentication triggers; for this one, pass the event with --event"));
    }
    match &definition.event {
        TriggerEvent::Scheduled(_) => Ok(None),
        TriggerEvent::Authentication(trigger) => {
            let user = match &args.id {
                Some(id) => api.user(id).await?,
                None => {
                    note("the sample event is about a user who does not exist; name one with --id");
                    User::new(ObjectId::new().to_hex())
                }
            };
            Ok(Some(of_user(trigger, &user)))
        }
        TriggerEvent::Database(trigger) => {
            let Source::Collection { database, collection } = &trigger.source else {
                let source =
                    if matches!(trigger.source, Source::Database(_)) { "a whole database" } else { "a whole cluster" };
                return Err(Trouble::usage(format!(
                    "the trigger listens to {source}: pass an event, such as --event '{{\"operationType\": \"insert\", \
                     \"ns\": {{\"db\": \"DATABASE\", \"coll\": \"COLLECTION\"}}, \"documentKey\": {{\"_id\": 1}}, \
                     \"fullDocument\": {{\"_id\": 1}}}}'"
                )));
            };
            let found = first_document(api, trigger, database, collection).await?;
            if found.is_none() {
                note("the collection is empty: the sample event is about a document that does not exist");
            }
            let document = found.unwrap_or_else(|| doc! { "_id": ObjectId::new() });
            Ok(Some(of_change(trigger, database, collection, document)))
        }
    }
}

fn of_user(trigger: &AuthenticationTrigger, user: &User) -> Document {
    let operation = trigger.operations.iter().next().map_or("LOGIN", |operation| operation.name());
    let provider = trigger.providers.first().copied().unwrap_or(ProviderType::EmailPassword);
    doc! { "operationType": operation, "providers": [provider.name()], "user": user.to_document(), "time": DateTime::now() }
}

/// The operations for which a sample event is created, in order of preference.
const PREFERRED: [&str; 4] = ["insert", "update", "replace", "delete"];

fn of_change(trigger: &DatabaseTrigger, database: &str, collection: &str, document: Document) -> Document {
    // Prefer an operation for which an existing document makes a realistic event.
    let operation = PREFERRED.into_iter().find(|operation| trigger.operations.contains(operation)).unwrap_or("insert");
    let now = DateTime::now();
    let seconds = u32::try_from(now.timestamp_millis().div_euclid(1000)).unwrap_or(0);
    let mut event = doc! {
        "_id": { "_data": "sample" },
        "operationType": operation,
        "clusterTime": Timestamp { time: seconds, increment: 1 },
        "wallTime": now,
        "ns": { "db": database, "coll": collection },
        "documentKey": { "_id": document.get("_id").cloned().unwrap_or(Bson::Null) },
    };
    if operation == "update" {
        let fields: Document =
            document.iter().filter(|(key, _)| *key != "_id").map(|(key, value)| (key.clone(), value.clone())).collect();
        event.insert("updateDescription", doc! { "updatedFields": fields, "removedFields": [], "truncatedArrays": [] });
    }
    if trigger.full_document_before_change && operation != "insert" {
        event.insert("fullDocumentBeforeChange", document.clone());
    }
    if matches!(operation, "insert" | "replace") || (operation == "update" && trigger.full_document) {
        event.insert("fullDocument", document);
    }
    event
}

async fn first_document(
    api: &ClientApi,
    trigger: &DatabaseTrigger,
    database: &str,
    collection: &str,
) -> Result<Option<Document>, Trouble> {
    let first = || api.app().data_sources.first().map(|source| source.name.clone());
    let action = DataAction {
        rights: Rights::System,
        service: trigger.service.clone().or_else(first).unwrap_or_default(),
        database: database.to_owned(),
        collection: Some(collection.to_owned()),
        name: ActionName::Find,
        arguments: doc! { "filter": {}, "sort": { "_id": 1 }, "limit": 1_i64 },
        transaction: None,
        request: None,
        by_rule: false,
    };
    let found = api.functions().backend().data(action).await;
    let found = found.map_err(|error| Trouble::usage(format!("the collection cannot be read: {error}")))?;
    let Bson::Array(found) = found else { return Ok(None) };
    Ok(found.into_iter().find_map(|document| match document {
        Bson::Document(document) => Some(document),
        _ => None,
    }))
}
