//! Findings about keys of a schema that look like constraints, but have no effect.

use super::catalogue::SCHEMA_ASKS_NOTHING;
use super::report::Report;
use crate::schema::Schema;

pub(super) fn lint(schema: &Schema, report: &mut Report) {
    for key in schema.ignored() {
        let name = key.value.as_str();
        let (message, help) = match name {
            "unique" | "primaryKey" | "primary_key" => (
                format!("`{name}` does not reject duplicate values"),
                "create a unique index in the database: createIndex({\"<field>\": 1}, {\"unique\": true})",
            ),
            "foreignKey" | "foreign_key" | "ref" => (
                format!("`{name}` does not reject dangling references"),
                "let the writer look it up; a schema only sees one document",
            ),
            "default" => (
                format!("`{name}` does not set default values"),
                "let the writer set it, and list the field in `required`",
            ),
            "additionalItems" => (
                format!("`{name}` has no effect unless `items` is an array of schemas"),
                "put the schema of every element under `items`",
            ),
            _ => continue,
        };
        report.add(SCHEMA_ASKS_NOTHING, key.span, message, help);
    }
}
