use thiserror::Error;

use super::CronError;
use crate::json::EjsonErrorKind;
use crate::text::{Code, Located};

/// Why a trigger cannot be run, and where.
pub type TriggerError = Located<TriggerErrorKind>;

/// The errors that the configuration of a trigger can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TriggerErrorKind {
    /// `"operation_types": "INSERT"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// A trigger without `type`, a schedule without `schedule`; or the empty string in their place.
    #[error("{what} needs `{key}`")]
    FieldMissing {
        /// What was read.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// `"name": "on new order!"`
    #[error("`{0}` is not a valid trigger name: use up to 64 letters, digits, `_` and `-`")]
    Name(String),
    /// `"type": "DATABSE"`
    #[error("`{0}` is not a trigger type; expected DATABASE, AUTHENTICATION or SCHEDULED")]
    TypeUnknown(String),
    /// `"event_processors": {"AWS_EVENTBRIDGE": {…}}`
    #[error("the event processor `{0}` is not supported, so this trigger never runs")]
    ProcessorUnsupported(String),
    /// Neither `function_name` nor `event_processors.FUNCTION.config.function_name`
    #[error("the trigger names no function")]
    FunctionMissing,
    /// Two different function names.
    #[error("the trigger names two functions, `{0}` and `{1}`")]
    FunctionTwice(String, String),
    /// `"operation_types": ["INSRT"]`
    #[error("{what} has no operation `{name}`")]
    OperationUnknown {
        /// The type of the triggers.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// `"operation_types": []`
    #[error("without operations, the trigger never runs")]
    OperationMissing,
    /// `"operation_types": ["DROP_DATABASE"]` of a collection.
    #[error("a trigger on {scope} does not receive {operation} events")]
    OperationScope {
        /// What it listens to.
        scope: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// `"full_document_before_change": true` of a database.
    #[error("previous documents are available only to a trigger on a single collection")]
    BeforeScope,
    /// `"collection": "orders"` without `database`
    #[error("`collection` requires `database`")]
    CollectionAlone,
    /// `"database": "local"`
    #[error("MongoDB does not report changes of its own database `{0}`")]
    DatabaseInternal(String),
    /// `"project": {"fullDocument": 1}`
    #[error("`project` must keep `operationType`, which the function needs")]
    ProjectOperation,
    /// `"project": {"a": 1, "b": 0}`
    #[error("`project` both includes and excludes fields")]
    ProjectMixed,
    /// `"project": {"_id._data": 0}`
    #[error("`project` must not change `_id`, from which the change stream resumes")]
    ProjectToken,
    /// `"match": {"fullDocument.status": {"$equals": 1}}`
    #[error("`match` has the operator `{0}`, which MongoDB does not know there, so that the stream is refused")]
    MatchOperator(String),
    /// `"match": {"status": "open"}`
    #[error("`match` asks for `{0}`, which no change event has, so that the trigger is not told what is meant")]
    MatchField(String),
    /// `"match": {"fullDocument.owner": "%%user.id"}`
    #[error("`match` has `{0}`, but triggers know no expansions")]
    MatchExpansion(String),
    /// `"match": {"$or": []}`
    #[error("`{0}` in `match` has not the form that MongoDB asks for")]
    MatchForm(String),
    /// `"match": {"$oid": 1}`
    #[error("{0}")]
    Document(EjsonErrorKind),
    /// `"schedule": "* * * *"`
    #[error("{0}")]
    Schedule(#[from] CronError),
    /// `"providers": ["local-userpas"]`
    #[error("there is no provider type `{0}`")]
    ProviderUnknown(String),
}

impl Code for TriggerErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::FieldType { .. } => "trigger-field-type",
            Self::FieldMissing { .. } => "trigger-field-missing",
            Self::Name(_) => "trigger-name",
            Self::TypeUnknown(_) => "trigger-type",
            Self::ProcessorUnsupported(_) => "trigger-processor",
            Self::FunctionMissing | Self::FunctionTwice(..) => "trigger-function",
            Self::OperationUnknown { .. } | Self::OperationMissing | Self::OperationScope { .. } => "trigger-operation",
            Self::BeforeScope => "trigger-before",
            Self::CollectionAlone | Self::DatabaseInternal(_) => "trigger-source",
            Self::ProjectOperation | Self::ProjectMixed | Self::ProjectToken => "trigger-project",
            Self::MatchOperator(_) | Self::MatchField(_) | Self::MatchExpansion(_) | Self::MatchForm(_) => {
                "trigger-match"
            }
            Self::Document(error) => error.code(),
            Self::Schedule(_) => "trigger-schedule",
            Self::ProviderUnknown(_) => "trigger-provider",
        }
    }
}
