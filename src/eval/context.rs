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

/// Everything about one request that rules can refer to, but for the documents. A rule that asks for a part that is not
/// supplied ends in an Error, which denies and names the part. Results of functions are remembered here, so one context serves one request.
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

/// Why a document is no request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A key that no request has.
    #[error("`%%request` has no field `{0}`; it has {fields}", fields = Request::FIELDS.join(", "))]
    FieldUnknown(String),
    /// Headers that are no document of strings or arrays of strings.
    #[error("`requestHeaders` must be a document of arrays of strings")]
    Headers,
}

impl Request {
    /// The names of its fields; any other is unknown to every request.
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

    /// Reads a request. The names of headers are matched without regard to case; one string as a header's value is an
    /// array of one.
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

/// Where a reference begins to be looked up.
enum Start<'c> {
    /// No such object has such a property.
    Unknown,
    /// The host did not say what stands there.
    NotSupplied(ContextPart),
    /// A value, or nothing, from which the rest of the path goes on.
    Known(Option<ValueRef<'c>>, usize),
}

/// A value to walk from, if there is one, and the path to walk.
pub(crate) type Walk<'c, 'r> = (Option<ValueRef<'c>>, &'r [Segment]);

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Nothing is supplied but the time, `%%now`.
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

    /// Sets `%%now`, which otherwise is the time at which the context was made.
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

    /// The same for another moment, with the results of functions that are known so far.
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

    /// Takes over the calls of functions that the same context of another moment waits for.
    pub(crate) fn await_calls_of(&self, other: &Self) {
        self.calls.await_those_of(&other.calls);
    }

    /// Leaves `%%now` unsupplied.
    #[must_use]
    pub const fn without_now(mut self) -> Self {
        self.now = None;
        self
    }

    /// Supplies `%%user`. An ObjectId that is the `_id` of its custom data reads as its hex string.
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

    /// The same context for another user, with no result of a function remembered.
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

    /// Supplies secrets, which rules see as `%%values` too, and which are never shown to anybody.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Document) -> Self {
        let values = self.values.get_or_insert_with(Document::new);
        for (name, value) in secrets {
            self.secrets.insert(name.clone());
            values.insert(name, value);
        }
        self
    }

    /// Names values that are secrets: they are never shown, and to ask for one that is not supplied is an Error.
    #[must_use]
    pub fn with_secret_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(names);
        self
    }

    /// Says that there may be more values than those supplied: to ask for another one is an Error.
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

    /// Supplies those of the values that nothing supplied.
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

    /// Supplies `%%environment` if nothing did.
    #[must_use]
    pub fn or_environment(mut self, environment: &Environment) -> Self {
        self.environment.get_or_insert_with(|| environment.clone());
        self
    }

    /// Whether the custom data of the user was not looked up.
    pub(crate) fn lacks_custom_data(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.custom_data == CustomData::NotLoaded)
    }

    /// Says that the user has no custom data.
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

    /// Supplies what `%function` calls.
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

    /// The calls that were asked for and whose results are not there yet; asking takes them off the list.
    #[must_use]
    pub fn pending(&self) -> Vec<PendingCall> {
        self.calls.take_pending()
    }

    /// Hands over the result of a pending call.
    ///
    /// # Errors
    /// [`FunctionError::ArgumentsTooLarge`], if the call cannot be one of this engine's.
    pub fn supply(&self, call: &PendingCall, result: Result<Bson, FunctionError>) -> Result<(), FunctionError> {
        self.calls.supply(call, result)
    }

    /// Whether the value of a reference must not be shown: a secret, or a header.
    pub(super) fn hides(&self, reference: &Reference) -> bool {
        let first = reference.path.first();
        match reference.root {
            ContextRoot::Values => first.is_none_or(|name| self.secrets.contains(name)),
            ContextRoot::Request => first.is_none_or(|name| name == "requestHeaders"),
            _ => false,
        }
    }

    /// The values that must not be shown, each with the expansion that brings it.
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

    /// What a reference on the left stands for: `None` if Unknown, else a value to walk from and the path to walk.
    pub(crate) fn left<'r>(&self, reference: &'r Reference) -> Result<Option<Walk<'_, 'r>>, ContextPart> {
        match self.start(reference) {
            Start::NotSupplied(part) => Err(part),
            Start::Unknown => Ok(None),
            Start::Known(value, used) => Ok(Some((value, reference.path.segments().get(used..).unwrap_or_default()))),
        }
    }

    /// What a reference to the user leads to on the way that nearly all take: from document to document. `None` says nothing.
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

    /// Whether a name of `%%values` is that of a secret.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether any of `%%values` is a secret.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Why nothing can be compared with what stands at a reference, for a person.
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

    /// What a reference on the right stands for: `None` if Unknown or Missing.
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

    /// An object of the context as a whole, as an argument of a function.
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
    /// Names what is supplied; values may be secrets.
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
