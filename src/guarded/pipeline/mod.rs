//! Pipelines of clients. Stages, operators and variables must be on allowlists. Everything allowed depends only on the
//! incoming documents, so a pipeline on redacted documents cannot reveal what was redacted.

mod expression;
mod filter;
mod stage;

use bson::{Bson, Document, RawDocumentBuf};

use super::error::GuardedError;
use crate::access::Query;
use crate::expr::PatternAllowance;
use crate::json::{self, Node};

/// The maximum number of stages in a pipeline.
pub const MAX_STAGES: usize = 100;

/// The maximum size of a pipeline in bytes, encoded as BSON.
pub const MAX_PIPELINE_BYTES: usize = 512 << 10;

/// A client's pipeline that has been checked, for [`aggregate`](super::GuardedCollection::aggregate).
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub(super) stages: Vec<Document>,
    /// The filter of the leading `$match`, if there is one and `find` supports its filter.
    pub(super) first_match: Option<Query>,
}

impl Pipeline {
    /// Parses a pipeline as sent by a client: an array of stages.
    ///
    /// # Errors
    /// The first part that is malformed or not allowed.
    ///
    /// ```
    /// use portcullis::{guarded::Pipeline, json};
    /// let parse = |text| Pipeline::parse(&json::parse(text).unwrap());
    /// assert!(parse(r#"[{"$match": {"team": "a"}}, {"$group": {"_id": "$city", "people": {"$sum": 1}}}]"#).is_ok());
    ///
    /// let error = parse(r#"[{"$unionWith": "salaries"}]"#).unwrap_err();
    /// assert!(error.to_string().starts_with("`$unionWith` is not supported in a pipeline"));
    /// ```
    pub fn parse(node: &Node) -> Result<Self, GuardedError> {
        let nodes = node.as_array().ok_or(GuardedError::Malformed("a pipeline is an array of stages"))?;
        if nodes.len() > MAX_STAGES {
            return Err(GuardedError::Malformed("a pipeline has at most 100 stages"));
        }
        let stages = nodes.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let size: usize = stages.iter().map(size).sum();
        if size > MAX_PIPELINE_BYTES {
            return Err(GuardedError::Malformed("a pipeline has at most 512 KiB"));
        }
        let patterns = PatternAllowance::default();
        stages.iter().try_for_each(|stage| stage::check(stage, &patterns))?;
        let first = nodes.first().and_then(|stage| stage.get("$match"));
        let first_match = first.and_then(|filter| Query::compile(Some(filter), None, None).ok());
        Ok(Self { stages, first_match })
    }
}

fn read(node: &Node) -> Result<Document, GuardedError> {
    match json::to_bson(node) {
        Ok(Bson::Document(stage)) => Ok(stage),
        Ok(_) => Err(GuardedError::Malformed("a stage is an object")),
        Err(_) => Err(GuardedError::Malformed("a stage has a malformed extended JSON value")),
    }
}

fn size(stage: &Document) -> usize {
    RawDocumentBuf::try_from(stage).map_or(usize::MAX >> 8, |stage| stage.as_bytes().len())
}
