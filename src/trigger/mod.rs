//! Triggers: functions that run when documents change, when users log in, or at scheduled times. This module compiles
//! `triggers/*.json`; hosts with stores, such as the package `portcullis-service`, run them.

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
