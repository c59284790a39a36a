use std::collections::BTreeSet;

use bson::{Bson, Document};

use super::fields::Fields;
use super::matching::{Unusable, unusable};
use super::{TriggerError, TriggerErrorKind};
use crate::text::{Spanned, closest};

/// A trigger that runs when documents change.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseTrigger {
    /// The name of the data source; `None` if it is not configured.
    pub service: Option<String>,
    /// The documents that it listens to.
    pub source: Source,
    /// The operations that it listens for, as named in change events, such as `insert`.
    pub operations: BTreeSet<&'static str>,
    /// Whether update events contain the current document.
    pub full_document: bool,
    /// Whether events contain the previous document.
    pub full_document_before_change: bool,
    /// The filter on change events.
    pub matching: Option<Document>,
    /// The projection of change events.
    pub project: Option<Document>,
    /// Whether events are handled concurrently and in any order. Otherwise, they are handled one by one, in order.
    pub is_unordered: bool,
    /// Whether it resumes from now if the events since its last run are not available any more. Otherwise, it is
    /// suspended.
    pub tolerates_lost_events: bool,
    /// Whether events that occur while it is disabled or paused are skipped.
    pub skips_missed: bool,
}

/// The documents that a trigger listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Those of a collection.
    Collection {
        /// Its database.
        database: String,
        /// Its name.
        collection: String,
    },
    /// Those of all collections of a database.
    Database(String),
    /// Those of all databases.
    Deployment,
}

impl Source {
    const fn describe(&self) -> &'static str {
        match self {
            Self::Collection { .. } => "a collection",
            Self::Database(_) => "a database",
            Self::Deployment => "all databases",
        }
    }

    /// How many collections it comprises, as a number; see [`OPERATIONS`].
    const fn width(&self) -> u8 {
        match self {
            Self::Collection { .. } => 0,
            Self::Database(_) => 1,
            Self::Deployment => 2,
        }
    }
}

/// The operations: their names in configurations and in change events, and the narrowest source that reports them: 0
/// for a collection, 1 for a database, 2 for all databases.
const OPERATIONS: [(&str, &str, u8); 14] = [
    ("INSERT", "insert", 0),
    ("UPDATE", "update", 0),
    ("REPLACE", "replace", 0),
    ("DELETE", "delete", 0),
    ("CREATE_COLLECTION", "create", 1),
    ("MODIFY_COLLECTION", "modify", 1),
    ("RENAME_COLLECTION", "rename", 1),
    ("DROP_COLLECTION", "drop", 1),
    ("SHARD_COLLECTION", "shardCollection", 1),
    ("RESHARD_COLLECTION", "reshardCollection", 1),
    ("REFINE_COLLECTION_SHARD_KEY", "refineCollectionShardKey", 1),
    ("CREATE_INDEXES", "createIndexes", 1),
    ("DROP_INDEXES", "dropIndexes", 1),
    ("DROP_DATABASE", "dropDatabase", 2),
];

/// The operations that a server reports without being asked to.
const PLAIN: [&str; 7] = ["insert", "update", "replace", "delete", "rename", "drop", "dropDatabase"];

impl DatabaseTrigger {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let service = fields.text("service_name").map(|name| name.value.to_owned());
        let source = source(fields);
        let operations = operations(fields, &source);
        let before = fields.flag("full_document_before_change");
        if before.value && source.width() > 0 {
            fields.report(TriggerErrorKind::BeforeScope, before.span);
        }
        let matching = fields.document("match").map(|document| filter(fields, document));
        let project = fields.document("project").and_then(|document| projection(fields, document));
        Self {
            service,
            source,
            operations,
            full_document: fields.flag("full_document").value,
            full_document_before_change: before.value,
            matching,
            project,
            is_unordered: fields.flag("unordered").value,
            tolerates_lost_events: fields.flag("tolerate_resume_errors").value,
            skips_missed: fields.flag("skip_catchup_events").value,
        }
    }

    /// Whether it listens for operations that a server reports only on request.
    #[must_use]
    pub fn is_expanded(&self) -> bool {
        self.operations.iter().any(|operation| !PLAIN.contains(operation))
    }
}

fn source(fields: &mut Fields<'_>) -> Source {
    match (fields.text("database"), fields.text("collection")) {
        (None, None) => Source::Deployment,
        (None, Some(collection)) => {
            fields.report(TriggerErrorKind::CollectionAlone, collection.span);
            Source::Deployment
        }
        (Some(database), collection) => {
            if ["admin", "local", "config"].contains(&database.value) {
                fields.report(TriggerErrorKind::DatabaseInternal(database.value.to_owned()), database.span);
            }
            let database = database.value.to_owned();
            match collection {
                Some(collection) => Source::Collection { database, collection: collection.value.to_owned() },
                None => Source::Database(database),
            }
        }
    }
}

fn operations(fields: &mut Fields<'_>, source: &Source) -> BTreeSet<&'static str> {
    let said = fields.errors.len();
    let mut operations = BTreeSet::new();
    for name in fields.texts("operation_types") {
        let found = OPERATIONS.iter().find(|(known, ..)| *known == name.value);
        match found {
            Some((_, operation, least)) if *least <= source.width() => _ = operations.insert(*operation),
            Some((operation, ..)) => {
                let kind = TriggerErrorKind::OperationScope { scope: source.describe(), operation };
                fields.report(kind, name.span);
            }
            None => {
                let what = "a database trigger";
                let kind = TriggerErrorKind::OperationUnknown { what, name: name.value.to_owned() };
                let error = TriggerError::new(kind, name.span);
                fields.errors.push(match closest(name.value, OPERATIONS.iter().map(|(known, ..)| *known)) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error.help("there are INSERT, UPDATE, REPLACE and DELETE"),
                });
            }
        }
    }
    if operations.is_empty() && fields.errors.len() == said {
        let span = fields.node.get("operation_types").map_or_else(|| fields.start(), |node| node.span);
        fields.report(TriggerErrorKind::OperationMissing, span);
    }
    operations
}

/// Checks a filter: the server must accept it, and some event must be able to match it.
fn filter(fields: &mut Fields<'_>, filter: Spanned<Document>) -> Document {
    let Spanned { value: filter, span } = filter;
    if let Some(found) = unusable(&filter, 0) {
        let (kind, help) = match found {
            Unusable::Operator(name) => {
                (TriggerErrorKind::MatchOperator(name), "write a filter of MongoDB over the change event".to_owned())
            }
            Unusable::Field(name) => {
                let help = format!("write `fullDocument.{name}` or `updateDescription.updatedFields.{name}`");
                (TriggerErrorKind::MatchField(name), help)
            }
            Unusable::Expansion(text) => {
                (TriggerErrorKind::MatchExpansion(text), "write the value, or test it in the function".to_owned())
            }
            Unusable::Form(name) => (
                TriggerErrorKind::MatchForm(name),
                "write an array of at least one condition, at most 100 levels deep".to_owned(),
            ),
        };
        fields.errors.push(TriggerError::new(kind, span).help(help));
    }
    filter
}

/// Checks a projection: it must keep the operation, which the function needs, and the position, which the stream needs.
fn projection(fields: &mut Fields<'_>, project: Spanned<Document>) -> Option<Document> {
    let Spanned { value: project, span } = project;
    let is_off = |value: &Bson| match value {
        Bson::Boolean(value) => !value,
        Bson::Int32(value) => *value == 0,
        Bson::Int64(value) => *value == 0,
        Bson::Double(value) => *value == 0.0,
        _ => false,
    };
    if project.keys().any(|key| {
        key.starts_with("_id.") || (key == "_id" && project.get(key).is_some_and(|id| id.as_document().is_some()))
    }) {
        fields.report(TriggerErrorKind::ProjectToken, span);
        return None;
    }
    let of = |off: bool| project.iter().any(|(key, value)| key != "_id" && is_off(value) == off);
    let (includes, excludes) = (of(false), of(true));
    if includes && excludes {
        fields.report(TriggerErrorKind::ProjectMixed, span);
        return None;
    }
    let operation = project.get("operationType");
    let keeps = if includes { operation.is_some() } else { operation.is_none() };
    if !keeps {
        let error = TriggerError::new(TriggerErrorKind::ProjectOperation, span);
        let help = if includes { "add `\"operationType\": 1`" } else { "remove `\"operationType\": 0`" };
        fields.errors.push(error.help(help));
        return None;
    }
    Some(project)
}
