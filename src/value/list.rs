use std::hash::{BuildHasher, Hasher, RandomState};

use bson::Bson;
use hashbrown::HashTable;

use super::{Malformed, ValueRef, equal};

/// Values of which it will often be asked whether one equals a given value. A long list is hashed once, so that its length does
/// not matter later.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    values: Vec<Bson>,
    index: Option<Box<Index>>,
}

#[derive(Clone, Debug)]
struct Index {
    hasher: RandomState,
    /// The numbers of the values that have a hash.
    hashed: HashTable<usize>,
    /// The numbers of the others, such as documents and fractions.
    others: Vec<usize>,
}

/// In a shorter list, looking at each value is faster.
const HASHED_FROM: usize = 12;

impl List {
    pub(crate) fn new(values: Vec<Bson>) -> Self {
        let index = (values.len() >= HASHED_FROM).then(|| Box::new(Index::new(&values)));
        Self { values, index }
    }

    /// The values in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Bson> {
        self.values.iter()
    }

    /// The values, if there are few.
    #[inline]
    pub(crate) fn few(&self) -> Option<&[Bson]> {
        self.index.is_none().then_some(&*self.values)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether a value of the list equals this one, as [`equal`] has it.
    ///
    /// # Errors
    /// As [`equal`].
    #[inline]
    pub(crate) fn contains(&self, value: ValueRef<'_>) -> Result<bool, Malformed> {
        match &self.index {
            Some(index) => index.contains(value, &self.values),
            None => any_equal(value, self.values.iter()),
        }
    }
}

impl Index {
    fn new(values: &[Bson]) -> Self {
        let hasher = RandomState::new();
        let (mut hashed, mut others) = (HashTable::with_capacity(values.len()), Vec::new());
        for (number, value) in values.iter().enumerate() {
            let value = ValueRef::from(value);
            let Some(hash) = hash(&hasher, value) else {
                others.push(number);
                continue;
            };
            let same = |other: &usize| is_equal(values, *other, value);
            if hashed.find(hash, same).is_none() {
                let rehash = |other: &usize| values.get(*other).and_then(|other| self::hash(&hasher, other.into()));
                hashed.insert_unique(hash, number, |other| rehash(other).unwrap_or_default());
            }
        }
        Self { hasher, hashed, others }
    }

    fn contains(&self, value: ValueRef<'_>, values: &[Bson]) -> Result<bool, Malformed> {
        if let Some(hash) = hash(&self.hasher, value)
            && self.hashed.find(hash, |number| is_equal(values, *number, value)).is_some()
        {
            return Ok(true);
        }
        any_equal(value, self.others.iter().filter_map(|number| values.get(*number)))
    }
}

/// Of two values that have a hash; those hold nothing that could be malformed.
fn is_equal(values: &[Bson], number: usize, value: ValueRef<'_>) -> bool {
    values.get(number).is_some_and(|other| equal(value, other.into()) == Ok(true))
}

fn any_equal<'v>(value: ValueRef<'_>, list: impl Iterator<Item = &'v Bson>) -> Result<bool, Malformed> {
    for element in list {
        if equal(value, element.into())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The same for values that are equal; none for those of which no one can tell that easily. The hasher has a key that
/// nobody knows, so that nobody can choose values that meet in one place.
#[inline]
fn hash(hasher: &RandomState, value: ValueRef<'_>) -> Option<u64> {
    let mut state = hasher.build_hasher();
    match value {
        ValueRef::String(text) | ValueRef::Symbol(text) => {
            state.write_u8(1);
            state.write(text.as_bytes());
        }
        ValueRef::ObjectId(id) => {
            state.write_u8(2);
            state.write(&id);
        }
        ValueRef::DateTime(milliseconds) => {
            state.write_u8(3);
            state.write_i64(milliseconds);
        }
        ValueRef::Boolean(value) => {
            state.write_u8(4);
            state.write_u8(value.into());
        }
        ValueRef::Binary { subtype, bytes } => {
            state.write_u8(5);
            state.write_u8(subtype);
            state.write(bytes);
        }
        ValueRef::Null => state.write_u8(6),
        _ => {
            state.write_u8(7);
            state.write_i64(value.number()?.integer()?);
        }
    }
    Some(state.finish())
}
