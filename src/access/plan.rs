use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::{BoundFilters, BoundRules, Entrance};
use super::client_query::QueryError;
use super::guard::Guard;
use crate::eval::Residual;
use crate::projection::{Kept, Projection};
use crate::query_plan::{Field, Filter, MAX_DEPTH, Plan, Range, bounds, united};

impl Guard {
    /// Plans a MongoDB query for the documents that [`Guard::read`] allows. The plan accounts for filters of the rules,
    /// the first role that applies, its document filters, and whether any field would be visible.
    ///
    /// Tests compare plans with [`Guard::read`] on a MongoDB 6.0 server, for random policies, users and documents:
    /// exact plans match no document that `read` denies, and no plan misses one that it allows.
    ///
    /// ```
    /// use bson::doc;
    /// use portcullis::{Guard, Context, policy, Plan, User};
    /// let rules = portcullis::json::parse(r#"{"roles": [{
    ///     "name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": {"deleted": {"$ne": true}}
    /// }]}"#).unwrap();
    /// let rules = policy::compile(&rules).unwrap();
    /// let policy = policy::RulesFile::effective(Some(&rules), None);
    /// let guard = Guard::new(policy, Context::new().with_user(User::new("u1")));
    ///
    /// let filter = doc! { "owner": { "$eq": "u1" }, "deleted": { "$ne": true } };
    /// assert_eq!(guard.plan().unwrap(), Plan::Exact(filter));
    /// ```
    ///
    /// Conditions that MongoDB cannot express must be checked afterwards: pass every document found to [`Guard::read`],
    /// which is needed anyway to obtain its visible part:
    ///
    /// ```
    /// # use bson::doc;
    /// # use portcullis::{Guard, Context, policy, Plan, User};
    /// let rules = portcullis::json::parse(r#"{"roles": [{
    ///     "name": "Owner", "apply_when": {"owner": "%%user.id", "code": {"$regex": "^[a-f]+$"}}, "read": true
    /// }]}"#).unwrap();
    /// # let rules = policy::compile(&rules).unwrap();
    /// # let policy = policy::RulesFile::effective(Some(&rules), None);
    /// let guard = Guard::new(policy, Context::new().with_user(User::new("u1")));
    ///
    /// let plan = guard.plan().unwrap();
    /// assert!(plan.needs_check());
    /// let upper = doc! { "owner": { "$eq": "u1" }, "code": { "$type": ["string", "symbol", "regex"] } };
    /// assert_eq!(plan.filter(), Some(upper));
    /// ```
    ///
    /// # Errors
    /// [`QueryError::Failed`], with the missing parts, if the rules refer to parts of the context that were not
    /// supplied.
    pub fn plan(&self) -> Result<Plan, QueryError> {
        self.supplied()?;
        Ok(self.range().clone().into())
    }

    /// The documents that may be read.
    pub(super) fn range(&self) -> &Range {
        self.bound.range.get_or_init(|| match &self.bound.entrance {
            Entrance::Bypass => Range::ALWAYS,
            Entrance::Closed(_) => Range::NEVER,
            // Every request on this collection fails.
            Entrance::Rules(BoundRules { filters, .. }) if !filters.errors.is_empty() => Range::NEVER,
            Entrance::Rules(BoundRules { filters, roles, .. }) => {
                let queries = filters.queries.iter().map(|(_, query)| holds(query));
                Range::all(queries.chain([readable(roles, filters)]))
            }
        })
    }
}

/// The documents for which a rule holds that is not a field rule.
pub(super) fn holds(rule: &Residual) -> Range {
    bounds(rule, Field::Somewhere).holds
}

/// The documents for which one of two rules holds. An absent rule does not hold.
fn either(read: Option<&Residual>, write: Option<&Residual>, this: Field<'_>) -> Range {
    Range::any([read, write].into_iter().flatten().map(|rule| bounds(rule, this).holds))
}

/// The maximum number of role groups that are nested in a filter. The smaller values are tried if the conditions
/// themselves are nested so deeply that the filter would exceed the server's limit.
const MAX_GROUPS: [usize; 3] = [MAX_DEPTH / 2, MAX_DEPTH / 4, MAX_DEPTH / 8];

/// Consecutive roles that contribute to the filter in the same way.
enum Group {
    /// Roles that permit every document to which they apply, so it does not matter which of them does. Contains those
    /// documents.
    Permit(Vec<Range>),
    /// Roles that permit no document. Contains the documents to which they do not apply.
    Refuse(Vec<Range>),
    /// A role that permits some of the documents to which it applies.
    Choose {
        /// The documents to which it applies and that it permits.
        granted: Range,
        /// The documents to which it does not apply.
        passed_over: Range,
    },
}

/// The documents that their role permits reading: those that the first group permits, and those to which it does not
/// apply and that the remaining groups permit.
fn readable(roles: &[BoundRole], filters: &BoundFilters) -> Range {
    let mut groups: Vec<Group> = Vec::new();
    for role in roles {
        let applies = bounds(&role.apply_when, Field::Somewhere);
        let passed_over = applies.passed_over(&role.apply_when);
        let (applies, permitted) = (applies.holds, permitted(role, filters));
        let is_last = applies.lower == Filter::Always;
        let permits = permitted == Range::ALWAYS && !role.apply_when.can_fail();
        match groups.last_mut() {
            Some(Group::Permit(known)) if permits => known.push(applies),
            Some(Group::Refuse(known)) if permitted == Range::NEVER => known.push(passed_over),
            _ if permits => groups.push(Group::Permit(vec![applies])),
            _ if permitted == Range::NEVER => groups.push(Group::Refuse(vec![passed_over])),
            _ => groups.push(Group::Choose { granted: Range::all([applies, permitted]), passed_over }),
        }
        if is_last {
            break;
        }
    }
    let mut nested = Range::NEVER;
    for limit in MAX_GROUPS {
        let (first, others) = groups.split_at(limit.min(groups.len()));
        nested = first.iter().rev().fold(at_most(others), nest);
        if nested.upper.levels() <= MAX_DEPTH {
            break;
        }
    }
    nested
}

/// Combines a group with `rest`, the combination of the groups after it.
fn nest(rest: Range, group: &Group) -> Range {
    match group {
        Group::Permit(applies) => united(applies.iter().cloned().chain([rest]).collect()),
        Group::Refuse(passed_over) => Range::all(passed_over.iter().cloned().chain([rest])),
        Group::Choose { granted, passed_over } => {
            Range::any([granted.clone(), Range::all([passed_over.clone(), rest])])
        }
    }
}

/// An upper bound on the documents that these groups permit, for groups that are not nested because the filter would
/// exceed the server's limits.
fn at_most(groups: &[Group]) -> Range {
    let granted = groups.iter().flat_map(|group| match group {
        Group::Permit(applies) => applies.as_slice(),
        Group::Refuse(_) => &[],
        Group::Choose { granted, .. } => std::slice::from_ref(granted),
    });
    Range { lower: Filter::Never, upper: united(granted.cloned().collect()).upper }
}

/// The documents that a role permits reading, in full or in part.
pub(super) fn permitted(role: &BoundRole, filters: &BoundFilters) -> Range {
    let half = match &role.document_filters {
        Some((Some(read), write)) => either(Some(read), write.as_ref(), Field::Somewhere),
        // Without `read`, the document filters admit every document.
        Some((None, _)) | None => Range::ALWAYS,
    };
    let whole = either(role.read.as_ref(), role.write.as_ref(), Field::Somewhere);
    let left = Left { filters };
    let seen = Range::all([whole, left.of_whole()]);
    // With `read`, field rules do not apply.
    let part = if role.read.is_some() { Range::NEVER } else { Range::all([not_whole(role), left.of_part(role)]) };
    Range::all([half, Range::any([seen, part])])
}

/// The documents that a role without `read` does not permit as a whole, so that its field rules apply.
fn not_whole(role: &BoundRole) -> Range {
    role.write.as_ref().map_or(Range::ALWAYS, |write| bounds(write, Field::Somewhere).passed_over(write))
}

/// What the filters' projections leave of a document. A document of which nothing is left is omitted.
struct Left<'g> {
    filters: &'g BoundFilters,
}

impl Left<'_> {
    /// Whether the projections keep a top-level field.
    fn keeps(&self, name: &str) -> Kept {
        self.filters.projections.iter().map(|projection| projection.keeps(name)).min().unwrap_or(Kept::Yes)
    }

    /// The fields other than `_id` that the projections may keep; `None` if they may keep any field.
    fn names(&self) -> Option<Vec<&str>> {
        self.filters.projections.iter().find_map(Projection::kept_names).map(Iterator::collect)
    }

    /// The documents that have a field which the projections keep and for which `shown` holds.
    fn of_field(&self, name: &str, shown: &Range) -> Range {
        let kept = match self.keeps(name) {
            Kept::No => return Range::NEVER,
            Kept::Perhaps => Range::OPEN,
            Kept::Yes => Range::ALWAYS,
        };
        Range::all([there(&[name]), kept, shown.clone()])
    }

    /// The documents of which something is left if the role shows them as a whole.
    fn of_whole(&self) -> Range {
        let by_name = self.names().unwrap_or_default().into_iter().chain(["_id"]);
        let named = Range::any(by_name.map(|name| self.of_field(name, &Range::ALWAYS)));
        match self.names() {
            Some(_) => named,
            None => Range::any([named, Range::OPEN]),
        }
    }

    /// The documents of which something is left if only the role's field rules apply.
    fn of_part(&self, role: &BoundRole) -> Range {
        let mut shown: Vec<Range> =
            role.fields.iter().map(|(name, rule)| self.of_field(name, &entry(&mut vec![name], rule))).collect();
        if let Some(rule) = &role.additional_fields {
            let names = self.names();
            let others = names.iter().flatten().copied().chain(["_id"]).filter(|name| !role.fields.contains_key(*name));
            shown.extend(others.map(|name| self.of_field(name, &entry(&mut vec![name], rule))));
            if names.is_none() {
                // All other fields. Their names are unknown, so no filter can test for them.
                shown.push(Range { lower: Filter::Never, upper: of_rule(rule, Field::Somewhere).upper });
            }
        }
        // The map has no stable order; sorting makes the filter deterministic.
        shown.sort_by_cached_key(|range| range.upper.to_document().map(|filter| filter.to_string()));
        let mut shown = Range::any(shown);
        // A failing field rule makes the whole document unreadable.
        if can_fail(&role.fields) || role.additional_fields.as_ref().is_some_and(BoundField::can_fail) {
            shown.lower = Filter::Never;
        }
        shown
    }
}

/// The documents that have a field, given by its path. `_id` always exists. MongoDB cannot test for names that do not
/// form a path.
fn there(names: &[&str]) -> Range {
    if *names == ["_id"] {
        return Range::ALWAYS;
    }
    if names.iter().any(|name| name.starts_with('$') || name.is_empty() || name.contains(['.', '\0'])) {
        return Range::OPEN;
    }
    let exists = Filter::exists(&names.join("."));
    // In an array, a number would match an index as well.
    let has_index = names.iter().skip(1).any(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    Range { lower: if has_index { Filter::Never } else { exists.clone() }, upper: exists }
}

/// The documents of which a field rule shows something, provided that they have the field. `names` is the path of the
/// field.
fn entry<'f>(names: &mut Vec<&'f str>, rule: &'f BoundField) -> Range {
    if rule.read.is_some() || rule.write.is_some() {
        let this = match names.as_slice() {
            [name] => Field::Named(name),
            _ => Field::Somewhere,
        };
        return of_rule(rule, this);
    }
    let mut inside = Vec::new();
    for (name, rule) in rule.fields.iter().flatten() {
        names.push(name);
        inside.push(Range::all([there(names), entry(names, rule)]));
        names.pop();
    }
    inside.sort_by_cached_key(|range| range.upper.to_document().map(|filter| filter.to_string()));
    Range::any(inside)
}

fn of_rule(rule: &BoundField, this: Field<'_>) -> Range {
    either(rule.read.as_ref(), rule.write.as_ref(), this)
}

fn can_fail(fields: &BoundFields) -> bool {
    fields.values().any(BoundField::can_fail)
}

impl BoundField {
    fn can_fail(&self) -> bool {
        [&self.read, &self.write].into_iter().flatten().any(Residual::can_fail)
            || self.fields.as_ref().is_some_and(can_fail)
    }
}
