use bson::Document;

use crate::access::QueryError;
use crate::expr::PatternAllowance;
use crate::guarded::error::GuardedError;
use crate::mongo_query::{Filter, FindError};
use crate::text::{Located, Span};

const PLACE: &str = "a filter";

/// Rejects the filter of a `$match` if it contains anything that clients' filters may not contain.
pub(super) fn check(filter: &Document, patterns: &PatternAllowance) -> Result<(), GuardedError> {
    match Filter::compile_within(filter, patterns) {
        Ok(_) => Ok(()),
        Err(FindError::Unsupported { what, help: Some(reason) }) => {
            let what = what.trim_matches('`').to_owned();
            Err(GuardedError::Unsupported { what, place: Some(PLACE), reason })
        }
        Err(error) => Err(Located::new(QueryError::Filter(error), Span::default()).into()),
    }
}
