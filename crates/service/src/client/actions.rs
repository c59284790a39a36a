//! Client actions on data sources: `find`, `insertOne` and so on, under the rules of the collection.

use portcullis::json::{self, Kind, Member, Node};
use portcullis::text::Span;

use super::{ClientApi, ClientError, ErrorCode};
use crate::data::{Action, Asker, Outcome, Target, missing, mistyped};

/// The options of an action besides the names of the database and the collection; `None` if clients do not have this
/// action.
fn allowed(action: Action) -> Option<&'static [&'static str]> {
    Some(match action {
        Action::Aggregate => &["pipeline"],
        Action::BulkWrite | Action::Distinct | Action::ReplaceOne => return None,
        Action::Count => &["query", "limit"],
        Action::DeleteMany | Action::DeleteOne => &["query"],
        Action::Find | Action::FindOne => &["query", "project", "sort", "limit"],
        // Native clients send the options of all `findOneAnd…` actions with each of them; the last two have no effect
        // here.
        Action::FindOneAndDelete => &["filter", "projection", "sort", "upsert", "returnNewDocument"],
        Action::FindOneAndReplace => &["filter", "update", "projection", "sort", "upsert", "returnNewDocument"],
        Action::FindOneAndUpdate => {
            &["filter", "update", "projection", "sort", "upsert", "arrayFilters", "returnNewDocument"]
        }
        Action::InsertMany => &["documents"],
        Action::InsertOne => &["document"],
        Action::UpdateMany | Action::UpdateOne => &["query", "update", "upsert", "arrayFilters"],
    })
}

/// Rejects unknown options: if the name of the filter were misspelt, a write would affect all documents. For the same
/// reason, null is not a valid filter for a write.
fn check_options(action: Action, allowed: &[&str], options: &Node) -> Result<(), ClientError> {
    for member in options.as_object().into_iter().flatten() {
        let key = member.key.as_str();
        let shown: String = key.chars().take(64).collect();
        if !matches!(key, "database" | "collection" | "schema_name") && !allowed.contains(&key) {
            let message = format!("'{}' takes no '{shown}'", action.name());
            return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
        }
        if matches!(key, "query" | "filter") && !is_filter(&member.value, action.writes()) {
            return Err(mistyped(&shown, "a document"));
        }
    }
    Ok(())
}

fn is_filter(value: &Node, is_required: bool) -> bool {
    match &value.kind {
        Kind::Object(members) => !json::is_literal(members),
        Kind::Null => !is_required,
        _ => false,
    }
}

/// The action that is meant: web clients send a deletion as a replacement without a new document.
fn meant(action: Action, options: &Node) -> Action {
    match action {
        Action::FindOneAndReplace if options.get("update").is_none() => Action::FindOneAndDelete,
        action => action,
    }
}

/// Renames the options of a client to those that all clients share.
fn common(action: Action, mut options: Vec<Member>) -> Node {
    options.retain_mut(|member| {
        let name = match member.key.as_str() {
            "query" => "filter",
            "project" => "projection",
            "update" if action == Action::FindOneAndReplace => "replacement",
            "database" | "collection" | "schema_name" => return false,
            _ => return true,
        };
        name.clone_into(&mut member.key);
        true
    });
    Node { span: Span::default(), kind: Kind::Object(options) }
}

impl ClientApi {
    /// Rejects a service that is not a data source.
    pub(super) fn check_service(&self, service: &str, action: &str) -> Result<(), ClientError> {
        if self.data.has_source(service) {
            return Ok(());
        }
        if self.data.has_other_service(service) {
            let message = format!("the service '{service}' is not available");
            return Err(ClientError::bad(ErrorCode::ServiceTypeNotFound, message));
        }
        let shown: String = action.chars().take(128).collect();
        let message = format!("Cannot access member '{shown}' of undefined");
        Err(ClientError::bad(ErrorCode::FunctionExecutionError, message))
    }

    /// The collection that the options of an action refer to: by its names, or by the title of its schema.
    pub(super) fn target(&self, service: &str, options: &Node) -> Result<Target, ClientError> {
        let text = |name: &str| {
            let given = options.get(name).ok_or_else(|| missing(name))?;
            given.as_str().ok_or_else(|| mistyped(name, "a string"))
        };
        match options.get("schema_name") {
            Some(title) if options.get("database").is_none() && options.get("collection").is_none() => {
                let title = title.as_str().ok_or_else(|| mistyped("schema_name", "a string"))?;
                self.data.titled(service, title)
            }
            _ => Target::of(service, text("database")?, text("collection")?),
        }
    }

    /// Performs an action on a data source.
    pub(super) async fn act(
        &self,
        asker: &Asker,
        service: &str,
        name: &str,
        options: Option<Node>,
    ) -> Result<Outcome, ClientError> {
        self.check_service(service, name)?;
        let known = Action::from_name(name).and_then(|action| Some((action, allowed(action)?)));
        let (action, allowed) = known.ok_or_else(|| {
            let shown: String = name.chars().take(128).collect();
            ClientError::bad(ErrorCode::ServiceCommandNotFound, format!("the data source has no action '{shown}'"))
        })?;
        let options = options.filter(|node| node.as_object().is_some()).ok_or_else(|| missing("database"))?;
        let target = self.target(service, &options)?;
        check_options(action, allowed, &options)?;
        let action = meant(action, &options);
        let Kind::Object(options) = options.kind else { return Err(missing("database")) };
        self.data.act(asker, &target, action, &common(action, options)).await
    }
}
