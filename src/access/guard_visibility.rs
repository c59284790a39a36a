//! Determines which parts of documents a guard makes visible, independent of the document.

use std::collections::BTreeMap;

use super::bound::{BoundField, BoundRole};
use super::bound_policy::{BoundFilters, BoundRules, Entrance};
use super::guard::Guard;
use super::visibility::{Shown, Visibility};
use crate::eval::{Residual, Truth};
use crate::projection::Projection;
use crate::query_plan::Range;

impl Guard {
    /// Whether there may be stored data that the user may not read.
    pub(crate) fn hides(&self) -> bool {
        *self.range() != Range::ALWAYS || !self.visibility().is_whole()
    }

    /// The visibility of each field, in all documents that may be read.
    pub(crate) fn visibility(&self) -> &Visibility {
        self.bound.visibility.get_or_init(|| match &self.bound.entrance {
            Entrance::Bypass => Visibility::WHOLE,
            Entrance::Closed(_) => Visibility::NOTHING,
            Entrance::Rules(rules) => of_rules(rules),
        })
    }
}

impl Guard {
    /// Whether the user may read every document in its entirety.
    pub(crate) fn hides_nothing(&self) -> bool {
        match &self.bound.entrance {
            Entrance::Bypass => true,
            Entrance::Closed(_) => false,
            Entrance::Rules(BoundRules { filters, roles, .. }) => {
                let tried = tried(roles);
                // Without `read`, the document filters admit every document.
                let admits_all = |(read, write): &(Option<Residual>, Option<Residual>)| {
                    read.is_none() || holds(read.as_ref()) || holds(write.as_ref())
                };
                let shows = |role: &BoundRole| {
                    !role.apply_when.can_fail()
                        && role.document_filters.as_ref().is_none_or(admits_all)
                        && (holds(role.read.as_ref()) || holds(role.write.as_ref()))
                };
                filters.errors.is_empty()
                    && filters.queries.is_empty()
                    && filters.projections.is_empty()
                    && tried.last().is_some_and(|role| role.apply_when.constant() == Some(Truth::True))
                    && tried.iter().all(shows)
            }
        }
    }
}

/// The roles up to and including the first that always applies; later ones are never reached.
fn tried(roles: &[BoundRole]) -> &[BoundRole] {
    let last = roles.iter().position(|role| role.apply_when.constant() == Some(Truth::True));
    roles.get(..last.map_or(roles.len(), |last| last + 1)).unwrap_or(roles)
}

fn of_rules(BoundRules { filters, roles, .. }: &BoundRules) -> Visibility {
    let roles: Vec<&BoundRole> = tried(roles).iter().filter(|role| may_read(role)).collect();
    let mut others = Tally::default();
    roles.iter().for_each(|role| others.add(of_role(role, None)));
    // A name for which any role has a rule may be visible to a different extent than other names.
    let mut names: BTreeMap<&str, Tally> = BTreeMap::new();
    for role in &roles {
        for name in role.fields.keys() {
            let of_name = names.entry(name).or_insert_with(|| others.clone());
            of_name.remove(of_role(role, None));
            of_name.add(of_role(role, Some(name)));
        }
    }
    for name in filters.projections.iter().flat_map(Projection::names).chain(["_id"]) {
        names.entry(name).or_insert_with(|| others.clone());
    }
    let named = names.into_iter().map(|(name, of_name)| (name.into(), left(of_name.joined(), Some(name), filters)));
    Visibility { named: named.collect(), others: left(others.joined(), None, filters) }
}

/// Counts roles by how much of a field they show.
#[derive(Clone, Default)]
struct Tally {
    always: usize,
    never: usize,
    varies: usize,
}

impl Tally {
    const fn count(&mut self, shown: Shown) -> &mut usize {
        match shown {
            Shown::Always => &mut self.always,
            Shown::Never => &mut self.never,
            Shown::Varies => &mut self.varies,
        }
    }

    const fn add(&mut self, shown: Shown) {
        *self.count(shown) += 1;
    }

    const fn remove(&mut self, shown: Shown) {
        *self.count(shown) -= 1;
    }

    /// The visibility that results from all roles that may apply.
    const fn joined(&self) -> Shown {
        match (self.always, self.never, self.varies) {
            (0, _, 0) => Shown::Never,
            (_, 0, 0) => Shown::Always,
            _ => Shown::Varies,
        }
    }
}

/// Whether a rule may hold for any document.
fn may_hold(rule: Option<&Residual>) -> bool {
    rule.is_some_and(|rule| rule.constant().is_none_or(|truth| truth == Truth::True))
}

/// Whether a rule holds for every document.
fn holds(rule: Option<&Residual>) -> bool {
    rule.is_some_and(|rule| rule.constant() == Some(Truth::True))
}

/// Whether a role may permit reading any document.
fn may_read(role: &BoundRole) -> bool {
    let half = role.document_filters.as_ref();
    half.is_none_or(|(read, write)| read.is_none() || may_hold(read.as_ref()) || may_hold(write.as_ref()))
        && (role.read.is_none() || may_hold(role.read.as_ref()) || may_hold(role.write.as_ref()))
}

/// The visibility of a field under a role. `None` stands for any field that neither a role nor a filter names.
fn of_role(role: &BoundRole, name: Option<&str>) -> Shown {
    // With `read`, documents are visible as a whole or not at all.
    if role.read.is_some() || holds(role.write.as_ref()) {
        return Shown::Always;
    }
    let rule = name.and_then(|name| role.fields.get(name)).or(role.additional_fields.as_ref());
    match rule.map_or(Shown::Never, of_field) {
        Shown::Never if may_hold(role.write.as_ref()) => Shown::Varies,
        shown => shown,
    }
}

fn of_field(rule: &BoundField) -> Shown {
    let (read, write) = (rule.read.as_ref(), rule.write.as_ref());
    let settled = read.is_some() || write.is_some();
    match (settled, &rule.fields) {
        (true, _) if holds(read) || holds(write) => Shown::Always,
        (true, _) if may_hold(read) || may_hold(write) => Shown::Varies,
        (false, Some(_)) => Shown::Varies,
        (true, _) | (false, None) => Shown::Never,
    }
}

/// The visibility that remains after the filters' projections.
fn left(shown: Shown, name: Option<&str>, filters: &BoundFilters) -> Shown {
    filters.projections.iter().fold(shown, |shown, projection| {
        let kept = match name {
            None if projection.keeps_others() => Shown::Always,
            None => Shown::Never,
            Some(name) if projection.keeps_whole(name) => Shown::Always,
            Some(name) if projection.keeps(name) == crate::projection::Kept::No => Shown::Never,
            Some(_) => Shown::Varies,
        };
        match (shown, kept) {
            (Shown::Never, _) | (_, Shown::Never) => Shown::Never,
            (Shown::Always, Shown::Always) => Shown::Always,
            (Shown::Varies, _) | (_, Shown::Varies) => Shown::Varies,
        }
    })
}
