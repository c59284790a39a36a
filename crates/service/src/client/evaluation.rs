//! Authorization decisions about any user, for other rule engines and gateways, which authenticate with an access key
//! of the application.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use portcullis::access::KnownUser;
use portcullis::guarded::FindRequest;
use portcullis::json::{self, Node};
use portcullis::login::LoginError;
use portcullis::store::documents::{DocumentsError, Find, Namespace};
use portcullis::update::{Moment, Update};
use portcullis::value::DocumentRef;
use portcullis::{Decision, Guard, GuardedCollection, Reason};

use super::{ClientApi, ClientError, ErrorCode};
use crate::data::{Asker, client_error, log_unreadable};
use crate::heavy::carry_out;

/// The maximum age of a user's custom data.
const MAX_AGE: Duration = Duration::from_secs(5);

/// A question: may this user perform this action on this document?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The user's ID.
    pub user_id: &'a str,
    /// `read`, `search`, `insert`, `update` or `delete`.
    pub action: &'a str,
    /// The parameters of the action. For `update`: either `update` with operators, or `document` with the new document.
    pub action_properties: Option<&'a Node>,
    /// The namespace: `database.collection`.
    pub namespace: &'a str,
    /// The `_id` of a stored document, as text.
    pub id: Option<&'a str>,
    /// The document itself, if it is not to be read from the store.
    pub document: Option<GivenDocument<'a>>,
}

/// A document in extended JSON.
#[derive(Clone, Copy, Debug)]
pub struct GivenDocument<'a> {
    /// The parsed document.
    pub node: &'a Node,
    /// The text that `node` was parsed from; it may contain more than the document.
    pub text: &'a [u8],
}

impl GivenDocument<'_> {
    fn read(self) -> Result<RawDocumentBuf, ClientError> {
        let Self { node, text } = self;
        let mut bytes = Vec::new();
        let part = text.get(node.span.start..node.span.end);
        if part.and_then(|part| json::to_raw_document(part, &mut bytes)).is_some() {
            return RawDocumentBuf::from_bytes(bytes).map_err(ClientError::internal);
        }
        RawDocumentBuf::try_from(&document_of(node)?).map_err(ClientError::internal)
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether the action is allowed.
    pub is_allowed: bool,
    /// The role that decided.
    pub role: Option<String>,
    /// Why it is denied: a code such as `no-role`, and a text.
    pub reason: Option<(&'static str, String)>,
}

/// Makes decisions; reuses the user and the guard of the previous one if they are the same.
pub struct Evaluator<'a> {
    api: &'a ClientApi,
    known: Option<EvaluationTarget>,
}

struct EvaluationTarget {
    asker: Asker,
    namespace: Namespace,
    /// The namespace as written in questions.
    name: String,
    guard: Guard,
}

impl EvaluationTarget {
    fn is_of(&self, question: &Question<'_>) -> bool {
        self.asker.user.id == question.user_id && self.name == question.namespace
    }
}

impl ClientApi {
    /// An evaluator for the questions of one request.
    #[must_use]
    pub const fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { api: self, known: None }
    }

    async fn subject(&self, user_id: &str) -> Result<Option<Arc<KnownUser>>, ClientError> {
        match self.authenticator.look_up_within(user_id, MAX_AGE).await {
            Ok(user) => Ok(Some(user)),
            Err(LoginError::UserUnknown(_) | LoginError::UserDisabled(_) | LoginError::UserExpired(_)) => Ok(None),
            Err(error) => Err(ClientError::internal(error)),
        }
    }

    /// The `_id`s of the documents that a user may read, sorted; skips the first `skip` documents and returns at most
    /// `limit`. Documents whose `_id` the user may not read are left out.
    ///
    /// # Errors
    /// The namespace is invalid, or a store fails.
    pub async fn readable(
        &self,
        user_id: &str,
        namespace: &str,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<Bson>, ClientError> {
        let place = namespace_of(namespace)?;
        let Some(user) = self.subject(user_id).await? else { return Ok(Vec::new()) };
        let asker = Asker { user, request: None };
        let mut guard = self.guard_of(&asker, &place)?;
        let request = format!(
            r#"{{"filter": {{"_id": {{"$exists": true}}}}, "projection": {{"_id": 1}}, "sort": {{"_id": 1}}, "skip": {skip}, "limit": {limit}}}"#
        );
        let request = json::parse(&request).map_err(ClientError::internal)?;
        let request = FindRequest::parse(&request).map_err(|error| client_error(&error, None))?;
        let began = Instant::now();
        let found = loop {
            let collection =
                GuardedCollection::new(&**self.data.documents(), place.clone(), &guard).with_heavy_work(carry_out);
            let found = match collection.find(&request).await {
                Ok(found) => found.all().await,
                Err(error) => Err(error),
            };
            let calls = guard.context().pending();
            if !self.data.answer(&mut guard, &asker, calls, began).await? {
                log_unreadable(guard.take_unreadable(), &place);
                break found.map_err(|error| client_error(&error, None))?;
            }
        };
        let id = |raw: &bson::RawDocumentBuf| {
            let document = DocumentRef::Raw(raw).to_document().map_err(ClientError::internal)?;
            Ok(document.get("_id").cloned())
        };
        found.iter().filter_map(|raw| id(raw).transpose()).collect()
    }

    /// The stored document with this `_id`, which is either the string itself or the `ObjectId` with these digits.
    async fn stored(&self, place: &Namespace, id: &str) -> Result<Option<RawDocumentBuf>, ClientError> {
        let mut ids = vec![Bson::from(id)];
        ids.extend(ObjectId::parse_str(id).ok().map(Bson::ObjectId));
        let find = Find { limit: Some(1), ..Find::by(doc! { "_id": { "$in": ids } }) };
        let refused = |error: DocumentsError| client_error(&error.into(), None);
        let mut found = self.data.documents().find(place, &find).await.map_err(refused)?;
        let batch = found.batch().await.map_err(refused)?;
        Ok(batch.into_iter().next())
    }

    fn guard_of(&self, asker: &Asker, namespace: &Namespace) -> Result<Guard, ClientError> {
        self.data.guard_anywhere(asker, namespace)
    }
}

impl Evaluator<'_> {
    /// Makes one decision. An unknown or disabled user is denied everything.
    ///
    /// # Errors
    /// The question is malformed, or a store fails.
    pub async fn evaluate(&mut self, question: &Question<'_>) -> Result<Evaluation, ClientError> {
        if !self.known.as_ref().is_some_and(|known| known.is_of(question)) {
            let namespace = namespace_of(question.namespace)?;
            // Futures that are rarely awaited are boxed, because the future of an evaluation is moved several times.
            let Some(user) = Box::pin(self.api.subject(question.user_id)).await? else {
                return Ok(Evaluation::denied("no-user", "the user is unknown or disabled"));
            };
            let asker = Asker { user, request: None };
            let guard = self.api.guard_of(&asker, &namespace)?;
            self.known = Some(EvaluationTarget { asker, namespace, name: question.namespace.to_owned(), guard });
        }
        let Some(EvaluationTarget { asker, namespace, guard, .. }) = &mut self.known else {
            return Err(ClientError::internal("no guard"));
        };
        let document = match (question.document, question.id) {
            (Some(document), _) => Some(document.read()?),
            (None, Some(id)) => Box::pin(self.api.stored(namespace, id)).await?,
            (None, None) => return Err(bad("the resource needs an `id`, or the document in `properties`")),
        };
        let Some(document) = document else {
            return Ok(Evaluation::denied("no-document", "there is no such document"));
        };
        let began = Instant::now();
        loop {
            let evaluation = decide(guard, &document, question)?;
            let calls = guard.context().pending();
            if calls.is_empty() {
                return Ok(evaluation);
            }
            Box::pin(self.api.data.answer(guard, asker, calls, began)).await?;
        }
    }
}

impl Evaluation {
    fn of<T>(decision: &Decision<'_, T>) -> Self {
        Self {
            is_allowed: decision.is_allowed(),
            role: decision.role().map(str::to_owned),
            reason: decision.reason().map(|reason| (reason.code(), reason.to_string())),
        }
    }

    fn denied(code: &'static str, text: &str) -> Self {
        Self { is_allowed: false, role: None, reason: Some((code, text.to_owned())) }
    }
}

/// The decision of the rules, based on the results of functions that are known so far.
fn decide(guard: &Guard, document: &RawDocument, question: &Question<'_>) -> Result<Evaluation, ClientError> {
    Ok(match question.action {
        "read" => Evaluation::of(&guard.read(document)),
        "search" => Evaluation::of(&guard.search(document)),
        "insert" => Evaluation::of(&guard.insert(document)),
        "delete" => Evaluation::of(&guard.delete(document)),
        "update" => match Changed::read(question.action_properties)? {
            Changed::Document(changed) => Evaluation::of(&guard.update(document, &changed)),
            Changed::By(update) => updated(guard, document, &update)?,
        },
        other => {
            let shown: String = other.chars().take(64).collect();
            return Err(bad(format!(
                "there is no action `{shown}`; there are read, search, insert, update and delete"
            )));
        }
    })
}

/// The outcome of an update.
enum Changed {
    /// This document.
    Document(Document),
    /// The result of these update operators.
    By(Document),
}

impl Changed {
    fn read(properties: Option<&Node>) -> Result<Self, ClientError> {
        let part = |name: &str| properties.and_then(|properties| properties.get(name));
        if let Some(document) = part("document") {
            return document_of(document).map(Self::Document);
        }
        let update = part("update").ok_or_else(|| {
            bad("`update` needs `update` with operators, or `document`, the new document, in the action's `properties`")
        })?;
        document_of(update).map(Self::By)
    }
}

/// The decision about an update with operators. An update that guarded collections would reject because its result
/// would reveal hidden values is denied here as well.
fn updated(guard: &Guard, document: &RawDocument, update: &Document) -> Result<Evaluation, ClientError> {
    let document = &DocumentRef::Raw(document).to_document().map_err(ClientError::internal)?;
    let compiled = Update::compile(update, &[]);
    let compiled =
        compiled.map_err(|errors| errors.first().map_or_else(|| bad("no update"), |error| bad(error.to_string())))?;
    let untouchable = |changed: Option<&Document>| {
        guard.untouchable_by(document, changed, update).map_err(|error| client_error(&error, None))
    };
    let may_not = |paths: Vec<String>| {
        let reason = Reason::Fields(paths);
        Evaluation::denied(reason.code(), &reason.to_string())
    };
    let hidden = untouchable(None)?;
    if !hidden.is_empty() {
        return Ok(may_not(hidden));
    }
    let Ok(changed) = compiled.apply(document.clone(), &Moment::at(DateTime::now())) else {
        return Ok(Evaluation::denied("not-applicable", "the update cannot be applied to the document"));
    };
    let evaluation = Evaluation::of(&guard.update(document, &changed.document));
    let hidden = untouchable(Some(&changed.document))?;
    Ok(if evaluation.is_allowed && !hidden.is_empty() { may_not(hidden) } else { evaluation })
}

fn document_of(node: &Node) -> Result<Document, ClientError> {
    json::to_document(node).map_err(|error| bad(error.to_string()))
}

fn namespace_of(name: &str) -> Result<Namespace, ClientError> {
    Namespace::parse(name).ok_or_else(|| {
        let shown: String = name.chars().take(128).collect();
        bad(format!("the resource type `{shown}` is not of the form `database.collection`"))
    })
}

fn bad(message: impl Into<String>) -> ClientError {
    ClientError::bad(ErrorCode::BadRequest, message)
}
