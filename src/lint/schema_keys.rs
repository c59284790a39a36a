//! Keys of a schema that look like a demand and are none.

use super::catalogue::SCHEMA_ASKS_NOTHING;
use super::report::Report;
use crate::schema::Schema;

pub(super) fn lint(schema: &Schema, report: &mut Report) {
    for key in schema.ignored() {
        let name = key.value.as_str();
        let (message, help) = match name {
            "unique" | "primaryKey" | "primary_key" => (
                format!("`{name}` refuses no document whose value another has already"),
                "make a unique index in the database: createIndex({\"<field>\": 1}, {\"unique\": true})",
            ),
            "foreignKey" | "foreign_key" | "ref" => (
                format!("`{name}` refuses no document that refers to nothing"),
                "let the one who writes look it up; a schema sees one document only",
            ),
            "default" => (
                format!("`{name}` gives no document a value"),
                "let the one who writes set it, and name the field in `required`",
            ),
            "additionalItems" => (
                format!("`{name}` asks nothing unless `items` is an array of schemas"),
                "put the schema of every element under `items`",
            ),
            _ => continue,
        };
        report.add(SCHEMA_ASKS_NOTHING, key.span, message, help);
    }
}
