use super::fields::Fields;
use super::{AuthenticationTrigger, Cron, DatabaseTrigger, TriggerError, TriggerErrorKind};
use crate::json::Node;
use crate::text::{Span, closest};

/// A trigger as configured in `triggers/<name>.json`: an event, and the function to run.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerDefinition {
    /// The name, which is unique in the application.
    pub name: String,
    /// The name of the function.
    pub function: String,
    /// Whether it is disabled.
    pub is_disabled: bool,
    /// The event that it waits for.
    pub event: TriggerEvent,
}

/// The event that a trigger waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerEvent {
    /// Documents change.
    Database(Box<DatabaseTrigger>),
    /// Users are created, log in or are deleted.
    Authentication(AuthenticationTrigger),
    /// A scheduled time is reached.
    Scheduled(ScheduledTrigger),
}

impl TriggerEvent {
    /// The name of the trigger's type.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Database(_) => TYPES[0],
            Self::Authentication(_) => TYPES[1],
            Self::Scheduled(_) => TYPES[2],
        }
    }
}

/// A trigger that runs on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTrigger {
    /// The schedule.
    pub schedule: Cron,
    /// Whether times that pass while no server can run it are skipped. Otherwise, it runs once for all of them.
    pub skips_missed: bool,
}

const TYPES: [&str; 3] = ["DATABASE", "AUTHENTICATION", "SCHEDULED"];

/// The maximum length of a name in characters.
const MAX_NAME: usize = 64;

impl TriggerDefinition {
    /// Compiles the configuration of the trigger with this name.
    ///
    /// # Errors
    /// All errors, in source order.
    pub fn compile(name: &str, node: &Node) -> Result<Self, Vec<TriggerError>> {
        let mut fields = Fields::new(node);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_word) {
            let span = node.get("name").map_or_else(|| fields.start(), |node| node.span);
            fields.report(TriggerErrorKind::Name(name.to_owned()), span);
        }
        let is_disabled = fields.flag("disabled").value;
        let function = function(&mut fields);
        let kind = fields.required("a trigger", "type");
        // In exports, `config` is absent if it would be empty.
        let empty = Node { kind: crate::json::Kind::Object(Vec::new()), span: fields.start() };
        let mut settings = Fields::new(node.get("config").unwrap_or(&empty));
        let event = match kind.map(|kind| (kind.value, kind.span)) {
            Some(("DATABASE", _)) => Some(TriggerEvent::Database(Box::new(DatabaseTrigger::read(&mut settings)))),
            Some(("AUTHENTICATION", _)) => {
                Some(TriggerEvent::Authentication(AuthenticationTrigger::read(&mut settings)))
            }
            Some(("SCHEDULED", _)) => ScheduledTrigger::read(&mut settings).map(TriggerEvent::Scheduled),
            Some((other, span)) => {
                let error = TriggerError::new(TriggerErrorKind::TypeUnknown(other.to_owned()), span);
                fields.errors.push(match closest(other, TYPES) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error,
                });
                None
            }
            None => None,
        };
        let mut errors = fields.errors;
        errors.append(&mut settings.errors);
        match (function, event) {
            (Some(function), Some(event)) if errors.is_empty() => {
                Ok(Self { name: name.to_owned(), function, is_disabled, event })
            }
            _ => {
                errors.sort_by_key(TriggerError::span);
                Err(errors)
            }
        }
    }
}

/// The name of the function: `event_processors.FUNCTION.config.function_name` or, in older applications,
/// `function_name`.
fn function(fields: &mut Fields<'_>) -> Option<String> {
    let node = fields.node;
    let mut named: Vec<(&str, Span)> = Vec::new();
    named.extend(fields.text("function_name").map(|name| (name.value, name.span)));
    let mut is_refused = false;
    for processor in node.get("event_processors").and_then(Node::as_object).unwrap_or_default() {
        if processor.key != "FUNCTION" {
            let kind = TriggerErrorKind::ProcessorUnsupported(processor.key.clone());
            let help = "let a function take the event: `\"event_processors\": {\"FUNCTION\": {\"config\": {\"function_name\": …}}}`";
            fields.errors.push(TriggerError::new(kind, processor.key_span).help(help));
            is_refused = true;
        } else if let Some(config) = processor.value.get("config") {
            let mut inner = Fields::new(config);
            named.extend(inner.text("function_name").map(|name| (name.value, name.span)));
            fields.errors.append(&mut inner.errors);
        }
    }
    match named.as_slice() {
        [] if is_refused => None,
        [] => {
            fields.report(TriggerErrorKind::FunctionMissing, fields.start());
            None
        }
        [(name, _)] => Some((*name).to_owned()),
        [(name, _), others @ ..] => {
            if let Some((other, span)) = others.iter().find(|(other, _)| other != name) {
                fields.report(TriggerErrorKind::FunctionTwice((*name).to_owned(), (*other).to_owned()), *span);
            }
            Some((*name).to_owned())
        }
    }
}

impl ScheduledTrigger {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        // A page of the documentation spells the key without the s.
        let skips_missed = fields.flag("skip_catchup_events").value | fields.flag("skip_catchup_event").value;
        let schedule = fields.required("a scheduled trigger", "schedule")?;
        match schedule.value.parse() {
            Ok(schedule) => Some(Self { schedule, skips_missed }),
            Err(error) => {
                fields.report(TriggerErrorKind::Schedule(error), schedule.span);
                None
            }
        }
    }
}
