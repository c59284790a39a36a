//! Builds JSON nodes for the parts of the engine that parse requests from JSON.

use bson::Bson;
use portcullis::json::{self, JsonError, Kind, Member, Node};
use portcullis::text::Span;

/// An object with these members.
pub(super) fn object(members: Vec<Member>) -> Node {
    Node { span: Span::default(), kind: Kind::Object(members) }
}

/// An array of these elements.
pub(super) fn array(elements: Vec<Node>) -> Node {
    Node { span: Span::default(), kind: Kind::Array(elements) }
}

/// A whole number.
pub(super) fn number(number: u64) -> Node {
    Node { span: Span::default(), kind: Kind::Number(number.to_string()) }
}

/// A member of an object.
pub(super) fn member(key: &str, value: Node) -> Member {
    Member { key: key.to_owned(), key_span: Span::default(), value }
}

/// A member that is present and not null: clients and functions also write null for omitted options.
pub(super) fn present<'n>(options: &'n Node, name: &str) -> Option<&'n Node> {
    options.get(name).filter(|value| !matches!(value.kind, Kind::Null))
}

/// An object of those named members that are present, under new names.
pub(super) fn renamed(options: &Node, names: &[(&str, &str)]) -> Node {
    let present = |(from, to): &(&str, &str)| present(options, from).map(|value| member(to, value.clone()));
    object(names.iter().filter_map(present).collect())
}

/// An object of those named members that are present.
pub(super) fn chosen(options: &Node, names: &[&str]) -> Node {
    object(names.iter().filter_map(|name| Some(member(name, present(options, name)?.clone()))).collect())
}

/// Converts a value to JSON nodes.
pub(crate) fn of_bson(value: &Bson) -> Result<Node, JsonError> {
    json::parse(&json::from_bson(value).to_string())
}

/// The approximate number of bytes that a value occupies in memory.
pub(super) fn size(node: &Node) -> usize {
    let within = match &node.kind {
        Kind::Object(members) => members
            .iter()
            .fold(0_usize, |sum, member| sum.saturating_add(member.key.len()).saturating_add(size(&member.value))),
        Kind::Array(elements) => elements.iter().fold(0_usize, |sum, element| sum.saturating_add(size(element))),
        Kind::String(text) | Kind::Number(text) => text.len(),
        Kind::Boolean(_) | Kind::Null => 0,
    };
    within.saturating_add(size_of::<Member>())
}
