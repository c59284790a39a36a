use super::keys;
use crate::expr::{self, ExprError};
use crate::json::{self, Kind, Member, Node};

/// Rewrites every expression in a rules file, or a single expression, with canonical spellings. Everything else remains
/// as it is.
///
/// # Errors
/// All errors in the expressions.
pub fn canonical(node: &Node) -> Result<Node, Vec<ExprError>> {
    let mut formatter = Formatter { errors: Vec::new() };
    let is_rules = node.get("roles").or(node.get("filters")).is_some_and(|list| list.as_array().is_some());
    let formatted = if is_rules { formatter.file(node) } else { formatter.expr(node) };
    if formatter.errors.is_empty() { Ok(formatted) } else { Err(formatter.errors) }
}

struct Formatter {
    errors: Vec<ExprError>,
}

impl Formatter {
    fn expr(&mut self, node: &Node) -> Node {
        match expr::parse(node) {
            Ok(expr) => json::parse(&expr.to_string()).unwrap_or_else(|_| node.clone()),
            Err(errors) => {
                self.errors.extend(errors);
                node.clone()
            }
        }
    }

    /// A copy of an object in which `change` has replaced some values.
    fn members(&mut self, node: &Node, change: impl Fn(&mut Self, &Member) -> Option<Node>) -> Node {
        let Some(members) = node.as_object() else { return node.clone() };
        let members = members
            .iter()
            .map(|member| Member {
                value: change(self, member).unwrap_or_else(|| member.value.clone()),
                ..member.clone()
            })
            .collect();
        Node { span: node.span, kind: Kind::Object(members) }
    }

    fn elements(&mut self, node: &Node, change: impl Fn(&mut Self, &Node) -> Node) -> Node {
        let Some(elements) = node.as_array() else { return node.clone() };
        Node { span: node.span, kind: Kind::Array(elements.iter().map(|element| change(self, element)).collect()) }
    }

    fn file(&mut self, node: &Node) -> Node {
        self.members(node, |this, member| match member.key.as_str() {
            "roles" => Some(this.elements(&member.value, Self::role)),
            "filters" => Some(this.elements(&member.value, Self::filter)),
            _ => None,
        })
    }

    fn role(&mut self, node: &Node) -> Node {
        self.members(node, |this, member| match member.key.as_str() {
            "read" | "write" | "insert" | "delete" | "search" => Some(this.expr(&member.value)),
            "document_filters" | "additional_fields" => Some(this.rule(&member.value)),
            "fields" => Some(this.members(&member.value, |this, field| Some(this.rule(&field.value)))),
            key if keys::ROLE.is("apply_when", key) => Some(this.expr(&member.value)),
            _ => None,
        })
    }

    fn rule(&mut self, node: &Node) -> Node {
        self.members(node, |this, member| match member.key.as_str() {
            "read" | "write" => Some(this.expr(&member.value)),
            "fields" => Some(this.members(&member.value, |this, field| Some(this.rule(&field.value)))),
            _ => None,
        })
    }

    fn filter(&mut self, node: &Node) -> Node {
        self.members(node, |this, member| match member.key.as_str() {
            "query" => Some(this.expr(&member.value)),
            key if keys::FILTER.is("apply_when", key) => Some(this.expr(&member.value)),
            _ => None,
        })
    }
}
