use std::collections::{BTreeSet, HashSet};

use super::bound::{BoundField, BoundFields, BoundRole};
use super::bound_policy::{BoundRules, Entrance};
use super::decision::{Decision, Half, Reason};
use super::guard::{Guard, Refusal, assign, decide, require, truth};
use crate::eval::{Context, DocumentPair, Documents, Errors, EvalError, Evaluation, Residual, Truth};
use crate::value::{ArrayRef, DocumentRef, Lookup, Malformed, ValueRef, equal, identical};

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

    /// The values of `%%root` and `%%prevRoot` for this write.
    pub(super) fn documents(self) -> Documents<'d> {
        let (root, prev_root) = match self {
            Self::Insert(new) => (new, None),
            Self::Update(stored, new) => (new, Some(stored)),
            Self::Delete(stored) => (stored, Some(stored)),
        };
        Documents { root: Some(root.into()), prev_root: prev_root.map(ValueRef::from), ..Documents::default() }
    }
}

/// The documents that a rule can refer to if it is evaluated on a single document, the stored or the new one.
pub(super) fn alone<'d>(document: DocumentRef<'d>, stored: Option<DocumentRef<'d>>) -> Documents<'d> {
    Documents { root: Some(document.into()), prev_root: stored.map(ValueRef::from), ..Documents::default() }
}

impl Guard {
    /// Decides whether the user may insert a document.
    pub fn insert<'d>(&self, new: impl Into<DocumentRef<'d>>) -> Decision<'_, ()> {
        self.write(Write::Insert(new.into()))
    }

    /// Decides whether the user may replace a stored document with `new`, the result of an update.
    pub fn update<'d>(&self, stored: impl Into<DocumentRef<'d>>, new: impl Into<DocumentRef<'d>>) -> Decision<'_, ()> {
        self.write(Write::Update(stored.into(), new.into()))
    }

    /// Decides whether the user may delete a stored document.
    pub fn delete<'d>(&self, stored: impl Into<DocumentRef<'d>>) -> Decision<'_, ()> {
        self.write(Write::Delete(stored.into()))
    }

    /// Whether every readable document may be updated in any way, as long as that does not introduce duplicate keys:
    /// then updates need no further check.
    pub(crate) fn updates_what_it_reads(&self) -> bool {
        self.bound.schema.is_none() && self.writes_what_it_reads(|_| true)
    }

    /// Whether every readable document may also be deleted.
    pub(crate) fn deletes_what_it_reads(&self) -> bool {
        self.writes_what_it_reads(|role| role.delete.as_ref().is_none_or(always))
    }

    fn writes_what_it_reads(&self, permits: impl Fn(&BoundRole) -> bool) -> bool {
        match &self.bound.entrance {
            Entrance::Bypass => true,
            Entrance::Closed(_) => false,
            Entrance::Rules(BoundRules { filters, roles, .. }) => {
                // Roles cannot show what a projection hides.
                filters.projections.is_empty()
                    && roles.iter().all(|role| {
                        role.document_filters.is_none() && role.write.as_ref().is_some_and(always) && permits(role)
                    })
            }
        }
    }

    fn write(&self, write: Write<'_>) -> Decision<'_, ()> {
        let errors = Errors::default();
        let result = self.judge(write, &errors);
        decide(result, errors)
    }

    fn judge<'g>(&'g self, write: Write<'_>, errors: &Errors) -> Result<((), Option<&'g BoundRole>), Refusal<'g>> {
        let role = match &self.bound.entrance {
            Entrance::Rules(rules) => Some(judge_by_rules(write, rules, &self.context, errors)?),
            unruled => {
                refuse_repeated(write.after().map_or(Ok(None), DocumentRef::repeated_key), errors)?;
                match unruled {
                    Entrance::Closed(reason) => return Err(reason.clone().into()),
                    Entrance::Bypass | Entrance::Rules(_) => None,
                }
            }
        };
        keep_id(write, errors).map_err(|reason| Refusal { role, reason })?;
        self.check_schema(write, errors).map_err(|reason| Refusal { role, reason })?;
        Ok(((), role))
    }

    fn check_schema(&self, write: Write<'_>, errors: &Errors) -> Result<(), Reason> {
        let (Some(schema), Some(after)) = (&self.bound.schema, write.after()) else { return Ok(()) };
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

const fn always(rule: &Residual) -> bool {
    matches!(rule, Residual::Constant(Truth::True))
}

/// Denies changing or removing an `_id`, which databases do not allow either.
fn keep_id(write: Write<'_>, errors: &Errors) -> Result<(), Reason> {
    let Write::Update(stored, new) = write else { return Ok(()) };
    if stored.begins_with_id_of(new) {
        return Ok(());
    }
    let kept = || -> Result<bool, Malformed> {
        match (stored.get("_id")?, new.get("_id")?) {
            (Some(before), Some(after)) => equal(before, after),
            (Some(_), None) => Ok(false),
            (None, _) => Ok(true),
        }
    };
    match kept() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Reason::IdChanged),
        Err(error) => {
            errors.add(error.into());
            Err(Reason::Failed)
        }
    }
}

/// Denies documents with duplicate keys, because readers disagree on what these mean.
#[inline]
fn refuse_repeated(repeated: Result<Option<&str>, Malformed>, errors: &Errors) -> Result<(), Reason> {
    let error = match repeated {
        Ok(None) => return Ok(()),
        Ok(Some(key)) => EvalError::KeyDuplicate(key.to_owned()),
        Err(error) => error.into(),
    };
    errors.add(error);
    Err(Reason::Failed)
}

fn judge_by_rules<'r>(
    write: Write<'_>,
    BoundRules { filters, roles, fields, .. }: &'r BoundRules,
    context: &Context,
    errors: &Errors,
) -> Result<&'r BoundRole, Refusal<'r>> {
    let look_up = |document| Lookup::new(document, fields);
    let (old, new) = (write.before().map(look_up), write.after().map(look_up));
    let (old, new) = (old.as_ref(), new.as_ref());
    let check_new = || refuse_repeated(new.map_or(Ok(None), Lookup::repeated_key), errors);
    // The role depends only on the stored document, so that a write cannot choose its own role.
    let seen = DocumentPair::new(old.or(new), old);
    let assigning = Evaluation::of(&seen, context, errors);
    let role = if old.is_some() {
        new.into_iter().for_each(Lookup::bring_near);
        filters.admit(&assigning, errors)?;
        let role = assign(roles, &assigning)?;
        // The new document is validated last, because this is unnecessary if the user may not write at all.
        check_new().map_err(|reason| Refusal::by(role, reason))?;
        role
    } else {
        check_new()?;
        assign(roles, &assigning)?
    };
    let by_role = |reason| Refusal::by(role, reason);
    let changed = DocumentPair::new(new.or(old), old);
    let evaluation = Evaluation::of(&changed, context, errors);
    if let Some((_, Some(half))) = &role.document_filters {
        let mut both = assigning.truth(half);
        if old.is_some() && new.is_some() && both != Truth::False {
            both = both.and(evaluation.truth(half));
        }
        require(both, Reason::DocumentFilters(Half::Write)).map_err(by_role)?;
    }
    match truth(role.write.as_ref(), Truth::False, &evaluation) {
        Truth::True => {}
        Truth::Error => return Err(by_role(Reason::Failed)),
        Truth::False | Truth::Unknown if role.write.is_some() => return Err(by_role(Reason::Write)),
        Truth::False | Truth::Unknown => {
            if role.read.is_some() {
                require(truth(role.read.as_ref(), Truth::True, &evaluation), Reason::Read).map_err(by_role)?;
            }
            Changes::of(write, role, evaluation, errors).map_err(by_role)?;
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

/// Collects the changed fields that may not be written.
struct Changes<'e> {
    evaluation: Evaluation<'e>,
    refused: BTreeSet<String>,
    failed: bool,
}

/// The fields of a document. Of duplicate keys, the first counts.
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

/// A field name with its old and new value.
type Pair<'d> = (&'d str, Option<ValueRef<'d>>, Option<ValueRef<'d>>);

/// All fields of either document, with their old and new values.
fn pairs<'d>(before: Option<DocumentRef<'d>>, after: Option<DocumentRef<'d>>) -> Result<Vec<Pair<'d>>, Malformed> {
    let before = fields(before)?;
    let mut after: indexed::Map<'d> = indexed::Map::new(fields(after)?);
    let mut pairs: Vec<_> = before.into_iter().map(|(key, value)| (key, Some(value), after.take(key))).collect();
    pairs.extend(after.rest().map(|(key, value)| (key, None, Some(value))));
    Ok(pairs)
}

impl<'e> Changes<'e> {
    fn of(write: Write<'e>, role: &BoundRole, evaluation: Evaluation<'e>, errors: &Errors) -> Result<(), Reason> {
        let mut changes = Self { evaluation, refused: BTreeSet::new(), failed: false };
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
            Some(BoundField { write: Some(write), .. }) => match self.evaluation.at(after, before).truth(write) {
                Truth::True => {}
                Truth::Error => self.failed = true,
                Truth::False | Truth::Unknown => self.refuse(path),
            },
            Some(BoundField { fields: Some(rules), .. }) => self.inside(path, rules, before, after)?,
            _ => self.refuse(path),
        }
        Ok(())
    }

    /// Handles a changed field whose rules are those of its nested fields.
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
            // Writing an empty document is not covered by rules for its fields, as it has none.
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

    /// In an array, the rules for fields of its elements cover only changes that keep the number and order of elements.
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

/// Whether the fields that occur in both documents are in the same order.
fn same_order(before: &Fields<'_>, after: &Fields<'_>) -> bool {
    let names = |fields: &Fields<'_>| fields.iter().map(|(name, _)| (*name).to_owned()).collect::<HashSet<_>>();
    let (old, new) = (names(before), names(after));
    let kept = before.iter().map(|(name, _)| *name).filter(|name| new.contains(*name));
    kept.eq(after.iter().map(|(name, _)| *name).filter(|name| old.contains(*name)))
}

/// Whether the elements were merely reordered.
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

mod indexed {
    use std::collections::HashMap;

    use super::{Fields, ValueRef};

    /// A map of fields from which values are taken by name. The remaining ones are iterated in order.
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
