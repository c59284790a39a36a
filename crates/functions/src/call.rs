use std::fmt;

use bson::Bson;
use portcullis::User;
use portcullis::eval::Request;

/// One call of a function from outside of the engine.
#[derive(Clone)]
pub struct Call {
    /// The function's name.
    pub function: String,
    /// What it is called with.
    pub arguments: Vec<Bson>,
    /// The kind of caller, which determines whether private functions can be called and whose rules apply.
    pub entry: Entry,
    /// `context.user`: the caller, or [`User::system`].
    pub user: User,
    /// `context.request`. Without one, a `can_evaluate` that reads the request denies the call.
    pub request: Option<Request>,
    /// The HTTP request of an endpoint or a webhook. It supplies the first two arguments; `arguments` follow.
    pub http: Option<HttpRequest>,
}

impl Call {
    /// A call without request and without HTTP.
    #[must_use]
    pub fn new(function: impl Into<String>, arguments: Vec<Bson>, entry: Entry, user: User) -> Self {
        Self { function: function.into(), arguments, entry, user, request: None, http: None }
    }

    /// Supplies `context.request`.
    #[must_use]
    pub fn with_request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }

    /// Supplies the HTTP request.
    #[must_use]
    pub fn with_http(mut self, http: HttpRequest) -> Self {
        self.http = Some(http);
        self
    }
}

/// Without arguments, which may be secrets: a password reset has the new password.
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

/// What calls a function. Source: section "Under whose rules" of the documentation of App Services; `docs/functions.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Entry {
    /// A client: private functions are not found, and the caller's rules apply.
    Client,
    /// An HTTPS endpoint or the Data API: the caller's rules, or those of `run_as_*`; without a caller one of these is needed.
    Endpoint,
    /// An incoming webhook of an older application: without `run_as_*` the system.
    Webhook,
    /// A trigger: the system, whatever the function says.
    Trigger,
    /// The user creation function: the system.
    UserCreation,
    /// A custom login, a confirmation or a reset of a password, where nobody is logged in: the system.
    Login,
    /// `%function`: the function's setting, else the rule's user.
    Rule,
    /// The operator, with `portcullis run`: the given user, which may be the system.
    Command,
}

/// The HTTP request of an endpoint or a webhook.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The parameters of the query, decoded, without the secret. The first value of each counts.
    pub query: Vec<(String, String)>,
    /// The headers in the order of arrival. Names may be in any case: functions see `Content-Type`.
    pub headers: Vec<(String, String)>,
    /// The body as received; if `None` or empty, `body` is `undefined`.
    pub body: Option<Vec<u8>>,
}

/// Without values, which may be secrets.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("body", &self.body.as_ref().map(Vec::len)).finish_non_exhaustive()
    }
}

/// The HTTP response of a function. What it did not set explicitly is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// `setStatusCode`
    pub status: Option<u16>,
    /// `setHeader` and `addHeader`, in order. Names may repeat.
    pub headers: Vec<(String, String)>,
    /// `setBody`
    pub body: Option<Vec<u8>>,
}

impl HttpResponse {
    /// Whether the function set nothing.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// What a function returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Returned {
    /// The value, with promises and cursors in it resolved. A missing value is [`Bson::Undefined`].
    pub value: Bson,
    /// The lines of its console: the first 25 of a trigger, the last 25 of others.
    pub console: Vec<ConsoleLine>,
    /// The response, where [`Call::http`] was given.
    pub response: Option<HttpResponse>,
}

/// A line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// How it was written.
    pub level: ConsoleLevel,
    /// Its first 512 bytes.
    pub text: String,
}

/// How a line was written to the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsoleLevel {
    /// `console.log`, `info`, `debug`
    Log,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
}
