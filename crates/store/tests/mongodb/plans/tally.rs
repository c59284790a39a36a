//! Counts what the law met, so that it cannot become empty unnoticed.

use std::collections::BTreeMap;
use std::fmt;

use bson::{Bson, Document};
use portcullis::query_plan::Plan;

#[derive(Default)]
pub(super) struct Tally {
    kinds: BTreeMap<&'static str, usize>,
    operators: BTreeMap<String, usize>,
    /// Plans that leave a check and find neither all documents nor none.
    helpful: usize,
    /// Documents decided about, and those of exact plans that were allowed.
    allowed: usize,
    /// Documents of exact plans that a role lets through and of which nothing is visible.
    invisible: usize,
    /// Plans of rules that compare the elements of a user's list with the document, and those of them that are exact.
    unrolled: (usize, usize),
}

/// The operators that a plan is made of. No other may stand in one, whatever users bring.
const OPERATORS: [&str; 16] = [
    "$and",
    "$elemMatch",
    "$eq",
    "$exists",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$mod",
    "$ne",
    "$nin",
    "$not",
    "$or",
    "$size",
    "$type",
];

impl Tally {
    pub(super) fn cases(&self) -> usize {
        self.kinds.values().sum()
    }

    pub(super) fn count(&mut self, plan: &Plan, allowed: usize, invisible: usize) {
        *self.kinds.entry(plan.kind()).or_default() += 1;
        match plan {
            Plan::Never | Plan::Always => {}
            Plan::Exact(filter) => {
                self.filter(filter);
                self.allowed += allowed;
                self.invisible += invisible;
            }
            Plan::Bounds { lower, upper } => {
                self.helpful += usize::from(!upper.is_empty());
                self.filter(upper);
                lower.iter().for_each(|lower| self.filter(lower));
            }
        }
    }

    pub(super) fn count_unrolled(&mut self, plan: &Plan, unrolls: bool) {
        if unrolls && !matches!(plan, Plan::Never | Plan::Always) {
            self.unrolled.0 += 1;
            self.unrolled.1 += usize::from(matches!(plan, Plan::Exact(_)));
        }
    }

    fn filter(&mut self, filter: &Document) {
        for (key, value) in filter {
            match (key.as_str(), value) {
                ("$and" | "$or", Bson::Array(parts)) => {
                    self.operator(key);
                    for part in parts {
                        self.filter(part.as_document().expect("a part of a filter"));
                    }
                }
                (path, Bson::Document(conditions)) => {
                    assert!(!path.starts_with('$'), "`{path}` in {filter}");
                    self.conditions(conditions);
                }
                _ => panic!("`{key}` has no operator in {filter}"),
            }
        }
    }

    /// Only these operators have conditions behind them: whatever else stands behind one is a value.
    fn conditions(&mut self, conditions: &Document) {
        assert!(!conditions.is_empty(), "a path without a condition");
        for (operator, operand) in conditions {
            self.operator(operator);
            match (operator.as_str(), operand) {
                ("$not", Bson::Document(inner)) => self.conditions(inner),
                ("$elemMatch", Bson::Document(inner)) => {
                    let is_filter = |key: &String| !key.starts_with('$') || key == "$and" || key == "$or";
                    if inner.keys().all(is_filter) { self.filter(inner) } else { self.conditions(inner) }
                }
                _ => {}
            }
        }
    }

    fn operator(&mut self, operator: &str) {
        assert!(OPERATORS.contains(&operator), "`{operator}` is no operator of a plan");
        *self.operators.entry(operator.to_owned()).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (operator, count) in other.operators {
            *self.operators.entry(operator).or_default() += count;
        }
        self.helpful += other.helpful;
        self.allowed += other.allowed;
        self.invisible += other.invisible;
        self.unrolled = (self.unrolled.0 + other.unrolled.0, self.unrolled.1 + other.unrolled.1);
    }

    pub(super) fn assert_enough(&self) {
        let cases = self.cases();
        let share = |kind: &str| 100 * self.kinds.get(kind).copied().unwrap_or_default() / cases.max(1);
        assert!(share("exact") >= 10, "{self}");
        assert!(share("bounds") >= 3 && share("bounds") <= 40, "{self}");
        assert!(share("never") <= 60 && share("always") <= 40, "{self}");
        for operator in OPERATORS {
            let count = self.operators.get(operator).copied().unwrap_or_default();
            assert!(count >= cases / 1000, "{operator} occurs {count} times\n{self}");
        }
        assert!(self.unrolled.1 >= cases / 200 && self.unrolled.1 >= self.unrolled.0 / 3, "{self}");
        assert!(self.allowed >= cases / 2 && self.invisible >= cases / 20, "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: Vec<String>| counts.join(", ");
        let kinds = self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let operators = self.operators.iter().map(|(operator, count)| format!("{operator} {count}")).collect();
        writeln!(f, "{} cases: {}", self.cases(), list(kinds))?;
        writeln!(f, "of those with a check left, {} narrow the collection down", self.helpful)?;
        writeln!(f, "by exact plans {} documents allowed, {} not visible at all", self.allowed, self.invisible)?;
        let (unrolled, exact) = self.unrolled;
        writeln!(f, "{unrolled} plans compare elements of the user's lists with the document, {exact} of them exact")?;
        write!(f, "operators: {}", list(operators))
    }
}
