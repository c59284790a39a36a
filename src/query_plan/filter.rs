use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bson::{Bson, Document, RawDocumentBuf, doc};

use super::field_test::{FieldTest, Operator, Sign};

/// A set of documents that a MongoDB filter can express. It is simplified when it is created: negations are pushed down
/// to the tests, and redundant parts are removed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// The empty set.
    Never,
    /// All documents.
    Always,
    /// The documents for which a test holds or, depending on the sign, does not.
    Test(Arc<FieldTest>, Sign),
    /// The intersection of sets.
    All(Vec<Filter>),
    /// The union of sets.
    Any(Vec<Filter>),
}

/// The size, in parts or members, above which sets are not compared with each other.
const MAX_COMPARED: usize = 24;

fn levels(value: &Bson) -> usize {
    match value {
        Bson::Document(fields) => 1 + fields.values().map(levels).max().unwrap_or_default(),
        Bson::Array(elements) => 1 + elements.iter().map(levels).max().unwrap_or_default(),
        _ => 0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    All,
    Any,
}

impl Kind {
    /// The absorbing element of the operation.
    const fn winner(self) -> Filter {
        match self {
            Self::All => Filter::Never,
            Self::Any => Filter::Always,
        }
    }

    /// The neutral element of the operation.
    const fn neutral(self) -> Filter {
        match self {
            Self::All => Filter::Always,
            Self::Any => Filter::Never,
        }
    }

    const fn wrap(self, parts: Vec<Filter>) -> Filter {
        match self {
            Self::All => Filter::All(parts),
            Self::Any => Filter::Any(parts),
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::All => Self::Any,
            Self::Any => Self::All,
        }
    }
}

impl Filter {
    pub(crate) fn test(path: &str, operator: Operator, operand: impl Into<Bson>) -> Self {
        let test = FieldTest { path: path.into(), operator, operand: operand.into() };
        Self::Test(Arc::new(test), Sign::Holds)
    }

    pub(crate) fn exists(path: &str) -> Self {
        Self::test(path, Operator::Exists, true)
    }

    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Kind::All)
    }

    pub(crate) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Kind::Any)
    }

    pub(crate) fn negate(&self) -> Self {
        match self {
            Self::Never => Self::Always,
            Self::Always => Self::Never,
            Self::Test(test, sign) => Self::Test(Arc::clone(test), !*sign),
            Self::All(parts) => Self::Any(parts.iter().map(Self::negate).collect()),
            Self::Any(parts) => Self::All(parts.iter().map(Self::negate).collect()),
        }
    }

    fn join(parts: impl IntoIterator<Item = Self>, kind: Kind) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts {
            match (part, kind) {
                (part, _) if part == kind.winner() => return part,
                (part, _) if part == kind.neutral() => {}
                (Self::All(inner), Kind::All) | (Self::Any(inner), Kind::Any) => kept.extend(inner),
                (part, _) => kept.push(part),
            }
        }
        if kept.len() <= MAX_COMPARED && !reduce(&mut kept, kind) {
            return kind.winner();
        }
        // A part of which a single member is left may now be of the same kind as the whole.
        if kept.iter().any(|part| part.members(kind).len() > 1) {
            return Self::join(kept, kind);
        }
        match kept.len() {
            0 => kind.neutral(),
            1 => kept.remove(0),
            _ => kind.wrap(kept),
        }
    }

    /// The members of a part, if it is of this kind.
    fn members(&self, kind: Kind) -> &[Self] {
        match (self, kind) {
            (Self::All(parts), Kind::All) | (Self::Any(parts), Kind::Any) => parts,
            (other, _) => std::slice::from_ref(other),
        }
    }

    /// Drops tests for the existence of fields whose values are tested as well.
    pub(super) fn without_needless_exists(self) -> Self {
        let Self::All(mut parts) = self else { return self };
        let asked: HashSet<Box<str>> = parts.iter().filter_map(|part| Some(part.listed()?.0.into())).collect();
        parts.retain(|part| {
            !matches!(part, Self::Test(test, Sign::Holds)
                if test.operator == Operator::Exists && asked.contains(&test.path))
        });
        Self::all(parts)
    }

    /// The maximum nesting depth of the filter document.
    pub(crate) fn levels(&self) -> usize {
        match self {
            Self::Never | Self::Always => 0,
            Self::Test(test, _) => 2 + levels(&test.operand),
            Self::Any(parts) => 2 + parts.iter().map(Self::levels).max().unwrap_or_default(),
            Self::All(parts) => {
                let beside = parts.iter().filter(|part| matches!(part, Self::Any(_))).count() > 1;
                let inner = parts.iter().map(Self::levels).max().unwrap_or_default();
                if beside { 2 + inner } else { inner }
            }
        }
    }

    /// The sets whose union this is.
    pub(super) fn alternatives(&self) -> &[Self] {
        self.members(Kind::Any)
    }

    /// The sets whose intersection this is.
    pub(super) fn conjuncts(&self) -> &[Self] {
        self.members(Kind::All)
    }

    /// The path and the values of an equality that can be written with `$in`.
    pub(super) fn listed(&self) -> Option<(&str, &[Bson])> {
        match self {
            Self::Test(test, Sign::Holds) => Some((&*test.path, test.listed()?)),
            _ => None,
        }
    }

    /// Bytes that are equal only for equal filters; `None` if a value cannot be encoded.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        let mut key = Vec::new();
        self.write_key(&mut key)?;
        Some(key)
    }

    fn write_key(&self, key: &mut Vec<u8>) -> Option<()> {
        let parts = match self {
            Self::Never => {
                key.push(0);
                return Some(());
            }
            Self::Always => {
                key.push(1);
                return Some(());
            }
            Self::Test(test, sign) => {
                key.push(if *sign == Sign::Holds { 2 } else { 3 });
                let operand =
                    RawDocumentBuf::try_from(&doc! { test.operator.spelling(): test.operand.clone() }).ok()?;
                key.extend(test.path.len().to_le_bytes());
                key.extend(test.path.bytes());
                key.extend(operand.as_bytes());
                return Some(());
            }
            Self::All(parts) => {
                key.push(4);
                parts
            }
            Self::Any(parts) => {
                key.push(5);
                parts
            }
        };
        key.extend(parts.len().to_le_bytes());
        parts.iter().try_for_each(|part| part.write_key(key))
    }

    /// The filter as a MongoDB document; `None` for [`Filter::Never`], for which there is no simple one.
    pub(crate) fn to_document(&self) -> Option<Document> {
        match self {
            Self::Never => None,
            Self::Always => Some(Document::new()),
            Self::Test(test, sign) => {
                let (key, operand) = test.condition(*sign);
                Some(doc! { &*test.path: { key: operand } })
            }
            Self::All(parts) => conjunction(parts),
            Self::Any(parts) => disjunction(parts),
        }
    }

    /// The filter as operators on the element that `$elemMatch` examines; `None` if operators cannot express it.
    pub(crate) fn to_operators(&self) -> Option<Document> {
        let mut operators = Document::new();
        for part in self.members(Kind::All) {
            let Self::Test(test, sign) = part else { return None };
            let (key, operand) = test.condition(*sign);
            if !test.path.is_empty() || operators.insert(key, operand).is_some() {
                return None;
            }
        }
        Some(operators)
    }
}

/// Removes from each part what others imply: `x ∨ (x ∧ y) = x`, `x ∨ (¬x ∧ y) = x ∨ y`, and the duals. Returns false if
/// the result is constant, as for `x ∨ ¬x`.
fn reduce(parts: &mut Vec<Filter>, kind: Kind) -> bool {
    let inner = kind.other();
    let mut at = 0;
    while let Some(part) = parts.get(at).cloned() {
        let opposite = part.negate();
        let (same, opposite) = (part.members(inner), opposite.members(inner));
        if same.len() > MAX_COMPARED || opposite.len() > MAX_COMPARED {
            at += 1;
            continue;
        }
        let mut place = 0;
        let mut decided = false;
        let mut changed = false;
        parts.retain_mut(|other| {
            place += 1;
            if place == at + 1 {
                return true;
            }
            let members = other.members(inner);
            if members.len() > MAX_COMPARED {
                return true;
            }
            if same.iter().all(|member| members.contains(member)) {
                changed |= place <= at;
                return false;
            }
            if opposite.iter().all(|member| members.contains(member)) {
                let left: Vec<Filter> = members.iter().filter(|member| !opposite.contains(member)).cloned().collect();
                decided |= left.is_empty();
                changed = true;
                *other = Filter::join(left, inner);
            }
            true
        });
        if decided {
            return false;
        }
        // The reduced part may simplify others.
        at = if changed { 0 } else { at + 1 };
    }
    true
}

fn conjunction(parts: &[Filter]) -> Option<Document> {
    let mut merged = Document::new();
    let mut rest = Vec::new();
    for part in together(parts, Sign::Fails) {
        let Filter::Test(test, sign) = &*part else {
            let part = part.to_document()?;
            let has_room = part.keys().all(|key| !merged.contains_key(key));
            if has_room {
                merged.extend(part);
            } else {
                rest.push(Bson::Document(part));
            }
            continue;
        };
        let (key, operand) = test.condition(*sign);
        match merged.get_mut(&*test.path) {
            None => {
                merged.insert(&*test.path, doc! { key: operand });
            }
            Some(Bson::Document(conditions))
                if !conditions.contains_key(key) && test.operator != Operator::Expression =>
            {
                conditions.insert(key, operand);
            }
            Some(_) => rest.push(doc! { &*test.path: { key: operand } }.into()),
        }
    }
    if !rest.is_empty() {
        merged.insert("$and", rest);
    }
    Some(merged)
}

fn disjunction(parts: &[Filter]) -> Option<Document> {
    let parts = together(parts, Sign::Holds);
    match parts.as_slice() {
        [part] => part.to_document(),
        parts => {
            let parts = parts.iter().map(|part| part.to_document().map(Bson::Document));
            Some(doc! { "$or": parts.collect::<Option<Vec<_>>>()? })
        }
    }
}

/// Combines equalities on the same path: `a = 1 ∨ a = 2` becomes `a in [1, 2]`; dually, negated equalities are combined
/// under *and*. Other parts are borrowed, because nested ones would be copied once per level.
fn together(parts: &[Filter], of: Sign) -> Vec<Cow<'_, Filter>> {
    let listed = |part: &'_ Filter| match part {
        Filter::Test(test, sign) if *sign == of => test.listed().map(|values| (test.path.clone(), values.to_vec())),
        _ => None,
    };
    let mut lists: Vec<(Box<str>, Vec<Bson>, usize)> = Vec::new();
    let mut numbers: HashMap<Box<str>, usize> = HashMap::new();
    let mut out = Vec::with_capacity(parts.len());
    for part in parts {
        let Some((path, values)) = listed(part) else {
            out.push(Cow::Borrowed(part));
            continue;
        };
        match numbers.get(&path).and_then(|number| lists.get_mut(*number)) {
            Some((_, known, _)) => known.extend(values),
            None => {
                numbers.insert(path.clone(), lists.len());
                lists.push((path, values, out.len()));
                out.push(Cow::Borrowed(part));
            }
        }
    }
    for (path, values, place) in lists {
        let single = values.len() == 1;
        if let Some(part) = out.get_mut(place)
            && !single
        {
            let list = FieldTest { path, operator: Operator::In, operand: values.into() };
            *part = Cow::Owned(Filter::Test(Arc::new(list), of));
        }
    }
    out
}
