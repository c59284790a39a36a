use bson::{Document, doc};

use super::collection::GuardedCollection;
use super::names::{all_fields, is_plain_path};
use super::request::FindRequest;
use crate::access::{Answered, Direction, Query, Shown, Visibility};
use crate::query::Plan;

/// How a client's query is answered: what the database does of it, and what is left.
pub(super) struct Reading {
    /// What the database finds; none if there is nothing to be found.
    pub(super) filter: Option<Document>,
    /// The client's filter, where it remains to be asked of each document.
    pub(super) check: Option<Answered>,
    /// The order in which the database brings them.
    pub(super) order: Document,
    /// Whether they remain to be sorted.
    pub(super) sorts: bool,
}

impl Reading {
    pub(super) fn new(collection: &GuardedCollection<'_>, request: &FindRequest) -> Self {
        let visibility = collection.guard.visibility();
        let answered = collection.guard.answering(&request.query);
        let plan = collection.guard.narrowed(&answered, &visibility);
        let check = plan.needs_check().then_some(answered);
        let steady = steady(&plan, &visibility);
        let (order, sorts) = match pushed(&request.query, &visibility) {
            Some(mut order) => {
                if !steady.is_empty() && !order.contains_key("_id") {
                    order.extend(steady);
                }
                (order, false)
            }
            None => (steady, true),
        };
        Self { filter: plan.filter(), check, order, sorts }
    }

    /// Whether the database does everything but the redaction.
    pub(super) const fn is_pushed(&self) -> bool {
        self.check.is_none() && !self.sorts
    }
}

/// An order for documents that a plan finds by fields that may be hidden: an index on one of them would bring them in the
/// order of its values. Empty if no order need be asked for.
pub(super) fn steady(plan: &Plan, visibility: &Visibility) -> Document {
    let visible = |name: &str| visibility.of(name) == Shown::Always;
    match plan {
        Plan::Exact(filter) | Plan::Bounds { upper: filter, .. } if !all_fields(filter, &visible) => doc! { "_id": 1 },
        _ => Document::new(),
    }
}

/// The order that a query asks for, as far as it can show; none if it differs from what the database would see.
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
