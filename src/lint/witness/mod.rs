//! Examples: a user and documents that meet conditions, found by trying the values that the conditions themselves name.
//! What an example shows is never concluded from the shape of a rule: the guard decides it.

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
pub(super) use values::{another, samples, suggestions};
