use portcullis::App;
use portcullis::text::OneLine;
use portcullis::trigger::{Source, TriggerDefinition, TriggerEvent};
use portcullis_functions::Library;

use super::{TriggerFunctions, TriggerStores};

/// Which triggers of an application run, and why others do not.
#[derive(Clone, Debug, Default)]
pub struct TriggerPlan {
    /// The triggers that run.
    pub runs: Vec<Planned>,
    /// The triggers that their configuration disables.
    pub disabled: Vec<Planned>,
    /// The names of triggers that cannot run, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// A trigger with a valid configuration.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The event that it waits for and the function that it runs.
    pub definition: TriggerDefinition,
}

impl TriggerPlan {
    /// Plans every trigger by the configuration of the application alone.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let mut plan = Self::default();
        for trigger in &app.triggers {
            match trigger.definition() {
                Err(errors) => {
                    let reason = errors.first().map(ToString::to_string).unwrap_or_default();
                    plan.refused.push((trigger.name.clone(), reason));
                }
                Ok(definition) if definition.is_disabled => plan.disabled.push(Planned { definition }),
                Ok(definition) => match missing(app, &definition) {
                    Some(reason) => plan.refused.push((trigger.name.clone(), reason)),
                    None => plan.runs.push(Planned { definition }),
                },
            }
        }
        plan
    }

    /// Like [`of`](Self::of), but also refuses triggers on changes that the stores do not report, triggers on reserved
    /// collections, and triggers whose function cannot run.
    #[must_use]
    pub fn within(app: &App, stores: &TriggerStores, functions: &dyn TriggerFunctions) -> Self {
        let mut plan = Self::of(app);
        plan.refuse(|definition| match &definition.event {
            TriggerEvent::Database(_) if stores.changes.is_none() => {
                Some("this store does not report changes".to_owned())
            }
            _ => None,
        });
        plan.restrict(stores.accounts.as_deref(), |function| functions.refusal(function));
        plan
    }

    /// The plan of a server, computed without one. `accounts` is the database of users and triggers, if it is on the
    /// same server as the documents.
    #[must_use]
    pub fn served(app: &App, accounts: Option<&str>) -> Self {
        let library = Library::load(app);
        let mut plan = Self::of(app);
        plan.restrict(accounts, |function| library.refusal(function).map(str::to_owned));
        plan
    }

    fn restrict(&mut self, accounts: Option<&str>, refusal: impl Fn(&str) -> Option<String>) {
        self.refuse(|definition| {
            closed(definition, accounts).or_else(|| {
                let reason = refusal(&definition.function)?;
                Some(format!("its function `{}` cannot run: {}", OneLine(&definition.function), OneLine(reason)))
            })
        });
    }

    /// Moves those running triggers to the refused ones for which `reason` returns a reason.
    fn refuse(&mut self, reason: impl Fn(&TriggerDefinition) -> Option<String>) {
        self.runs.retain(|planned| match reason(&planned.definition) {
            None => true,
            Some(reason) => {
                self.refused.push((planned.definition.name.clone(), reason));
                false
            }
        });
    }
}

/// The reason if the application lacks something that a trigger needs.
fn missing(app: &App, definition: &TriggerDefinition) -> Option<String> {
    if app.function(&definition.function).is_none() {
        return Some(format!("there is no function `{}`", OneLine(&definition.function)));
    }
    let TriggerEvent::Database(trigger) = &definition.event else { return None };
    let service = trigger.service.as_deref()?;
    let is_known = app.data_sources.iter().any(|source| source.name == service);
    (!is_known).then(|| format!("there is no data source `{}`", OneLine(service)))
}

/// The reason if a trigger watches a collection or database that is reserved.
fn closed(definition: &TriggerDefinition, accounts: Option<&str>) -> Option<String> {
    let TriggerEvent::Database(trigger) = &definition.event else { return None };
    let accounts = accounts?;
    match &trigger.source {
        Source::Collection { database, .. } | Source::Database(database) if database.eq_ignore_ascii_case(accounts) => {
            Some(format!(
                "the database `{}` stores users and sessions; no trigger receives its events",
                OneLine(database)
            ))
        }
        _ => None,
    }
}
