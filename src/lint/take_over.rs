//! Findings about users who can change what their own permissions depend on. They are found by trying.

use std::collections::BTreeSet;

use bson::{Bson, Document};

use super::catalogue::{DOCUMENT_MOVABLE, DOCUMENT_TAKE_OVER, INSERT_CHECK_EVADED, INSERT_FOR_OTHERS};
use super::extent::{Extent, Writing, always, never, possible, writing, writing_of};
use super::ownership::{Ownership, ownerships};
use super::report::Report;
use super::shape::{Polarity, rights};
use super::suggestion::{inserting, keeping};
use super::witness::{Act, Draft, Moment, Search, another, document, example, get, set};
use super::{cut_short, plain_first};
use crate::eval::Truth;
use crate::path::FieldPath;
use crate::policy::{Role, Rule};
use crate::predicate::{DocumentRoot, Left, Right};

pub(super) fn lint(search: &Search, report: &mut Report) {
    let policy = std::sync::Arc::clone(&search.policy);
    let all: Vec<Vec<Ownership<'_>>> = policy.roles.iter().map(ownerships).collect();
    let owners: Vec<(&Role, &Ownership<'_>)> = distinct(&policy.roles, &all);
    let harmless = |role: &&Role| writing(role) == Extent::Nothing || never(Some(&role.apply_when));
    let roles = plain_first(policy.roles.iter().filter(|role| !harmless(role)));
    for (place, role) in roles.iter().enumerate() {
        if !search.is_whole() {
            return cut_short(roles.get(place..).unwrap_or_default(), report);
        }
        let own = ownerships(role);
        let is_reported = evaded(search, role, report) || taken(search, role, &owners, report);
        if !is_reported {
            movable(search, role, &own, report);
        }
        for_others(search, role, &own, report);
    }
}

/// The maximum number of owner fields to try with every role.
const MAX_OWNERS: usize = 6;

fn distinct<'a, 'r>(roles: &'r [Role], all: &'a [Vec<Ownership<'r>>]) -> Vec<(&'r Role, &'a Ownership<'r>)> {
    let mut found: Vec<(&Role, &Ownership<'_>)> = Vec::new();
    for (role, own) in roles.iter().zip(all) {
        for ownership in own {
            if found.len() < MAX_OWNERS && found.iter().all(|(_, known)| known.path != ownership.path) {
                found.push((role, ownership));
            }
        }
    }
    found
}

/// The rule that decides whether a role may change a field.
fn decider<'r>(role: &'r Role, path: &FieldPath) -> Option<&'r Rule> {
    match writing_of(role, path.segments()) {
        Writing::By(rule) => Some(rule),
        Writing::Never => None,
    }
}

/// Drafts in which the user is the owner according to a condition, each with the value of the owner field.
fn as_owner(search: &Search, act: Act, owner: &Ownership<'_>, moment: Moment) -> Vec<(Draft, Bson)> {
    if !search.is_whole() {
        return Vec::new();
    }
    let mut draft = search.draft(act);
    // If a document without an owner meets the condition as well, the example starts with an owner to replace.
    if draft.truth(owner.predicate, moment, owner.field()) == Truth::True {
        set(&mut draft.stored, owner.path.segments(), Some("nobody".into()));
        set(&mut draft.new, owner.path.segments(), Some("nobody".into()));
    }
    let drafts = search.solver().meet(vec![draft], owner.predicate, Polarity::Asserted, owner.at(moment));
    let value = |draft: &Draft| {
        let document = if act == Act::Insert || moment == Moment::After { &draft.new } else { &draft.stored };
        get(document, owner.path.segments()).filter(|value| **value != Bson::Null).cloned()
    };
    drafts.into_iter().filter_map(|draft| value(&draft).map(|value| (draft, value))).collect()
}

fn is_owner(draft: &Draft, owner: &Ownership<'_>) -> bool {
    draft.truth(owner.predicate, Moment::After, owner.field()) == Truth::True
}

/// Reports a role whose users can give away a document, which others cannot take.
fn movable(search: &Search, role: &Role, own: &[Ownership<'_>], report: &mut Report) {
    for owner in own {
        let Some(rule) = decider(role, &owner.path) else { continue };
        let drafts =
            as_owner(search, Act::Update, owner, Moment::Chosen).into_iter().filter_map(|(mut draft, mine)| {
                let pinned = draft.pin_stored(&owner.path, Some(mine.clone()))
                    && draft.pin_new(&owner.path, Some(another(&mine)));
                pinned.then_some(draft)
            });
        let drafts = search.permit(drafts.collect(), role, &[&owner.path]);
        // Whether the user would have access without being the owner, and so gives away nothing of their own.
        let is_open = |draft: &Draft| {
            let mut others = draft.clone();
            let third = get(&draft.new, owner.path.segments()).map(another);
            set(&mut others.stored, owner.path.segments(), third);
            search.decide(&others).is_none_or(|verdict| verdict.is_allowed())
        };
        let Some(draft) = search.find(drafts, role, |draft| !is_owner(draft, owner) && !is_open(draft)) else {
            continue;
        };
        let (name, path) = (&role.name, &owner.path);
        let message = match owner.chooses {
            true => format!(
                "role `{name}` may change `{path}`, by which it is chosen: its users can give the document away"
            ),
            false => format!("users of role `{name}` can give a document away: no rule checks the new `{path}`"),
        };
        let message = format!("{message} ({})", example(&draft));
        return report.add(DOCUMENT_MOVABLE, rule.expr.span, message, keeping(role, owner));
    }
}

/// Reports a role whose users can insert documents for other owners, to which they themselves then have no access.
fn for_others(search: &Search, role: &Role, own: &[Ownership<'_>], report: &mut Report) {
    if never(role.insert.as_ref()) {
        return;
    }
    for owner in own.iter().filter(|owner| !owner.chooses) {
        let Some(rule) = decider(role, &owner.path) else { continue };
        let mut drafts = Vec::new();
        for (mut draft, mine) in as_owner(search, Act::Insert, owner, Moment::After) {
            if draft.pin_new(&owner.path, Some(another(&mine))) {
                drafts.push(draft);
            }
        }
        let drafts = search.permit(drafts, role, &[&owner.path]);
        let is_less = |draft: &Draft| {
            let mut mine = draft.new.clone();
            let Some((_, value)) = as_owner(search, Act::Insert, owner, Moment::After).into_iter().next() else {
                return false;
            };
            set(&mut mine, owner.path.segments(), Some(value));
            let (others, own) = (Powers::of(search, draft, &draft.new), Powers::of(search, draft, &mine));
            others.zip(own).is_some_and(|(others, own)| own.exceeds(&others))
        };
        if let Some(draft) = search.find(drafts, role, |draft| !is_owner(draft, owner) && is_less(draft)) {
            let (name, path) = (&role.name, &owner.path);
            let message = format!(
                "users of role `{name}` can insert documents in another's name: no rule checks the new `{path}` ({})",
                example(&draft)
            );
            return report.add(INSERT_FOR_OTHERS, rule.expr.span, message, inserting(role, owner));
        }
    }
}

/// Reports a condition of `insert` that can be circumvented by a later update.
fn evaded(search: &Search, role: &Role, report: &mut Report) -> bool {
    let Some(insert) = role.insert.as_ref().filter(|rule| possible(Some(rule)) && !always(Some(rule))) else {
        return false;
    };
    let mut asked: Vec<&FieldPath> = Vec::new();
    insert.predicate.each_test(&mut |test| {
        if let Left::Document(DocumentRoot::Root, path) = &test.left {
            asked.push(path);
        }
        asked.extend(rights(test).into_iter().filter_map(|right| match right {
            Right::Document(DocumentRoot::Root, path) => Some(path),
            _ => None,
        }));
    });
    asked.retain(|path| !path.is_root() && decider(role, path).is_some());
    for path in asked.into_iter().take(MAX_OWNERS) {
        let inserts = search.permit(vec![search.draft(Act::Insert)], role, &[path]);
        let undone = |draft: &Draft| undo(search, draft, path);
        let Some(draft) = search.find(inserts, role, |draft| undone(draft).is_some()) else { continue };
        let Some(after) = undone(&draft) else { continue };
        let message = format!(
            "only `insert` checks `{path}`: an update of role `{}` can set it to anything ({} is refused as an insert, \
             but {} may become it)",
            role.name,
            document(&after),
            document(&draft.new)
        );
        let help = "put the condition into `write`, which both must meet";
        report.add(INSERT_CHECK_EVADED, insert.expr.span, message, help);
        return true;
    }
    false
}

/// A document to which an inserted one can be changed, although it could not have been inserted that way.
fn undo(search: &Search, draft: &Draft, path: &FieldPath) -> Option<Document> {
    let value = get(&draft.new, path.segments());
    let changes = value.map(another).into_iter().map(Some).chain([None]);
    for change in changes {
        let mut insert = draft.clone();
        set(&mut insert.new, path.segments(), change);
        if insert.new == draft.new {
            continue;
        }
        let mut update = insert.clone();
        update.act = Act::Update;
        update.stored.clone_from(&draft.new);
        if !search.decide(&insert)?.is_allowed() && search.decide(&update)?.is_allowed() {
            return Some(insert.new);
        }
    }
    None
}

/// Reports a role whose users can make themselves the owners of documents and thereby gain permissions.
fn taken(search: &Search, role: &Role, owners: &[(&Role, &Ownership<'_>)], report: &mut Report) -> bool {
    for (better, owner) in owners {
        let Some(rule) = decider(role, &owner.path) else { continue };
        let mut drafts = Vec::new();
        for (mut draft, mine) in as_owner(search, Act::Update, owner, Moment::After) {
            if draft.pin_new(&owner.path, Some(mine.clone())) && draft.pin_stored(&owner.path, Some(another(&mine))) {
                drafts.push(draft);
            }
        }
        let drafts = search.permit(drafts, role, &[&owner.path]);
        let at = super::witness::At { moment: Moment::After, field: None };
        let drafts = search.solver().meet(drafts, &better.apply_when.predicate, Polarity::Asserted, at);
        let gains = |draft: &Draft| {
            let powers = |document| Powers::of(search, draft, document);
            powers(&draft.stored).zip(powers(&draft.new)).is_some_and(|(before, after)| after.exceeds(&before))
        };
        if let Some(draft) = search.find(drafts, role, gains) {
            let (name, path) = (&role.name, &owner.path);
            let message = match better.span == role.span {
                false => {
                    format!("users of role `{name}` can write `{path}` and so become `{}` of any document", better.name)
                }
                true => format!("users of role `{name}` can write `{path}` and so make any document their own"),
            };
            let message = format!("{message} ({})", example(&draft));
            let help = format!(
                "let nobody but the owner write `{path}`: give it a field rule, or also test the stored document, as \
                 `%%prevRoot.{path}`"
            );
            report.add(DOCUMENT_TAKE_OVER, rule.expr.span, message, help);
            return true;
        }
    }
    false
}

/// What a user may do with a document.
struct Powers {
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
    deletes: bool,
}

/// The maximum number of fields to examine per document.
const MAX_FIELDS: usize = 16;

impl Powers {
    fn of(search: &Search, draft: &Draft, stored: &Document) -> Option<Self> {
        let mut draft = draft.clone();
        let mut document = stored.clone();
        for name in field_names(search) {
            if !document.contains_key(&name) && document.len() < MAX_FIELDS {
                document.insert(name, "text");
            }
        }
        draft.act = Act::Read;
        draft.stored.clone_from(&document);
        let guard = search.guard(&draft)?;
        let visible =
            guard.read(&document).allowed().and_then(|visible| visible.to_document().ok()).unwrap_or_default();
        let writes = document.keys().filter(|key| *key != "_id").filter(|key| {
            let mut changed = document.clone();
            let value = document.get(key.as_str()).map(another).unwrap_or_default();
            changed.insert(key.as_str(), value);
            guard.update(&document, &changed).is_allowed()
        });
        Some(Self {
            reads: visible.keys().cloned().collect(),
            writes: writes.cloned().collect(),
            deletes: guard.delete(&document).is_allowed(),
        })
    }

    fn exceeds(&self, other: &Self) -> bool {
        !self.reads.is_subset(&other.reads) || !self.writes.is_subset(&other.writes) || (self.deletes && !other.deletes)
    }
}

/// The fields that any role names, and one that none does.
fn field_names(search: &Search) -> Vec<String> {
    let named = search.policy.roles.iter().flat_map(|role| &role.fields).map(|field| field.name.to_string());
    let mut names: Vec<String> = named.take(MAX_FIELDS).collect();
    names.push("text".to_owned());
    names.dedup();
    names
}
