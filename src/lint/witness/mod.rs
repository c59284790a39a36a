//! Examples: users and documents that satisfy certain conditions, found by trying values that occur in these
//! conditions. What an example shows is always a decision of the guard, never inferred from the form of a rule.

mod display;
mod draft;
mod place;
mod search;
mod solve;
mod values;

pub(super) use display::{document, example};
pub(super) use draft::{Act, Custom, Draft, Moment, Privilege};
pub(super) use place::{get, set};
pub(super) use search::Search;
pub(super) use solve::At;
pub(super) use values::{another, element, samples, suggestions};
