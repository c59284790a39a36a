use bson::Document;

use super::names::is_plain_path;
use super::request::FindRequest;
use crate::access::{Answered, Guard, Query, Shown, Visibility};
use crate::mongo_query::Direction;
use crate::query_plan::Plan;

/// How a client's query is answered: what the database does of it, and what is left.
pub(super) struct ReadPlan {
    /// What the database finds; `None` if there is nothing to be found.
    pub(super) filter: Option<Document>,
    /// The client's filter, where it remains to be asked of each document.
    pub(super) check: Option<Answered>,
    /// The order in which the database brings them.
    pub(super) order: Document,
    /// Whether they remain to be sorted.
    pub(super) sorts: bool,
    /// Whether the database sorts them as the client asks, so that only those that are alike in that order remain to be sorted.
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
        // Whoever sees some of the ids would learn from the order between which of them the others are.
        let sorts = !is_ordered || (!order.is_empty() && visibility.of("_id") == Shown::Varies);
        Self { filter: plan.filter(), check: plan.needs_check().then_some(answered), order, sorts, is_ordered }
    }

    /// Whether the database does everything but the redaction.
    pub(super) const fn is_pushed(&self) -> bool {
        self.check.is_none() && !self.sorts
    }
}

/// The order with `_id` behind it where anything is hidden, unless all documents are asked for in no order. Without it an index that
/// begins with fields that are asked for and goes on with a hidden one would bring those that are alike in the order of its values;
/// and which of several indexes the database takes depends on how many documents it would look at in vain, which the user may
/// not read. Of documents with one and the same `_id` it would say nothing, and cost the database time.
pub(super) fn steady(plan: &Plan, mut order: Document, guard: &Guard) -> Document {
    let narrows = plan.filter().is_some_and(|filter| !filter.is_empty() && !has_one_id(&filter));
    if (narrows || !order.is_empty()) && guard.hides() && !order.contains_key("_id") {
        order.insert("_id", 1);
    }
    order
}

/// Whether a filter asks for one `_id`.
fn has_one_id(filter: &Document) -> bool {
    filter.get_document("_id").is_ok_and(|conditions| conditions.contains_key("$eq"))
}

/// The order that a query asks for, as far as it can show; `None` if it differs from what the database would see.
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

/// Whether the database can sort any documents so. Over two arrays in one order, and over a name that is an index and also a key, it
/// fails; of documents that remain to be checked it must not tell that.
fn never_fails(query: &Query) -> bool {
    match query.sort() {
        [] => true,
        [(path, _)] => path.segments().iter().all(|segment| segment.index().is_none()),
        _ => false,
    }
}
