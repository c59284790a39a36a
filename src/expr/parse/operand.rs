use bson::Bson;

use super::{Dialect, Parser, did_you_mean};
use crate::expr::{Expansion, ExprErrorKind, Operand};
use crate::json::{self, Kind, Node};
use crate::text::Spanned;

impl Parser {
    pub(super) fn operand(&mut self, node: &Node) -> Spanned<Operand> {
        Spanned::new(self.operand_value(node), node.span)
    }

    pub(super) fn operand_value(&mut self, node: &Node) -> Operand {
        match &node.kind {
            Kind::String(text) if self.dialect.is_expansion_like(text) => match self.expansion(text, node.span) {
                Some(expansion) => Operand::Expansion(expansion),
                None => Operand::Literal(Bson::Null),
            },
            Kind::String(text) if self.dialect == Dialect::Rule && Expansion::is_near_miss(text) => {
                let help = Expansion::suggest(text).map(did_you_mean);
                self.report_help(ExprErrorKind::ExpansionMalformed(text.clone()), node.span, help);
                Operand::Literal(Bson::Null)
            }
            Kind::Array(elements) => array(elements.iter().map(|element| self.operand(element)).collect()),
            Kind::Object(members) if !json::is_literal(members) => {
                let dialect = self.dialect;
                for member in members.iter().filter(|m| dialect.is_operator_like(&m.key)) {
                    self.report(ExprErrorKind::NameInLiteral(member.key.clone()), member.key_span);
                }
                document(members.iter().map(|m| (m.key.clone(), self.operand(&m.value))).collect())
            }
            _ => Operand::Literal(self.literal(node)),
        }
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
                self.errors.push(error.map(ExprErrorKind::Ejson));
                Bson::Null
            }
        }
    }
}

/// An array of operands: a literal when every element is one.
fn array(elements: Vec<Spanned<Operand>>) -> Operand {
    if !elements.iter().all(is_literal) {
        return Operand::Array(elements);
    }
    // Moved, not copied: what is deep inside passes through here once for each level.
    Operand::Literal(Bson::Array(elements.into_iter().filter_map(into_literal).collect()))
}

/// A document of operands: a literal when every field is one.
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
