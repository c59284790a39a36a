//! Runs the triggers of an application: schedules, changes of documents, and account events. If several servers share a
//! store, a lease ensures that only one of them runs a given trigger. An event is recorded as handled after its
//! function has ended, so delivery is at least once: after a crash, a function may run again for the same event.

mod account_queues;
mod authentication;
mod database;
mod feed;
mod functions;
mod held;
mod keeper;
mod options;
mod pipeline;
mod plan;
mod runner;
mod scheduled;
mod shared;
mod tally;
mod window;

use std::sync::Arc;

use bson::Bson;
use portcullis::login::Announcer;
use portcullis::store::AccountEvents;
use portcullis::trigger::TriggerEvent;
use portcullis::{App, BoxFuture};

pub use options::RunnerOptions;
pub use plan::{Planned, TriggerPlan};
pub use runner::{Runner, RunnerParts, TriggerStores};

/// Runs the functions of an application as the system user, without a caller.
pub trait TriggerFunctions: Send + Sync {
    /// Runs a function with the argument of its trigger; schedules have none. Dropping the future ends the call.
    ///
    /// # Errors
    /// The function failed, or took too long. The text is for logs and for users who may see the states of triggers.
    fn run<'a>(&'a self, function: &'a str, argument: Option<Bson>) -> BoxFuture<'a, Result<(), String>>;

    /// Why an existing function cannot run, if that is known.
    fn refusal(&self, function: &str) -> Option<String> {
        let _ = function;
        None
    }
}

/// Reports account events to the authentication triggers of an application; `None` if none of those run.
#[must_use]
pub fn announcer(app: &App, events: &Arc<dyn AccountEvents>) -> Option<Announcer> {
    let planned = TriggerPlan::of(app).runs;
    let wanting = planned.into_iter().filter_map(|planned| match planned.definition.event {
        TriggerEvent::Authentication(trigger) => Some((planned.definition.name, trigger)),
        TriggerEvent::Database(_) | TriggerEvent::Scheduled(_) => None,
    });
    let wanting: Vec<_> = wanting.collect();
    (!wanting.is_empty()).then(|| Announcer::new(Arc::clone(events), wanting))
}
