use bson::Document;

use super::names::is_plain_path;
use super::request::FindRequest;
use crate::access::{Answered, Guard, Query, Shown, Visibility};
use crate::mongo_query::Direction;
use crate::query_plan::Plan;

/// How the work of a client's query is divided between the database and this library.
pub(super) struct ReadPlan {
    /// The filter for the database; `None` if no document can match.
    pub(super) filter: Option<Document>,
    /// The client's filter, if it has to be evaluated on each redacted document.
    pub(super) check: Option<Answered>,
    /// The sort order for the database.
    pub(super) order: Document,
    /// Whether results have to be sorted here.
    pub(super) sorts: bool,
    /// Whether the database sorts by the requested order, so that only ties remain to be sorted here.
    pub(super) is_ordered: bool,
}

impl ReadPlan {
    pub(super) fn new(guard: &Guard, request: &FindRequest) -> Self {
        let visibility = guard.visibility();
        let answered = guard.answering(&request.query);
        let plan = guard.narrowed(&answered, visibility);
        let pushed = pushed(&request.query, visibility);
        let pushed = pushed.filter(|_| !plan.needs_check() || never_fails(&request.query));
        let is_ordered = pushed.is_some();
        let order = steady(&plan, pushed.unwrap_or_default(), guard);
        // If ids are visible in some documents only, their order would tell between which of the visible ids the hidden
        // ones lie.
        let sorts = !is_ordered || (!order.is_empty() && visibility.of("_id") == Shown::Varies);
        let check = plan.needs_check().then_some(answered);
        Self { filter: plan.into_filter(), check, order, sorts, is_ordered }
    }

    /// Whether redaction is all that remains to be done here.
    pub(super) const fn is_pushed(&self) -> bool {
        self.check.is_none() && !self.sorts
    }
}

/// The sort order for the database. If anything is hidden, ties are broken by `_id`, except in an unfiltered query
/// without an order. Otherwise, an index whose prefix consists of requested fields might continue with a hidden field
/// and return ties in the order of its values. The choice among several indexes, too, depends on how many documents
/// each would examine in vain, including unreadable ones. A filter on a single `_id` needs no tie-breaker, which would
/// only cost time.
pub(super) fn steady(plan: &Plan, mut order: Document, guard: &Guard) -> Document {
    let narrows = plan.conditions().is_some_and(|conditions| !has_one_id(conditions));
    if (narrows || !order.is_empty()) && guard.hides() && !order.contains_key("_id") {
        order.insert("_id", 1);
    }
    order
}

/// Whether a filter selects at most one document, by its `_id`.
fn has_one_id(filter: &Document) -> bool {
    filter.get_document("_id").is_ok_and(|conditions| conditions.contains_key("$eq"))
}

/// The requested sort order, without fields that are hidden in all documents; `None` if the database cannot apply it,
/// because it depends on fields that are hidden in some.
fn pushed(query: &Query, visibility: &Visibility) -> Option<Document> {
    let mut order = Document::new();
    for (path, direction) in query.sort() {
        match visibility.of(path.first()?) {
            Shown::Never => {}
            Shown::Always if is_plain_path(path) => {
                let direction = if *direction == Direction::Up { 1 } else { -1 };
                order.insert(path.to_string(), direction);
            }
            Shown::Always | Shown::Varies => return None,
        }
    }
    Some(order)
}

/// Whether sorting by this order succeeds on any documents. MongoDB fails if the order uses two arrays, or a numeric
/// path segment that is both an index and a key; such a failure would reveal something about documents that have not
/// been checked yet.
fn never_fails(query: &Query) -> bool {
    match query.sort() {
        [] => true,
        [(path, _)] => path.segments().iter().all(|segment| segment.index().is_none()),
        _ => false,
    }
}
