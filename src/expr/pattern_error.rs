use thiserror::Error;

/// Why a pattern is invalid or unsupported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The pattern is invalid, or needs backtracking.
    #[error("invalid regular expression: {0}")]
    Syntax(String),
    /// The compiled pattern would take too much memory.
    #[error("the regular expression is too large")]
    TooLarge,
    /// `$options` contains a letter other than `i`, `m`, `s` and `x`.
    #[error("unknown letter `{0}` in `$options`: `i`, `m`, `s` and `x` are known")]
    OptionUnknown(char),
    /// All patterns of the request together have too many states.
    #[error(
        "the regular expressions of one request are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooMany,
    /// All patterns in the rules and schemas of the application together have too many states.
    #[error(
        "the regular expressions of one application are too many or too large together; write fewer, or shorter repetitions"
    )]
    TooManyInApplication,
    /// PCRE and the linear-time engine interpret the pattern differently.
    #[error("`{0}` in a regular expression means something else in MongoDB; it is not supported")]
    Unsupported(String),
}
