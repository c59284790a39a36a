use crate::text::closest;
use crate::value::{Type, TypeSet, ValueRef};

/// The types in a `bsonType` or `type`.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    set: TypeSet,
    /// Whether these include UUIDs: 16 bytes of binary data with subtype 4.
    uuid: bool,
    /// The names in source form, such as `string or null`.
    names: String,
}

/// The names of types that are not aliases of `$type`: those of JSON Schema, and those that occur in exports.
const OTHERS: [&str; 7] = ["objectID", "boolean", "float", "number", "integer", "mixed", "uuid"];

impl Types {
    /// Adds the type with this name. Returns false if it is unknown.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let set = match name {
            "objectID" => TypeSet::default().with(Type::ObjectId),
            "boolean" => TypeSet::default().with(Type::Bool),
            "float" => TypeSet::default().with(Type::Double),
            "number" => TypeSet::NUMBER,
            "integer" => TypeSet::default().with(Type::Int).with(Type::Long),
            "mixed" => TypeSet::ALL,
            "uuid" => {
                self.uuid = true;
                TypeSet::default()
            }
            alias => match Type::from_alias(alias) {
                Some(kind) => TypeSet::default().with(kind),
                None => return false,
            },
        };
        self.set = self.set.union(set);
        if !self.names.is_empty() {
            self.names.push_str(" or ");
        }
        self.names.push_str(name);
        true
    }

    /// Whether a value has one of the types.
    pub(super) fn contains(&self, value: ValueRef<'_>) -> bool {
        self.set.contains(value.kind())
            || self.uuid && matches!(value, ValueRef::Binary { subtype: 4, bytes } if bytes.len() == 16)
    }

    /// Whether a type is among them.
    pub(super) const fn has(&self, kind: Type) -> bool {
        self.set.contains(kind)
    }

    /// Whether any numeric type is among them. Numbers of different types may be equal.
    pub(super) fn has_number(&self) -> bool {
        TypeSet::NUMBER.iter().any(|kind| self.set.contains(kind))
    }

    /// The names, for messages.
    pub(super) fn names(&self) -> &str {
        &self.names
    }

    /// The name of a type that was probably intended.
    pub(super) fn suggest(name: &str) -> Option<&'static str> {
        match name.to_lowercase().as_str() {
            "int32" => return Some("int"),
            "int64" => return Some("long"),
            "decimal128" => return Some("decimal"),
            "datetime" => return Some("date"),
            "binary" => return Some("binData"),
            "any" => return Some("mixed"),
            _ => {}
        }
        closest(name, Type::ALL.iter().map(|(_, alias, _)| *alias).chain(OTHERS))
    }
}
