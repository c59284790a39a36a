use std::collections::{BTreeSet, HashSet};

use super::bound::{BoundField, BoundFields, BoundRole};
use super::decision::{Decision, Half, Reason};
use super::guard::{BoundFilters, Entrance, Guard, Refusal, assign, decide, require, truth};
use crate::eval::{Context, Documents, Errors, EvalError, Evaluation, Truth};
use crate::value::{ArrayRef, DocumentRef, MAX_DEPTH, Malformed, ValueRef, identical};

/// A write of one document.
#[derive(Clone, Copy)]
pub(super) enum Write<'d> {
    Insert(DocumentRef<'d>),
    Update(DocumentRef<'d>, DocumentRef<'d>),
    Delete(DocumentRef<'d>),
}

impl<'d> Write<'d> {
    pub(super) const fn before(self) -> Option<DocumentRef<'d>> {
        match self {
            Self::Insert(_) => None,
            Self::Update(before, _) | Self::Delete(before) => Some(before),
        }
    }

    pub(super) const fn after(self) -> Option<DocumentRef<'d>> {
        match self {
            Self::Insert(after) | Self::Update(_, after) => Some(after),
            Self::Delete(_) => None,
        }
    }

    /// What a rule sees as the document and as the one before.
    pub(super) fn documents(self) -> Documents<'d> {
        let (root, prev_root) = match self {
            Self::Insert(new) => (new, None),
            Self::Update(stored, new) => (new, Some(stored)),
            Self::Delete(stored) => (stored, Some(stored)),
        };
        Documents { root: Some(root.into()), prev_root: prev_root.map(ValueRef::from), ..Documents::default() }
    }
}

/// A document looked at by itself, as the stored one or as the new one.
pub(super) fn alone<'d>(document: DocumentRef<'d>, stored: Option<DocumentRef<'d>>) -> Documents<'d> {
    Documents { root: Some(document.into()), prev_root: stored.map(ValueRef::from), ..Documents::default() }
}

impl Guard {
    /// Whether the user may insert a document.
    pub fn insert<'d>(&self, new: impl Into<DocumentRef<'d>>) -> Decision<()> {
        self.write(Write::Insert(new.into()))
    }

    /// Whether the user may replace a stored document by another: what an update makes of it.
    pub fn update<'d>(&self, stored: impl Into<DocumentRef<'d>>, new: impl Into<DocumentRef<'d>>) -> Decision<()> {
        self.write(Write::Update(stored.into(), new.into()))
    }

    /// Whether the user may delete a stored document.
    pub fn delete<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<()> {
        self.write(Write::Delete(stored.into()))
    }

    fn write(&self, write: Write<'_>) -> Decision<()> {
        let errors = Errors::default();
        let result = self.judge(write, &errors);
        decide(result, errors)
    }

    fn judge<'g>(&'g self, write: Write<'_>, errors: &Errors) -> Result<((), Option<&'g BoundRole>), Refusal<'g>> {
        if let Some(DocumentRef::Raw(_)) = write.after()
            && let Some(after) = write.after()
            && let Err(error) = no_key_twice(after, 0)
        {
            errors.add(error);
            return Err(Reason::Failed.into());
        }
        let role = match &self.entrance {
            Entrance::Bypass => None,
            Entrance::Closed(reason) => return Err(reason.clone().into()),
            Entrance::Rules { filters, roles } => Some(judge_by_rules(write, filters, roles, &self.context, errors)?),
        };
        self.check_schema(write, errors).map_err(|reason| Refusal { role, reason })?;
        Ok(((), role))
    }

    fn check_schema(&self, write: Write<'_>, errors: &Errors) -> Result<(), Reason> {
        let (Some(schema), Some(after)) = (&self.schema, write.after()) else { return Ok(()) };
        match schema.check(write.before(), after, &self.context, errors) {
            Ok(failures) if failures.is_empty() => Ok(()),
            Ok(failures) => Err(Reason::Schema(failures)),
            Err(error) => {
                errors.add(error.into());
                Err(Reason::Failed)
            }
        }
    }
}

fn judge_by_rules<'r>(
    write: Write<'_>,
    filters: &BoundFilters,
    roles: &'r [BoundRole],
    context: &Context,
    errors: &Errors,
) -> Result<&'r BoundRole, Refusal<'r>> {
    if let Some(stored) = write.before() {
        filters.admit(stored, context, errors)?;
    }
    // Which role it is, is asked of the document as it was, so that a write cannot choose its own role.
    let seen = match write {
        Write::Insert(new) => alone(new, None),
        Write::Update(stored, _) | Write::Delete(stored) => alone(stored, Some(stored)),
    };
    let role = assign(roles, &Evaluation::new(seen, context, errors))?;
    let by_role = |reason| Refusal::by(role, reason);
    if let Some((_, half)) = &role.document_filters {
        let of = |document| {
            let evaluation = Evaluation::new(alone(document, write.before()), context, errors);
            truth(half.as_ref(), Truth::False, &evaluation)
        };
        let both = [write.before(), write.after()]
            .into_iter()
            .flatten()
            .fold(Truth::True, |both, document| if both == Truth::False { both } else { both.and(of(document)) });
        require(both, Reason::DocumentFilters(Half::Write)).map_err(by_role)?;
    }
    let evaluation = Evaluation::new(write.documents(), context, errors);
    match truth(role.write.as_ref(), Truth::False, &evaluation) {
        Truth::True => {}
        Truth::Error => return Err(by_role(Reason::Failed)),
        Truth::False | Truth::Unknown if role.write.is_some() => return Err(by_role(Reason::Write)),
        Truth::False | Truth::Unknown => {
            if role.read.is_some() {
                require(truth(role.read.as_ref(), Truth::True, &evaluation), Reason::Read).map_err(by_role)?;
            }
            Changes::of(write, role, context, errors).map_err(by_role)?;
        }
    }
    let (flag, reason) = match write {
        Write::Insert(_) => (role.insert.as_ref(), Reason::Insert),
        Write::Delete(_) => (role.delete.as_ref(), Reason::Delete),
        Write::Update(..) => return Ok(role),
    };
    require(truth(flag, Truth::True, &evaluation), reason).map_err(by_role)?;
    Ok(role)
}

/// Goes through what a write changes and collects what may not be.
struct Changes<'e> {
    documents: Documents<'e>,
    context: &'e Context,
    errors: &'e Errors,
    refused: BTreeSet<String>,
    failed: bool,
}

/// The fields of a document, of a key that stands twice the first.
type Fields<'d> = Vec<(&'d str, ValueRef<'d>)>;

fn fields(document: Option<DocumentRef<'_>>) -> Result<Fields<'_>, Malformed> {
    let mut fields = Vec::new();
    let mut seen = HashSet::new();
    for field in document.into_iter().flat_map(DocumentRef::iter) {
        let (key, value) = field?;
        if seen.insert(key) {
            fields.push((key, value));
        }
    }
    Ok(fields)
}

/// A field's name with its value before and after.
type Pair<'d> = (&'d str, Option<ValueRef<'d>>, Option<ValueRef<'d>>);

/// Every field of either document with its value before and after.
fn pairs<'d>(before: Option<DocumentRef<'d>>, after: Option<DocumentRef<'d>>) -> Result<Vec<Pair<'d>>, Malformed> {
    let before = fields(before)?;
    let mut after: indexed::Map<'d> = indexed::Map::new(fields(after)?);
    let mut pairs: Vec<_> = before.into_iter().map(|(key, value)| (key, Some(value), after.take(key))).collect();
    pairs.extend(after.rest().map(|(key, value)| (key, None, Some(value))));
    Ok(pairs)
}

impl<'e> Changes<'e> {
    fn of(write: Write<'e>, role: &BoundRole, context: &'e Context, errors: &'e Errors) -> Result<(), Reason> {
        let mut changes =
            Self { documents: write.documents(), context, errors, refused: BTreeSet::new(), failed: false };
        if let Err(error) = changes.top(write, role) {
            errors.add(error.into());
            return Err(Reason::Failed);
        }
        match (changes.failed, changes.refused.is_empty()) {
            (true, true) => Err(Reason::Failed),
            (false, true) => Ok(()),
            (_, false) => Err(Reason::Fields(changes.refused.into_iter().collect())),
        }
    }

    fn top(&mut self, write: Write<'e>, role: &BoundRole) -> Result<(), Malformed> {
        for (name, before, after) in pairs(write.before(), write.after())? {
            let rule = role.fields.get(name).or(role.additional_fields.as_ref());
            self.field(name, rule, before, after)?;
        }
        Ok(())
    }

    fn field(
        &mut self,
        path: &str,
        rule: Option<&BoundField>,
        before: Option<ValueRef<'e>>,
        after: Option<ValueRef<'e>>,
    ) -> Result<(), Malformed> {
        if let (Some(before), Some(after)) = (before, after)
            && identical(before, after)?
        {
            return Ok(());
        }
        match rule {
            Some(BoundField { write: Some(write), .. }) => {
                let documents = Documents { this: after, prev: before, ..self.documents };
                match Evaluation::new(documents, self.context, self.errors).truth(write) {
                    Truth::True => {}
                    Truth::Error => self.failed = true,
                    Truth::False | Truth::Unknown => self.refuse(path),
                }
            }
            Some(BoundField { fields: Some(rules), .. }) => self.inside(path, rules, before, after)?,
            _ => self.refuse(path),
        }
        Ok(())
    }

    /// A change under an entry that leaves the decision to the entries inside it.
    fn inside(
        &mut self,
        path: &str,
        rules: &BoundFields,
        before: Option<ValueRef<'e>>,
        after: Option<ValueRef<'e>>,
    ) -> Result<(), Malformed> {
        use ValueRef::{Array, Document};
        match (before, after) {
            (Some(Document(before)), Some(Document(after))) => self.embedded(path, rules, Some(before), Some(after)),
            // An empty one holds nothing that could be written instead of it.
            (None, Some(Document(after))) if !after.is_empty() => self.embedded(path, rules, None, Some(after)),
            (Some(Document(before)), None) if !before.is_empty() => self.embedded(path, rules, Some(before), None),
            (Some(Array(before)), Some(Array(after))) => self.elements(path, rules, before, after),
            _ => {
                self.refuse(path);
                Ok(())
            }
        }
    }

    fn embedded(
        &mut self,
        path: &str,
        rules: &BoundFields,
        before: Option<DocumentRef<'e>>,
        after: Option<DocumentRef<'e>>,
    ) -> Result<(), Malformed> {
        if let (Some(before), Some(after)) = (before, after)
            && !same_order(&fields(before.into())?, &fields(after.into())?)
        {
            self.refuse(path);
        }
        for (name, before, after) in pairs(before, after)? {
            self.field(&format!("{path}.{name}"), rules.get(name), before, after)?;
        }
        Ok(())
    }

    /// Inside an array, the entries serve changes that keep length and order.
    fn elements(
        &mut self,
        path: &str,
        rules: &BoundFields,
        before: ArrayRef<'e>,
        after: ArrayRef<'e>,
    ) -> Result<(), Malformed> {
        let before: Vec<_> = before.iter().collect::<Result<_, _>>()?;
        let after: Vec<_> = after.iter().collect::<Result<_, _>>()?;
        if before.len() != after.len() {
            self.refuse(path);
            return Ok(());
        }
        let mut changed = Vec::new();
        for (before, after) in before.into_iter().zip(after) {
            if !identical(before, after)? {
                changed.push((before, after));
            }
        }
        let documents = changed.iter().all(|pair| matches!(pair, (ValueRef::Document(_), ValueRef::Document(_))));
        if !documents || is_reordered(&changed)? {
            self.refuse(path);
            return Ok(());
        }
        for (before, after) in changed {
            self.inside(path, rules, Some(before), Some(after))?;
        }
        Ok(())
    }

    fn refuse(&mut self, path: &str) {
        self.refused.insert(path.to_owned());
    }
}

/// Whether the names that both have stand in the same order in both.
fn same_order(before: &Fields<'_>, after: &Fields<'_>) -> bool {
    let names = |fields: &Fields<'_>| fields.iter().map(|(name, _)| (*name).to_owned()).collect::<HashSet<_>>();
    let (old, new) = (names(before), names(after));
    let kept = before.iter().map(|(name, _)| *name).filter(|name| new.contains(*name));
    kept.eq(after.iter().map(|(name, _)| *name).filter(|name| old.contains(*name)))
}

/// Whether what changed is only where the elements stand.
fn is_reordered(changed: &[(ValueRef<'_>, ValueRef<'_>)]) -> Result<bool, Malformed> {
    let bytes = |value: ValueRef<'_>| -> Result<Vec<u8>, Malformed> {
        Ok(bson::serialize_to_vec(&bson::doc! { "": value.to_bson()? })?)
    };
    let mut before = changed.iter().map(|(before, _)| bytes(*before)).collect::<Result<Vec<_>, _>>()?;
    let mut after = changed.iter().map(|(_, after)| bytes(*after)).collect::<Result<Vec<_>, _>>()?;
    before.sort_unstable();
    after.sort_unstable();
    Ok(!changed.is_empty() && before == after)
}

/// A raw document with a key twice means one thing to one reader and another to the next, so none is written.
fn no_key_twice(document: DocumentRef<'_>, depth: usize) -> Result<(), EvalError> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth().into());
    }
    let mut seen = Seen { first: [""; 32], used: 0, more: HashSet::new() };
    for field in document.iter() {
        let (key, value) = field?;
        if !seen.insert(key) {
            return Err(EvalError::KeyDuplicate(key.to_owned()));
        }
        no_key_twice_in(value, depth + 1)?;
    }
    Ok(())
}

/// The keys met so far; a document of ordinary size takes no memory for them.
struct Seen<'d> {
    first: [&'d str; 32],
    used: usize,
    more: HashSet<&'d str>,
}

impl<'d> Seen<'d> {
    /// Whether the key is new.
    fn insert(&mut self, key: &'d str) -> bool {
        if self.first.iter().take(self.used).any(|seen| *seen == key) {
            return false;
        }
        match self.first.get_mut(self.used) {
            Some(place) => {
                *place = key;
                self.used += 1;
                true
            }
            None => self.more.insert(key),
        }
    }
}

fn no_key_twice_in(value: ValueRef<'_>, depth: usize) -> Result<(), EvalError> {
    match value {
        ValueRef::Document(document) | ValueRef::CodeWithScope { scope: document, .. } => no_key_twice(document, depth),
        ValueRef::Array(_) if depth > MAX_DEPTH => Err(Malformed::depth().into()),
        ValueRef::Array(array) => array.iter().try_for_each(|element| no_key_twice_in(element?, depth + 1)),
        _ => Ok(()),
    }
}

mod indexed {
    use std::collections::HashMap;

    use super::{Fields, ValueRef};

    /// Fields that are taken out by name, and left over in order.
    pub(super) struct Map<'d> {
        fields: Vec<Option<(&'d str, ValueRef<'d>)>>,
        places: HashMap<&'d str, usize>,
    }

    impl<'d> Map<'d> {
        pub(super) fn new(fields: Fields<'d>) -> Self {
            let places = fields.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
            Self { fields: fields.into_iter().map(Some).collect(), places }
        }

        pub(super) fn take(&mut self, name: &str) -> Option<ValueRef<'d>> {
            let place = *self.places.get(name)?;
            self.fields.get_mut(place)?.take().map(|(_, value)| value)
        }

        pub(super) fn rest(self) -> impl Iterator<Item = (&'d str, ValueRef<'d>)> {
            self.fields.into_iter().flatten()
        }
    }
}
