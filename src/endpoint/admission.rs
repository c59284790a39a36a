use std::fmt;

use super::error::{EndpointError, EndpointErrorKind};
use super::reader::Reader;
use crate::expr;
use crate::json::Node;
use crate::predicate::{self, Predicate, Scope};
use crate::text::closest;

/// How requests are validated, which App Services does by a shared secret, if at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validation {
    /// They are not: `NO_VALIDATION`.
    None,
    /// The query contains the secret, `?secret=`: `SECRET_AS_QUERY_PARAM`.
    SecretInQuery(SharedSecret),
    /// The request is signed with an HMAC-SHA256 of the body: `VERIFY_PAYLOAD`.
    Signature(SharedSecret),
}

/// The secret for validating requests.
#[derive(Clone, PartialEq, Eq)]
pub enum SharedSecret {
    /// The application's secret with this name.
    Named(String),
    /// The secret itself, which is in the files of older webhooks. It is never empty and does not appear in `Debug`
    /// output.
    Written(String),
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.debug_tuple("Named").field(name).finish(),
            Self::Written(_) => f.write_str("Written(…)"),
        }
    }
}

impl Validation {
    const NAMES: [&'static str; 3] = ["NO_VALIDATION", "SECRET_AS_QUERY_PARAM", "VERIFY_PAYLOAD"];

    /// Reads the method at one key and the name of the secret at another. A secret without a method is an error,
    /// because it must not be ignored.
    pub(super) fn read(reader: &mut Reader<'_>, key: &'static str, secret: &'static str) -> Option<Self> {
        if let Some(member) = reader.member("verification_method") {
            let error = EndpointError::new(EndpointErrorKind::ValidationMisnamed, member.key_span);
            reader.add(error.help("is `validation_method` meant?"));
        }
        let method = reader.text(key);
        let name = reader.text(secret).map(|name| (*name).to_owned());
        let name =
            name.map(|name| if secret == "secret" { SharedSecret::Written(name) } else { SharedSecret::Named(name) });
        let needed = |reader: &mut Reader<'_>, validation| {
            if name.is_none() {
                let span = reader.member(secret).map(|member| member.value.span);
                let span = span.or_else(|| method.map(|method| method.span)).unwrap_or_else(|| reader.begin());
                reader.report(EndpointErrorKind::SecretMissing { validation, key: secret }, span);
            }
            name.clone()
        };
        match method.map(|method| method.value) {
            Some("NO_VALIDATION") => Some(Self::None),
            Some("SECRET_AS_QUERY_PARAM") => needed(reader, "SECRET_AS_QUERY_PARAM").map(Self::SecretInQuery),
            Some("VERIFY_PAYLOAD") => needed(reader, "VERIFY_PAYLOAD").map(Self::Signature),
            Some(unknown) => {
                let kind = EndpointErrorKind::ValidationUnknown(unknown.to_owned());
                let span = method.map(|method| method.span).unwrap_or_default();
                let help = closest(unknown, Self::NAMES).map_or_else(
                    || format!("it is one of {}", Self::NAMES.join(", ")),
                    |known| format!("is `{known}` meant?"),
                );
                reader.add(EndpointError::new(kind, span).help(help));
                None
            }
            // In exports, settings without a value are empty strings.
            None if name.is_none() => Some(Self::None),
            None => {
                reader.missing(key, "a secret is named here, but nothing says how requests show it");
                None
            }
        }
    }
}

/// The user with whose permissions a function or the Data API accesses data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The authenticated user who makes the request.
    Caller,
    /// The system user, to which rules do not apply.
    System,
    /// The user with this id.
    User(String),
    /// The user whose id is returned by a function with this source.
    Script(String),
}

impl RunAs {
    /// Reads the settings `run_as_…`, of which `run_as_system` takes precedence. `None` if there are none.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let system = reader.flag("run_as_system", false);
        let user = reader.text("run_as_user_id");
        let script = reader.text("run_as_user_id_script_source");
        match (system, user, script) {
            (_, Some(_), Some(script)) => {
                reader.report(EndpointErrorKind::RunAsBoth, script.span);
                None
            }
            (true, ..) => Some(Self::System),
            (false, Some(id), None) => Some(Self::User((*id).to_owned())),
            (false, None, Some(script)) => Some(Self::Script((*script).to_owned())),
            (false, None, None) => None,
        }
    }

    /// The user according to a function's own settings. If these are invalid or do not name one, that is the caller.
    #[must_use]
    pub fn of_function(config: &Node) -> Self {
        let Ok(mut reader) = Reader::new("a function", config) else { return Self::Caller };
        Self::read(&mut reader).unwrap_or(Self::Caller)
    }
}

/// The condition for making requests: `can_evaluate`.
#[derive(Clone, Debug)]
pub enum Condition {
    /// There is none, so everyone may.
    Always,
    /// Those may for whom this expression holds.
    If(Box<Predicate>),
    /// It is invalid, so nobody may. Checking the application reports the error.
    Never,
}

impl Condition {
    /// Compiles `can_evaluate`.
    #[must_use]
    pub fn read(node: Option<&Node>) -> Self {
        let Some(node) = node else { return Self::Always };
        let lowered = expr::parse(node).ok().and_then(|expr| predicate::lower(&expr, Scope::Endpoint).ok());
        lowered.map_or(Self::Never, |predicate| Self::If(Box::new(predicate)))
    }
}

/// The default format of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnType {
    /// Plain JSON.
    #[default]
    Json,
    /// Canonical extended JSON.
    Ejson,
}

impl ReturnType {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        match reader.text("return_type").map(|text| (text.value, text.span)) {
            None | Some(("JSON", _)) => Self::Json,
            Some(("EJSON", _)) => Self::Ejson,
            Some((unknown, span)) => {
                reader.report(EndpointErrorKind::ReturnTypeUnknown(unknown.to_owned()), span);
                Self::Json
            }
        }
    }
}
