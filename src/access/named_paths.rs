use std::cell::RefCell;
use std::collections::HashMap;

use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::{BoundRules, Entrance};
use super::guard::{Guard, assign, truth};
use super::visibility::{Shown, Visibility};
use crate::eval::{DocumentPair, Errors, Evaluation, Residual, Truth};
use crate::projection::Projection;
use crate::value::{DocumentRef, Lookup, Steps, ValueRef, identical};

/// What a change names in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'n> {
    /// The paths in an update.
    Paths(&'n [NamedPath]),
    /// The whole document, in a replacement.
    Everything,
}

/// A path that an update names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// The path in the syntax of update operators, such as `tags.$[]`.
    pub(crate) path: String,
    /// Whether the effect of the update depends on the stored value at the path, as for `$max`.
    pub(crate) looks: bool,
}

impl Guard {
    /// The paths that a change names although the user may not name them. If they were allowed, whether the change has
    /// an effect or fails would reveal stored data. A user may name what they may write, and top-level fields that they
    /// see in full. Values that the change depends on must be writable or visible as they are stored.
    ///
    /// A missing field counts as visible only if it is visible in all documents; otherwise the outcome would reveal
    /// that of its rule. A nested field that has rules of its own must be writable, whatever the change does, because a
    /// container of any content may be hidden entirely. For the same reason, such a field may not be named if it is
    /// missing before and after the change: if its container is not a document, which is hidden too, the database
    /// fails. Finally, a change to such a field in array elements must affect at least one of them, because the
    /// database fails if an element is not a document.
    ///
    /// `new` is the result of the change; without it, only paths whose stored values affect the change are considered.
    /// In the result, `*` stands for the fields of a replacement that have no rules.
    pub(crate) fn untouchable(
        &self,
        stored: DocumentRef<'_>,
        new: Option<DocumentRef<'_>>,
        named: Named<'_>,
    ) -> Vec<String> {
        let all = || match named {
            Named::Paths(paths) => paths.iter().map(|named| named.path.clone()).collect(),
            Named::Everything => vec!["*".to_owned()],
        };
        let rules = match &self.bound.entrance {
            Entrance::Bypass => return Vec::new(),
            Entrance::Closed(_) => return all(),
            Entrance::Rules(rules) => rules,
        };
        let BoundRules { filters, roles, fields, .. } = rules;
        let is_known = new.is_some();
        let new = new.unwrap_or(stored);
        let (old, changed) = (Lookup::new(stored, fields), Lookup::new(new, fields));
        let errors = Errors::default();
        let before = DocumentPair::new(Some(&old), Some(&old));
        let before = Evaluation::of(&before, &self.context, &errors);
        let Ok(role) = assign(roles, &before) else { return all() };
        let after = DocumentPair::new(Some(&changed), Some(&old));
        let after = Evaluation::of(&after, &self.context, &errors);
        let touching = Touching {
            role,
            visibility: self.visibility(),
            before,
            after,
            old: stored,
            new,
            is_known,
            changed: RefCell::default(),
            steps: errors.steps(),
        };
        let kept = |name: &str| filters.projections.iter().all(|projection| projection.keeps_whole(name));
        match named {
            Named::Paths(paths) => {
                let may = |named: &&NamedPath| kept(first(&named.path)) && touching.may_name(&named.path, named.looks);
                let judged = paths.iter().filter(|named| is_known || named.looks);
                judged.filter(|named| !may(named)).map(|named| named.path.clone()).collect()
            }
            Named::Everything if !is_known => Vec::new(),
            Named::Everything => {
                let hides = |name: &&str| !(kept(name) && touching.may_name(name, false));
                let names = role.fields.keys().map(|name| &**name);
                let names = names.chain(filters.projections.iter().flat_map(Projection::names));
                let mut hidden: Vec<String> = names.filter(hides).map(str::to_owned).collect();
                let others = filters.projections.iter().all(Projection::keeps_others) && touching.may_name_others();
                hidden.extend((!others).then(|| "*".to_owned()));
                hidden.sort();
                hidden.dedup();
                hidden
            }
        }
    }
}

fn first(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

/// Whether a rule holds for every document.
fn always(rule: Option<&Residual>) -> bool {
    rule.is_some_and(|rule| rule.constant() == Some(Truth::True))
}

fn holds(rule: Option<&Residual>, of: &Evaluation<'_>) -> bool {
    truth(rule, Truth::False, of) == Truth::True
}

struct Touching<'e> {
    role: &'e BoundRole,
    visibility: &'e Visibility,
    before: Evaluation<'e>,
    after: Evaluation<'e>,
    old: DocumentRef<'e>,
    new: DocumentRef<'e>,
    /// Whether `new` is the result of the change, rather than a copy of `old`.
    is_known: bool,
    /// A cache of which top-level fields change, because many paths can lead through one large field.
    changed: RefCell<HashMap<String, bool>>,
    steps: &'e Steps,
}

impl<'e> Touching<'e> {
    fn may_name(&self, path: &str, looks: bool) -> bool {
        self.writes_whole() || self.is_seen(first(path)) || self.may_write(path, looks)
    }

    /// Whether fields without rules may be named.
    fn may_name_others(&self) -> bool {
        let others = self.role.additional_fields.as_ref();
        self.writes_whole()
            || self.visibility.others() == Shown::Always
            || (!self.is_settled() && always(others.and_then(|rule| rule.write.as_ref())))
    }

    /// Whether the role permits writing the whole document, both as it was and as it becomes.
    fn writes_whole(&self) -> bool {
        let write = self.role.write.as_ref();
        holds(write, &self.before) && holds(write, &self.after)
    }

    /// Whether the role has rules for whole documents. If these deny, field rules do not apply.
    const fn is_settled(&self) -> bool {
        self.role.read.is_some() || self.role.write.is_some()
    }

    /// Whether the user sees a top-level field in full.
    fn is_seen(&self, name: &str) -> bool {
        if self.visibility.of(name) == Shown::Always {
            return true;
        }
        let Ok(Some(value)) = self.old.get(name) else { return false };
        let either = |read: Option<&Residual>, write: Option<&Residual>, of: &Evaluation<'_>| {
            holds(read, of) || holds(write, of)
        };
        if self.is_settled() {
            return either(self.role.read.as_ref(), self.role.write.as_ref(), &self.before);
        }
        let rule = self.role.fields.get(name).or(self.role.additional_fields.as_ref());
        let of = self.before.at(Some(value), Some(value));
        rule.is_some_and(|rule| either(rule.read.as_ref(), rule.write.as_ref(), &of))
    }

    /// Whether field rules permit writing at a path.
    fn may_write(&self, path: &str, looks: bool) -> bool {
        if self.is_settled() {
            return false;
        }
        let mut names = path.split('.');
        let Some(name) = names.next() else { return false };
        let Some(mut rule) = self.role.fields.get(name).or(self.role.additional_fields.as_ref()) else { return false };
        let top = Place { old: Some(self.steps.get(self.old, name)), new: Some(self.steps.get(self.new, name)) };
        let (mut place, mut is_part) = (top, false);
        loop {
            if rule.read.is_some() || rule.write.is_some() {
                let is_evident = !is_part || !self.is_known || place.is_evident(looks) || self.changes(name);
                return is_evident && self.is_writable(rule.write.as_ref(), &place, looks);
            }
            // A field may not be named as a whole if only its nested fields have rules.
            let Some(fields) = &rule.fields else { return false };
            match inside(fields, &mut names, place, self.steps) {
                Some((inner, next)) => (place, rule, is_part) = (inner, next, true),
                None => return false,
            }
        }
    }

    /// Whether the change affects a top-level field.
    fn changes(&self, name: &str) -> bool {
        let known = self.changed.borrow().get(name).copied();
        known.unwrap_or_else(|| {
            let changes = match (self.steps.get(self.old, name), self.steps.get(self.new, name)) {
                (Ok(Some(old)), Ok(Some(new))) => identical(old, new).is_ok_and(|same| !same),
                (Ok(old), Ok(new)) => old.is_some() != new.is_some(),
                _ => false,
            };
            self.changed.borrow_mut().insert(name.to_owned(), changes);
            changes
        })
    }

    /// Whether a field's rule permits writing. If the values of the field are unknown, the rule must hold always.
    fn is_writable(&self, write: Option<&Residual>, place: &Place<'e>, looks: bool) -> bool {
        let (Some(Ok(old)), Some(Ok(new))) = (&place.old, &place.new) else { return always(write) };
        holds(write, &self.after.at(*new, *old)) && (!looks || holds(write, &self.before.at(*old, *old)))
    }
}

type Value<'d> = Result<Option<ValueRef<'d>>, crate::value::Malformed>;

/// The values at a path, before and after the change.
struct Place<'d> {
    /// The stored value; `None` if the path stands for several elements.
    old: Option<Value<'d>>,
    /// The new value; `None` if it is unknown which element of the new array it is.
    new: Option<Value<'d>>,
}

impl<'d> Place<'d> {
    fn field(self, name: &str, steps: &Steps) -> Self {
        let field = |value: Value<'d>| match value? {
            Some(ValueRef::Document(document)) => steps.get(document, name),
            _ => Ok(None),
        };
        Self { old: self.old.map(field), new: self.new.map(field) }
    }

    /// Descends into an array element; `None` if no array is stored here.
    fn element(self, index: usize, steps: &Steps) -> Option<Self> {
        match self.old {
            Some(Ok(Some(ValueRef::Array(array)))) => Some(Self { old: Some(steps.element(array, index)), new: None }),
            _ => None,
        }
    }

    const fn is_array(&self) -> bool {
        matches!(self.old, Some(Ok(Some(ValueRef::Array(_)))))
    }

    /// Whether the user can tell that the database will accept the change to a nested field. If a value is stored
    /// there, they can, because a user who may write it also sees it. If nothing is stored there and the change does
    /// not depend on the stored value, it is either a removal, which works in any container, or has no effect.
    const fn is_evident(&self, looks: bool) -> bool {
        match (&self.old, &self.new) {
            (Some(Ok(Some(_))), _) => true,
            // `new` is unknown for elements, which exist only if the container is an array.
            (Some(_), Some(_)) => !looks,
            _ => false,
        }
    }
}

/// Descends to the next path segment for which there are rules, past segments that only select array elements.
///
/// A number is an index only if an array is stored; otherwise it is a field name, as is a name that starts with `$` but
/// is not a positional operator. In an element that is itself an array, nothing is visible.
fn inside<'r, 'd, 'p>(
    fields: &'r BoundFields,
    names: &mut impl Iterator<Item = &'p str>,
    mut place: Place<'d>,
    steps: &Steps,
) -> Option<(Place<'d>, &'r BoundField)> {
    let mut name = names.next()?;
    if is_several(name) {
        place = Place { old: None, new: None };
        name = names.next()?;
    } else if is_number(name) && place.is_array() {
        place = place.element(name.parse().ok()?, steps)?;
        name = names.next()?;
    }
    if is_several(name) || (is_number(name) && (place.is_array() || place.old.is_none())) {
        return None;
    }
    let rule = fields.get(name)?;
    Some((place.field(name, steps), rule))
}

/// Whether a path segment is one of the positional operators `$`, `$[]` and `$[x]`.
fn is_several(name: &str) -> bool {
    name == "$" || (name.starts_with("$[") && name.ends_with(']'))
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}
