//! Triggers: functions that run when documents change, users log in or a scheduled time is reached. This module reads
//! `triggers/*.json`; a host with stores, such as the package `portcullis-service`, runs them.

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
