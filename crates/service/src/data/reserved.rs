//! Collections that no action may access, whatever its rights: the users and sessions of Portcullis, and the database's
//! internal ones.

use bson::{Bson, Document};

use crate::client::{ClientError, ErrorClass, ErrorCode};
use crate::server::holds_accounts;

/// MongoDB's internal databases.
const INTERNAL: [&str; 3] = ["admin", "config", "local"];

/// The database on the server that holds users and sessions; `None` if they are kept in a file of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reserved(Option<String>);

impl Reserved {
    /// Reserves the accounts in this database.
    pub(crate) fn database(name: impl Into<String>) -> Self {
        Self(Some(name.into()))
    }

    /// Rejects access to collections that hold users or sessions, or are internal to the database.
    pub(crate) fn refuse(&self, database: &str, collection: &str) -> Result<(), ClientError> {
        let is_ours = self.0.as_deref().is_some_and(|ours| database.eq_ignore_ascii_case(ours));
        if is_ours && holds_accounts(collection) {
            // The same error as for a collection without rules, so as not to reveal whether the collection exists.
            let message = format!("no rule exists for namespace '{database}.{collection}'");
            return Err(ClientError::new(ErrorClass::Forbidden, ErrorCode::NoMatchingRuleFound, message));
        }
        let is_internal = INTERNAL.iter().any(|internal| database.eq_ignore_ascii_case(internal));
        if is_internal || collection.starts_with("system.") {
            let message = "system collections are not accessible";
            return Err(ClientError::new(ErrorClass::Forbidden, ErrorCode::NoMatchingRuleFound, message));
        }
        Ok(())
    }

    /// Rejects a pipeline on another collection that reads or writes a reserved one.
    pub(crate) fn refuse_in(&self, database: &str, stages: &[Bson]) -> Result<(), ClientError> {
        stages.iter().try_for_each(|stage| self.refuse_within(database, stage, MAX_DEPTH))
    }

    fn refuse_within(&self, database: &str, value: &Bson, depth: usize) -> Result<(), ClientError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ClientError::bad(ErrorCode::InvalidParameter, "the pipeline is nested too deeply"));
        };
        match value {
            Bson::Array(values) => values.iter().try_for_each(|value| self.refuse_within(database, value, depth)),
            Bson::Document(document) => document.iter().try_for_each(|(key, value)| {
                if REFUSED_STAGES.contains(&key.as_str()) {
                    return Err(ClientError::bad(ErrorCode::InvalidParameter, format!("`{key}` is not supported")));
                }
                if let Some(names) = named(key) {
                    self.refuse_named(database, value, names)?;
                }
                self.refuse_within(database, value, depth)
            }),
            _ => Ok(()),
        }
    }

    /// Rejects a stage that names a reserved collection.
    fn refuse_named(&self, database: &str, operand: &Bson, names: &[&str]) -> Result<(), ClientError> {
        match operand {
            Bson::String(collection) => self.refuse(database, collection),
            Bson::Document(operand) => {
                if let Some(collection) = text(operand, "coll") {
                    self.refuse(text(operand, "db").unwrap_or(database), collection)?;
                }
                names
                    .iter()
                    .filter_map(|name| operand.get(name))
                    .try_for_each(|value| self.refuse_named(text(operand, "db").unwrap_or(database), value, &[]))
            }
            _ => Ok(()),
        }
    }

    /// Whether a list of databases includes this one.
    pub(crate) fn shows_database(&self, name: &str) -> bool {
        let hidden = INTERNAL.iter().copied().chain(self.0.as_deref());
        !hidden.into_iter().any(|hidden| name.eq_ignore_ascii_case(hidden))
    }

    /// Whether a list of collections includes this one.
    pub(crate) fn shows(&self, database: &str, collection: &str) -> bool {
        self.refuse(database, collection).is_ok()
    }
}

/// More than the nesting depth that MongoDB permits.
const MAX_DEPTH: usize = 200;

/// Stages whose cursors never end, or that reveal information about the server and other clients.
const REFUSED_STAGES: [&str; 5] =
    ["$changeStream", "$currentOp", "$listLocalSessions", "$listSessions", "$planCacheStats"];

/// For stages that read or write another collection, the options that name it, besides `coll`.
fn named(stage: &str) -> Option<&'static [&'static str]> {
    match stage {
        "$lookup" | "$graphLookup" => Some(&["from"]),
        "$unionWith" | "$out" => Some(&[]),
        "$merge" => Some(&["into"]),
        _ => None,
    }
}

fn text<'d>(document: &'d Document, key: &str) -> Option<&'d str> {
    document.get(key).and_then(Bson::as_str)
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, doc};

    use super::Reserved;

    fn is_refused(stage: Document) -> bool {
        Reserved::database("portcullis").refuse_in("shop", &[Bson::Document(stage)]).is_err()
    }

    #[test]
    fn no_pipeline_stage_reaches_users_and_sessions() {
        let sessions = doc! { "db": "Portcullis", "coll": "sessions" };
        for stage in [
            doc! { "$lookup": { "from": { "db": "portcullis", "coll": "users" }, "as": "a" } },
            doc! { "$facet": { "a": [{ "$unionWith": sessions.clone() }] } },
            doc! { "$merge": { "into": { "db": "portcullis", "coll": "users" } } },
            doc! { "$out": { "db": "portcullis", "coll": "users" } },
            doc! { "$lookup": { "from": "orders", "pipeline": [{ "$unionWith": sessions }], "as": "a" } },
            doc! { "$unionWith": { "coll": "users", "db": "admin" } },
            doc! { "$graphLookup": { "from": "system.views" } },
            doc! { "$changeStream": {} },
        ] {
            assert!(is_refused(stage.clone()), "{stage}");
        }
        assert!(!is_refused(doc! { "$lookup": { "from": "users", "as": "a" } }));
        assert!(!is_refused(doc! { "$merge": { "into": { "db": "shop", "coll": "users" } } }));
        assert!(
            Reserved::database("shop").refuse_in("shop", &[doc! { "$lookup": { "from": "users" } }.into()]).is_err()
        );
    }
}
