use super::error::GuardedError;
use super::options::checked;
use crate::access::Query;
use crate::expr::PatternAllowance;
use crate::json::{self, Node};
use crate::path::FieldPath;
use crate::projection::Projection;
use crate::value::{Number, ValueRef};

/// A client's read request: filter, sort order, skip, limit and projection.
#[derive(Clone, Debug)]
pub struct FindRequest {
    pub(super) query: Query,
    pub(super) skip: u64,
    pub(super) limit: Option<u64>,
}

impl FindRequest {
    /// Parses `{"filter": {…}, "projection": {…}, "sort": {…}, "skip": 0, "limit": 10}`. All keys are optional. As in
    /// MongoDB, a limit of 0 means no limit, a negative one counts as its absolute value, and fractions are cut off.
    ///
    /// # Errors
    /// If a part is malformed, or an option or operator is not allowed.
    ///
    /// ```
    /// use portcullis::{guarded::FindRequest, json};
    /// let parse = |text| FindRequest::parse(&json::parse(text).unwrap());
    /// assert!(parse(r#"{"filter": {"age": {"$gte": 18}}, "sort": {"name": 1}, "limit": 10}"#).is_ok());
    ///
    /// let error = parse(r#"{"hint": "salary_1"}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "`hint` is not supported in the options: the database chooses the index itself");
    /// let error = parse(r#"{"filter": {"$where": "this.salary > 5"}}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("`$where` is not supported here; client-supplied code is not executed"));
    /// ```
    pub fn parse(options: &Node) -> Result<Self, GuardedError> {
        let members = checked(options, &["filter", "projection", "sort", "skip", "limit"])?;
        Self::of_options(members.iter().map(|member| (member.key.as_str(), &member.value)))
    }

    /// Like [`parse`](Self::parse), from pairs of names and values.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn of_options<'n>(options: impl IntoIterator<Item = (&'n str, &'n Node)>) -> Result<Self, GuardedError> {
        let (mut filter, mut projection, mut sort, mut skip, mut limit) = (None, None, None, 0, None);
        for (name, value) in options {
            match name {
                "filter" => filter = Some(value),
                "projection" => projection = Some(value),
                "sort" => sort = Some(value),
                "skip" => skip = number(value, parse_skip)?,
                "limit" => limit = Some(number(value, parse_limit)?).filter(|limit| *limit > 0),
                _ => return Err(GuardedError::Malformed("the options of a query have other names")),
            }
        }
        Ok(Self { skip, limit, ..Self::of(filter, projection, sort)? })
    }

    /// Creates a request from a filter, a projection and a sort order, each of which is optional.
    pub(super) fn of(
        filter: Option<&Node>,
        projection: Option<&Node>,
        sort: Option<&Node>,
    ) -> Result<Self, GuardedError> {
        Self::within(filter, projection, sort, &PatternAllowance::default())
    }

    /// Like [`of`](Self::of), with a pattern allowance that is shared with other parts of the request.
    pub(super) fn within(
        filter: Option<&Node>,
        projection: Option<&Node>,
        sort: Option<&Node>,
        patterns: &PatternAllowance,
    ) -> Result<Self, GuardedError> {
        Self::new(Query::compile_within(filter, projection, sort, patterns)?)
    }

    /// Creates a request for all documents that match a query.
    ///
    /// # Errors
    /// If its projection or sort order contains anything that guarded queries may not contain.
    pub fn new(query: Query) -> Result<Self, GuardedError> {
        if query.projection().is_some_and(Projection::is_mixed) {
            return Err(GuardedError::Malformed("a projection either includes fields or excludes others"));
        }
        let reason = "no name in a projection or an order begins with `$`";
        if let Some(path) = paths(&query).find(|path| path.segments().iter().any(|one| one.name().starts_with('$'))) {
            return Err(GuardedError::Unsupported { what: path.to_string(), place: None, reason });
        }
        Ok(Self { query, skip: 0, limit: None })
    }

    /// Skips this many matching documents.
    #[must_use]
    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// The maximum number of documents to return; `None` for no limit.
    #[must_use]
    pub const fn most(&self) -> Option<u64> {
        self.limit
    }

    /// Sets the maximum number of documents to return; `None` for no limit.
    #[must_use]
    pub fn limit(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }
}

/// The paths used by its projection and sort order.
fn paths(query: &Query) -> impl Iterator<Item = &FieldPath> {
    query.projection().into_iter().flat_map(Projection::paths).chain(query.sort().iter().map(|(path, _)| path))
}

fn number(node: &Node, parse: fn(ValueRef<'_>) -> Option<u64>) -> Result<u64, GuardedError> {
    let number = json::to_bson(node).ok();
    let number = number.as_ref().and_then(|number| parse(number.into()));
    number.ok_or(GuardedError::Malformed("`skip` and `limit` are numbers, and `skip` is not negative"))
}

/// The number of documents to skip, as MongoDB takes it: fractions are cut off, NaN is 0, and a number beyond 64 bits is
/// the greatest. `None` if it is negative or not a number.
#[must_use]
pub fn parse_skip(value: ValueRef<'_>) -> Option<u64> {
    u64::try_from(whole(value)?).ok()
}

/// The most documents to return, as MongoDB's drivers take it: like [`parse_skip`], but a negative number counts as its
/// absolute value. 0 means no limit.
#[must_use]
pub fn parse_limit(value: ValueRef<'_>) -> Option<u64> {
    whole(value)?.checked_abs().and_then(|limit| u64::try_from(limit).ok())
}

fn whole(value: ValueRef<'_>) -> Option<i64> {
    let number = value.number()?;
    let beyond = || match number {
        number if number.is_nan() => 0,
        Number::Double(double) if double < 0.0 => i64::MIN,
        Number::Decimal(decimal) if decimal.to_string().starts_with('-') => i64::MIN,
        _ => i64::MAX,
    };
    Some(number.truncate().unwrap_or_else(beyond))
}
