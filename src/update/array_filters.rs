use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use bson::{Bson, Document};

use super::UpdateErrorKind;
use crate::eval::Errors;
use crate::expr::PatternAllowance;
use crate::mongo_query::Filter;
use crate::value::Malformed;

/// The steps for applying a filter to an element, on top of those for its conditions.
const STEPS_PER_FILTER: usize = 8;

/// The steps for each condition of a filter, per element. More than 1, since the conditions of a large filter are
/// scattered in memory and cause cache misses.
pub(super) const PER_CONDITION: usize = 3;

/// A condition on single array elements, of `arrayFilters` or `$pull`, with its identifier.
#[derive(Debug)]
pub(super) struct ElementFilter {
    name: Box<str>,
    filter: Filter,
}

impl ElementFilter {
    /// Compiles conditions on fields of the identifier, `{"e.x": 1}`.
    pub(super) fn new(name: &str, conditions: &Document, patterns: &PatternAllowance) -> Result<Self, UpdateErrorKind> {
        Ok(Self { name: name.into(), filter: Filter::compile_within(conditions, patterns)? })
    }

    /// Compiles a condition on the element itself: operators, such as `{"$gt": 1}`, or a regular expression.
    pub(super) fn of_element(condition: Bson, patterns: &PatternAllowance) -> Result<Self, UpdateErrorKind> {
        Self::new("e", &bson::doc! { "e": condition }, patterns)
    }

    /// Whether an element matches. Takes steps from the budget of `errors`. The element is mutable only so that it can
    /// be moved temporarily; it is restored.
    pub(super) fn matches(&self, element: &mut Bson, errors: &Errors) -> Result<bool, Malformed> {
        errors.steps().take(STEPS_PER_FILTER + PER_CONDITION * self.filter.tests())?;
        let mut document = Document::new();
        document.insert(&*self.name, mem::replace(element, Bson::Null));
        let matches = self.filter.matches_within(&document, errors);
        if let Some(value) = document.remove(&*self.name) {
            *element = value;
        }
        matches
    }
}

/// The filters that `$[name]` in paths can refer to.
#[derive(Debug, Default)]
pub(super) struct ArrayFilters {
    filters: BTreeMap<Box<str>, ElementFilter>,
}

impl ArrayFilters {
    pub(super) fn compile(filters: &[Document], patterns: &PatternAllowance) -> Result<Self, Vec<UpdateErrorKind>> {
        let mut found = Self::default();
        let mut errors = Vec::new();
        for filter in filters {
            let compiled = name_of(filter).and_then(|name| {
                let name = name.ok_or(UpdateErrorKind::ArrayFilterNames)?;
                if !is_identifier(name) {
                    return Err(UpdateErrorKind::ArrayFilterName(name.to_owned()));
                }
                Ok((name, ElementFilter::new(name, filter, patterns)?))
            });
            match compiled {
                Ok((name, filter)) => {
                    if found.filters.insert(name.into(), filter).is_some() {
                        errors.push(UpdateErrorKind::ArrayFilterRepeated(name.to_owned()));
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(found) } else { Err(errors) }
    }

    /// An error for each filter that no path uses.
    pub(super) fn unused(&self, used: &BTreeSet<Box<str>>) -> Vec<UpdateErrorKind> {
        let unused = self.filters.keys().filter(|name| !used.contains(*name));
        unused.map(|name| UpdateErrorKind::ArrayFilterUnused(name.to_string())).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&ElementFilter> {
        self.filters.get(name)
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The identifier with which all conditions of a filter begin; `None` if there are no conditions.
fn name_of(filter: &Document) -> Result<Option<&str>, UpdateErrorKind> {
    let mut name = None;
    let mut left = vec![filter];
    while let Some(conditions) = left.pop() {
        for (key, value) in conditions {
            match value {
                Bson::Array(parts) if matches!(key.as_str(), "$and" | "$or" | "$nor") => {
                    left.extend(parts.iter().filter_map(Bson::as_document));
                }
                // MongoDB ignores the identifier of a condition that can never hold.
                Bson::Document(operators) if !operators.is_empty() && operators.iter().all(is_impossible) => {}
                _ => {
                    let first = key.split('.').next().unwrap_or_default();
                    if name.is_some_and(|name| name != first) {
                        return Err(UpdateErrorKind::ArrayFilterNames);
                    }
                    name = Some(first);
                }
            }
        }
    }
    Ok(name)
}

fn is_impossible((operator, operand): (&String, &Bson)) -> bool {
    operator == "$all" && operand.as_array().is_some_and(Vec::is_empty)
}
