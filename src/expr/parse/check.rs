use bson::Bson;

use super::keys::{Keys, is_condition, is_expansion_like, keys};
use super::{Parser, did_you_mean};
use crate::expr::{Check, Comparison, Conversion, ElemMatch, ExprErrorKind, FunctionCall, List, Operand, Operator};
use crate::json::{self, Kind, Member, Node};
use crate::text::{Span, Spanned, closest};
use crate::value::{Number, Type, TypeSet, ValueRef};

impl Parser {
    pub(super) fn checks(&mut self, members: &[Member]) -> Vec<Spanned<Check>> {
        let mut seen: Vec<Operator> = Vec::new();
        let mut checks = Vec::new();
        for member in members {
            let Some(operator) = Operator::parse(&member.key) else {
                self.unknown_name(member);
                continue;
            };
            if matches!(operator, Operator::Regex | Operator::Options) && seen.contains(&operator) {
                self.report(ExprErrorKind::OperatorTwice(member.key.clone()), member.key_span);
                continue;
            }
            seen.push(operator);
            if let Some(check) = self.behind(operator, |parser| parser.check(operator, member, members)) {
                checks.push(Spanned::new(check, Span::new(member.key_span.start, member.value.span.end)));
            }
        }
        checks
    }

    pub(super) fn check(&mut self, operator: Operator, member: &Member, all: &[Member]) -> Option<Check> {
        let node = &member.value;
        Some(match operator {
            Operator::Compare(comparison) => Check::Compare(comparison, self.compared(comparison, member)),
            Operator::In => Check::In(self.in_list(member)?),
            Operator::Nin => Check::Nin(self.in_list(member)?),
            Operator::All => match node.as_array() {
                Some(elements) => Check::All(self.elements(elements)),
                None => {
                    self.operand_type(member, "an array", node.describe());
                    return None;
                }
            },
            Operator::Exists => Check::Exists(self.exists(member)?),
            Operator::Size => match number(node).and_then(Number::integer).filter(|size| *size >= 0) {
                Some(size) => Check::Size(size),
                None => {
                    self.operand_type(member, "a whole number from 0", node.describe());
                    return None;
                }
            },
            Operator::Type => Check::Type(self.types(member)?),
            Operator::Mod => self.modulo(member)?,
            Operator::Regex => self.regex(member, all)?,
            Operator::Options => {
                if !all.iter().any(|m| Operator::parse(&m.key) == Some(Operator::Regex)) {
                    self.report(ExprErrorKind::OptionsAlone(member.key.clone()), member.key_span);
                }
                return None;
            }
            Operator::ElemMatch => Check::ElemMatch(self.elem_match(member)?),
            Operator::Not => Check::Not(self.inner_checks(node, &member.key)?),
            Operator::Logic(logic) => {
                let list = self.list(member)?;
                Check::Logic(logic, list.iter().filter_map(|node| self.inner_checks(node, &member.key)).collect())
            }
            Operator::Convert(conversion) => self.conversion(conversion, member),
            Operator::Function => Check::Function(self.function(member)?),
        })
    }

    /// Parses an object of operators that is the operand of `%not`, or an element of `%and`, `%or` or `%nor`.
    pub(super) fn inner_checks(&mut self, node: &Node, operator: &str) -> Option<Vec<Spanned<Check>>> {
        let members = node.as_object().unwrap_or_default();
        if matches!(keys(members), Keys::Operators) {
            return Some(self.checks(members));
        }
        let kind = ExprErrorKind::OperandType {
            operator: operator.to_owned(),
            expected: "objects of operators here, such as {\"$gt\": 1}",
            found: node.describe(),
        };
        self.report(kind, node.span);
        None
    }

    pub(super) fn compared(&mut self, comparison: Comparison, member: &Member) -> Spanned<Operand> {
        let errors = self.errors.len();
        let operand = self.operand(&member.value);
        if matches!(comparison, Comparison::Eq | Comparison::Ne) {
            return operand;
        }
        // "Regular expressions have no order" is a more helpful error here than "not allowed as a value".
        if matches!(self.errors.get(errors..), Some([only]) if *only.kind() == ExprErrorKind::RegexLiteral) {
            self.errors.truncate(errors);
        }
        let ordered = match &operand.value {
            Operand::Literal(value) => {
                let value = ValueRef::from(value);
                crate::value::order(value, value).is_some()
            }
            Operand::Expansion(_) => true,
            Operand::Document(_) | Operand::Array(_) => false,
        };
        // For a malformed literal, an error has been reported.
        if !ordered && self.errors.len() == errors {
            self.operand_type(
                member,
                "a number, string, date, ObjectId, boolean, timestamp or binary, or an expansion",
                member.value.describe(),
            );
        }
        operand
    }

    pub(super) fn in_list(&mut self, member: &Member) -> Option<List> {
        match &member.value.kind {
            Kind::Array(elements) => Some(List::Elements(self.elements(elements))),
            Kind::String(text) if is_expansion_like(text) => {
                let span = member.value.span;
                self.expansion(text, span).map(|expansion| List::Expansion(Spanned::new(expansion, span)))
            }
            _ => {
                self.operand_type(member, "an array, or an expansion that is one", member.value.describe());
                None
            }
        }
    }

    pub(super) fn exists(&mut self, member: &Member) -> Option<bool> {
        let value = match &member.value.kind {
            Kind::Boolean(value) => Some(*value),
            Kind::String(text) if text == "%%true" => Some(true),
            Kind::String(text) if text == "%%false" => Some(false),
            _ => match number(&member.value).and_then(Number::integer) {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
        };
        if value.is_none() {
            self.operand_type(member, "`true` or `false`", member.value.describe());
        }
        value
    }

    pub(super) fn types(&mut self, member: &Member) -> Option<TypeSet> {
        let nodes = member.value.as_array().unwrap_or(std::slice::from_ref(&member.value));
        let mut set = TypeSet::default();
        for node in nodes {
            let found = match node.as_str() {
                Some("number") => Some(TypeSet::NUMBER),
                Some(alias) => Type::from_alias(alias).map(|kind| TypeSet::default().with(kind)),
                None => number(node)
                    .and_then(Number::integer)
                    .and_then(Type::from_number)
                    .map(|kind| TypeSet::default().with(kind)),
            };
            let Some(found) = found else {
                let operator = member.key.clone();
                let kind = ExprErrorKind::OperandType {
                    operator,
                    expected: "the name of a BSON type",
                    found: node.describe(),
                };
                let help = node
                    .as_str()
                    .and_then(|text| closest(text, Type::ALL.iter().map(|(_, alias, _)| *alias)))
                    .map(did_you_mean);
                self.report_help(kind, node.span, help);
                return None;
            };
            set = set.union(found);
        }
        if set.is_empty() {
            self.report(ExprErrorKind::ListEmpty(member.key.clone()), member.value.span);
            return None;
        }
        Some(set)
    }

    pub(super) fn modulo(&mut self, member: &Member) -> Option<Check> {
        let numbers: Option<Vec<i64>> = member
            .value
            .as_array()
            .and_then(|parts| parts.iter().map(|part| number(part).and_then(Number::truncate)).collect());
        match numbers.as_deref() {
            Some([divisor, remainder]) if *divisor != 0 => {
                Some(Check::Mod { divisor: *divisor, remainder: *remainder })
            }
            _ => {
                self.operand_type(
                    member,
                    "an array of two numbers, a divisor that is not 0 and a remainder",
                    member.value.describe(),
                );
                None
            }
        }
    }

    pub(super) fn regex(&mut self, member: &Member, all: &[Member]) -> Option<Check> {
        let Some(pattern) = member.value.as_str() else {
            self.operand_type(member, "a pattern, a string", member.value.describe());
            return None;
        };
        if is_expansion_like(pattern) {
            self.operand_type(member, "a literal pattern", "an expansion");
            return None;
        }
        let options = all.iter().find(|m| Operator::parse(&m.key) == Some(Operator::Options));
        let option_text = match options {
            None => "",
            Some(options) => match options.value.as_str() {
                Some(text) => text,
                None => {
                    self.operand_type(options, "a string of the letters i, m, s, x", options.value.describe());
                    return None;
                }
            },
        };
        match self.patterns.compile(pattern, option_text) {
            Ok(pattern) => Some(Check::Regex(pattern)),
            Err(error) => {
                self.report(ExprErrorKind::Pattern(error), member.value.span);
                None
            }
        }
    }

    pub(super) fn elem_match(&mut self, member: &Member) -> Option<ElemMatch> {
        match member.value.as_object() {
            None | Some([]) => {
                self.operand_type(member, "an object with at least one condition", member.value.describe());
                None
            }
            Some(members) if is_condition(&member.value) => Some(ElemMatch::Element(self.checks(members))),
            Some(members) => {
                if let Keys::Mixed { operator, name } = keys(members)
                    && !matches!(Operator::parse(&operator.key), Some(Operator::Logic(_) | Operator::Not))
                {
                    let kind = ExprErrorKind::NamesMixed { operator: operator.key.clone(), name: name.key.clone() };
                    self.report(kind, member.value.span);
                    return None;
                }
                Some(ElemMatch::Fields(Box::new(self.expr(&member.value, "`$elemMatch`"))))
            }
        }
    }

    pub(super) fn conversion(&mut self, conversion: Conversion, member: &Member) -> Check {
        if let (Some(_), None) = (member.value.as_object(), json::to_bson(&member.value).ok().filter(is_scalar)) {
            self.operand_type(member, "a literal or an expansion, with no operator inside", member.value.describe());
            return Check::Convert(conversion, Spanned::new(Operand::Literal(Bson::Null), member.value.span));
        }
        let errors = self.errors.len();
        let operand = self.operand(&member.value);
        let fits = match (conversion, &operand.value) {
            (_, Operand::Expansion(_)) => true,
            (_, Operand::Literal(Bson::String(_))) => true,
            (Conversion::StringToOid | Conversion::OidToString, Operand::Literal(Bson::ObjectId(_))) => true,
            (Conversion::StringToUuid | Conversion::UuidToString, Operand::Literal(Bson::Binary(binary))) => {
                binary.subtype == bson::spec::BinarySubtype::Uuid
            }
            _ => false,
        };
        if !fits && self.errors.len() == errors {
            let expected = match conversion {
                Conversion::StringToOid => "a string of 24 hexadecimal digits, or an expansion",
                Conversion::OidToString => "an ObjectId, or an expansion",
                Conversion::StringToUuid => "the 36 characters of a UUID, or an expansion",
                Conversion::UuidToString => "a UUID, or an expansion",
            };
            self.operand_type(member, expected, member.value.describe());
        }
        Check::Convert(conversion, operand)
    }

    pub(super) fn function(&mut self, member: &Member) -> Option<FunctionCall> {
        let Some(members) = member.value.as_object() else {
            self.operand_type(member, "an object with `name` and `arguments`", member.value.describe());
            return None;
        };
        for unknown in members.iter().filter(|m| !matches!(m.key.as_str(), "name" | "arguments")) {
            let help = closest(&unknown.key, ["name", "arguments"]).map(did_you_mean);
            self.report_help(ExprErrorKind::FunctionKey(unknown.key.clone()), unknown.key_span, help);
        }
        let arguments = match member.value.get("arguments") {
            None => Vec::new(),
            Some(node) => match node.as_array() {
                Some(elements) => elements.iter().map(|element| self.operand(element)).collect(),
                None => vec![self.operand(node)],
            },
        };
        match member.value.get("name").and_then(Node::as_str) {
            Some(name) if !name.is_empty() => Some(FunctionCall { name: name.to_owned(), arguments }),
            _ => {
                self.report(ExprErrorKind::FunctionName, member.value.span);
                None
            }
        }
    }
}

fn is_scalar(value: &Bson) -> bool {
    !matches!(value, Bson::Document(_))
}

fn number(node: &Node) -> Option<Number> {
    ValueRef::from(&json::to_bson(node).ok()?).number()
}
