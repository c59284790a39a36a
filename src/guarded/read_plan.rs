use bson::Document;

use super::names::is_plain_path;
use super::request::FindRequest;
use crate::access::{Answered, Guard, Query, Shown, Visibility};
use crate::mongo_query::Direction;
use crate::query_plan::Plan;

/// How a client's query is divided between the database and the checks here.
pub(super) struct ReadPlan {
    /// The filter for the database; `None` if there is nothing to find.
    pub(super) filter: Option<Document>,
    /// The client's filter, if it must be checked on each document.
    pub(super) check: Option<Answered>,
    /// The sort order for the database.
    pub(super) order: Document,
    /// Whether the results must be sorted here.
    pub(super) sorts: bool,
    /// Whether the database sorts as the client requested, so that only ties remain to be sorted here.
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
        // A user who sees some of the ids could infer from the order between which of them the hidden ones are.
        let sorts = !is_ordered || (!order.is_empty() && visibility.of("_id") == Shown::Varies);
        Self { filter: plan.filter(), check: plan.needs_check().then_some(answered), order, sorts, is_ordered }
    }

    /// Whether the database does everything but the redaction.
    pub(super) const fn is_pushed(&self) -> bool {
        self.check.is_none() && !self.sorts
    }
}

/// The sort order, extended by `_id` if anything is hidden, unless all documents are requested without an order.
/// Otherwise, an index that starts with requested fields and continues with a hidden one would return ties in the order
/// of its values. Which of several indexes the database chooses also depends on how many documents it would examine in
/// vain, which the user may not read. For documents with a single given `_id`, the extension would have no effect but
/// would cost time.
pub(super) fn steady(plan: &Plan, mut order: Document, guard: &Guard) -> Document {
    let narrows = plan.filter().is_some_and(|filter| !filter.is_empty() && !has_one_id(&filter));
    if (narrows || !order.is_empty()) && guard.hides() && !order.contains_key("_id") {
        order.insert("_id", 1);
    }
    order
}

/// Whether a filter requires a single `_id`.
fn has_one_id(filter: &Document) -> bool {
    filter.get_document("_id").is_ok_and(|conditions| conditions.contains_key("$eq"))
}

/// The requested sort order without fields that are never visible; `None` if the database would order differently.
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

/// Whether the database can sort any documents in this order. It fails for an order over two arrays and for a name that
/// is both an index and a key; such a failure must not reveal anything about documents that have not been checked.
fn never_fails(query: &Query) -> bool {
    match query.sort() {
        [] => true,
        [(path, _)] => path.segments().iter().all(|segment| segment.index().is_none()),
        _ => false,
    }
}
