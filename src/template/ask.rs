use crate::expr::{Expansion, ExprErrorKind};
use crate::predicate::{Place, place};

/// An expansion and the place that it refers to.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) expansion: Expansion,
    pub(super) place: Place,
}

impl Ask {
    pub(super) fn parse(text: &str) -> Result<Self, ExprErrorKind> {
        let expansion = Expansion::parse(text)?;
        Ok(Self { place: place(expansion.root, expansion.path.clone()), expansion })
    }
}
