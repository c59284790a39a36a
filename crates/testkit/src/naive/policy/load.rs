//! Validates rules.

use serde_json::{Map, Value as Json};

use super::projection_of;
use crate::naive::name::Scope;
use crate::naive::{check, projection, schema};

/// Returns an error for rules that must not load.
pub fn check(rules: &Json) -> Result<(), String> {
    let rules = object(rules, "rules")?;
    known_keys(rules, &["roles", "filters", "schema", "id", "_id", "database", "collection"])?;
    for role in list(rules, "roles")? {
        check_role(role)?;
    }
    for filter in list(rules, "filters")? {
        check_filter(filter)?;
    }
    rules.get("schema").map_or(Ok(()), schema::check)
}

fn check_role(role: &Json) -> Result<(), String> {
    let role = object(role, "a role")?;
    let conditions = ["apply_when", "read", "write", "insert", "delete", "search"];
    let others = ["name", "id", "_id", "document_filters", "fields", "additional_fields"];
    known_keys(role, &[&conditions[..], &others[..]].concat())?;
    if !role.get("name").is_some_and(Json::is_string) {
        return Err("a role needs a name".to_string());
    }
    if !role.contains_key("apply_when") {
        return Err("a role needs apply_when".to_string());
    }
    check_conditions(role, &conditions, Scope::Role)?;
    if let Some(filters) = role.get("document_filters") {
        let filters = object(filters, "document_filters")?;
        known_keys(filters, &["read", "write"])?;
        check_conditions(filters, &["read", "write"], Scope::Role)?;
    }
    if let Some(fields) = role.get("fields") {
        check_fields(fields)?;
    }
    if let Some(additional) = role.get("additional_fields") {
        let additional = object(additional, "additional_fields")?;
        known_keys(additional, &["read", "write"])?;
        check_conditions(additional, &["read", "write"], Scope::Field)?;
    }
    Ok(())
}

fn check_fields(fields: &Json) -> Result<(), String> {
    for (name, entry) in object(fields, "fields")? {
        if name.is_empty() || name.contains('.') {
            return Err(format!("`{name}` is no name of a field"));
        }
        let entry = object(entry, "a field rule")?;
        known_keys(entry, &["read", "write", "fields"])?;
        check_conditions(entry, &["read", "write"], Scope::Field)?;
        if let Some(inner) = entry.get("fields") {
            check_fields(inner)?;
        }
    }
    Ok(())
}

fn check_filter(filter: &Json) -> Result<(), String> {
    let filter = object(filter, "a filter")?;
    known_keys(filter, &["name", "id", "_id", "apply_when", "query", "projection", "project"])?;
    if !filter.contains_key("apply_when") {
        return Err("a filter needs apply_when".to_string());
    }
    check_conditions(filter, &["apply_when"], Scope::Filter)?;
    check_conditions(filter, &["query"], Scope::Query)?;
    if filter.contains_key("projection") && filter.contains_key("project") {
        return Err("projection beside project".to_string());
    }
    projection_of(filter).map_or(Ok(()), projection::check)
}

fn check_conditions(of: &Map<String, Json>, names: &[&str], scope: Scope) -> Result<(), String> {
    names.iter().filter_map(|name| of.get(*name)).try_for_each(|condition| check::expression(scope, false, condition))
}

fn object<'a>(json: &'a Json, what: &str) -> Result<&'a Map<String, Json>, String> {
    json.as_object().ok_or_else(|| format!("{what}: an object belongs here, not {json}"))
}

fn list<'a>(of: &'a Map<String, Json>, name: &str) -> Result<&'a [Json], String> {
    match of.get(name) {
        None => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(other) => Err(format!("{name}: an array belongs here, not {other}")),
    }
}

fn known_keys(of: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match of.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`")),
        None => Ok(()),
    }
}
