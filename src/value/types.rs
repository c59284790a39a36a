use super::ValueRef;

/// A BSON type, as distinguished by `$type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the BSON type of its name")]
pub enum Type {
    Double,
    String,
    Object,
    Array,
    BinData,
    Undefined,
    ObjectId,
    Bool,
    Date,
    Null,
    Regex,
    DbPointer,
    JavaScript,
    Symbol,
    JavaScriptWithScope,
    Int,
    Timestamp,
    Long,
    Decimal,
    MinKey,
    MaxKey,
}

impl Type {
    /// Every type, with its alias and number in `$type`.
    pub const ALL: [(Self, &'static str, i32); 21] = [
        (Self::Double, "double", 1),
        (Self::String, "string", 2),
        (Self::Object, "object", 3),
        (Self::Array, "array", 4),
        (Self::BinData, "binData", 5),
        (Self::Undefined, "undefined", 6),
        (Self::ObjectId, "objectId", 7),
        (Self::Bool, "bool", 8),
        (Self::Date, "date", 9),
        (Self::Null, "null", 10),
        (Self::Regex, "regex", 11),
        (Self::DbPointer, "dbPointer", 12),
        (Self::JavaScript, "javascript", 13),
        (Self::Symbol, "symbol", 14),
        (Self::JavaScriptWithScope, "javascriptWithScope", 15),
        (Self::Int, "int", 16),
        (Self::Timestamp, "timestamp", 17),
        (Self::Long, "long", 18),
        (Self::Decimal, "decimal", 19),
        (Self::MinKey, "minKey", -1),
        (Self::MaxKey, "maxKey", 127),
    ];

    /// The alias in `$type`.
    #[must_use]
    pub fn alias(self) -> &'static str {
        Self::ALL.iter().find(|(found, ..)| *found == self).map_or("", |(_, alias, _)| alias)
    }

    /// The type with this alias.
    #[must_use]
    pub fn from_alias(alias: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found, _)| *found == alias).map(|(found, ..)| *found)
    }

    /// The type with this number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().find(|(.., found)| i64::from(*found) == number).map(|(found, ..)| *found)
    }
}

/// A set of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeSet(u32);

impl TypeSet {
    /// The types that `$type: "number"` stands for: int32, int64, double and decimal128.
    pub const NUMBER: Self =
        Self(1 << Type::Int as u32 | 1 << Type::Long as u32 | 1 << Type::Double as u32 | 1 << Type::Decimal as u32);

    /// The empty set.
    pub const NONE: Self = Self(0);

    /// All types.
    pub const ALL: Self = Self((1 << Type::ALL.len()) - 1);

    /// The set with another type.
    #[must_use]
    pub const fn with(self, kind: Type) -> Self {
        Self(self.0 | 1 << kind as u32)
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set contains a type.
    #[must_use]
    pub const fn contains(self, kind: Type) -> bool {
        self.0 & 1 << kind as u32 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its types, in the order of [`Type::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Type> {
        Type::ALL.into_iter().map(|(kind, ..)| kind).filter(move |kind| self.contains(*kind))
    }
}

impl ValueRef<'_> {
    /// The type of the value.
    #[must_use]
    pub const fn kind(&self) -> Type {
        match self {
            Self::MinKey => Type::MinKey,
            Self::Undefined => Type::Undefined,
            Self::Null => Type::Null,
            Self::Int32(_) => Type::Int,
            Self::Int64(_) => Type::Long,
            Self::Double(_) => Type::Double,
            Self::Decimal128(_) => Type::Decimal,
            Self::String(_) => Type::String,
            Self::Symbol(_) => Type::Symbol,
            Self::Document(_) => Type::Object,
            Self::Array(_) => Type::Array,
            Self::Binary { .. } => Type::BinData,
            Self::ObjectId(_) => Type::ObjectId,
            Self::Boolean(_) => Type::Bool,
            Self::DateTime(_) => Type::Date,
            Self::Timestamp { .. } => Type::Timestamp,
            Self::Regex { .. } => Type::Regex,
            Self::DbPointer(_) => Type::DbPointer,
            Self::Code(_) => Type::JavaScript,
            Self::CodeWithScope { .. } => Type::JavaScriptWithScope,
            Self::MaxKey => Type::MaxKey,
        }
    }
}
