use std::sync::Arc;

use bson::Document;
use thiserror::Error;

use super::bound_policy::Entrance;
use super::decision::Reason;
use super::guard::Guard;
use crate::eval::{Context, Documents, Errors, EvalError, Evaluation, Residual, Truth};
use crate::expr::PatternAllowance;
use crate::json::{self, EjsonErrorKind, Node};
use crate::mongo_query::{Direction, Filter, FindError, Sort};
use crate::path::{FieldPath, PathError};
use crate::projection::{Projection, ProjectionError};
use crate::text::{Code, Located};
use crate::value::{DocumentRef, Malformed, ValueRef};

/// A client's query: a MongoDB filter, projection and sort order.
#[derive(Clone, Debug)]
pub struct Query {
    filter: Arc<Filter>,
    is_by_id: bool,
    projection: Option<Projection>,
    sort: Sort,
}

/// Why a query is rejected or failed.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A filter that is not extended JSON.
    #[error("{0}")]
    Json(EjsonErrorKind),
    /// A malformed or unsupported filter.
    #[error("{0}")]
    Filter(FindError),
    /// An expression in the filter failed for a document that the client may read.
    #[error("an expression of the filter fails on a document: {0}")]
    Expression(FindError),
    /// A malformed projection.
    #[error("{0}")]
    Projection(ProjectionError),
    /// A malformed sort order.
    #[error("sort order must be 1 or -1")]
    Sort,
    /// The documents cannot be sorted.
    #[error("{0}")]
    Order(FindError),
    /// A malformed path in the sort order.
    #[error("{0}")]
    Path(PathError),
    /// Neither the collection nor the defaults have rules.
    #[error("no rule exists for namespace '{0}'")]
    NoRule(Arc<str>),
    /// The collection's rules do not load.
    #[error("the collection's rules do not load")]
    RulesInvalid,
    /// Evaluating the query takes more than [`MAX_STEPS`](crate::value::MAX_STEPS) steps for one document.
    #[error("{}", Malformed::steps())]
    StepsSpent,
    /// A condition of the rules that affects the result failed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Failed(Vec<EvalError>),
}

impl Code for QueryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Json(kind) => kind.code(),
            Self::Filter(FindError::Unsupported { .. }) => "filter-unsupported",
            Self::Filter(_) => "filter-invalid",
            Self::Expression(_) => "filter-failed",
            Self::Projection(_) => "projection-invalid",
            Self::Sort => "sort-direction",
            Self::Order(_) => "sort-failed",
            Self::Path(_) => "sort-path",
            Self::NoRule(_) => "no-rule",
            Self::RulesInvalid => "rules-invalid",
            Self::StepsSpent => "steps-spent",
            Self::Failed(_) => "failed",
        }
    }
}

impl Query {
    /// Compiles a query in the format that clients send.
    ///
    /// # Errors
    /// If a part is malformed or not supported.
    pub fn compile(
        filter: Option<&Node>,
        projection: Option<&Node>,
        sort: Option<&Node>,
    ) -> Result<Self, Located<QueryError>> {
        Self::compile_within(filter, projection, sort, &PatternAllowance::default())
    }

    /// Like [`compile`](Self::compile), with a pattern allowance that is shared with other parts of the request.
    pub(crate) fn compile_within(
        filter: Option<&Node>,
        projection: Option<&Node>,
        sort: Option<&Node>,
        patterns: &PatternAllowance,
    ) -> Result<Self, Located<QueryError>> {
        Ok(Self {
            filter: Arc::new(filter.map_or_else(|| Ok(Filter::of_all()), |filter| compile_filter(filter, patterns))?),
            is_by_id: filter.is_none_or(is_by_id),
            projection: projection.map(compile_projection).transpose()?,
            sort: sort.map_or(Ok(Sort::default()), compile_sort)?,
        })
    }
}

fn is_by_id(filter: &Node) -> bool {
    filter.as_object().is_some_and(|members| members.iter().all(|member| member.key == "_id"))
}

/// Compiles a filter with MongoDB's semantics, written in extended JSON.
fn compile_filter(node: &Node, patterns: &PatternAllowance) -> Result<Filter, Located<QueryError>> {
    let filter = json::to_document(node).map_err(|error| error.map(QueryError::Json))?;
    Filter::compile_within(&filter, patterns).map_err(|error| {
        // For the position of the error: the first member that is invalid on its own.
        let at_fault = filter.iter().find_map(|(name, value)| {
            let alone = Document::from_iter([(name.clone(), value.clone())]);
            let fails = Filter::compile_within(&alone, &PatternAllowance::default()).is_err();
            fails.then(|| node.as_object()?.iter().find(|member| member.key == *name)).flatten()
        });
        let span = at_fault.map_or(node.span, |member| {
            match member.key.starts_with('$') && member.value.as_array().is_none() {
                true => member.key_span,
                false => member.value.span,
            }
        });
        Located::new(QueryError::Filter(error), span)
    })
}

fn compile_projection(node: &Node) -> Result<Projection, Located<QueryError>> {
    Projection::compile_nested(node).map_err(|errors| first(errors, QueryError::Projection, node))
}

fn first<K>(errors: Vec<Located<K>>, wrap: fn(K) -> QueryError, node: &Node) -> Located<QueryError> {
    errors.into_iter().next().map_or_else(|| Located::new(QueryError::Sort, node.span), |error| error.map(wrap))
}

fn compile_sort(node: &Node) -> Result<Sort, Located<QueryError>> {
    let members = node.as_object().ok_or_else(|| Located::new(QueryError::Sort, node.span))?;
    let keys = members.iter().map(|member| {
        let path =
            FieldPath::parse(&member.key).map_err(|error| Located::new(QueryError::Path(error), member.key_span))?;
        let number = crate::json::to_bson(&member.value).ok();
        let number = number.as_ref().and_then(|number| ValueRef::from(number).number()?.truncate());
        match number {
            Some(1) => Ok((path, Direction::Up)),
            Some(-1) => Ok((path, Direction::Down)),
            _ => Err(Located::new(QueryError::Sort, member.value.span)),
        }
    });
    Sort::of(keys.collect::<Result<_, _>>()?).map_err(|error| Located::new(QueryError::Order(error), node.span))
}

impl Guard {
    /// Runs a query on documents in memory. It is applied to the documents as the user may read them: hidden fields are
    /// Missing, and documents on which a rule fails are omitted and recorded as [unreadable](Self::take_unreadable).
    ///
    /// # Errors
    /// If there are no rules, if the rules refer to a part of the context that was not supplied or wait for a function,
    /// or if they make too many function calls.
    pub fn find<'d>(
        &self,
        query: &Query,
        documents: impl IntoIterator<Item = DocumentRef<'d>>,
    ) -> Result<Vec<Document>, QueryError> {
        self.admit()?;
        self.supplied()?;
        let filter = self.answering(query);
        let mut found = Vec::new();
        for document in documents {
            let Some(visible) = self.seen(document)? else { continue };
            if filter.answers((&visible).into())? {
                found.push(visible);
            }
        }
        let found = query.in_order(found)?;
        let Some(projection) = &query.projection else { return Ok(found) };
        let left = found.iter().map(|document| projection.apply(document)).collect::<Result<_, _>>();
        left.map_err(|error| QueryError::Failed(vec![error.into()]))
    }

    /// The visible part of a document; `None` if it is omitted.
    fn seen(&self, document: DocumentRef<'_>) -> Result<Option<Document>, QueryError> {
        let decision = self.read(document);
        if let Some(Reason::Failed) = decision.reason() {
            self.leave_out(decision.errors()).map_err(QueryError::Failed)?;
        }
        let visible = decision.allowed().map(|visible| visible.to_document()).transpose();
        visible.map_err(|error| QueryError::Failed(vec![error.into()]))
    }

    /// Rejects queries that cannot succeed on any document.
    ///
    /// # Errors
    /// If there are no rules, if the rules do not load, or if one of their filters fails for every document.
    pub(crate) fn admit(&self) -> Result<(), QueryError> {
        match &self.bound.entrance {
            Entrance::Closed(Reason::NoRule { namespace }) => Err(QueryError::NoRule(namespace.clone())),
            Entrance::Closed(_) => Err(QueryError::RulesInvalid),
            Entrance::Rules(rules) if !rules.filters.errors.is_empty() => {
                Err(QueryError::Failed(rules.filters.errors.clone()))
            }
            Entrance::Bypass | Entrance::Rules(_) => Ok(()),
        }
    }

    /// The filter of a query, bound so that it can be applied to the visible parts of documents.
    pub(crate) fn answering(&self, query: &Query) -> Answered {
        Answered { filter: Arc::clone(&query.filter) }
    }
}

/// A client's filter, ready to be applied to the visible parts of documents.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    filter: Arc<Filter>,
}

impl Answered {
    /// The condition that documents must satisfy.
    pub(super) fn residual(&self) -> &Residual {
        self.filter.residual()
    }

    /// Whether a redacted document matches.
    pub(crate) fn answers(&self, visible: DocumentRef<'_>) -> Result<bool, QueryError> {
        let (errors, context) = (Errors::default(), Context::new());
        let documents = Documents { root: Some(ValueRef::Document(visible)), ..Documents::default() };
        match Evaluation::new(documents, &context, &errors).truth(self.residual()) {
            Truth::True => Ok(true),
            Truth::Error => Err(match errors.into_vec() {
                spent if spent.contains(&EvalError::StepsSpent) => QueryError::StepsSpent,
                failed => match failed.iter().find_map(|error| match error {
                    EvalError::Expression(error) => Some(error.clone()),
                    _ => None,
                }) {
                    Some(error) => QueryError::Expression(error),
                    None => QueryError::Failed(failed),
                },
            }),
            Truth::False | Truth::Unknown => Ok(false),
        }
    }
}

impl Query {
    /// The projection.
    pub(crate) const fn projection(&self) -> Option<&Projection> {
        self.projection.as_ref()
    }

    /// Whether the filter concerns nothing but the `_id`.
    pub(crate) const fn is_by_id(&self) -> bool {
        self.is_by_id
    }

    /// The sort order.
    pub(crate) fn sort(&self) -> &[(FieldPath, Direction)] {
        self.sort.keys()
    }

    /// Sorts documents in the order of the query. The sort is stable.
    pub(crate) fn in_order<D>(&self, documents: Vec<D>) -> Result<Vec<D>, QueryError>
    where
        for<'d> DocumentRef<'d>: From<&'d D>,
    {
        self.sort.in_order(documents).map_err(|error| match error {
            FindError::Malformed(error) if error.is_steps() => QueryError::StepsSpent,
            FindError::Malformed(error) => QueryError::Failed(vec![error.into()]),
            error => QueryError::Order(error),
        })
    }
}
