//! What every implementation of the store's traits must do, as laws that each test binary runs against its own: a law gets an
//! empty store and panics where the store breaks it.

use std::pin::Pin;

pub(crate) mod commands;
pub(crate) mod documents;
pub(crate) mod moves;
pub(crate) mod query_cases;
pub(crate) mod racing;
pub(crate) mod refusals;
pub(crate) mod sessions;
pub(crate) mod tricks;
pub(crate) mod update_cases;
pub(crate) mod users;
pub(crate) mod writes;

/// What a law returns: it holds when it is ready.
pub(crate) type Holds = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A law's name and the law, in a table of those in this module.
macro_rules! laws {
    ($type:ty: $($name:ident)+) => {
        pub(crate) const LAWS: &[(&str, fn($type) -> crate::contracts::Holds)] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),+];
    };
}
pub(crate) use laws;
