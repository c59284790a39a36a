//! Triggers: which function is run when documents change, users log in or a time has come. What is written in `triggers/*.json` is
//! read here; who runs them is a host with stores, such as the package `portcullis-service`.

mod authentication;
mod cron;
mod database;
mod definition;
mod error;
mod fields;
mod matching;

pub use authentication::{AuthenticationTrigger, Operation};
pub use cron::{Cron, CronError};
pub use database::{DatabaseTrigger, Source};
pub use definition::{ScheduledTrigger, TriggerDefinition, TriggerEvent};
pub use error::{TriggerError, TriggerErrorKind};
