use bson::Bson;

use super::keys::{is_expansion_like, is_operator_like};
use super::{Parser, did_you_mean};
use crate::expr::{Expansion, ExprErrorKind, Operand};
use crate::json::{self, Kind, Member, Node};
use crate::text::Spanned;

impl Parser {
    pub(super) fn operand(&mut self, node: &Node) -> Spanned<Operand> {
        Spanned::new(self.operand_value(node), node.span)
    }

    pub(super) fn operand_value(&mut self, node: &Node) -> Operand {
        match &node.kind {
            Kind::String(text) if is_expansion_like(text) => match self.expansion(text, node.span) {
                Some(expansion) => Operand::Expansion(expansion),
                None => Operand::Literal(Bson::Null),
            },
            Kind::String(text) if Expansion::is_near_miss(text) => {
                let help = Expansion::suggest(text).map(did_you_mean);
                self.report_help(ExprErrorKind::ExpansionMalformed(text.clone()), node.span, help);
                Operand::Literal(Bson::Null)
            }
            Kind::Array(elements) => array(self.elements(elements)),
            Kind::Object(members) if !json::is_literal(members) => {
                for member in members.iter().filter(|m| is_operator_like(&m.key)) {
                    let help = self.standing.name_in_literal(&member.key);
                    self.report_help(ExprErrorKind::NameInLiteral(member.key.clone()), member.key_span, help);
                }
                let read = |m: &Member| (m.key.clone(), self.inside(Some(&m.key), |parser| parser.operand(&m.value)));
                document(members.iter().map(read).collect())
            }
            _ => Operand::Literal(self.literal(node)),
        }
    }

    pub(super) fn elements(&mut self, nodes: &[Node]) -> Vec<Spanned<Operand>> {
        nodes.iter().map(|node| self.inside(None, |parser| parser.operand(node))).collect()
    }

    /// Help for extended JSON that contains an expansion.
    fn literal_help(&self, node: &Node) -> Option<String> {
        let [member] = node.as_object()? else { return None };
        let text = member.value.as_str().filter(|text| is_expansion_like(text))?;
        let name = &self.standing.name;
        let conversion = match member.key.as_str() {
            "$oid" => "%stringToOid",
            "$uuid" | "$binary" => "%stringToUuid",
            _ => return Some(format!("a literal takes no expansion; write the expansion itself: \"{text}\"")),
        };
        Some(format!("a literal takes no expansion; convert it: {{\"{name}\": {{\"{conversion}\": \"{text}\"}}}}"))
    }

    pub(super) fn literal(&mut self, node: &Node) -> Bson {
        match json::to_bson(node) {
            Ok(Bson::RegularExpression(_)) => {
                let help = "write {\"$regex\": …} behind the field's name".to_owned();
                self.report_help(ExprErrorKind::RegexLiteral, node.span, Some(help));
                Bson::Null
            }
            Ok(value) => value,
            Err(error) => {
                let error = error.map(ExprErrorKind::Ejson);
                self.errors.push(match self.literal_help(node) {
                    Some(help) => error.help(help),
                    None => error,
                });
                Bson::Null
            }
        }
    }
}

/// An array of operands, or a literal if all of them are.
fn array(elements: Vec<Spanned<Operand>>) -> Operand {
    if !elements.iter().all(is_literal) {
        return Operand::Array(elements);
    }
    // The values are moved, since deeply nested ones pass through here once per level.
    Operand::Literal(Bson::Array(elements.into_iter().filter_map(into_literal).collect()))
}

/// A document of operands, or a literal if all of them are.
fn document(fields: Vec<(String, Spanned<Operand>)>) -> Operand {
    if !fields.iter().all(|(_, value)| is_literal(value)) {
        return Operand::Document(fields);
    }
    let literals = fields.into_iter().filter_map(|(key, value)| Some((key, into_literal(value)?)));
    Operand::Literal(Bson::Document(literals.collect()))
}

const fn is_literal(operand: &Spanned<Operand>) -> bool {
    matches!(operand.value, Operand::Literal(_))
}

fn into_literal(operand: Spanned<Operand>) -> Option<Bson> {
    match operand.value {
        Operand::Literal(value) => Some(value),
        _ => None,
    }
}
