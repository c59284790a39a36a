//! Runs the triggers of an application: schedules, changes of documents, what happens to users. Of several servers on one store one
//! runs each trigger at a time, by a lease. What it has been told of is noted after its function ended: after a crash a function may be
//! run again for the same event, and none is left out.

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

/// What runs the functions of an application as the system user, without a caller.
pub trait TriggerFunctions: Send + Sync {
    /// Runs a function with the argument of a trigger, a schedule's has none. A call that is dropped has ended.
    ///
    /// # Errors
    /// It failed, or took too long. The text is for logs and for whoever may see the states of triggers.
    fn run<'a>(&'a self, function: &'a str, argument: Option<Bson>) -> BoxFuture<'a, Result<(), String>>;

    /// Why a function that is there cannot run, if it is known that it cannot.
    fn refusal(&self, function: &str) -> Option<String> {
        let _ = function;
        None
    }
}

/// What tells the authentication triggers of an application what happens to its users; `None` if it has none that run.
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
