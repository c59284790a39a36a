use portcullis::App;
use portcullis::text::OneLine;
use portcullis::trigger::{Source, TriggerDefinition, TriggerEvent};
use portcullis_functions::Library;

use super::{TriggerFunctions, TriggerStores};

/// What becomes of the triggers of an application.
#[derive(Clone, Debug, Default)]
pub struct TriggerPlan {
    /// Those that run.
    pub runs: Vec<Planned>,
    /// Those that are switched off by their configuration.
    pub disabled: Vec<Planned>,
    /// Those that cannot run, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// A trigger that could run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What it waits for and what it runs.
    pub definition: TriggerDefinition,
}

impl TriggerPlan {
    /// Looks at every trigger of an application.
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

    /// The same, with what these stores cannot tell left out, and what would run a function that cannot.
    #[must_use]
    pub fn within(app: &App, stores: &TriggerStores, functions: &dyn TriggerFunctions) -> Self {
        let mut plan = Self::of(app);
        plan.refuse(|definition| match &definition.event {
            TriggerEvent::Database(_) if stores.changes.is_none() => {
                Some("this store does not tell changes".to_owned())
            }
            _ => None,
        });
        plan.restrict(stores.accounts.as_deref(), |function| functions.refusal(function));
        plan
    }

    /// What a server runs of them, for who has no server: `accounts` is the database of users and triggers, if it is on the server of
    /// the documents.
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

    /// Takes out those that run and meet a condition, with its reason.
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

/// What of the application a trigger needs and does not find.
fn missing(app: &App, definition: &TriggerDefinition) -> Option<String> {
    if app.function(&definition.function).is_none() {
        return Some(format!("there is no function `{}`", OneLine(&definition.function)));
    }
    let TriggerEvent::Database(trigger) = &definition.event else { return None };
    let service = trigger.service.as_deref()?;
    let is_known = app.data_sources.iter().any(|source| source.name == service);
    (!is_known).then(|| format!("there is no data source `{}`", OneLine(service)))
}

/// The collection, or the database, of a trigger that is not for the application, if it is this one.
fn closed(definition: &TriggerDefinition, accounts: Option<&str>) -> Option<String> {
    let TriggerEvent::Database(trigger) = &definition.event else { return None };
    let accounts = accounts?;
    match &trigger.source {
        Source::Collection { database, .. } | Source::Database(database) if database.eq_ignore_ascii_case(accounts) => {
            Some(format!("the database `{}` holds the users of applications, and is told to nobody", OneLine(database)))
        }
        _ => None,
    }
}
