use crate::path::{FieldPath, resolve};
use crate::value::{DocumentRef, Malformed, Steps, Type, TypeSet, ValueRef};

/// Counts users by what they have at the paths that rules read; its size does not depend on how many there are.
///
/// Users without any document are not counted: they lack everything.
#[derive(Clone, Debug)]
pub struct Census {
    id_field: FieldPath,
    users: u64,
    paths: Vec<Tally>,
}

/// What users have at one path.
#[derive(Clone, Debug)]
struct Tally {
    path: FieldPath,
    /// The types that rules and schemas ask for.
    wanted: TypeSet,
    lacking: u64,
    types: [u64; Type::ALL.len()],
}

/// What users have at a path of `%%user.custom_data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCount {
    /// The path below `%%user.custom_data`.
    pub path: FieldPath,
    /// How many users have nothing there.
    pub lacking: u64,
    /// How many have a value of each type; an array counts as what it contains, where that is asked for.
    pub types: Vec<(Type, u64)>,
}

impl Census {
    pub(super) fn new(id_field: &FieldPath, paths: impl IntoIterator<Item = (FieldPath, TypeSet)>) -> Self {
        let tally = |(path, wanted)| Tally { path, wanted, lacking: 0, types: [0; Type::ALL.len()] };
        Self { id_field: id_field.clone(), users: 0, paths: paths.into_iter().map(tally).collect() }
    }

    /// Counts the user of a custom-data document; one that names no user does not count.
    ///
    /// # Errors
    /// If raw bytes are no BSON.
    pub fn add(&mut self, document: DocumentRef<'_>) -> Result<(), Malformed> {
        let steps = Steps::default();
        let start = Some(ValueRef::Document(document));
        let named = resolve(start, self.id_field.segments(), &steps)?.met();
        if !matches!(named.as_slice(), [ValueRef::String(_) | ValueRef::ObjectId(_)]) {
            return Ok(());
        }
        self.users = self.users.saturating_add(1);
        for tally in &mut self.paths {
            let met = resolve(start, tally.path.segments(), &steps)?.met();
            let count = match tally.kind(&met)? {
                None => Some(&mut tally.lacking),
                Some(kind) => tally.types.get_mut(kind as usize),
            };
            if let Some(count) = count {
                *count = count.saturating_add(1);
            }
        }
        Ok(())
    }

    /// How many users there are.
    #[must_use]
    pub const fn users(&self) -> u64 {
        self.users
    }

    /// What they have, by path, in the order of the [reads](super::CustomDataReads::paths).
    #[must_use]
    pub fn counts(&self) -> Vec<PathCount> {
        let count = |tally: &Tally| PathCount {
            path: tally.path.clone(),
            lacking: tally.lacking,
            types: Type::ALL
                .into_iter()
                .zip(tally.types)
                .filter(|(_, count)| *count > 0)
                .map(|((kind, ..), count)| (kind, count))
                .collect(),
        };
        self.paths.iter().map(count).collect()
    }
}

impl Tally {
    /// The type by which values count that a path meets; none if it meets nothing.
    fn kind(&self, met: &[ValueRef<'_>]) -> Result<Option<Type>, Malformed> {
        let Some(first) = met.first() else { return Ok(None) };
        for value in met {
            let kind = self.of_value(*value);
            if self.wanted.contains(kind) {
                return Ok(Some(kind));
            }
            if let ValueRef::Array(elements) = value {
                for element in elements.iter() {
                    let kind = self.of_value(element?);
                    if self.wanted.contains(kind) {
                        return Ok(Some(kind));
                    }
                }
            }
        }
        Ok(Some(self.of_value(*first)))
    }

    fn of_value(&self, value: ValueRef<'_>) -> Type {
        // An ObjectId there reads as its hex string.
        let is_id = matches!(self.path.segments(), [only] if only.name() == "_id");
        match value.kind() {
            Type::ObjectId if is_id => Type::String,
            kind => kind,
        }
    }
}
