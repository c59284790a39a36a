//! Counts what generated tests cover, so that a vacuous test is noticed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value as Json;

thread_local! {
    /// Coverage is collected per thread, since evaluation happens deep inside a case.
    static MET: RefCell<Option<BTreeMap<Cell, u64>>> = const { RefCell::new(None) };
}

/// An operator, the side, and the type of the operand on that side.
type Cell = (String, Side, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Left,
    Right,
}

/// Records one use of an operator.
pub fn operator(name: &str, left: &str, right: &str) {
    MET.with_borrow_mut(|met| {
        if let Some(met) = met {
            *met.entry((name.to_string(), Side::Left, left.to_string())).or_default() += 1;
            *met.entry((name.to_string(), Side::Right, right.to_string())).or_default() += 1;
        }
    });
}

/// What has been covered since the counting began.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Maps the kind of a case and its outcome to their number.
    outcomes: BTreeMap<(String, String), u64>,
    operators: BTreeMap<Cell, u64>,
}

const TYPES: [&str; 21] = [
    "double",
    "string",
    "object",
    "array",
    "binData",
    "undefined",
    "objectId",
    "bool",
    "date",
    "null",
    "regex",
    "dbPointer",
    "javascript",
    "symbol",
    "javascriptWithScope",
    "int",
    "timestamp",
    "long",
    "decimal",
    "minKey",
    "maxKey",
];

/// The types of values from the context that cannot be compared.
const UNUSABLE: [&str; 7] = ["null", "minKey", "maxKey", "undefined", "regex", "javascript", "javascriptWithScope"];

const OPERATORS: [&str; 25] = [
    "exists",
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "nin",
    "all",
    "size",
    "elemMatch",
    "type",
    "mod",
    "regex",
    "not",
    "and",
    "or",
    "nor",
    "stringToOid",
    "oidToString",
    "stringToUuid",
    "uuidToString",
    "function",
    "plain",
];

/// The types that the right operand of an operator can have when it is evaluated.
fn right_types(operator: &str) -> Vec<&'static str> {
    let all = || TYPES.iter().copied().chain(["unknown"]);
    match operator {
        "exists" => vec!["bool", "string", "int", "long"],
        "size" => vec!["int", "long", "double", "decimal"],
        "type" => vec!["string", "int", "array"],
        "mod" => vec!["array"],
        "regex" => vec!["string"],
        "elemMatch" | "not" | "and" | "or" | "nor" => vec!["condition"],
        "in" | "nin" | "all" => all().chain(["nothing"]).collect(),
        "function" => all().filter(|name| !UNUSABLE.contains(name)).chain(["error"]).collect(),
        _ => all().collect(),
    }
}

impl Coverage {
    /// Starts counting on this thread.
    pub fn start() {
        MET.set(Some(BTreeMap::new()));
    }

    /// Adds what this thread has counted since `start`.
    pub fn collect(&mut self) {
        for (cell, count) in MET.take().unwrap_or_default() {
            *self.operators.entry(cell).or_default() += count;
        }
    }

    /// Adds the counts of another thread.
    pub fn merge(&mut self, other: Coverage) {
        for (cell, count) in other.operators {
            *self.operators.entry(cell).or_default() += count;
        }
        for (cell, count) in other.outcomes {
            *self.outcomes.entry(cell).or_default() += count;
        }
    }

    /// Counts the outcome of one case.
    pub fn record(&mut self, case: &Json, answer: &Json) {
        let kinds = ["read", "search", "insert", "update", "delete", "load"];
        let kind = match kinds.iter().find(|kind| case.get(**kind).is_some()) {
            Some(kind) => (*kind).to_string(),
            None => format!("expression {}", case.get("scope").and_then(Json::as_str).unwrap_or("role")),
        };
        *self.outcomes.entry((kind, outcome(answer))).or_default() += 1;
    }

    /// Prints two tables: outcomes by kind of case, and operand types by operator.
    pub fn print(&self) {
        println!("outcomes");
        let mut kinds: Vec<&String> = self.outcomes.keys().map(|(kind, _)| kind).collect();
        kinds.dedup();
        for kind in kinds {
            let row = self.outcomes.iter().filter(|((of, _), _)| of == kind);
            let row: Vec<String> = row.map(|((_, outcome), count)| format!("{outcome} {count}")).collect();
            println!("  {kind:20} {}", row.join(", "));
        }
        for side in [Side::Left, Side::Right] {
            println!("{side:?} operands");
            for operator in OPERATORS {
                let row = self.operators.iter().filter(|((of, on, _), _)| of == operator && *on == side);
                let row: Vec<String> = row.map(|((_, _, name), count)| format!("{name} {count}")).collect();
                println!("  {operator:20} {}", row.join(", "));
            }
        }
    }

    /// What no test has covered.
    pub fn empty_cells(&self) -> Vec<String> {
        let mut empty = Vec::new();
        for kind in ["read", "search"] {
            self.missing_outcomes(kind, &["document", "denied", "denied with error", "invalid"], &mut empty);
        }
        for kind in ["insert", "update", "delete"] {
            self.missing_outcomes(
                kind,
                &["allowed", "denied", "denied fields", "denied with error", "invalid"],
                &mut empty,
            );
        }
        for kind in ["insert", "update"] {
            self.missing_outcomes(kind, &["denied schema"], &mut empty);
        }
        self.missing_outcomes("load", &["valid", "invalid"], &mut empty);
        for scope in ["role", "field", "filter", "query", "endpoint", "service", "sync"] {
            let outcomes = ["true", "false", "unknown", "error", "invalid"];
            self.missing_outcomes(&format!("expression {scope}"), &outcomes, &mut empty);
        }
        for operator in OPERATORS {
            let left = TYPES.iter().copied().chain(["missing", "unknown", "nothing"]);
            let cells = left.map(|name| (Side::Left, name));
            for (side, name) in cells.chain(right_types(operator).into_iter().map(|name| (Side::Right, name))) {
                if !self.operators.contains_key(&(operator.to_string(), side, name.to_string())) {
                    empty.push(format!("{operator}: {name} on the {side:?}").to_lowercase());
                }
            }
        }
        empty
    }

    fn missing_outcomes(&self, kind: &str, outcomes: &[&str], empty: &mut Vec<String>) {
        for outcome in outcomes {
            if !self.outcomes.contains_key(&(kind.to_string(), (*outcome).to_string())) {
                empty.push(format!("{kind}: {outcome}"));
            }
        }
    }
}

fn outcome(answer: &Json) -> String {
    let has = |key: &str| answer.get(key).is_some();
    let text = match answer {
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::String(text) => text,
        _ if has("unsupported") => "unsupported",
        _ if has("invalid") => "invalid",
        _ if has("document") => "document",
        _ if has("allowed") => "allowed",
        _ if has("valid") => "valid",
        _ if has("denied") && has("error") => "denied with error",
        _ if has("denied") && has("fields") => "denied fields",
        _ if has("denied") && has("schema") => "denied schema",
        _ if has("denied") => "denied",
        _ => "error",
    };
    text.to_string()
}
