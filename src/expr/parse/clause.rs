use super::keys::{Keys, is_expansion_like, is_operator_like, keys};
use super::unsupported_operator::refused;
use super::{Parser, did_you_mean};
use crate::expr::{Clause, Condition, Expansion, Expr, ExprErrorKind, Name, Operator, Root};
use crate::json::{Kind, Member, Node};
use crate::path::FieldPath;
use crate::text::{Span, Spanned, closest};

const FALSE: Expr = Expr::Boolean(false);

impl Parser {
    /// Parses an expression. `place` names its location in error messages.
    pub(super) fn expr(&mut self, node: &Node, place: &str) -> Spanned<Expr> {
        let expr = match &node.kind {
            Kind::Boolean(value) => Expr::Boolean(*value),
            Kind::Object(members) => self.clauses(members),
            _ => {
                let found = match node.as_str() {
                    Some(text) => format!("the string `{}`", text.chars().take(40).collect::<String>()),
                    None => node.describe().to_owned(),
                };
                let help = match node.as_str() {
                    Some(text @ ("true" | "false")) => format!("write {text} without quotes"),
                    Some(text) if text.trim_start().starts_with('{') => {
                        "write the object itself, not a text that contains it".to_owned()
                    }
                    _ => "write `true`, `false` or an object such as {\"owner\": \"%%user.id\"}".to_owned(),
                };
                let kind = ExprErrorKind::NotExpression { place: place.to_owned(), found };
                self.report_help(kind, node.span, Some(help));
                FALSE
            }
        };
        Spanned::new(expr, node.span)
    }

    pub(super) fn clauses(&mut self, members: &[Member]) -> Expr {
        Expr::All(members.iter().filter_map(|member| self.clause(member)).collect())
    }

    pub(super) fn clause(&mut self, member: &Member) -> Option<Clause> {
        if !is_operator_like(&member.key) {
            let name = self.path(&member.key, member.key_span)?;
            let condition = self.about(&member.key, |parser| parser.condition(&member.value, member));
            return Some(Clause::Test(Spanned::new(Name::Path(name), member.key_span), condition));
        }
        if is_expansion_like(&member.key) {
            let expansion = self.expansion(&member.key, member.key_span);
            let condition = match &expansion {
                Some(Expansion { root: Root::True | Root::False, .. }) => self.boolean_condition(member),
                _ => self.about(&member.key, |parser| parser.condition(&member.value, member)),
            };
            return Some(Clause::Test(Spanned::new(Name::Expansion(expansion?), member.key_span), condition));
        }
        let place = format!("`{}`", member.key);
        match Operator::parse(&member.key) {
            Some(Operator::Logic(logic)) => {
                let list = self.list(member)?;
                let place = format!("an element of {place}");
                Some(Clause::Logic(logic, list.iter().map(|node| self.expr(node, &place)).collect()))
            }
            Some(Operator::Not) => Some(Clause::Not(Box::new(self.expr(&member.value, &place)))),
            Some(_) => {
                let kind = ExprErrorKind::OperatorMisplaced(member.key.clone());
                let help = match Operator::parse(&member.key) {
                    Some(Operator::Function) => format!("write {{\"%%true\": {{\"{}\": …}}}}", member.key),
                    _ => format!("write {{\"field\": {{\"{}\": …}}}}", member.key),
                };
                self.report_help(kind, member.key_span, Some(help));
                None
            }
            None => {
                self.unknown_name(member);
                None
            }
        }
    }

    /// Reports a key that starts with `%` or `$` but is neither an operator nor an expansion.
    pub(super) fn unknown_name(&mut self, member: &Member) {
        let (key, span) = (member.key.as_str(), member.key_span);
        if Expansion::is_near_miss(key) {
            let help = Expansion::suggest(key).map(did_you_mean);
            return self.report_help(ExprErrorKind::ExpansionMalformed(key.to_owned()), span, help);
        }
        if let Some(help) = refused(key) {
            return self.report_help(ExprErrorKind::OperatorRefused(key.to_owned()), span, Some(help.to_owned()));
        }
        let help = element_help(key, &self.standing.name, &member.value)
            .or_else(|| schema_word(key).map(str::to_owned))
            .or_else(|| closest(key, Operator::spellings()).map(did_you_mean));
        self.report_help(ExprErrorKind::OperatorUnknown(key.to_owned()), span, help);
    }

    pub(super) fn path(&mut self, text: &str, span: Span) -> Option<FieldPath> {
        match FieldPath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.report(ExprErrorKind::Path(error), span);
                None
            }
        }
    }

    pub(super) fn expansion(&mut self, text: &str, span: Span) -> Option<Expansion> {
        match Expansion::parse(text) {
            Ok(expansion) => Some(expansion),
            Err(kind) => {
                let help =
                    Expansion::path_help(text).or_else(|| Expansion::suggest(text).map(did_you_mean)).or_else(|| {
                        let names: Vec<_> = Root::ALL.iter().map(|(_, name)| format!("`{name}`")).collect();
                        Some(format!("the expansions are {}", names.join(", ")))
                    });
                self.report_help(kind, span, help);
                None
            }
        }
    }

    /// The list of conditions of a logical operator.
    pub(super) fn list<'n>(&mut self, member: &'n Member) -> Option<&'n [Node]> {
        match member.value.as_array() {
            None => {
                self.operand_type(member, "an array of conditions", member.value.describe());
                None
            }
            Some([]) => {
                self.report(ExprErrorKind::ListEmpty(member.key.clone()), member.value.span);
                None
            }
            Some(list) => Some(list),
        }
    }

    /// Parses the right side of a condition; `member` is the member of which it is the value.
    pub(super) fn condition(&mut self, node: &Node, member: &Member) -> Condition {
        let Some(members) = node.as_object() else { return Condition::Equals(self.operand(node)) };
        match keys(members) {
            Keys::Operators => Condition::Checks(self.checks(members)),
            Keys::Mixed { operator, name } => {
                let kind = ExprErrorKind::NamesMixed { operator: operator.key.clone(), name: name.key.clone() };
                self.report(kind, member.value.span);
                Condition::Checks(Vec::new())
            }
            _ => Condition::Equals(self.operand(node)),
        }
    }

    /// Parses the right side of a condition on `%%true` or `%%false`.
    pub(super) fn boolean_condition(&mut self, member: &Member) -> Condition {
        let node = &member.value;
        let place = format!("the value of `{}`", member.key);
        let Some(members) = node.as_object() else {
            // An expansion is compared with; everything else must be an expression.
            if node.as_str().is_some_and(|text| text.starts_with("%%")) {
                return Condition::Equals(self.operand(node));
            }
            return Condition::Expression(Box::new(self.expr(node, &place)));
        };
        let operator = |m: &Member| if m.key.starts_with("%%") { None } else { Operator::parse(&m.key) };
        if let [only] = members
            && operator(only) == Some(Operator::Function)
        {
            return Condition::Checks(self.checks(members));
        }
        let compares = members.iter().find(|m| !matches!(operator(m), None | Some(Operator::Logic(_) | Operator::Not)));
        if let Some(compares) = compares {
            let help = match operator(compares) {
                Some(Operator::Function) => "let the `%function` stand alone",
                _ => "compare the field itself: {\"field\": {…}}",
            };
            self.report_help(
                ExprErrorKind::BooleanOperator(compares.key.clone()),
                compares.key_span,
                Some(help.to_owned()),
            );
            return Condition::Checks(Vec::new());
        }
        Condition::Expression(Box::new(self.expr(node, &place)))
    }
}

/// Explains how to test whether an array contains a value, for operators such as `$contains` from other languages.
/// `None` if `key` is not such an operator.
pub(crate) fn element_help(key: &str, name: &str, value: &Node) -> Option<String> {
    /// The length in characters beyond which a value is not quoted.
    const MAX_SHOWN: usize = 80;
    let word = key.trim_start_matches(['%', '$']);
    if !matches!(word, "contains" | "includes" | "has" | "hasElement" | "include" | "contain") {
        return None;
    }
    if value.as_array().is_some() {
        return Some(
            "write `$in` for an array that holds one of these values, `$all` for one that holds each".to_owned(),
        );
    }
    let text = Some(value.to_text()).filter(|text| text.len() <= MAX_SHOWN).unwrap_or_else(|| "…".to_owned());
    let name = if name.is_empty() { "field" } else { name };
    Some(format!("plain equality tests whether an array contains an element: {{\"{name}\": {text}}}"))
}

/// The equivalent of a JSON Schema keyword in the rule language, for help when one is used in a rule.
pub(crate) fn schema_word(key: &str) -> Option<&'static str> {
    Some(match key.trim_start_matches(['%', '$']) {
        "minimum" | "min" => "that is JSON Schema; write `$gte`",
        "maximum" | "max" => "that is JSON Schema; write `$lte`",
        "exclusiveMinimum" => "that is JSON Schema; write `$gt`",
        "exclusiveMaximum" => "that is JSON Schema; write `$lt`",
        "enum" => "that is JSON Schema; write `$in`",
        "anyOf" | "oneOf" => "that is JSON Schema; write `%or` over conditions",
        "allOf" => "that is JSON Schema; write `%and`",
        "pattern" | "match" => "that is JSON Schema; write `$regex`",
        "bsonType" => "that is JSON Schema; write `$type`",
        "minItems" | "maxItems" | "items" => "that is JSON Schema; write `$size` or `$elemMatch`",
        "required" => "that is JSON Schema; write {\"$exists\": true}",
        _ => return None,
    })
}
