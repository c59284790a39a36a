//! Reading expressions: clauses, the operands in them, and the checks that operators make of operands.

mod check;
mod clause;
mod keys;
mod operand;
mod operand_position;
mod unsupported_operator;

pub(crate) use clause::{element_help, schema_word};
use operand_position::Standing;
pub(crate) use operand_position::bare_logic;

use super::{Expr, ExprError, ExprErrorKind, Operator, PatternAllowance};
use crate::json::{self, Member, Node};
use crate::text::{Span, Spanned};

/// Reads an expression from a JSON value.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn parse(node: &Node) -> Result<Spanned<Expr>, Vec<ExprError>> {
    parse_within(node, &PatternAllowance::of_application())
}

/// As [`parse`], with patterns for which the rest of the application leaves room.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_within(node: &Node, patterns: &PatternAllowance) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, "this", patterns)
}

/// As [`parse`], for what stands under a key, so that an error can name it: `` `read` ``.
///
/// # Errors
/// As [`parse`].
pub fn parse_at(node: &Node, place: &str) -> Result<Spanned<Expr>, Vec<ExprError>> {
    parse_at_within(node, place, &PatternAllowance::of_application())
}

/// As [`parse_at`], with patterns for which the rest of the application leaves room.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_at_within(
    node: &Node,
    place: &str,
    patterns: &PatternAllowance,
) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, place, patterns)
}

fn run(node: &Node, place: &str, patterns: &PatternAllowance) -> Result<Spanned<Expr>, Vec<ExprError>> {
    let mut parser = Parser { patterns: patterns.clone(), errors: Vec::new(), standing: Standing::default() };
    let expr = parser.expr(node, place);
    if parser.errors.is_empty() {
        Ok(expr)
    } else {
        parser.errors.sort_by_key(ExprError::span);
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
    /// What the patterns may take together.
    patterns: PatternAllowance,
    errors: Vec<ExprError>,
    standing: Standing,
}

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

    /// Reads what stands behind an operator.
    pub(super) fn behind<T>(&mut self, operator: Operator, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.standing.operator.replace(operator);
        let read = read(self);
        self.standing.operator = before;
        read
    }

    /// Reads what stands under a name in a value, or as an element of it.
    pub(super) fn inside<T>(&mut self, name: Option<&str>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.standing.inside.push(name.map(str::to_owned));
        let read = read(self);
        self.standing.inside.pop();
        read
    }

    /// Reads what a name is tested for.
    pub(super) fn about<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let standing = Standing { name: name.to_owned(), ..Standing::default() };
        let before = std::mem::replace(&mut self.standing, standing);
        let read = read(self);
        self.standing = before;
        read
    }

    fn operand_type(&mut self, member: &Member, expected: &'static str, found: &'static str) {
        let operator = member.key.clone();
        self.report(ExprErrorKind::OperandType { operator, expected, found }, member.value.span);
    }
}

fn did_you_mean(word: impl AsRef<str>) -> String {
    format!("did you mean `{}`?", word.as_ref())
}
