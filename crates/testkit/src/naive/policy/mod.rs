//! Roles and filters: what a user may see of a document and change in it.

mod load;
mod read;
mod write;

use std::collections::BTreeSet;

use bson::{Bson, Document};
use serde_json::{Map, Value as Json, json};

use super::expression::evaluate;
use super::name::Scope;
use super::truth::Truth;
use super::world::World;

pub use load::check;

/// Why access is denied.
#[derive(Debug, Clone, Default, PartialEq)]
struct Refusal {
    fields: BTreeSet<String>,
    schema: Vec<String>,
    error: Option<String>,
}

impl Refusal {
    fn error(text: String) -> Refusal {
        Refusal { error: Some(text), ..Refusal::default() }
    }

    /// The refusal caused by a condition that is not True.
    fn of(truth: Truth) -> Refusal {
        match truth {
            Truth::Error(text) => Refusal::error(text),
            _ => Refusal::default(),
        }
    }
}

/// A request about one document.
pub struct Request<'a> {
    pub rules: &'a Json,
    /// The context; documents and fields are set for each rule as needed.
    pub world: World,
}

impl Request<'_> {
    fn is_system(&self) -> bool {
        self.world.user.as_ref().is_some_and(|user| user.get("type") == Some(&json!("system")))
    }

    /// Without roles, there is no rule for the collection, even if it has filters.
    fn has_roles(&self) -> bool {
        self.rules.get("roles").is_some()
    }

    fn truth(&self, condition: &Json) -> Truth {
        evaluate(&self.world, None, condition)
    }

    /// Evaluates a condition that may be absent.
    fn optional(&self, of: &Json, name: &str, absent: Truth) -> Truth {
        of.get(name).map_or(absent, |condition| self.truth(condition))
    }

    fn in_scope(&self, scope: Scope) -> Request<'_> {
        Request { rules: self.rules, world: World { scope, ..self.world.clone() } }
    }

    fn on(&self, root: Option<&Document>, prev_root: Option<&Document>) -> Request<'_> {
        let document = |document: Option<&Document>| document.cloned().map(Bson::Document);
        let world = World {
            scope: Scope::Role,
            root: document(root),
            prev_root: document(prev_root),
            this: None,
            prev: None,
            ..self.world.clone()
        };
        Request { rules: self.rules, world }
    }

    fn at_field(&self, this: Option<&Bson>, prev: Option<&Bson>) -> Request<'_> {
        let world = World { scope: Scope::Field, this: this.cloned(), prev: prev.cloned(), ..self.world.clone() };
        Request { rules: self.rules, world }
    }

    /// The first role that applies.
    fn role(&self, root: &Document, prev_root: Option<&Document>) -> Result<&Json, (&Json, Refusal)> {
        let seeing = self.on(Some(root), prev_root);
        for role in self.rules.get("roles").and_then(Json::as_array).into_iter().flatten() {
            match seeing.truth(&role["apply_when"]) {
                Truth::True => return Ok(role),
                // The role whose condition failed is the one that denies.
                Truth::Error(text) => return Err((&role["name"], Refusal::error(text))),
                Truth::False | Truth::Unknown => {}
            }
        }
        Err((&Json::Null, Refusal::default()))
    }
}

fn projection_of(filter: &Map<String, Json>) -> Option<&Json> {
    filter.get("projection").or_else(|| filter.get("project"))
}

fn shown(role: &Json, document: Document) -> Json {
    json!({"role": role, "document": Bson::Document(document).into_canonical_extjson()})
}

fn denied(role: &Json, refusal: Refusal) -> Json {
    let mut answer = json!({"role": role, "denied": true});
    if !refusal.fields.is_empty() {
        answer["fields"] = json!(refusal.fields);
    }
    if !refusal.schema.is_empty() {
        let mut schema = refusal.schema;
        schema.sort();
        answer["schema"] = json!(schema);
    }
    if let Some(error) = refusal.error {
        answer["error"] = json!(error);
    }
    answer
}
