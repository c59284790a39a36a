use super::bound::{BoundField, BoundFields, BoundRole};
use super::guard::{BoundRules, Entrance, Guard, assign, truth};
use crate::eval::{Errors, Evaluation, Residual, Seen, Truth};
use crate::policy::Projection;
use crate::value::{DocumentRef, Lookup, Steps, ValueRef};

/// What a change names of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'n> {
    /// These paths, as update operators have them: `tags.$[]`.
    Paths(&'n [String]),
    /// All of it: a replacement.
    Everything,
}

impl Guard {
    /// Which of the paths that a change names the user may not name: those that he can neither write nor read. Whether such
    /// a change changes anything would tell him what is there, so that it is refused whatever it does.
    ///
    /// For a replacement, `*` stands for the fields of which the rules do not speak.
    pub(crate) fn untouchable(&self, stored: DocumentRef<'_>, new: DocumentRef<'_>, named: Named<'_>) -> Vec<String> {
        let all = || match named {
            Named::Paths(paths) => paths.to_vec(),
            Named::Everything => vec!["*".to_owned()],
        };
        let rules = match &self.entrance {
            Entrance::Bypass => return Vec::new(),
            Entrance::Closed(_) => return all(),
            Entrance::Rules(rules) => rules,
        };
        let BoundRules { filters, roles, fields } = rules;
        let (old, changed) = (Lookup::new(stored, fields), Lookup::new(new, fields));
        let errors = Errors::default();
        let before = Seen::new(Some(&old), Some(&old));
        let before = Evaluation::of(&before, &self.context, &errors);
        let Ok(role) = assign(roles, &before) else { return all() };
        let after = Seen::new(Some(&changed), Some(&old));
        let after = Evaluation::of(&after, &self.context, &errors);
        let touching = Touching { role, before, after, old: stored, new, steps: errors.steps() };
        let kept = |name: &str| filters.projections.iter().all(|projection| projection.keeps_whole(name));
        match named {
            Named::Paths(paths) => {
                let may = |path: &&String| kept(first(path)) && (touching.whole() || touching.path(path));
                paths.iter().filter(|path| !may(path)).cloned().collect()
            }
            Named::Everything => {
                let hides = |name: &&str| !(kept(name) && (touching.whole() || touching.path(name)));
                let names = role.fields.keys().map(|name| &**name);
                let names = names.chain(filters.projections.iter().flat_map(Projection::names));
                let mut hidden: Vec<String> = names.filter(hides).map(str::to_owned).collect();
                let others = filters.projections.iter().all(Projection::keeps_others)
                    && (touching.whole() || role.additional_fields.as_ref().is_some_and(always));
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

/// Whether a field can be read or written in any document.
fn always(rule: &BoundField) -> bool {
    constant(rule.read.as_ref()) || constant(rule.write.as_ref())
}

fn constant(rule: Option<&Residual>) -> bool {
    rule.is_some_and(|rule| rule.constant() == Some(Truth::True))
}

struct Touching<'e> {
    role: &'e BoundRole,
    before: Evaluation<'e>,
    after: Evaluation<'e>,
    old: DocumentRef<'e>,
    new: DocumentRef<'e>,
    steps: &'e Steps,
}

impl<'e> Touching<'e> {
    /// Whether the role speaks of whole documents, and lets them be read or written.
    fn whole(&self) -> bool {
        let holds = |rule: &Option<Residual>, of| truth(rule.as_ref(), Truth::False, of) == Truth::True;
        holds(&self.role.read, &self.before)
            || (holds(&self.role.write, &self.before) && holds(&self.role.write, &self.after))
    }

    /// Whether the rules let a path be read or written.
    fn path(&self, path: &str) -> bool {
        // Fields do not rescue what the role itself refuses.
        if self.role.read.is_some() || self.role.write.is_some() {
            return false;
        }
        let mut names = path.split('.');
        let Some(name) = names.next() else { return false };
        let Some(mut rule) = self.role.fields.get(name).or(self.role.additional_fields.as_ref()) else { return false };
        let mut place = Place { old: Some(self.steps.get(self.old, name)), new: Some(self.steps.get(self.new, name)) };
        loop {
            if rule.read.is_some() || rule.write.is_some() {
                return self.settles(rule, &place);
            }
            // A part of which single fields are ruled is none that may be named as a whole.
            let Some(fields) = &rule.fields else { return false };
            match inside(fields, &mut names, place, self.steps) {
                Some((inner, next)) => (place, rule) = (inner, next),
                None => return false,
            }
        }
    }

    /// Whether the rule of a field holds; without the field's values only one that holds for any.
    fn settles(&self, rule: &BoundField, place: &Place<'e>) -> bool {
        let (Some(Ok(old)), Some(Ok(new))) = (&place.old, &place.new) else { return always(rule) };
        let holds =
            |rule: &Option<Residual>, of: Evaluation<'e>| truth(rule.as_ref(), Truth::False, &of) == Truth::True;
        holds(&rule.write, self.after.at(*new, *old)) || holds(&rule.read, self.before.at(*old, *old))
    }
}

type Value<'d> = Result<Option<ValueRef<'d>>, crate::value::Malformed>;

/// Where a path has led to.
struct Place<'d> {
    /// What is stored there; none if there are several places.
    old: Option<Value<'d>>,
    /// What would be there; none if which of the old ones it belongs to cannot be told.
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

    /// One of the elements, if an array is stored.
    fn element(self, index: usize, steps: &Steps) -> Option<Self> {
        match self.old {
            Some(Ok(Some(ValueRef::Array(array)))) => Some(Self { old: Some(steps.element(array, index)), new: None }),
            _ => None,
        }
    }

    const fn is_array(&self) -> bool {
        matches!(self.old, Some(Ok(Some(ValueRef::Array(_)))))
    }
}

/// The next name of a path that the rules speak of, past what only says which element of an array.
///
/// A number is the place of an element only where an array is stored. Elsewhere it is a name, as is what merely begins with a
/// dollar; and in an element that is an array itself, nothing is visible.
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

/// `$`, `$[]` and `$[x]`
fn is_several(name: &str) -> bool {
    name == "$" || (name.starts_with("$[") && name.ends_with(']'))
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}
