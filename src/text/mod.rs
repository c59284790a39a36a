//! Places in a source text, and how a finding there is shown to a person.

mod excerpt;
mod finding;
mod one_line;
mod source;
mod span;
mod suggest;

pub use excerpt::excerpt;
pub use finding::{Code, Finding, Located, Severity};
pub use one_line::{OneLine, is_unprintable};
pub use source::{Source, Style};
pub use span::{Span, Spanned};
pub use suggest::closest;
