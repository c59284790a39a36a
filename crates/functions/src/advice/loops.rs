use std::collections::{BTreeMap, BTreeSet};

use portcullis::App;
use portcullis::text::{OneLine, Severity};
use portcullis::trigger::{DatabaseTrigger, Source, TriggerDefinition, TriggerEvent};

use super::writes::{Write, writes};
use super::{Advice, Script};

/// A database trigger, with the writes of its function and of all functions that it executes.
struct Node {
    name: String,
    trigger: DatabaseTrigger,
    writes: Vec<(String, Write)>,
}

/// Reports triggers that are fired by their own functions' writes, directly or through other triggers. A `match` on a
/// trigger is assumed to be there to prevent that.
pub(super) fn loops(app: &App, scripts: &BTreeMap<&str, Script>, found: &mut Vec<Advice>) {
    let definitions = app.triggers.iter().filter_map(|trigger| trigger.definition().ok());
    let nodes: Vec<Node> = definitions
        .filter_map(|definition| {
            let TriggerDefinition { name, function, is_disabled, event } = definition;
            let TriggerEvent::Database(trigger) = event else { return None };
            (!is_disabled && trigger.matching.is_none()).then(|| Node {
                name,
                writes: reached(scripts, &function),
                trigger: *trigger,
            })
        })
        .collect();
    for (start, node) in nodes.iter().enumerate() {
        // The first write that leads back to the trigger.
        let back = node.writes.iter().find_map(|(file, write)| {
            let fired =
                nodes.iter().enumerate().filter(|(_, other)| fires(&other.trigger, write)).map(|(index, _)| index);
            fired.into_iter().find(|next| leads(&nodes, *next, start)).map(|next| (file, write, next))
        });
        let Some((file, write, next)) = back else { continue };
        let by = match nodes.get(next).filter(|_| next != start) {
            Some(other) => format!(", by way of the trigger `{}`", OneLine(&other.name)),
            None => String::new(),
        };
        found.push(Advice {
            severity: Severity::Warning,
            code: "trigger-loop",
            file: file.clone(),
            line: write.line,
            message: format!(
                "this write to `{}` sets off the trigger `{}` again, whose function makes it{by}",
                OneLine(&write.collection),
                OneLine(&node.name)
            ),
            help: "give the trigger a `match` that leaves its own changes out, such as \
                   {\"updateDescription.updatedFields.lastLogin\": {\"$exists\": false}}"
                .to_owned(),
        });
    }
}

/// Whether one trigger leads to another, in any number of steps.
fn leads(nodes: &[Node], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut todo = vec![from];
    while let Some(index) = todo.pop() {
        if index == to {
            return true;
        }
        let Some(node) = nodes.get(index) else { continue };
        for (next, other) in nodes.iter().enumerate() {
            if node.writes.iter().any(|(_, write)| fires(&other.trigger, write)) && seen.insert(next) {
                todo.push(next);
            }
        }
    }
    false
}

/// Whether a write fires a trigger.
fn fires(trigger: &DatabaseTrigger, write: &Write) -> bool {
    let same = |database: &str| write.database.as_deref().is_none_or(|written| written == database);
    let place = match &trigger.source {
        Source::Collection { database, collection } => *collection == write.collection && same(database),
        // If the write's database is unknown, assume that it does not.
        Source::Database(database) => write.database.as_deref() == Some(database),
        Source::Deployment => true,
    };
    place && write.operations.iter().any(|operation| trigger.operations.contains(operation))
}

/// The writes of a function and of all functions that it executes by literal names, each with its file.
fn reached(scripts: &BTreeMap<&str, Script>, function: &str) -> Vec<(String, Write)> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut todo = vec![function];
    let mut found = Vec::new();
    while let Some(name) = todo.pop() {
        let Some((name, script)) = scripts.get_key_value(name) else { continue };
        if !seen.insert(name) {
            continue;
        }
        found.extend(writes(script).into_iter().map(|write| (script.file.clone(), write)));
        todo.extend(script.context_calls("functions", "execute").iter().map(|call| call.name));
    }
    found
}
