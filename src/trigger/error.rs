use thiserror::Error;

use super::CronError;
use crate::json::EjsonErrorKind;
use crate::text::{Code, Located};

/// Why a trigger's configuration is invalid, and where.
pub type TriggerError = Located<TriggerErrorKind>;

/// The kinds of [`TriggerError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TriggerErrorKind {
    /// A value of the wrong type: `"operation_types": "INSERT"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A missing key or an empty string, such as a trigger without `type`, or a scheduled trigger without `schedule`.
    #[error("{what} needs `{key}`")]
    FieldMissing {
        /// What was being parsed.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// An invalid name: `"name": "on new order!"`
    #[error("`{0}` is not a valid trigger name: use up to 64 letters, digits, `_` and `-`")]
    Name(String),
    /// An unknown type: `"type": "DATABSE"`
    #[error("`{0}` is not a trigger type; expected DATABASE, AUTHENTICATION or SCHEDULED")]
    TypeUnknown(String),
    /// An event processor that is not supported: `"event_processors": {"AWS_EVENTBRIDGE": {…}}`
    #[error("the event processor `{0}` is not supported, so this trigger never runs")]
    ProcessorUnsupported(String),
    /// No function: neither `function_name` nor `event_processors.FUNCTION.config.function_name`
    #[error("the trigger names no function")]
    FunctionMissing,
    /// Two different functions.
    #[error("the trigger names two functions, `{0}` and `{1}`")]
    FunctionTwice(String, String),
    /// An unknown operation: `"operation_types": ["INSRT"]`
    #[error("{what} has no operation `{name}`")]
    OperationUnknown {
        /// The type of trigger.
        what: &'static str,
        /// The name of the operation.
        name: String,
    },
    /// No operation: `"operation_types": []`
    #[error("without operations, the trigger never runs")]
    OperationMissing,
    /// An operation that the source does not report: `"operation_types": ["DROP_DATABASE"]` for a collection
    #[error("a trigger on {scope} does not receive {operation} events")]
    OperationScope {
        /// The kind of source.
        scope: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// Previous documents for more than one collection: `"full_document_before_change": true` for a database
    #[error("previous documents are available only to a trigger on a single collection")]
    BeforeScope,
    /// A collection without its database: `"collection": "orders"` without `database`
    #[error("`collection` requires `database`")]
    CollectionAlone,
    /// An internal database: `"database": "local"`
    #[error("MongoDB does not report changes of its own database `{0}`")]
    DatabaseInternal(String),
    /// A projection without the operation: `"project": {"fullDocument": 1}`
    #[error("`project` must keep `operationType`, which the function needs")]
    ProjectOperation,
    /// A projection that includes and excludes fields: `"project": {"a": 1, "b": 0}`
    #[error("`project` both includes and excludes fields")]
    ProjectMixed,
    /// A projection without the resume token: `"project": {"_id._data": 0}`
    #[error("`project` must not change `_id`, from which the change stream resumes")]
    ProjectToken,
    /// A filter with an unknown operator: `"match": {"fullDocument.status": {"$equals": 1}}`
    #[error("`match` has the operator `{0}`, which is unknown there: MongoDB would refuse the change stream")]
    MatchOperator(String),
    /// A filter on a field that change events do not have: `"match": {"status": "open"}`
    #[error("`match` tests `{0}`, a field that no change event has")]
    MatchField(String),
    /// A filter with an expansion, which has no meaning there: `"match": {"fullDocument.owner": "%%user.id"}`
    #[error("`match` has `{0}`, but triggers do not support expansions")]
    MatchExpansion(String),
    /// A malformed filter: `"match": {"$or": []}`
    #[error("`{0}` in `match` does not have the form that MongoDB requires")]
    MatchForm(String),
    /// Malformed extended JSON: `"match": {"$oid": 1}`
    #[error("{0}")]
    Document(EjsonErrorKind),
    /// An invalid schedule: `"schedule": "* * * *"`
    #[error("{0}")]
    Schedule(#[from] CronError),
    /// An unknown provider: `"providers": ["local-userpas"]`
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
