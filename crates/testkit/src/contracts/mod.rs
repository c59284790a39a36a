//! What every implementation of the store's traits must do, as laws that each test binary runs against its own: a law gets an
//! empty store and panics where the store breaks it.

use std::pin::Pin;

pub mod account_events;
pub mod changes;
pub mod commands;
pub mod credentials;
pub mod documents;
pub mod moves;
pub mod query_cases;
pub mod racing;
pub mod refusals;
pub mod sessions;
pub mod tricks;
pub mod triggers;
pub mod update_cases;
pub mod users;
pub mod writes;

/// What a law returns: it holds when it is ready.
pub type Holds = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A law's name and the law, in a table of those in this module.
macro_rules! laws {
    ($type:ty: $($name:ident)+) => {
        pub const LAWS: &[(&str, fn($type) -> crate::contracts::Holds)] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),+];
    };
}
pub(crate) use laws;
