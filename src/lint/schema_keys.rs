//! Findings about keys of a schema that look like constraints, but have no effect.

use bson::Bson;

use super::catalogue::SCHEMA_ASKS_NOTHING;
use super::report::Report;
use crate::schema::Schema;

pub(super) fn lint(schema: &Schema, report: &mut Report) {
    for key in schema.ignored() {
        let name = &*key.key;
        let (message, help) = match name {
            "unique" | "primaryKey" | "primary_key" => (
                format!("`{name}` does not reject duplicate values"),
                format!(
                    "create a unique index in the database: createIndex({{{}: 1}}, {{\"unique\": true}})",
                    Bson::from(key.path.as_deref().unwrap_or("<field>"))
                ),
            ),
            "foreignKey" | "foreign_key" | "ref" => (
                format!("`{name}` does not reject dangling references"),
                "let the writer look it up; a schema only sees one document".to_owned(),
            ),
            "default" => (
                format!("`{name}` does not set default values"),
                "let the writer set it, and list the field in `required`".to_owned(),
            ),
            "additionalItems" => (
                format!("`{name}` has no effect unless `items` is an array of schemas"),
                "put the schema of every element under `items`".to_owned(),
            ),
            _ => continue,
        };
        report.add(SCHEMA_ASKS_NOTHING, key.span, message, help);
    }
}
