use std::sync::Arc;

use bson::Bson;
use portcullis::Clock;
use portcullis::text::{OneLine, excerpt};
use portcullis::trigger::TriggerDefinition;
use tokio::time::{Instant, timeout};

use super::{RunnerOptions, TriggerFunctions, TriggerStores};

/// The most characters of an error that are stored and logged.
const MAX_SHOWN: usize = 300;

/// State shared by the tasks of all triggers of an application.
pub(super) struct Shared {
    pub(super) application: String,
    pub(super) functions: Arc<dyn TriggerFunctions>,
    pub(super) stores: TriggerStores,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RunnerOptions,
}

impl Shared {
    /// Runs the function of a trigger to its end. A failure is logged and returned, but does not stop the trigger.
    pub(super) async fn run(&self, trigger: &TriggerDefinition, argument: Option<Bson>) -> Result<(), String> {
        let began = Instant::now();
        let limit = self.options.limit;
        let ran = match timeout(limit, self.functions.run(&trigger.function, argument)).await {
            Ok(ran) => ran.map_err(|message| excerpt(&OneLine(message).to_string(), MAX_SHOWN)),
            Err(_) => Err(format!("it took longer than {} seconds", limit.as_secs())),
        };
        let (application, name, function) = (&self.application, &trigger.name, &trigger.function);
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &ran {
            Ok(()) => tracing::debug!(%application, trigger = %name, %function, millis, "a trigger ran"),
            Err(error) => {
                tracing::error!(%application, trigger = %name, %function, millis, %error, "a trigger's function failed");
            }
        }
        ran
    }

    /// Logs a warning for the operator, with the names of the application and the trigger.
    pub(super) fn warn(&self, trigger: &TriggerDefinition, message: &str) {
        tracing::warn!(application = %self.application, trigger = %trigger.name, "{}", OneLine(message));
    }
}
