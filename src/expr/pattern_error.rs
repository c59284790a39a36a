use thiserror::Error;

/// Why a pattern is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is not valid, or requires a backtracking engine.
    #[error("invalid regular expression: {0}")]
    Syntax(String),
    /// Compiling it would take too much memory.
    #[error("the regular expression is too large")]
    TooLarge,
    /// `$options` other than `i`, `m`, `s`, `x`.
    #[error("unknown letter `{0}` in `$options`: `i`, `m`, `s` and `x` are known")]
    OptionUnknown(char),
    /// The patterns of a request exceed their common limit.
    #[error(
        "the regular expressions of one request are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooMany,
    /// The patterns in the rules and schemas of an application exceed their common limit.
    #[error(
        "the regular expressions of one application are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooManyInApplication,
    /// PCRE interprets it differently from the linear-time engine.
    #[error("`{0}` in a regular expression means something else in MongoDB; it is not supported")]
    Unsupported(String),
}
