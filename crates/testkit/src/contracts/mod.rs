//! Contracts of the store traits, as laws that each test binary runs against its own implementation: a law gets an
//! empty store and panics if the store violates it.

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

/// The future that a law returns, which completes if the law holds.
pub type Holds = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Builds a table of the laws in a module: their names and functions.
macro_rules! laws {
    ($type:ty: $($name:ident)+) => {
        pub const LAWS: &[(&str, fn($type) -> crate::contracts::Holds)] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),+];
    };
}
pub(crate) use laws;
