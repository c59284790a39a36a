use crate::text::closest;
use crate::value::{Type, TypeSet, ValueRef};

/// The types named by a `bsonType` or `type`.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    set: TypeSet,
    /// Whether they include binary data that is a UUID.
    uuid: bool,
    /// As written: `string or null`.
    names: String,
}

/// Type names other than the aliases of `$type`: those of JSON Schema, and some found in exported applications.
const OTHERS: [&str; 7] = ["objectID", "boolean", "float", "number", "integer", "mixed", "uuid"];

impl Types {
    /// Adds the type with this name; returns false if it is unknown.
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

    /// Whether the types include this one.
    pub(super) const fn has(&self, kind: Type) -> bool {
        self.set.contains(kind)
    }

    /// Whether the types include any number type. Numbers of different types can be equal.
    pub(super) fn has_number(&self) -> bool {
        TypeSet::NUMBER.iter().any(|kind| self.set.contains(kind))
    }

    /// The names for messages.
    pub(super) fn names(&self) -> &str {
        &self.names
    }

    /// The type name that was most likely meant.
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
