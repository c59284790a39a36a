use crate::path::{FieldPath, resolve};
use crate::value::{DocumentRef, Malformed, Steps, Type, TypeSet, ValueRef};

/// Counts users by the types of their values at the paths of custom data that rules read. The memory it takes does not
/// depend on the number of users.
///
/// Users without a custom-data document are not counted; they lack every value.
#[derive(Clone, Debug)]
pub struct Census {
    id_field: FieldPath,
    users: u64,
    paths: Vec<Tally>,
}

/// The counts for a path.
#[derive(Clone, Debug)]
struct Tally {
    path: FieldPath,
    /// The types with which rules compare the value; `None` if a value of any type may match.
    needed: Option<TypeSet>,
    lacking: u64,
    types: [u64; Type::ALL.len()],
    misfits: [u64; Type::ALL.len()],
}

/// The counts for a path below `%%user.custom_data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCount {
    /// The path below `%%user.custom_data`.
    pub path: FieldPath,
    /// The number of users without a value at the path.
    pub lacking: u64,
    /// The number of users with a value of each type.
    pub types: Vec<(Type, u64)>,
    /// The number of users, by type, whose value no rule can match. In an array, the elements do not match either.
    pub misfits: Vec<(Type, u64)>,
}

impl Census {
    pub(super) fn new(id_field: &FieldPath, paths: impl IntoIterator<Item = (FieldPath, Option<TypeSet>)>) -> Self {
        const NONE: [u64; Type::ALL.len()] = [0; Type::ALL.len()];
        let tally = |(path, needed)| Tally { path, needed, lacking: 0, types: NONE, misfits: NONE };
        Self { id_field: id_field.clone(), users: 0, paths: paths.into_iter().map(tally).collect() }
    }

    /// Counts the user to whom a custom-data document belongs. A document without a user id is ignored.
    ///
    /// # Errors
    /// If raw bytes are not BSON.
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
            let Some(first) = met.first() else {
                tally.lacking = tally.lacking.saturating_add(1);
                continue;
            };
            let (kind, fits) = (tally.kind(*first), tally.fits(&met)?);
            let misfits = tally.misfits.get_mut(kind as usize).filter(|_| !fits);
            for count in tally.types.get_mut(kind as usize).into_iter().chain(misfits) {
                *count = count.saturating_add(1);
            }
        }
        Ok(())
    }

    /// The number of users counted.
    #[must_use]
    pub const fn users(&self) -> u64 {
        self.users
    }

    /// The counts by path, in the order of [`CustomDataReads::paths`](super::CustomDataReads::paths).
    #[must_use]
    pub fn counts(&self) -> Vec<PathCount> {
        let listed = |counts: [u64; Type::ALL.len()]| {
            let kinds = Type::ALL.into_iter().map(|(kind, ..)| kind).zip(counts);
            kinds.filter(|(_, count)| *count > 0).collect()
        };
        let count = |tally: &Tally| PathCount {
            path: tally.path.clone(),
            lacking: tally.lacking,
            types: listed(tally.types),
            misfits: listed(tally.misfits),
        };
        self.paths.iter().map(count).collect()
    }
}

impl Tally {
    /// Whether any of the values at the path has a type that rules can match.
    fn fits(&self, met: &[ValueRef<'_>]) -> Result<bool, Malformed> {
        let Some(needed) = self.needed else { return Ok(true) };
        for value in met {
            if needed.contains(self.kind(*value)) {
                return Ok(true);
            }
            if let ValueRef::Array(elements) = value {
                for element in elements.iter() {
                    if needed.contains(self.kind(element?)) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn kind(&self, value: ValueRef<'_>) -> Type {
        // Rules see an ObjectId there as its hex string.
        let is_id = matches!(self.path.segments(), [only] if only.name() == "_id");
        match value.kind() {
            Type::ObjectId if is_id => Type::String,
            kind => kind,
        }
    }
}
