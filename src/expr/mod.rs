//! The rule language: the syntax tree of expressions, a parser and a printer.

mod ast;
mod error;
mod expansion;
mod operator;
mod parse;
mod pattern;
mod pattern_error;
mod pattern_extent;
mod pattern_rewriting;
mod print;

pub use ast::{Argument, Check, Clause, Condition, ElemMatch, Expr, FunctionCall, List, Name, Operand};
pub use error::{ExprError, ExprErrorKind};
pub use expansion::{Expansion, Root};
pub use operator::{Comparison, Conversion, Logic, Operator};
pub(crate) use parse::{bare_logic, element_help, parse_at_within, parse_within, schema_word};
pub use parse::{parse, parse_at, parse_str};
pub use pattern::{MAX_STATES, Pattern, PatternAllowance};
pub use pattern_error::PatternError;
