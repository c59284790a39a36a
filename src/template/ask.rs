use crate::eval::UserPath;
use crate::expr::{Expansion, ExprErrorKind};
use crate::predicate::{Place, place};

/// An expansion, resolved to the place it refers to.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) expansion: Expansion,
    pub(super) place: Place,
    /// The same place as a [`UserPath`], if the fast lookup of user values supports it.
    pub(super) user_path: Option<UserPath>,
}

impl Ask {
    pub(super) fn parse(text: &str) -> Result<Self, ExprErrorKind> {
        let expansion = Expansion::parse(text)?;
        let place = place(expansion.root, expansion.path.clone());
        let user_path = match &place {
            Place::Context(reference) => UserPath::of(reference),
            Place::Boolean(_) | Place::Document(..) => None,
        };
        Ok(Self { expansion, place, user_path })
    }
}
