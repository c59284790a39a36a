use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bson::{Bson, DateTime, Document};
use thiserror::Error;

use super::functions::Calls;
use super::{ContextPart, EvalError, FunctionError, Functions, PendingCall};
use crate::path::{Resolved, Segment, resolve};
use crate::predicate::{ContextRoot, Reference};
use crate::user::{CustomData, User};
use crate::value::{ArrayRef, DocumentRef, Steps, ValueRef};

/// Everything that rules can refer to in one request, except the documents. A rule that refers to a part that was not
/// supplied ends in an Error, which denies and names the part. Function results are cached here, so a context serves a
/// single request.
pub struct Context {
    user: Option<User>,
    values: Option<Document>,
    secrets: HashSet<String>,
    /// Whether there may be more values than those supplied.
    values_partial: bool,
    environment: Option<Environment>,
    request: Option<Request>,
    args: Option<Document>,
    partition: Option<Bson>,
    now: Option<DateTime>,
    functions: Option<Arc<dyn Functions>>,
    calls: Calls,
}

/// `%%environment`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    /// `%%environment.tag`; empty where the application has no environment.
    pub tag: String,
    /// `%%environment.values`
    pub values: Document,
}

/// `%%request`: a document with some of the fields of [`Request::FIELDS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    fields: Document,
    /// Header names in lower case, each with the array of its values.
    headers: HashMap<String, Bson>,
}

/// Why a document is not a valid request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A key that is not among [`Request::FIELDS`].
    #[error("`%%request` has no field `{0}`; it has {fields}", fields = Request::FIELDS.join(", "))]
    FieldUnknown(String),
    /// `requestHeaders` is not a document of strings or arrays of strings.
    #[error("`requestHeaders` must be a document of arrays of strings")]
    Headers,
}

impl Request {
    /// The names of its fields; any other property of `%%request` is Unknown.
    pub const FIELDS: [&'static str; 9] = [
        "httpMethod",
        "httpReferrer",
        "httpUserAgent",
        "rawQueryString",
        "remoteIPAddress",
        "requestHeaders",
        "service",
        "action",
        "webhookUrl",
    ];

    /// Reads a request. Header names are matched case-insensitively; a header given as a single string is an array of
    /// one.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn from_document(document: Document) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for (key, value) in document {
            if !Self::FIELDS.contains(&key.as_str()) {
                return Err(RequestError::FieldUnknown(key));
            }
            if key == "requestHeaders" {
                let Bson::Document(headers) = &value else { return Err(RequestError::Headers) };
                for (name, values) in headers {
                    request.add_header(name, values)?;
                }
            }
            request.fields.insert(key, value);
        }
        Ok(request)
    }

    /// The fields as they were given.
    #[must_use]
    pub const fn fields(&self) -> &Document {
        &self.fields
    }

    fn add_header(&mut self, name: &str, values: &Bson) -> Result<(), RequestError> {
        let entry = self.headers.entry(name.to_lowercase()).or_insert_with(|| Bson::Array(Vec::new()));
        let Bson::Array(all) = entry else { return Err(RequestError::Headers) };
        match values {
            Bson::String(_) => all.push(values.clone()),
            Bson::Array(values) if values.iter().all(|value| matches!(value, Bson::String(_))) => {
                all.extend(values.iter().cloned());
            }
            _ => return Err(RequestError::Headers),
        }
        Ok(())
    }
}

/// Where the lookup of a reference starts.
enum Start<'c> {
    /// The object has no such property.
    Unknown,
    /// The host did not supply it.
    NotSupplied(ContextPart),
    /// The value to start from, Missing if `None`, and how many segments of the path it already covers.
    Known(Option<ValueRef<'c>>, usize),
}

/// The value to start from, if there is one, and the path to follow.
pub(crate) type Walk<'c, 'r> = (Option<ValueRef<'c>>, &'r [Segment]);

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Creates a context in which only `%%now`, the current time, is supplied.
    #[must_use]
    pub fn new() -> Self {
        Self {
            user: None,
            values: None,
            secrets: HashSet::new(),
            values_partial: false,
            environment: None,
            request: None,
            args: None,
            partition: None,
            now: Some(DateTime::now()),
            functions: None,
            calls: Calls::default(),
        }
    }

    /// Sets `%%now`, which otherwise is the time at which the context was created.
    #[must_use]
    pub const fn with_now(mut self, now: DateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// `%%now`
    #[must_use]
    pub const fn now(&self) -> Option<DateTime> {
        self.now
    }

    /// A copy for another time, with the function results known so far.
    pub(crate) fn at(&self, now: DateTime) -> Self {
        Self {
            user: self.user.clone(),
            values: self.values.clone(),
            secrets: self.secrets.clone(),
            values_partial: self.values_partial,
            environment: self.environment.clone(),
            request: self.request.clone(),
            args: self.args.clone(),
            partition: self.partition.clone(),
            now: Some(now),
            functions: self.functions.clone(),
            calls: self.calls.copied(),
        }
    }

    /// Adds the function calls that `other`, a copy for another time, is waiting for.
    pub(crate) fn await_calls_of(&self, other: &Self) {
        self.calls.await_those_of(&other.calls);
    }

    /// Leaves `%%now` unsupplied.
    #[must_use]
    pub const fn without_now(mut self) -> Self {
        self.now = None;
        self
    }

    /// Supplies `%%user`. If the `_id` of its custom data is an ObjectId, rules see it as its hex string.
    #[must_use]
    pub fn with_user(mut self, mut user: User) -> Self {
        if let CustomData::Loaded(data) = &mut user.custom_data
            && let Some(id) = data.get_mut("_id")
            && let Bson::ObjectId(hex) = id
        {
            *id = Bson::String(hex.to_hex());
        }
        self.user = Some(user);
        self
    }

    /// A copy for another user, without cached function results.
    #[must_use]
    pub fn for_user(&self, user: User) -> Self {
        let shared = Self {
            user: None,
            values: self.values.clone(),
            secrets: self.secrets.clone(),
            values_partial: self.values_partial,
            environment: self.environment.clone(),
            request: self.request.clone(),
            args: self.args.clone(),
            partition: self.partition.clone(),
            now: self.now,
            functions: self.functions.clone(),
            calls: Calls::default(),
        };
        shared.with_user(user)
    }

    /// Supplies `%%values`.
    #[must_use]
    pub fn with_values(mut self, values: Document) -> Self {
        self.values = Some(values);
        self
    }

    /// Supplies secrets, which rules also see in `%%values` and which never appear in output.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Document) -> Self {
        let values = self.values.get_or_insert_with(Document::new);
        for (name, value) in secrets {
            self.secrets.insert(name.clone());
            values.insert(name, value);
        }
        self
    }

    /// Declares which values are secrets: they never appear in output, and referring to one that is not supplied is an
    /// Error.
    #[must_use]
    pub fn with_secret_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(names);
        self
    }

    /// Declares that the supplied values may be incomplete: referring to any other is an Error.
    #[must_use]
    pub const fn with_partial_values(mut self) -> Self {
        self.values_partial = true;
        self
    }

    /// Supplies `%%environment`.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Supplies those values that are not supplied yet.
    #[must_use]
    pub fn or_values(mut self, values: &Document) -> Self {
        let supplied = self.values.get_or_insert_with(Document::new);
        for (name, value) in values {
            if !supplied.contains_key(name) {
                supplied.insert(name, value.clone());
            }
        }
        self
    }

    /// Supplies `%%environment` unless it is already supplied.
    #[must_use]
    pub fn or_environment(mut self, environment: &Environment) -> Self {
        self.environment.get_or_insert_with(|| environment.clone());
        self
    }

    /// Whether the user's custom data was not looked up.
    pub(crate) fn lacks_custom_data(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.custom_data == CustomData::NotLoaded)
    }

    /// Declares that the user has no custom data.
    pub(crate) fn without_custom_data(mut self) -> Self {
        self.user = self.user.map(User::without_custom_data);
        self
    }

    /// Supplies `%%request`.
    #[must_use]
    pub fn with_request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }

    /// Supplies `%%args`.
    #[must_use]
    pub fn with_args(mut self, args: Document) -> Self {
        self.args = Some(args);
        self
    }

    /// Supplies `%%partition`.
    #[must_use]
    pub fn with_partition(mut self, partition: Bson) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Supplies the functions for `%function`.
    #[must_use]
    pub fn with_functions(mut self, functions: Arc<dyn Functions>) -> Self {
        self.functions = Some(functions);
        self
    }

    /// The user, if supplied.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Returns the calls whose results are not available yet, and clears that list.
    #[must_use]
    pub fn pending(&self) -> Vec<PendingCall> {
        self.calls.take_pending()
    }

    /// Supplies the result of a pending call.
    ///
    /// # Errors
    /// [`FunctionError::ArgumentsTooLarge`] if the arguments do not fit a BSON document, so that the call cannot have
    /// come from [`Self::pending`].
    pub fn supply(&self, call: &PendingCall, result: Result<Bson, FunctionError>) -> Result<(), FunctionError> {
        self.calls.supply(call, result)
    }

    /// Whether the value of a reference must not appear in output: a secret or a header.
    pub(super) fn hides(&self, reference: &Reference) -> bool {
        let first = reference.path.first();
        match reference.root {
            ContextRoot::Values => first.is_none_or(|name| self.secrets.contains(name)),
            ContextRoot::Request => first.is_none_or(|name| name == "requestHeaders"),
            _ => false,
        }
    }

    /// The values that must not appear in output, each with the expansion that resolves to it.
    pub(super) fn hidden_values(&self) -> Vec<(String, &Bson)> {
        let secrets = self.values.iter().flatten().filter(|(name, _)| self.secrets.contains(*name));
        let headers = self.request.iter().flat_map(|request| &request.headers);
        let secrets = secrets.map(|(name, value)| (format!("%%values.{name}"), value));
        secrets.chain(headers.map(|(name, value)| (format!("%%request.requestHeaders.{name}"), value))).collect()
    }

    pub(super) fn has_function(&self, name: &str) -> bool {
        self.functions.as_ref().is_some_and(|functions| functions.contains(name))
    }

    pub(crate) fn call(&self, name: &str, arguments: &[Bson]) -> Result<Arc<Bson>, EvalError> {
        match &self.functions {
            Some(functions) => self.calls.call(&**functions, name, arguments),
            None => Err(FunctionError::NotFound(name.to_owned())),
        }
        .map_err(EvalError::Function)
    }

    /// The left operand that a reference resolves to: the value to start from and the remaining path, or `None` if it
    /// is Unknown.
    pub(crate) fn left<'r>(&self, reference: &'r Reference) -> Result<Option<Walk<'_, 'r>>, ContextPart> {
        match self.start(reference) {
            Start::NotSupplied(part) => Err(part),
            Start::Unknown => Ok(None),
            Start::Known(value, used) => Ok(Some((value, reference.path.segments().get(used..).unwrap_or_default()))),
        }
    }

    /// The value of a reference to the user on the most frequent path, through documents only. `None` means that the
    /// general lookup must decide.
    #[inline]
    pub(crate) fn straight(&self, reference: &Reference) -> Option<ValueRef<'_>> {
        let (ContextRoot::User, Some(user)) = (reference.root, &self.user) else { return None };
        let (first, rest) = reference.path.segments().split_first()?;
        let start = match (first.name(), &user.custom_data) {
            ("custom_data", CustomData::Loaded(data)) => data,
            ("data", _) => &user.data,
            ("id", _) if rest.is_empty() => return Some(ValueRef::String(&user.id)),
            _ => return None,
        };
        let (last, between) = rest.split_last()?;
        let mut document = start;
        for segment in between {
            document = document.get(segment.name())?.as_document()?;
        }
        document.get(last.name()).map(ValueRef::from)
    }

    /// Whether `%%values` has a secret of this name.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether `%%values` contains secrets.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Explains why the value of a reference cannot be compared with anything.
    pub(super) fn why_unknown(&self, reference: &Reference) -> String {
        let why = match self.left(reference) {
            Ok(Some(_)) => match self.right(reference) {
                Ok(None) => "there is no such value".to_owned(),
                Ok(Some(value)) => format!("its value is {}", ValueRef::from(&value).kind().alias()),
                Err(error) => error.to_string(),
            },
            Ok(None) => "there is no such property".to_owned(),
            Err(part) => part.to_string(),
        };
        format!("unknown: {why}")
    }

    /// The right operand that a reference resolves to; `None` if it is Unknown or Missing.
    pub(super) fn right(&self, reference: &Reference) -> Result<Option<Bson>, EvalError> {
        if let Some(whole) = self.whole(reference)? {
            return Ok(Some(whole));
        }
        let Some((start, path)) = self.left(reference)? else { return Ok(None) };
        match resolve(start, path, &Steps::default())? {
            Resolved::One(value) => Ok(value.map(ValueRef::to_bson).transpose()?),
            place @ Resolved::Many(_) => {
                let met: Vec<Bson> = place.met().into_iter().map(ValueRef::to_bson).collect::<Result<_, _>>()?;
                Ok((!met.is_empty()).then_some(Bson::Array(met)))
            }
            Resolved::Ambiguous => Ok(None),
        }
    }

    /// A whole context object, as passed to a function.
    pub(crate) fn whole(&self, reference: &Reference) -> Result<Option<Bson>, ContextPart> {
        if !reference.path.is_root() {
            return Ok(None);
        }
        match reference.root {
            ContextRoot::User => match &self.user {
                None => Err(ContextPart::User),
                Some(user) if user.custom_data == CustomData::NotLoaded => Err(ContextPart::CustomData),
                Some(user) => Ok(Some(user.to_document().into())),
            },
            ContextRoot::Environment => match &self.environment {
                None => Err(ContextPart::Environment),
                Some(Environment { tag, values }) => {
                    Ok(Some(bson::doc! { "tag": tag, "values": values.clone() }.into()))
                }
            },
            _ => Ok(None),
        }
    }

    fn start(&self, reference: &Reference) -> Start<'_> {
        match reference.root {
            ContextRoot::User => self.user_start(reference),
            ContextRoot::Request => self.request_start(reference),
            ContextRoot::Environment => match (&self.environment, reference.path.first()) {
                (None, _) => Start::NotSupplied(ContextPart::Environment),
                (Some(environment), Some("tag")) => Start::Known(Some(ValueRef::String(&environment.tag)), 1),
                (Some(environment), Some("values")) => known_document(&environment.values, 1),
                (Some(_), _) => Start::Unknown,
            },
            ContextRoot::Values => self.values_start(reference),
            ContextRoot::Args => match &self.args {
                None => Start::NotSupplied(ContextPart::Args),
                Some(args) => known_document(args, 0),
            },
            ContextRoot::Partition => match &self.partition {
                None => Start::NotSupplied(ContextPart::Partition),
                Some(value) => Start::Known(Some(value.into()), 0),
            },
            ContextRoot::Now => match self.now {
                None => Start::NotSupplied(ContextPart::Now),
                Some(now) => Start::Known(Some(ValueRef::DateTime(now.timestamp_millis())), 0),
            },
        }
    }

    fn values_start(&self, reference: &Reference) -> Start<'_> {
        let first = reference.path.first();
        let Some(values) = &self.values else {
            let secret = first.filter(|name| self.secrets.contains(*name));
            return Start::NotSupplied(secret.map_or(ContextPart::Values, |name| ContextPart::Secret(name.into())));
        };
        match first {
            Some(name) if values.contains_key(name) => known_document(values, 0),
            Some(name) if self.secrets.contains(name) => Start::NotSupplied(ContextPart::Secret(name.into())),
            Some(name) if self.values_partial => Start::NotSupplied(ContextPart::Value(name.into())),
            Some(_) => known_document(values, 0),
            None if self.values_partial => Start::NotSupplied(ContextPart::Values),
            None => match self.secrets.iter().filter(|name| !values.contains_key(name)).min() {
                Some(secret) => Start::NotSupplied(ContextPart::Secret(secret.as_str().into())),
                None => known_document(values, 0),
            },
        }
    }

    fn user_start(&self, reference: &Reference) -> Start<'_> {
        let Some(user) = &self.user else { return Start::NotSupplied(ContextPart::User) };
        match reference.path.first() {
            Some("id") => Start::Known(Some(ValueRef::String(&user.id)), 1),
            Some("type") => Start::Known(Some(ValueRef::String(user.kind.name())), 1),
            Some("data") => known_document(&user.data, 1),
            Some("identities") => Start::Known(Some(ValueRef::Array(ArrayRef::Decoded(&user.identities))), 1),
            Some("custom_data") => match &user.custom_data {
                CustomData::NotLoaded => Start::NotSupplied(ContextPart::CustomData),
                CustomData::Loaded(data) if !data.is_empty() => known_document(data, 1),
                CustomData::Loaded(_) | CustomData::Absent => Start::Known(None, 1),
            },
            _ => Start::Unknown,
        }
    }

    fn request_start(&self, reference: &Reference) -> Start<'_> {
        let Some(request) = &self.request else { return Start::NotSupplied(ContextPart::Request) };
        match reference.path.segments() {
            [] => known_document(&request.fields, 0),
            [headers, name, ..] if headers.name() == "requestHeaders" => {
                Start::Known(request.headers.get(&name.name().to_lowercase()).map(ValueRef::from), 2)
            }
            [field, ..] if request.fields.contains_key(field.name()) => known_document(&request.fields, 0),
            [field, ..] if Request::FIELDS.contains(&field.name()) => {
                Start::NotSupplied(ContextPart::RequestProperty(field.name().into()))
            }
            _ => Start::Unknown,
        }
    }
}

fn known_document(document: &Document, used: usize) -> Start<'_> {
    Start::Known(Some(ValueRef::Document(DocumentRef::Decoded(document))), used)
}

impl fmt::Debug for Context {
    /// Prints the names of what is supplied, not the values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("user", &self.user.as_ref().map(|user| &user.id))
            .field("values", &self.values.is_some())
            .field("environment", &self.environment.is_some())
            .field("request", &self.request.is_some())
            .field("args", &self.args.is_some())
            .field("partition", &self.partition.is_some())
            .field("functions", &self.functions.is_some())
            .finish_non_exhaustive()
    }
}
