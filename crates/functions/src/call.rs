use std::fmt;

use bson::Bson;
use portcullis::User;
use portcullis::eval::Request;

use crate::RunAsAnswer;

/// A call of a function from outside the engine.
#[derive(Clone)]
pub struct Call {
    /// The function's name.
    pub function: String,
    /// The arguments.
    pub arguments: Vec<Bson>,
    /// The kind of caller, which determines whether private functions can be called and whose rules apply.
    pub entry: Entry,
    /// `context.user`: the caller, or [`User::system`].
    pub user: User,
    /// `context.request`. Without one, a `can_evaluate` that reads the request denies the call.
    pub request: Option<Request>,
    /// The HTTP request of an endpoint or a webhook. The function's first two arguments are derived from it;
    /// `arguments` follow.
    pub http: Option<HttpRequest>,
    /// What the function's `run_as_user_id_script_source` has answered, if it has already been run.
    pub run_as: Option<RunAsAnswer>,
}

impl Call {
    /// A call without a request.
    #[must_use]
    pub fn new(function: impl Into<String>, arguments: Vec<Bson>, entry: Entry, user: User) -> Self {
        Self { function: function.into(), arguments, entry, user, request: None, http: None, run_as: None }
    }

    /// Sets `context.request`.
    #[must_use]
    pub fn with_request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }

    /// Sets the HTTP request.
    #[must_use]
    pub fn with_http(mut self, http: HttpRequest) -> Self {
        self.http = Some(http);
        self
    }

    /// Sets the answer of the function's script, which is then not run again. Without effect for a function that has no
    /// script.
    #[must_use]
    pub fn with_run_as(mut self, answer: RunAsAnswer) -> Self {
        self.run_as = Some(answer);
        self
    }
}

/// Omits the arguments, which may be secrets: those of a password reset include the new password.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, entry, arguments, .. } = self;
        f.debug_struct("Call")
            .field("function", function)
            .field("entry", entry)
            .field("arguments", &arguments.len())
            .finish_non_exhaustive()
    }
}

/// The kind of caller, which determines the user that a function runs as if it has no `run_as_*` setting. Source:
/// section "Under whose rules" of the documentation of App Services; `docs/functions.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Entry {
    /// A client: runs as the caller. Private functions are not found.
    Client,
    /// An HTTPS endpoint or the Data API: runs as the caller. Without a caller, the call is rejected.
    Endpoint,
    /// An incoming webhook of an older application: runs as the caller, or as the system if there is none.
    Webhook,
    /// A trigger: runs as the system, regardless of the function's settings.
    Trigger,
    /// The user creation function: runs as the system.
    UserCreation,
    /// A custom login, or the confirmation or reset of a password, where nobody is logged in: runs as the system.
    Login,
    /// `%function` in a rule: runs as the user for whom the rule is evaluated, never as the system.
    Rule,
    /// The operator, with `portcullis run`: runs as a given user, which may be the system.
    Command,
}

impl Entry {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Endpoint => "endpoint",
            Self::Webhook => "webhook",
            Self::Trigger => "trigger",
            Self::UserCreation => "user creation",
            Self::Login => "login",
            Self::Rule => "rule",
            Self::Command => "command",
        }
    }
}

/// The HTTP request of an endpoint or a webhook.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The decoded query parameters, without the secret. If a name repeats, the first value counts.
    pub query: Vec<(String, String)>,
    /// The headers in the order of arrival. The case of their names does not matter: functions see `Content-Type`.
    pub headers: Vec<(String, String)>,
    /// The body as received; if `None` or empty, `body` is `undefined`.
    pub body: Option<Vec<u8>>,
}

/// Omits all values, which may be secrets.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("body", &self.body.as_ref().map(Vec::len)).finish_non_exhaustive()
    }
}

/// The HTTP response of a function. Anything that it did not set is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, from `setStatusCode`.
    pub status: Option<u16>,
    /// The headers, from `setHeader` and `addHeader`, in order. Names may repeat.
    pub headers: Vec<(String, String)>,
    /// The body, from `setBody`.
    pub body: Option<Vec<u8>>,
}

impl HttpResponse {
    /// Whether the function set nothing.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of a successful call.
#[derive(Clone, Debug, PartialEq)]
pub struct Returned {
    /// The returned value, with promises and cursors in it resolved. A function that returns nothing yields
    /// [`Bson::Undefined`].
    pub value: Bson,
    /// Whether the value is a whole number that the function computed without any data from outside: it was a plain
    /// number of JavaScript, equal to no argument, and the call used no data source, no HTTP and no function with
    /// different rights. It is then int64 only because JavaScript does not say which type is meant.
    pub is_computed: bool,
    /// Its console output: for triggers the first 25 lines, otherwise the last 25.
    pub console: Vec<ConsoleLine>,
    /// The response, if the call had [`Call::http`].
    pub response: Option<HttpResponse>,
}

/// A line of console output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// The method that wrote it.
    pub level: ConsoleLevel,
    /// Its text, truncated to 512 bytes.
    pub text: String,
}

/// The level of a line of console output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsoleLevel {
    /// Written by `console.log`, `console.info` or `console.debug`.
    Log,
    /// Written by `console.warn`.
    Warn,
    /// Written by `console.error`.
    Error,
}

impl ConsoleLevel {
    /// The name in logs, which is that of the method of `console`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
