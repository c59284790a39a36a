use bson::Bson;

use super::{
    Check, Clause, Comparison, Condition, Conversion, ElemMatch, Expansion, Expr, ExprError, ExprErrorKind,
    FunctionCall, List, Name, Operand, Operator, Pattern, Root,
};
use crate::json::{self, Kind, Member, Node};
use crate::path::FieldPath;
use crate::text::{Span, Spanned, closest};
use crate::value::{Number, Type, TypeSet, ValueRef};

/// Reads an expression from a JSON value.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn parse(node: &Node) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, "this", Dialect::Rule)
}

/// As [`parse`], for what stands under a key, so that an error can name it: `` `read` ``.
///
/// # Errors
/// As [`parse`].
pub fn parse_at(node: &Node, place: &str) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, place, Dialect::Rule)
}

/// Reads the filter of a client's query: the operators that are MongoDB's, in MongoDB's spelling, and no expansions.
///
/// # Errors
/// As [`parse`].
pub fn parse_query(node: &Node) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, "a query's filter", Dialect::Query)
}

fn run(node: &Node, place: &str, dialect: Dialect) -> Result<Spanned<Expr>, Vec<ExprError>> {
    let mut parser = Parser { dialect, errors: Vec::new() };
    let expr = parser.expr(node, place);
    if parser.errors.is_empty() {
        Ok(expr)
    } else {
        parser.errors.sort_by_key(|error| error.span());
        Err(parser.errors)
    }
}

/// Reads an expression from a JSON text.
///
/// # Errors
/// As [`parse`], and what keeps the text from being JSON.
///
/// ```
/// let expr = portcullis::expr::parse_str(r#"{"owner": "%%user.id", "age": {"%gte": 18}}"#).unwrap();
/// assert_eq!(expr.to_string(), r#"{"owner":"%%user.id","age":{"$gte":18}}"#);
///
/// let errors = portcullis::expr::parse_str(r#"{"owner": "%%usr.id"}"#).unwrap_err();
/// assert_eq!(errors[0].to_string(), "unknown expansion `%%usr.id`");
/// ```
pub fn parse_str(text: &str) -> Result<Spanned<Expr>, Vec<ExprError>> {
    let node = json::parse(text).map_err(|error| vec![error.map(ExprErrorKind::Json)])?;
    parse(&node)
}

/// Collects errors; what it returns beside an error only stands in for what could not be read.
struct Parser {
    dialect: Dialect,
    errors: Vec<ExprError>,
}

/// Who wrote the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// The author of rules.
    Rule,
    /// A client: `%` and `%%` are plain text.
    Query,
}

/// What the keys of an object behind a name announce.
enum Keys<'n> {
    /// Extended JSON: `{"$oid": …}`
    Literal,
    /// Operators only, at least one.
    Operators,
    /// Names only, or nothing.
    Names,
    /// An operator beside a name.
    Mixed { operator: &'n Member, name: &'n Member },
}

impl Dialect {
    fn is_operator_like(self, key: &str) -> bool {
        key.starts_with('$') || (self == Self::Rule && key.starts_with('%'))
    }

    fn is_expansion_like(self, text: &str) -> bool {
        self == Self::Rule && text.starts_with("%%")
    }

    fn operator(self, key: &str) -> Option<Operator> {
        let operator = Operator::parse(key)?;
        let own = matches!(operator, Operator::Convert(_) | Operator::Function);
        (self.is_operator_like(key) && !(own && self == Self::Query)).then_some(operator)
    }

    fn keys(self, members: &[Member]) -> Keys<'_> {
        if json::is_literal(members) {
            return Keys::Literal;
        }
        let operator = members.iter().find(|m| self.is_operator_like(&m.key) && !self.is_expansion_like(&m.key));
        let name = members.iter().find(|m| !self.is_operator_like(&m.key) || self.is_expansion_like(&m.key));
        match (operator, name) {
            (Some(operator), Some(name)) => Keys::Mixed { operator, name },
            (Some(_), None) => Keys::Operators,
            (None, _) => Keys::Names,
        }
    }
}

/// Whether an object is a list of conditions on one operand, as `{"$gt": 1}` is and `{"a": 1}` is not.
fn is_condition(node: &Node) -> bool {
    let Some(members) = node.as_object() else { return false };
    !members.is_empty()
        && members.iter().all(|member| match Operator::parse(&member.key) {
            Some(Operator::Logic(_)) => member.value.as_array().and_then(<[Node]>::first).is_some_and(is_condition),
            Some(Operator::Not) => is_condition(&member.value),
            Some(_) => true,
            None => false,
        })
}

const FALSE: Expr = Expr::Boolean(false);

impl Parser {
    fn report(&mut self, kind: ExprErrorKind, span: Span) {
        self.report_help(kind, span, None);
    }

    fn report_help(&mut self, kind: ExprErrorKind, span: Span, help: Option<String>) {
        let error = ExprError::new(kind, span);
        self.errors.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }

    /// `place` is what holds the expression, for a message.
    fn expr(&mut self, node: &Node, place: &str) -> Spanned<Expr> {
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

    fn clauses(&mut self, members: &[Member]) -> Expr {
        Expr::All(members.iter().filter_map(|member| self.clause(member)).collect())
    }

    fn clause(&mut self, member: &Member) -> Option<Clause> {
        if !self.dialect.is_operator_like(&member.key) {
            let name = self.path(&member.key, member.key_span)?;
            let condition = self.condition(&member.value, member);
            return Some(Clause::Test(Spanned::new(Name::Path(name), member.key_span), condition));
        }
        if self.dialect.is_expansion_like(&member.key) {
            let expansion = self.expansion(&member.key, member.key_span);
            let condition = match &expansion {
                Some(Expansion { root: Root::True | Root::False, .. }) => self.boolean_condition(member),
                _ => self.condition(&member.value, member),
            };
            return Some(Clause::Test(Spanned::new(Name::Expansion(expansion?), member.key_span), condition));
        }
        let place = format!("`{}`", member.key);
        match self.dialect.operator(&member.key) {
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
                self.unknown_name(&member.key, member.key_span);
                None
            }
        }
    }

    /// A name that begins with `%` or `$` and is neither an operator nor an expansion.
    fn unknown_name(&mut self, key: &str, span: Span) {
        if Expansion::is_near_miss(key) {
            let help = Expansion::suggest(key).map(did_you_mean);
            self.report_help(ExprErrorKind::ExpansionMalformed(key.to_owned()), span, help);
        } else {
            self.unknown_operator(key, span);
        }
    }

    fn unknown_operator(&mut self, key: &str, span: Span) {
        let help =
            schema_word(key).map(str::to_owned).or_else(|| closest(key, Operator::spellings()).map(did_you_mean));
        self.report_help(ExprErrorKind::OperatorUnknown(key.to_owned()), span, help);
    }

    fn path(&mut self, text: &str, span: Span) -> Option<FieldPath> {
        match FieldPath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.report(ExprErrorKind::Path(error), span);
                None
            }
        }
    }

    fn expansion(&mut self, text: &str, span: Span) -> Option<Expansion> {
        match Expansion::parse(text) {
            Ok(expansion) => Some(expansion),
            Err(kind) => {
                let help = Expansion::suggest(text).map(did_you_mean).or_else(|| {
                    let names: Vec<_> = Root::ALL.iter().map(|(_, name)| format!("`{name}`")).collect();
                    Some(format!("the expansions are {}", names.join(", ")))
                });
                self.report_help(kind, span, help);
                None
            }
        }
    }

    /// The elements behind a logical operator.
    fn list<'n>(&mut self, member: &'n Member) -> Option<&'n [Node]> {
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

    fn operand_type(&mut self, member: &Member, expected: &'static str, found: &'static str) {
        let operator = member.key.clone();
        self.report(ExprErrorKind::OperandType { operator, expected, found }, member.value.span);
    }

    /// What stands behind a name; `member` is the whole of it.
    fn condition(&mut self, node: &Node, member: &Member) -> Condition {
        let Some(members) = node.as_object() else { return Condition::Equals(self.operand(node)) };
        match self.dialect.keys(members) {
            Keys::Operators => Condition::Checks(self.checks(members)),
            Keys::Mixed { operator, name } => {
                let kind = ExprErrorKind::NamesMixed { operator: operator.key.clone(), name: name.key.clone() };
                self.report(kind, member.value.span);
                Condition::Checks(Vec::new())
            }
            _ => Condition::Equals(self.operand(node)),
        }
    }

    /// What stands behind `%%true` or `%%false`.
    fn boolean_condition(&mut self, member: &Member) -> Condition {
        let node = &member.value;
        let place = format!("the value of `{}`", member.key);
        let Some(members) = node.as_object() else {
            // An expansion is compared; anything else must be an expression.
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

    fn operand(&mut self, node: &Node) -> Spanned<Operand> {
        Spanned::new(self.operand_value(node), node.span)
    }

    fn operand_value(&mut self, node: &Node) -> Operand {
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

    fn literal(&mut self, node: &Node) -> Bson {
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

    fn checks(&mut self, members: &[Member]) -> Vec<Spanned<Check>> {
        let mut seen: Vec<Operator> = Vec::new();
        let mut checks = Vec::new();
        for member in members {
            let Some(operator) = self.dialect.operator(&member.key) else {
                self.unknown_name(&member.key, member.key_span);
                continue;
            };
            if matches!(operator, Operator::Regex | Operator::Options) && seen.contains(&operator) {
                self.report(ExprErrorKind::OperatorTwice(member.key.clone()), member.key_span);
                continue;
            }
            seen.push(operator);
            if let Some(check) = self.check(operator, member, members) {
                checks.push(Spanned::new(check, Span::new(member.key_span.start, member.value.span.end)));
            }
        }
        checks
    }

    fn check(&mut self, operator: Operator, member: &Member, all: &[Member]) -> Option<Check> {
        let node = &member.value;
        Some(match operator {
            Operator::Compare(comparison) => Check::Compare(comparison, self.compared(comparison, member)),
            Operator::In => Check::In(self.in_list(member)?),
            Operator::Nin => Check::Nin(self.in_list(member)?),
            Operator::All => match node.as_array() {
                Some(elements) => Check::All(elements.iter().map(|element| self.operand(element)).collect()),
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

    /// An object of operators behind `%not`, or in the list of `%and`, `%or`, `%nor`.
    fn inner_checks(&mut self, node: &Node, operator: &str) -> Option<Vec<Spanned<Check>>> {
        let members = node.as_object().unwrap_or_default();
        if matches!(self.dialect.keys(members), Keys::Operators) {
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

    fn compared(&mut self, comparison: Comparison, member: &Member) -> Spanned<Operand> {
        let errors = self.errors.len();
        let operand = self.operand(&member.value);
        if matches!(comparison, Comparison::Eq | Comparison::Ne) {
            return operand;
        }
        // A regular expression has no order; that says more than that it cannot be a value.
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
        // A literal that could not be read has its own error.
        if !ordered && self.errors.len() == errors {
            self.operand_type(
                member,
                "a number, string, date, ObjectId, boolean, timestamp or binary, or an expansion",
                member.value.describe(),
            );
        }
        operand
    }

    fn in_list(&mut self, member: &Member) -> Option<List> {
        match &member.value.kind {
            Kind::Array(elements) => {
                Some(List::Elements(elements.iter().map(|element| self.operand(element)).collect()))
            }
            Kind::String(text) if self.dialect.is_expansion_like(text) => {
                let span = member.value.span;
                self.expansion(text, span).map(|expansion| List::Expansion(Spanned::new(expansion, span)))
            }
            _ => {
                self.operand_type(member, "an array, or an expansion that is one", member.value.describe());
                None
            }
        }
    }

    fn exists(&mut self, member: &Member) -> Option<bool> {
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

    fn types(&mut self, member: &Member) -> Option<TypeSet> {
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

    fn modulo(&mut self, member: &Member) -> Option<Check> {
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

    fn regex(&mut self, member: &Member, all: &[Member]) -> Option<Check> {
        let Some(pattern) = member.value.as_str() else {
            self.operand_type(member, "a pattern, a string", member.value.describe());
            return None;
        };
        if self.dialect.is_expansion_like(pattern) {
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
        match Pattern::new(pattern, option_text) {
            Ok(pattern) => Some(Check::Regex(pattern)),
            Err(error) => {
                self.report(ExprErrorKind::Pattern(error), member.value.span);
                None
            }
        }
    }

    fn elem_match(&mut self, member: &Member) -> Option<ElemMatch> {
        match member.value.as_object() {
            None | Some([]) => {
                self.operand_type(member, "an object with at least one condition", member.value.describe());
                None
            }
            Some(members) if is_condition(&member.value) => Some(ElemMatch::Element(self.checks(members))),
            Some(members) => {
                if let Keys::Mixed { operator, name } = self.dialect.keys(members)
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

    fn conversion(&mut self, conversion: Conversion, member: &Member) -> Check {
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

    fn function(&mut self, member: &Member) -> Option<FunctionCall> {
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

fn did_you_mean(word: impl AsRef<str>) -> String {
    format!("did you mean `{}`?", word.as_ref())
}

/// The rule language's word for one of JSON Schema that people write in its place.
pub(crate) fn schema_word(key: &str) -> Option<&'static str> {
    Some(match key.trim_start_matches(['%', '$']) {
        "minimum" | "min" => "that is JSON Schema; write `$gte`",
        "maximum" | "max" => "that is JSON Schema; write `$lte`",
        "exclusiveMinimum" => "that is JSON Schema; write `$gt`",
        "exclusiveMaximum" => "that is JSON Schema; write `$lt`",
        "enum" | "anyOf" | "oneOf" | "contains" => "that is JSON Schema; write `$in`, or `%or` over conditions",
        "allOf" => "that is JSON Schema; write `%and`",
        "pattern" | "match" => "that is JSON Schema; write `$regex`",
        "bsonType" => "that is JSON Schema; write `$type`",
        "minItems" | "maxItems" | "items" => "that is JSON Schema; write `$size` or `$elemMatch`",
        "required" => "that is JSON Schema; write {\"$exists\": true}",
        _ => return None,
    })
}

fn number(node: &Node) -> Option<Number> {
    ValueRef::from(&json::to_bson(node).ok()?).number()
}

/// An array of operands: a literal when every element is one.
fn array(elements: Vec<Spanned<Operand>>) -> Operand {
    let literals: Option<Vec<Bson>> = elements
        .iter()
        .map(|element| match &element.value {
            Operand::Literal(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    literals.map_or(Operand::Array(elements), |literals| Operand::Literal(Bson::Array(literals)))
}

/// A document of operands: a literal when every field is one.
fn document(fields: Vec<(String, Spanned<Operand>)>) -> Operand {
    let literals: Option<bson::Document> = fields
        .iter()
        .map(|(key, value)| match &value.value {
            Operand::Literal(value) => Some((key.clone(), value.clone())),
            _ => None,
        })
        .collect();
    literals.map_or(Operand::Document(fields), |literals| Operand::Literal(Bson::Document(literals)))
}
