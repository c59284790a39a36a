use super::fields::Fields;
use super::{AuthenticationTrigger, Cron, DatabaseTrigger, TriggerError, TriggerErrorKind};
use crate::json::Node;
use crate::text::{Span, closest};

/// A trigger as configured in `triggers/<name>.json`: what it waits for, and which function it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerDefinition {
    /// Its name, unique in the application.
    pub name: String,
    /// The function.
    pub function: String,
    /// Whether it is disabled.
    pub is_disabled: bool,
    /// What it waits for.
    pub event: TriggerEvent,
}

/// What a trigger waits for.
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
    /// The name of its type.
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
    /// Whether it does not catch up on times that passed while no server could run it. Otherwise it runs once for all
    /// of them.
    pub skips_missed: bool,
}

const TYPES: [&str; 3] = ["DATABASE", "AUTHENTICATION", "SCHEDULED"];

/// The most characters of a name.
const MAX_NAME: usize = 64;

impl TriggerDefinition {
    /// Reads the configuration of a trigger of this name.
    ///
    /// # Errors
    /// All its errors, in the order of the text.
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
        // Exports omit `config` if it would be empty.
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

/// The function: `event_processors.FUNCTION.config.function_name`, or `function_name` of older applications.
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
        // One page of the documentation writes it without the s.
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
