//! The meaning of expressions: names are resolved, and all operators are reduced to and / or / not over tests of single
//! operands.

mod error;
mod lower;
mod scope;
mod tree;

pub use error::{LowerError, LowerErrorKind};
pub use lower::lower;
pub(crate) use lower::{Place, place};
pub use scope::Scope;
pub(crate) use tree::Literal;
pub use tree::{
    Call, ContextRoot, DocumentRoot, Elements, Left, List, Predicate, Reference, Right, Template, Test, TestKind,
};
