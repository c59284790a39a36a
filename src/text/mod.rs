//! Positions in source text, and findings about them, rendered for people to read.

mod excerpt;
mod finding;
mod one_line;
mod source;
mod span;
mod suggest;

pub use finding::{Code, Finding, Located, Severity};
pub use source::{Source, Style};
pub use span::{Span, Spanned};

pub(crate) use suggest::is_same_word;
#[cfg(not(feature = "unstable"))]
pub(crate) use {
    excerpt::excerpt,
    one_line::{OneLine, is_unprintable},
    suggest::closest,
};
#[cfg(feature = "unstable")]
pub use {
    excerpt::excerpt,
    one_line::{OneLine, is_unprintable},
    suggest::closest,
};
