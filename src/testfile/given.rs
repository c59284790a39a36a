use bson::Document;

use super::format::{FormatError, check_keys, document, format_error, text};
use crate::eval::{Environment, Request};
use crate::json::Node;

/// The context of a case. Parts that are absent are not supplied.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `%%values`
    pub values: Option<Document>,
    /// `%%environment`
    pub environment: Option<Environment>,
    /// `%%request`
    pub request: Option<Request>,
}

impl Given {
    pub(super) fn read(node: &Node, errors: &mut Vec<FormatError>) -> Self {
        let mut given = Self { values: document(node, "values", errors), ..Self::default() };
        if let Some(environment) = node.get("environment") {
            check_keys(environment, &["tag", "values"], "`environment`", errors);
            given.environment = Some(Environment {
                tag: text(environment, "tag", errors).unwrap_or_default(),
                values: document(environment, "values", errors).unwrap_or_default(),
            });
        }
        if let Some(request) = document(node, "request", errors) {
            match Request::from_document(request) {
                Ok(request) => given.request = Some(request),
                Err(error) => errors.push(format_error(error.to_string(), node.get("request").unwrap_or(node))),
            }
        }
        given
    }

    /// A copy in which the parts that `other` supplies replace those of this one.
    pub(super) fn replaced_by(&self, other: &Self) -> Self {
        Self {
            values: other.values.clone().or_else(|| self.values.clone()),
            environment: other.environment.clone().or_else(|| self.environment.clone()),
            request: other.request.clone().or_else(|| self.request.clone()),
        }
    }
}
