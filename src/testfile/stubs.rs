use std::collections::HashMap;
use std::sync::Arc;

use bson::Bson;

use super::format::{FormatError, check_keys, format_error, text};
use crate::eval::{FunctionError, Functions};
use crate::json::{self, Node};
use crate::text::Finding;
use crate::value::identical;

/// What a function in a test file does.
#[derive(Clone, Debug)]
pub enum Stub {
    /// It returns a value: `{"returns": …}`
    Returns(Bson),
    /// It fails with a message: `{"fails": "…"}`
    Fails(String),
    /// Its behaviour depends on the arguments: `{"cases": […], "otherwise": …}`
    Cases(Vec<(Vec<Bson>, Stub)>, Option<Box<Stub>>),
}

/// The functions of a test file.
pub(super) struct Stubs(pub(super) HashMap<String, Stub>);

impl Functions for Stubs {
    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn call(&self, name: &str, arguments: &[Bson]) -> Result<Bson, FunctionError> {
        let stub = self.0.get(name).ok_or_else(|| FunctionError::NotFound(name.to_owned()))?;
        stub.call(arguments).map_err(|message| FunctionError::Failed { name: name.to_owned(), message })
    }
}

impl Stub {
    fn call(&self, arguments: &[Bson]) -> Result<Bson, String> {
        match self {
            Self::Returns(value) => Ok(value.clone()),
            Self::Fails(message) => Err(message.clone()),
            Self::Cases(cases, otherwise) => {
                let same = |expected: &[Bson]| {
                    expected.len() == arguments.len()
                        && expected.iter().zip(arguments).all(|(a, b)| identical(a.into(), b.into()).unwrap_or(false))
                };
                match (cases.iter().find(|(expected, _)| same(expected)), otherwise) {
                    (Some((_, stub)), _) => stub.call(arguments),
                    (None, Some(stub)) => stub.call(arguments),
                    (None, None) => Err("no case of the stub has these arguments".to_owned()),
                }
            }
        }
    }

    fn read(node: &Node, keys: &[&str], errors: &mut Vec<FormatError>) -> Option<Self> {
        check_keys(node, keys, "a function's stub", errors);
        let returns = node.get("returns").map(json::to_bson).transpose();
        let returns = returns.map_err(|error| errors.push(format_error(error.to_string(), node))).ok()?;
        match (returns, text(node, "fails", errors), node.get("cases")) {
            (Some(value), None, None) => Some(Self::Returns(value)),
            (None, Some(message), None) => Some(Self::Fails(message)),
            (None, None, Some(cases)) => {
                let Some(cases) = cases.as_array() else {
                    errors.push(format_error(format!("`cases` must be an array, not {}", cases.describe()), cases));
                    return None;
                };
                let cases = cases.iter().filter_map(|case| Self::read_case(case, errors)).collect();
                let otherwise = node.get("otherwise").and_then(|node| Self::read(node, &STUB, errors));
                Some(Self::Cases(cases, otherwise.map(Box::new)))
            }
            _ => {
                errors.push(format_error("a function's stub has one of `returns`, `fails` and `cases`", node));
                None
            }
        }
    }

    fn read_case(node: &Node, errors: &mut Vec<FormatError>) -> Option<(Vec<Bson>, Self)> {
        let Some(arguments) = node.get("arguments").and_then(Node::as_array) else {
            errors.push(format_error("a case of a stub needs `arguments`, an array", node));
            return None;
        };
        let arguments: Result<Vec<Bson>, _> = arguments.iter().map(json::to_bson).collect();
        let arguments = arguments.map_err(|error| errors.push(format_error(error.to_string(), node))).ok()?;
        Some((arguments, Self::read(node, &["arguments", "returns", "fails"], errors)?))
    }
}

/// Parses functions in the format of test files, for use outside of test files.
///
/// # Errors
/// All errors in them.
pub fn functions(node: &Node) -> Result<Arc<dyn Functions>, Vec<Finding>> {
    let mut errors = Vec::new();
    let stubs = read_functions(node, &mut errors);
    if errors.is_empty() { Ok(Arc::new(Stubs(stubs))) } else { Err(errors.into_iter().map(Finding::from).collect()) }
}

const STUB: [&str; 4] = ["returns", "fails", "cases", "otherwise"];

pub(super) fn read_functions(node: &Node, errors: &mut Vec<FormatError>) -> HashMap<String, Stub> {
    let Some(members) = node.as_object() else {
        errors.push(format_error("`functions` must be an object of stubs, or \"run\"", node));
        return HashMap::new();
    };
    members.iter().filter_map(|m| Some((m.key.clone(), Stub::read(&m.value, &STUB, errors)?))).collect()
}
