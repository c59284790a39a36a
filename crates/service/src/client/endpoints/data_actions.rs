use bson::{Bson, doc};
use portcullis::UserType;
use portcullis::json::{self, Kind, Member, Node};

use crate::client::{ClientApi, ClientError, ErrorCode};
use crate::data::{Action, Asker, Target, missing};

/// An action of the Data API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataAction {
    action: Action,
    /// Its options besides the collection.
    options: &'static [&'static str],
    /// Its required options: a write without a filter must not affect all documents.
    required: &'static [&'static str],
    /// The key under which the response contains the result; without one, the result is the response.
    result: Option<&'static str>,
}

const UPDATE: (&[&str], &[&str]) = (&["filter", "update", "upsert"], &["filter", "update"]);
const DELETE: (&[&str], &[&str]) = (&["filter"], &["filter"]);

const fn reading(
    action: Action,
    options: &'static [&'static str],
    required: &'static [&'static str],
    result: &'static str,
) -> DataAction {
    DataAction { action, options, required, result: Some(result) }
}

const fn writing(
    action: Action,
    (options, required): (&'static [&'static str], &'static [&'static str]),
) -> DataAction {
    DataAction { action, options, required, result: None }
}

const ACTIONS: [DataAction; 10] = [
    reading(Action::FindOne, &["filter", "projection"], &[], "document"),
    reading(Action::Find, &["filter", "projection", "sort", "limit", "skip"], &[], "documents"),
    reading(Action::Aggregate, &["pipeline"], &["pipeline"], "documents"),
    writing(Action::InsertOne, (&["document"], &["document"])),
    writing(Action::InsertMany, (&["documents"], &["documents"])),
    writing(Action::UpdateOne, UPDATE),
    writing(Action::UpdateMany, UPDATE),
    writing(Action::ReplaceOne, (&["filter", "replacement", "upsert"], &["filter", "replacement"])),
    writing(Action::DeleteOne, DELETE),
    writing(Action::DeleteMany, DELETE),
];

/// The keys that name the collection, in every body.
const COLLECTION_KEYS: [&str; 3] = ["dataSource", "database", "collection"];

impl DataAction {
    /// The action with this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        ACTIONS.into_iter().find(|action| action.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        self.action.name()
    }

    /// Performs the action: under the rules of the collection, or without rules for the system.
    pub(super) async fn carry_out(self, api: &ClientApi, asker: &Asker, body: &Node) -> Result<Bson, ClientError> {
        let mut place = [""; 3];
        for (found, key) in place.iter_mut().zip(COLLECTION_KEYS) {
            let text = body.get(key).and_then(Node::as_str).filter(|text| !text.is_empty());
            *found = text.ok_or_else(|| missing(key))?;
        }
        let [service, database, collection] = place;
        if !api.data.has_source(service) {
            let shown: String = service.chars().take(128).collect();
            let message = format!("no data source '{shown}'");
            return Err(ClientError::bad(ErrorCode::InvalidParameter, message));
        }
        let target = Target::of(service, database, collection)?;
        let options = self.options_of(body)?;
        let result = if asker.user.kind == UserType::System {
            let options = json::to_document(&options)
                .map_err(|error| ClientError::bad(ErrorCode::BadRequest, error.to_string()))?;
            api.data.act_as_system(&target, self.action, &options).await?
        } else {
            api.data.act(asker, &target, self.action, &options).await?.into_value()?
        };
        Ok(match self.result {
            Some(key) => Bson::Document(doc! { key: result }),
            None => result,
        })
    }

    /// The options of the action. Unknown ones are rejected: with a misspelt name, a filter would be missing.
    fn options_of(self, body: &Node) -> Result<Node, ClientError> {
        let refused = |message: String| ClientError::bad(ErrorCode::InvalidParameter, message);
        let mut members: Vec<Member> = Vec::new();
        for given in
            body.as_object().unwrap_or_default().iter().filter(|given| !COLLECTION_KEYS.contains(&given.key.as_str()))
        {
            let key = given.key.as_str();
            if !self.options.contains(&key) {
                let shown: String = key.chars().take(64).collect();
                return Err(refused(format!("'{}' takes no '{shown}'", self.name())));
            }
            match &given.value.kind {
                // Reads may omit the filter; for a write, null is not a filter.
                Kind::Null if self.required.contains(&key) => return Err(refused(format!("'{key}' must not be null"))),
                Kind::Null => {}
                _ if key == "filter" && given.value.as_object().is_none() => {
                    return Err(refused("'filter' must be a document".to_owned()));
                }
                _ => members.push(given.clone()),
            }
        }
        if let Some(key) = self.required.iter().find(|key| body.get(key).is_none()) {
            return Err(missing(key));
        }
        Ok(Node { span: body.span, kind: Kind::Object(members) })
    }
}
