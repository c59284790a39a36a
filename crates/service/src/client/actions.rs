//! What clients call on a data source: `find`, `insertOne` and the like, through the rules of the collection.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::access::{Guard, Reason};
use portcullis::eval::Context;
use portcullis::guarded::{FindRequest, GuardedCollection, GuardedError, Pipeline, WriteKind, Written, parse_writes};
use portcullis::json::{self, Kind, Member, Node};
use portcullis::store::documents::{DocumentsError, Namespace};
use portcullis::text::Span;
use portcullis::user::User;
use portcullis::value::DocumentRef;

use super::{ClientApi, ClientError, ErrorClass, ErrorCode};

/// What an action takes beside the names of the database and the collection.
fn allowed(action: &str) -> &'static [&'static str] {
    match action {
        "aggregate" => &["pipeline"],
        "count" => &["query", "limit"],
        "deleteMany" | "deleteOne" => &["query"],
        "find" | "findOne" => &["query", "project", "sort", "limit"],
        "findOneAndDelete" => &["filter", "projection", "sort"],
        "findOneAndReplace" => &["filter", "update", "projection", "sort", "upsert", "returnNewDocument"],
        "findOneAndUpdate" => {
            &["filter", "update", "projection", "sort", "upsert", "arrayFilters", "returnNewDocument"]
        }
        "insertMany" => &["documents"],
        "insertOne" => &["document"],
        _ => &["query", "update", "upsert", "arrayFilters"],
    }
}

/// Refuses what an action does not take: under a misspelt name, the documents of a write would be all there are. For the same reason
/// null is no condition of a write.
fn check_options(action: &str, options: &Node) -> Result<(), ClientError> {
    let writes = !matches!(action, "aggregate" | "count" | "find" | "findOne");
    for member in options.as_object().into_iter().flatten() {
        let key = member.key.as_str();
        let shown: String = key.chars().take(64).collect();
        if !matches!(key, "database" | "collection") && !allowed(action).contains(&key) {
            return Err(ClientError::bad(ErrorCode::InvalidParameter, format!("'{action}' takes no '{shown}'")));
        }
        if writes && matches!(key, "query" | "filter") && member.value.as_object().is_none() {
            return Err(ClientError::bad(ErrorCode::InvalidParameter, format!("'{shown}' must be a document")));
        }
    }
    Ok(())
}

/// As many documents as one request finds.
const MAX_FOUND: u64 = 50_000;

/// The actions of a data source.
const ACTIONS: [&str; 14] = [
    "aggregate",
    "count",
    "deleteMany",
    "deleteOne",
    "find",
    "findOne",
    "findOneAndDelete",
    "findOneAndReplace",
    "findOneAndUpdate",
    "insertMany",
    "insertOne",
    "updateMany",
    "updateOne",
    "watch",
];

impl ClientApi {
    /// Carries out a call of a [bearer](Self::bearer), `{"name", "arguments", "service"}`; returns its result as BSON.
    ///
    /// # Errors
    /// There is no such action, or it is not permitted or fails.
    pub async fn call(&self, user: User, call: Option<&Node>) -> Result<Bson, ClientError> {
        let invalid = || ClientError::bad(ErrorCode::InvalidParameter, "invalid function call request");
        let call = call.ok_or_else(invalid)?;
        let name = call.get("name").and_then(Node::as_str).ok_or_else(invalid)?;
        let arguments = match call.get("arguments").map(|node| &node.kind) {
            None | Some(Kind::Null) => &[],
            Some(Kind::Array(arguments)) => arguments.as_slice(),
            Some(_) => return Err(invalid()),
        };
        match call.get("service").map(|node| &node.kind) {
            None | Some(Kind::Null) => {
                let shown: String = name.chars().take(128).collect();
                let message = format!("function not found: '{shown}'");
                Err(ClientError::new(ErrorClass::NotFound, ErrorCode::FunctionNotFound, message))
            }
            Some(Kind::String(service)) => self.act(user, service, name, arguments.first()).await,
            Some(_) => Err(invalid()),
        }
    }

    /// Refuses a service that is no data source.
    pub(super) fn check_service(&self, service: &str, action: &str) -> Result<(), ClientError> {
        if self.app.data_sources.iter().any(|source| source.name == service) {
            return Ok(());
        }
        let shown: String = action.chars().take(128).collect();
        let message = format!("Cannot access member '{shown}' of undefined");
        Err(ClientError::bad(ErrorCode::FunctionExecutionError, message))
    }

    /// The guard of a collection for a user.
    pub(super) fn guard(&self, user: User, service: &str, namespace: &str) -> Result<Guard, ClientError> {
        let context = self.app.with_secrets(Context::new().with_user(user), &self.secrets);
        self.app.guard_in(service, namespace, context).map_err(ClientError::internal)
    }

    async fn act(&self, user: User, service: &str, name: &str, options: Option<&Node>) -> Result<Bson, ClientError> {
        self.check_service(service, name)?;
        if !ACTIONS.contains(&name) || name == "watch" {
            let shown: String = name.chars().take(128).collect();
            let message = format!("the data source has no action '{shown}'");
            return Err(ClientError::bad(ErrorCode::ServiceCommandNotFound, message));
        }
        let options = options.filter(|node| node.as_object().is_some());
        let missing =
            |what: &str| ClientError::bad(ErrorCode::MissingParameter, format!("missing required parameter '{what}'"));
        let options = options.ok_or_else(|| missing("database"))?;
        let text = |name: &str| options.get(name).and_then(Node::as_str).ok_or_else(|| missing(name));
        let (database, collection) = (text("database")?, text("collection")?);
        let full = format!("{database}.{collection}");
        let namespace = Namespace::parse(&full);
        let namespace = namespace.ok_or_else(|| {
            ClientError::bad(ErrorCode::InvalidParameter, "the database or the collection has no valid name")
        })?;
        check_options(name, options)?;
        let guard = self.guard(user, service, &full)?;
        let collection = GuardedCollection::new(&*self.documents, namespace, &guard);
        let asked = Asked { name, options };
        asked.carry_out(&collection).await
    }
}

/// One action with its options.
struct Asked<'a> {
    name: &'a str,
    options: &'a Node,
}

impl Asked<'_> {
    async fn carry_out(&self, collection: &GuardedCollection<'_>) -> Result<Bson, ClientError> {
        match self.name {
            "find" => {
                let request = self.renamed(&[
                    ("query", "filter"),
                    ("project", "projection"),
                    ("sort", "sort"),
                    ("limit", "limit"),
                ]);
                let request = self.request(&request)?;
                let limit = request.most().map_or(MAX_FOUND, |limit| limit.min(MAX_FOUND));
                let request = request.limit(Some(limit));
                let found = collection.find(&request).await.map_err(|error| self.told(&error))?;
                documents(found.all().await.map_err(|error| self.told(&error))?)
            }
            "findOne" => {
                let request = self.renamed(&[("query", "filter"), ("project", "projection"), ("sort", "sort")]);
                let found = collection.find_one(&self.request(&request)?).await.map_err(|error| self.told(&error))?;
                document(found)
            }
            "count" => {
                let request = self.renamed(&[("query", "filter"), ("limit", "limit")]);
                let count = collection.count(&self.request(&request)?).await.map_err(|error| self.told(&error))?;
                Ok(Bson::Int64(i64::try_from(count).unwrap_or(i64::MAX)))
            }
            "aggregate" => {
                let empty = Node { span: Span::default(), kind: Kind::Array(Vec::new()) };
                let pipeline = self.options.get("pipeline").unwrap_or(&empty);
                let pipeline = Pipeline::parse(pipeline).map_err(|error| self.told(&error))?;
                let found = collection.aggregate(&pipeline).await.map_err(|error| self.told(&error))?;
                documents(found.all().await.map_err(|error| self.told(&error))?)
            }
            "updateMany" if !self.is_operators()? => self.replace_many(collection).await,
            _ => {
                let writes = self.write()?;
                let writes = parse_writes(&writes).map_err(|error| self.told(&error))?;
                let written = collection.write(&writes).await.map_err(|error| self.told(&error))?;
                self.result(written.into_iter().next().unwrap_or_default())
            }
        }
    }

    fn request(&self, request: &Node) -> Result<FindRequest, ClientError> {
        FindRequest::parse(request).map_err(|error| self.told(&error))
    }

    /// The options under the names that guarded collections have for them.
    fn renamed(&self, names: &[(&str, &str)]) -> Node {
        let present = |(from, to): &(&str, &str)| {
            let value = self.options.get(from)?;
            let is_null = matches!(value.kind, Kind::Null);
            (!is_null).then(|| Member { key: (*to).to_owned(), key_span: value.span, value: value.clone() })
        };
        object(names.iter().filter_map(present).collect())
    }

    /// Whether `update` has operators; else it is a document that replaces.
    fn is_operators(&self) -> Result<bool, ClientError> {
        match self.options.get("update").map(|node| &node.kind) {
            Some(Kind::Object(members)) => Ok(members.first().is_some_and(|member| member.key.starts_with('$'))),
            Some(Kind::Array(_)) => Ok(true),
            _ => Err(ClientError::bad(ErrorCode::MissingParameter, "missing required parameter 'update'")),
        }
    }

    /// The write as guarded collections take it.
    fn write(&self) -> Result<Node, ClientError> {
        let named = |name: &str, options: Node| {
            object(vec![Member { key: name.to_owned(), key_span: Span::default(), value: options }])
        };
        let returning = [
            ("filter", "filter"),
            ("update", "update"),
            ("projection", "projection"),
            ("sort", "sort"),
            ("upsert", "upsert"),
            ("arrayFilters", "arrayFilters"),
            ("returnNewDocument", "returnNewDocument"),
        ];
        let replacing = [
            ("filter", "filter"),
            ("update", "replacement"),
            ("projection", "projection"),
            ("sort", "sort"),
            ("upsert", "upsert"),
            ("returnNewDocument", "returnNewDocument"),
        ];
        let deleting = [("filter", "filter"), ("projection", "projection"), ("sort", "sort")];
        Ok(match self.name {
            "insertOne" => named("insertOne", self.renamed(&[("document", "document")])),
            "insertMany" => {
                if self.options.get("documents").and_then(Node::as_array).is_some_and(<[Node]>::is_empty) {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, "must provide at least one element"));
                }
                named("insertMany", self.renamed(&[("documents", "documents")]))
            }
            "deleteOne" | "deleteMany" => named(self.name, with_filter(self.renamed(&[("query", "filter")]))),
            "updateOne" if !self.is_operators()? => {
                let options = [("query", "filter"), ("update", "replacement"), ("upsert", "upsert")];
                named("replaceOne", with_filter(self.renamed(&options)))
            }
            "updateOne" | "updateMany" => {
                let options =
                    [("query", "filter"), ("update", "update"), ("upsert", "upsert"), ("arrayFilters", "arrayFilters")];
                named(self.name, with_filter(self.renamed(&options)))
            }
            "findOneAndUpdate" if !self.is_operators()? => {
                named("findOneAndReplace", with_filter(self.renamed(&replacing)))
            }
            "findOneAndUpdate" => named("findOneAndUpdate", with_filter(self.renamed(&returning))),
            // Clients for the web ask so for a deletion.
            "findOneAndReplace" if self.options.get("update").is_none() => {
                named("findOneAndDelete", with_filter(self.renamed(&deleting)))
            }
            "findOneAndReplace" => {
                if self.is_operators()? {
                    let message = "the replace operation document must not contain atomic operators";
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
                }
                named("findOneAndReplace", with_filter(self.renamed(&replacing)))
            }
            _ => named("findOneAndDelete", with_filter(self.renamed(&deleting))),
        })
    }

    /// Replaces every document that is found, each of which keeps its `_id`. MongoDB itself has no such update.
    async fn replace_many(&self, collection: &GuardedCollection<'_>) -> Result<Bson, ClientError> {
        let mut request = self.renamed(&[("query", "filter")]);
        if let Kind::Object(members) = &mut request.kind {
            let only_id = object(vec![Member { key: "_id".to_owned(), key_span: Span::default(), value: number(1) }]);
            members.push(Member { key: "projection".to_owned(), key_span: Span::default(), value: only_id });
        }
        let found = collection.find(&self.request(&request)?).await.map_err(|error| self.told(&error))?;
        let found = found.all().await.map_err(|error| self.told(&error))?;
        let ids: Vec<Bson> = found.iter().filter_map(|raw| raw.get("_id").ok().flatten()?.try_into().ok()).collect();
        if ids.is_empty() {
            let upsert = self.options.get("upsert").and_then(Node::as_bool) == Some(true);
            if !upsert {
                return Ok(Bson::Document(doc! { "matchedCount": 0, "modifiedCount": 0 }));
            }
            let one = Asked { name: "updateOne", options: self.options };
            return Box::pin(one.carry_out(collection)).await;
        }
        let query = self.options.get("query").cloned().unwrap_or_else(|| object(Vec::new()));
        let replacement = self.options.get("update").cloned().unwrap_or_else(|| object(Vec::new()));
        let write = |id: Bson| {
            let member = |key: &str, value: Node| Member { key: key.to_owned(), key_span: Span::default(), value };
            let id = json::parse(&id.into_canonical_extjson().to_string()).map_err(ClientError::internal)?;
            let by_id = object(vec![member("_id", object(vec![member("$eq", id)]))]);
            // What has changed meanwhile may not be asked for any more.
            let parts = Node { span: Span::default(), kind: Kind::Array(vec![by_id, query.clone()]) };
            let filter = object(vec![member("$and", parts)]);
            let options = vec![member("filter", filter), member("replacement", replacement.clone())];
            Ok(object(vec![member("replaceOne", object(options))]))
        };
        let writes = ids.into_iter().map(write).collect::<Result<_, ClientError>>()?;
        let writes = Node { span: Span::default(), kind: Kind::Array(writes) };
        let writes = parse_writes(&writes).map_err(|error| self.told(&error))?;
        let written = collection.write(&writes).await.map_err(|error| self.told(&error))?;
        let total = |of: fn(&Written) -> u64| written.iter().map(of).sum::<u64>();
        Ok(Bson::Document(doc! {
            "matchedCount": int(total(|one| one.matched)),
            "modifiedCount": int(total(|one| one.modified)),
        }))
    }

    fn result(&self, written: Written) -> Result<Bson, ClientError> {
        Ok(match self.name {
            "insertOne" => Bson::Document(doc! { "insertedId": written.inserted.into_iter().next() }),
            "insertMany" => Bson::Document(doc! { "insertedIds": written.inserted }),
            "deleteOne" | "deleteMany" => Bson::Document(doc! { "deletedCount": int(written.deleted) }),
            "updateOne" | "updateMany" => {
                let mut result = doc! { "matchedCount": int(written.matched), "modifiedCount": int(written.modified) };
                result.extend(written.upserted.map(|id| ("upsertedId".to_owned(), id)));
                Bson::Document(result)
            }
            _ => return document(written.document),
        })
    }

    /// What a client is told of a request that failed. The texts by which clients know a misspelt operator are MongoDB's.
    fn told(&self, error: &GuardedError) -> ClientError {
        let private = error.private();
        let message = error.to_string();
        let mut told = match error {
            GuardedError::Denied { operation: Some(WriteKind::Insert), reason } if is_schema(&reason.reason) => {
                ClientError::bad(ErrorCode::SchemaValidationFailedWrite, message)
            }
            GuardedError::Denied { .. } => ClientError::bad(ErrorCode::NoMatchingRuleFound, message),
            GuardedError::NoRule(_) | GuardedError::Internal => {
                ClientError::new(ErrorClass::Forbidden, ErrorCode::NoMatchingRuleFound, message)
            }
            GuardedError::LimitExceeded(_) => ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message),
            GuardedError::Store(DocumentsError::DuplicateKey) => {
                ClientError::bad(ErrorCode::MongoDBError, format!("Duplicate key error: {message}"))
            }
            GuardedError::Query(_)
            | GuardedError::Unsupported { .. }
            | GuardedError::Malformed(_)
            | GuardedError::Update(_) => {
                let message = match self.misspelt() {
                    Some(known) => format!("{known} {message}"),
                    None => message,
                };
                ClientError::bad(ErrorCode::MongoDBError, message)
            }
            GuardedError::Undisclosed(_) | GuardedError::Store(DocumentsError::Refused { .. }) => {
                ClientError::bad(ErrorCode::MongoDBError, message)
            }
            _ => ClientError::internal(message),
        };
        told.private = private.or(told.private);
        told
    }

    /// MongoDB's text for the first name of the request that no version of it knows.
    fn misspelt(&self) -> Option<String> {
        let first = |option: &str, known: &[&str]| {
            let members = self.options.get(option)?.as_object()?;
            let wrong = members.iter().find(|member| member.key.starts_with('$') && !known.contains(&&*member.key));
            wrong.map(|member| member.key.clone())
        };
        let top = |option| first(option, &TOP_LEVEL).map(|name| format!("unknown top level operator: {name}."));
        if let Some(text) = top("query").or_else(|| top("filter")) {
            return Some(text);
        }
        if let Some(name) = first("update", &MODIFIERS) {
            return Some(format!("Unknown modifier: {name}."));
        }
        let stages = self.options.get("pipeline")?.as_array()?;
        let names = stages.iter().filter_map(|stage| stage.as_object()?.first());
        let wrong = names.map(|member| &member.key).find(|name| !STAGES.contains(&name.as_str()))?;
        Some(format!("Unrecognized pipeline stage name: '{wrong}'."))
    }
}

const TOP_LEVEL: [&str; 10] =
    ["$and", "$or", "$nor", "$expr", "$jsonSchema", "$comment", "$where", "$text", "$alwaysTrue", "$alwaysFalse"];

const MODIFIERS: [&str; 16] = [
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$setOnInsert",
    "$currentDate",
    "$push",
    "$pull",
    "$pullAll",
    "$addToSet",
    "$pop",
    "$bit",
    "$pushAll",
];

const STAGES: [&str; 34] = [
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$changeStream",
    "$collStats",
    "$count",
    "$currentOp",
    "$densify",
    "$documents",
    "$facet",
    "$fill",
    "$geoNear",
    "$graphLookup",
    "$group",
    "$indexStats",
    "$limit",
    "$listSessions",
    "$lookup",
    "$match",
    "$merge",
    "$out",
    "$planCacheStats",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$search",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unionWith",
];

/// What a client is told of a request that has no options to quote.
pub(super) fn plainly_told(error: &GuardedError) -> ClientError {
    let options = object(Vec::new());
    Asked { name: "", options: &options }.told(error)
}

const fn is_schema(reason: &Reason) -> bool {
    matches!(reason, Reason::Schema(_))
}

fn object(members: Vec<Member>) -> Node {
    Node { span: Span::default(), kind: Kind::Object(members) }
}

fn number(number: u64) -> Node {
    Node { span: Span::default(), kind: Kind::Number(number.to_string()) }
}

fn with_filter(mut options: Node) -> Node {
    if options.get("filter").is_none()
        && let Kind::Object(members) = &mut options.kind
    {
        members.push(Member { key: "filter".to_owned(), key_span: Span::default(), value: object(Vec::new()) });
    }
    options
}

fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn document(raw: Option<RawDocumentBuf>) -> Result<Bson, ClientError> {
    let Some(raw) = raw else { return Ok(Bson::Null) };
    let document: Document = DocumentRef::Raw(&raw).to_document().map_err(ClientError::internal)?;
    Ok(Bson::Document(document))
}

fn documents(found: Vec<RawDocumentBuf>) -> Result<Bson, ClientError> {
    found.into_iter().map(|raw| document(Some(raw))).collect::<Result<Vec<_>, _>>().map(Bson::Array)
}
