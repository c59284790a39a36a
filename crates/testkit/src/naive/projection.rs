//! Applies the projections of filters to a document.

use bson::{Bson, Document};
use serde_json::Value as Json;

#[derive(Debug, Clone)]
pub struct Projection {
    /// For each filter that includes fields, the paths that it includes.
    inclusions: Vec<Vec<Vec<String>>>,
    exclusions: Vec<Vec<String>>,
}

pub fn check(projection: &Json) -> Result<(), String> {
    let Json::Object(fields) = projection else {
        return Err(format!("a projection is an object, not {projection}"));
    };
    for (name, value) in fields {
        if name.split('.').any(|segment| segment.is_empty() || segment.starts_with('$')) {
            return Err(format!("`{name}` is no path"));
        }
        if shows(value).is_none() {
            return Err(format!("a projection takes 0 or 1, not {value}"));
        }
    }
    Ok(())
}

fn shows(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => number.as_f64().map(|number| number != 0.0),
        _ => None,
    }
}

impl Projection {
    pub fn everything() -> Projection {
        Projection { inclusions: Vec::new(), exclusions: Vec::new() }
    }

    /// Combines both projections. Inclusions cannot be combined with exclusions, except of `_id`.
    pub fn and(mut self, projection: &Json) -> Result<Projection, String> {
        let mut shown = Vec::new();
        let mut id_hidden = false;
        for (name, value) in projection.as_object().expect("checked before") {
            let path: Vec<String> = name.split('.').map(str::to_string).collect();
            if shows(value) == Some(true) {
                shown.push(path);
            } else {
                id_hidden |= name == "_id";
                self.exclusions.push(path);
            }
        }
        if !shown.is_empty() {
            if !id_hidden && shown.iter().all(|path| path[0] != "_id") {
                shown.push(vec!["_id".to_string()]);
            }
            self.inclusions.push(shown);
        }
        let only_id = self.exclusions.iter().all(|path| *path == ["_id"]);
        if !self.inclusions.is_empty() && !only_id {
            return Err("a projection that includes and excludes".to_string());
        }
        Ok(self)
    }

    pub fn apply(&self, document: &Document) -> Document {
        let mut remaining = document.clone();
        for inclusion in &self.inclusions {
            remaining = include(&remaining, inclusion);
        }
        exclude(&remaining, &self.exclusions)
    }
}

/// The rest of those paths that begin with a name; the empty path stands for the field of that name itself.
fn below<'a>(paths: &'a [Vec<String>], name: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
    paths.iter().filter(move |path| path[0] == name).map(|path| path[1..].to_vec())
}

fn include(document: &Document, paths: &[Vec<String>]) -> Document {
    let mut shown = Document::new();
    for (name, value) in document {
        let inner: Vec<Vec<String>> = below(paths, name).collect();
        if inner.iter().any(Vec::is_empty) {
            shown.insert(name, value.clone());
        } else if !inner.is_empty()
            && let Some(part) = include_value(value, &inner)
        {
            shown.insert(name, part);
        }
    }
    shown
}

fn include_value(value: &Bson, paths: &[Vec<String>]) -> Option<Bson> {
    match value {
        Bson::Document(document) => Some(Bson::Document(include(document, paths))),
        Bson::Array(elements) => {
            Some(Bson::Array(elements.iter().filter_map(|element| include_value(element, paths)).collect()))
        }
        _ => None,
    }
}

fn exclude(document: &Document, paths: &[Vec<String>]) -> Document {
    let mut shown = Document::new();
    for (name, value) in document {
        let inner: Vec<Vec<String>> = below(paths, name).collect();
        if !inner.iter().any(Vec::is_empty) {
            shown.insert(name, exclude_value(value, &inner));
        }
    }
    shown
}

fn exclude_value(value: &Bson, paths: &[Vec<String>]) -> Bson {
    match value {
        Bson::Document(document) => Bson::Document(exclude(document, paths)),
        Bson::Array(elements) => Bson::Array(elements.iter().map(|element| exclude_value(element, paths)).collect()),
        other => other.clone(),
    }
}
