//! The parser of expressions. It reports as many errors as possible.

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

/// Parses an expression from a JSON value.
///
/// # Errors
/// All errors in source order.
pub fn parse(node: &Node) -> Result<Spanned<Expr>, Vec<ExprError>> {
    parse_within(node, &PatternAllowance::of_application())
}

/// Like [`parse`], with the pattern allowance of an application.
///
/// # Errors
/// Same as [`parse`].
pub(crate) fn parse_within(node: &Node, patterns: &PatternAllowance) -> Result<Spanned<Expr>, Vec<ExprError>> {
    run(node, "this", patterns)
}

/// Like [`parse`], naming the location of the expression in errors, such as `` `read` ``.
///
/// # Errors
/// Same as [`parse`].
pub fn parse_at(node: &Node, place: &str) -> Result<Spanned<Expr>, Vec<ExprError>> {
    parse_at_within(node, place, &PatternAllowance::of_application())
}

/// Like [`parse_at`], with the pattern allowance of an application.
///
/// # Errors
/// Same as [`parse`].
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

/// Parses an expression from JSON text.
///
/// # Errors
/// Same as [`parse`], or a JSON syntax error.
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

/// The state of parsing. After an error, parsing continues with a placeholder for the erroneous part.
struct Parser {
    /// The remaining allowance for patterns.
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

    /// Runs `read` on the operand of an operator, to which suggestions in errors then refer.
    pub(super) fn behind<T>(&mut self, operator: Operator, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.standing.operator.replace(operator);
        let read = read(self);
        self.standing.operator = before;
        read
    }

    /// Runs `read` on a part of a value: the field with this name or, if `None`, an array element.
    pub(super) fn inside<T>(&mut self, name: Option<&str>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.standing.inside.push(name.map(str::to_owned));
        let read = read(self);
        self.standing.inside.pop();
        read
    }

    /// Runs `read` on the condition on this name.
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
