use std::fmt;

use serde_json::{Map, Value, json};

use super::{Check, Clause, Condition, ElemMatch, Expansion, Expr, FunctionCall, List, Logic, Name, Operand, Operator};
use crate::json::from_bson;
use crate::text::Spanned;
use crate::value::{Type, TypeSet};

impl Expr {
    /// The expression as JSON, with the canonical spelling of each operator, and extended JSON for types that JSON
    /// lacks. Parsing the result yields the same expression.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Boolean(value) => json!(value),
            Self::All(clauses) => {
                let mut object = Map::new();
                for clause in clauses {
                    let (key, value) = self::clause(clause, &object);
                    object.insert(key, value);
                }
                Value::Object(object)
            }
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Expansion(expansion) => expansion.fmt(f),
        }
    }
}

impl Operand {
    /// The operand as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        operand(self)
    }
}

impl Check {
    /// The operator and its operand as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(
            check(self).into_iter().map(|(operator, value)| (operator.spelling().to_owned(), value)).collect(),
        )
    }
}

fn clause(clause: &Clause, before: &Map<String, Value>) -> (String, Value) {
    match clause {
        Clause::Logic(logic, list) => {
            (key(Operator::Logic(*logic), before), list.iter().map(|expr| expr.to_json()).collect())
        }
        Clause::Not(expr) => (key(Operator::Not, before), expr.to_json()),
        Clause::Test(name, condition) => (name.to_string(), self::condition(condition)),
    }
}

fn condition(condition: &Condition) -> Value {
    match condition {
        Condition::Equals(value) => operand(value),
        Condition::Checks(list) => checks(list),
        Condition::Expression(expr) => expr.to_json(),
    }
}

fn operand(value: &Operand) -> Value {
    match value {
        Operand::Literal(value) => from_bson(value),
        Operand::Expansion(expansion) => self::expansion(expansion),
        Operand::Document(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), operand(value))).collect())
        }
        Operand::Array(elements) => operands(elements),
    }
}

fn expansion(expansion: &Expansion) -> Value {
    Value::String(expansion.to_string())
}

fn operands(list: &[Spanned<Operand>]) -> Value {
    list.iter().map(|value| operand(value)).collect()
}

fn checks(list: &[Spanned<Check>]) -> Value {
    let mut object = Map::new();
    for check in list {
        for (operator, value) in self::check(check) {
            object.insert(key(operator, &object), value);
        }
    }
    Value::Object(object)
}

/// The key for an operator. If the object has that key already, because the operator occurs twice, it is spelled with
/// the other prefix.
fn key(operator: Operator, object: &Map<String, Value>) -> String {
    let canonical = operator.spelling();
    let name = canonical.get(1..).unwrap_or_default();
    let spellings =
        [canonical.to_owned(), format!("%{name}"), format!("${name}"), "%neq".to_owned(), "$neq".to_owned()];
    let free = |spelling: &&String| Operator::parse(spelling) == Some(operator) && !object.contains_key(*spelling);
    spellings.iter().find(free).map_or_else(|| canonical.to_owned(), Clone::clone)
}

fn check(check: &Check) -> Vec<(Operator, Value)> {
    let one = |operator, value| vec![(operator, value)];
    match check {
        Check::Compare(comparison, value) => one(Operator::Compare(*comparison), operand(value)),
        Check::In(list) => one(Operator::In, self::list(list)),
        Check::Nin(list) => one(Operator::Nin, self::list(list)),
        Check::All(elements) => one(Operator::All, operands(elements)),
        Check::Exists(value) => one(Operator::Exists, json!(value)),
        Check::Size(size) => one(Operator::Size, json!(size)),
        Check::Type(set) => one(Operator::Type, types(*set)),
        Check::Mod { divisor, remainder } => one(Operator::Mod, json!([divisor, remainder])),
        Check::Regex(pattern) => {
            let mut both = one(Operator::Regex, json!(pattern.pattern()));
            if !pattern.options().is_empty() {
                both.push((Operator::Options, json!(pattern.options())));
            }
            both
        }
        Check::ElemMatch(ElemMatch::Element(list)) => one(Operator::ElemMatch, checks(list)),
        Check::ElemMatch(ElemMatch::Fields(expr)) => one(Operator::ElemMatch, expr.to_json()),
        Check::Not(list) => one(Operator::Not, checks(list)),
        Check::Logic(logic, lists) => one(Operator::Logic(*logic), lists.iter().map(|list| checks(list)).collect()),
        Check::Convert(conversion, value) => one(Operator::Convert(*conversion), operand(value)),
        Check::Function(call) => one(Operator::Function, function(call)),
    }
}

fn list(list: &List) -> Value {
    match list {
        List::Elements(elements) => operands(elements),
        List::Expansion(expansion) => self::expansion(expansion),
    }
}

fn types(set: TypeSet) -> Value {
    let mut aliases = Vec::new();
    let mut rest: Vec<Type> = set.iter().collect();
    if TypeSet::NUMBER.iter().all(|kind| set.contains(kind)) {
        aliases.push("number");
        rest.retain(|kind| !TypeSet::NUMBER.contains(*kind));
    }
    aliases.extend(rest.into_iter().map(Type::alias));
    match aliases.as_slice() {
        [only] => json!(only),
        _ => json!(aliases),
    }
}

fn function(call: &FunctionCall) -> Value {
    json!({ "name": call.name, "arguments": operands(&call.arguments) })
}

impl Logic {
    /// The canonical spelling: `%and`.
    #[must_use]
    pub fn spelling(self) -> &'static str {
        Operator::Logic(self).spelling()
    }
}
