//! AuthZEN 1.0: lets other rule engines and gateways ask for decisions about users. They authenticate with an access
//! key of the application.

use std::sync::Arc;

use axum::extract::{Extension, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use portcullis::json::Node;
use portcullis_service::client::{
    ClientApi, ClientError, ErrorClass, ErrorCode, Evaluation, Evaluator, GivenDocument, Question,
};
use portcullis_service::heavy::apart;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::applications::State;
use crate::peer::Client;
use crate::reply::{Reply, json_reply};
use crate::request::{Received, base, bearer, host, large_body};

/// The most evaluations in one request.
const MAX_EVALUATIONS: usize = 1000;

/// The number of resources in one reply, unless the request says otherwise.
const DEFAULT_PAGE_SIZE: u64 = 100;

/// The most resources in one reply.
const MAX_PAGE_SIZE: u64 = 1000;

/// A key that permits its holder to ask for decisions about an application's users.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The client app ID.
    pub app: String,
    hash: [u8; 32],
}

impl AccessKey {
    /// Creates the key of an application. Only its hash is kept.
    pub fn new(app: impl Into<String>, key: &str) -> Self {
        Self { app: app.into(), hash: Sha256::digest(key).into() }
    }

    fn is(&self, hash: &[u8; 32]) -> bool {
        self.hash.ct_eq(hash).into()
    }
}

/// The application to which the access key of a request belongs.
fn application(state: &State, headers: &HeaderMap) -> Result<Arc<ClientApi>, ClientError> {
    let hash = Sha256::digest(bearer(headers)?).into();
    let refused = || ClientError::plain(ErrorClass::Unauthorized, "unauthorized");
    let key = state.options().access_keys.iter().find(|key| key.is(&hash)).ok_or_else(refused)?;
    state.api(&key.app)
}

/// The path of [`evaluate`].
pub(crate) const EVALUATION: &str = "/access/v1/evaluation";

pub(crate) async fn evaluate(Extract(state): Extract<State>, received: Received) -> Reply {
    let Received { headers, bytes, .. } = received;
    let api = application(&state, &headers)?;
    let length = bytes.len();
    let body = large_body(bytes.clone()).await?;
    let asked = EvaluationParts { own: body.as_ref(), shared: None, text: &bytes };
    let question = asked.question()?;
    let evaluation = apart(length, api.evaluator().evaluate(&question)).await??;
    Ok(json_reply(StatusCode::OK, &answer(&evaluation)))
}

pub(crate) async fn evaluate_all(Extract(state): Extract<State>, received: Received) -> Reply {
    let Received { headers, bytes, .. } = received;
    let api = application(&state, &headers)?;
    let length = bytes.len();
    let body = large_body(bytes.clone()).await?;
    apart(length, answers(&api, body.as_ref(), &bytes)).await?
}

/// The decisions about the evaluations in a request body. `text` is what the body was parsed from.
async fn answers(api: &ClientApi, shared: Option<&Node>, text: &[u8]) -> Reply {
    let questions = shared.and_then(|body| body.get("evaluations")).map(|asked| asked.as_array().unwrap_or_default());
    let Some(questions) = questions.filter(|questions| !questions.is_empty()) else {
        // Without `evaluations`, the request itself is a single evaluation.
        let asked = EvaluationParts { own: shared, shared: None, text };
        let evaluation = api.evaluator().evaluate(&asked.question()?).await?;
        return Ok(json_reply(StatusCode::OK, &answer(&evaluation)));
    };
    if questions.len() > MAX_EVALUATIONS {
        return Err(bad(format!("at most {MAX_EVALUATIONS} evaluations are allowed per request")).into());
    }
    let until = semantics(shared)?;
    let mut evaluator = api.evaluator();
    let mut answers = Vec::with_capacity(questions.len());
    for own in questions {
        let evaluation = one_of(&mut evaluator, &EvaluationParts { own: Some(own), shared, text }).await?;
        answers.push(answer(&evaluation));
        if until == Some(evaluation.is_allowed) {
            break;
        }
    }
    Ok(json_reply(StatusCode::OK, &json!({ "evaluations": answers })))
}

/// One of several evaluations: if it is malformed, it is denied, and the others are still evaluated.
async fn one_of(evaluator: &mut Evaluator<'_>, asked: &EvaluationParts<'_>) -> Result<Evaluation, ClientError> {
    let evaluated = match asked.question() {
        Ok(question) => evaluator.evaluate(&question).await,
        Err(error) => Err(error),
    };
    match evaluated {
        Err(error) if error.class == ErrorClass::BadRequest => {
            Ok(Evaluation { is_allowed: false, role: None, reason: Some(("bad-request", error.message)) })
        }
        evaluated => evaluated,
    }
}

/// The decision after which evaluation stops; `None` to make all of them.
fn semantics(body: Option<&Node>) -> Result<Option<bool>, ClientError> {
    let semantics = body.and_then(|body| body.get("options")).and_then(|options| options.get("evaluations_semantic"));
    match semantics.map(Node::as_str) {
        None | Some(Some("execute_all")) => Ok(None),
        Some(Some("deny_on_first_deny")) => Ok(Some(false)),
        Some(Some("permit_on_first_permit")) => Ok(Some(true)),
        Some(_) => Err(bad("`evaluations_semantic` is execute_all, deny_on_first_deny or permit_on_first_permit")),
    }
}

pub(crate) async fn search_resources(Extract(state): Extract<State>, received: Received) -> Reply {
    let Received { headers, bytes, .. } = received;
    let api = application(&state, &headers)?;
    let body = large_body(bytes.clone()).await?;
    let asked = EvaluationParts { own: body.as_ref(), shared: None, text: &bytes };
    let (user_id, namespace) = (asked.user_id()?, asked.text("resource", "type")?);
    if asked.text("action", "name")? != "read" {
        return Err(bad("resources are searched for the action `read`").into());
    }
    let page = body.as_ref().and_then(|body| body.get("page"));
    let number = |name: &str, text: Option<String>, default: u64| match text {
        None => Ok(default),
        Some(text) => text.parse::<u64>().map_err(|_| bad(format!("`page.{name}` was not issued by this server"))),
    };
    let token = page.and_then(|page| page.get("token")).map(|token| token.as_str().unwrap_or("?").to_owned());
    let skip = number("token", token.filter(|token| !token.is_empty()), 0)?;
    let limit = number("limit", page.and_then(|page| page.get("limit")).map(Node::to_text), DEFAULT_PAGE_SIZE)?;
    let limit = limit.clamp(1, MAX_PAGE_SIZE);
    let found = api.readable(user_id, namespace, skip, limit.saturating_add(1)).await?;
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let next = if count > limit { skip.saturating_add(limit).to_string() } else { String::new() };
    let listed = found.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
    let results: Vec<Value> = listed.map(|id| json!({ "type": namespace, "id": shown(&id) })).collect();
    Ok(json_reply(StatusCode::OK, &json!({ "results": results, "page": { "next_token": next } })))
}

/// An `_id` as text: a string as it is, an `ObjectId` as hexadecimal digits, anything else as extended JSON.
fn shown(id: &bson::Bson) -> String {
    match id {
        bson::Bson::String(text) => text.clone(),
        bson::Bson::ObjectId(id) => id.to_hex(),
        other => other.clone().into_canonical_extjson().to_string(),
    }
}

/// The configuration document, with the URLs of the endpoints.
pub(crate) async fn configuration(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Reply {
    let base = base(host(&headers), &client, state.options());
    let at = |path: &str| json!(format!("{base}/access/v1/{path}"));
    let body = json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": at("evaluation"),
        "access_evaluations_endpoint": at("evaluations"),
        "search_resource_endpoint": at("search/resource"),
    });
    Ok(json_reply(StatusCode::OK, &body))
}

/// An evaluation. Parts that it lacks are taken from the request as a whole.
struct EvaluationParts<'a> {
    own: Option<&'a Node>,
    shared: Option<&'a Node>,
    /// The text that both were parsed from.
    text: &'a [u8],
}

impl<'a> EvaluationParts<'a> {
    fn part(&self, name: &str) -> Option<&'a Node> {
        let of = |body: Option<&'a Node>| body.and_then(|body| body.get(name));
        of(self.own).or_else(|| of(self.shared))
    }

    fn text(&self, part: &str, name: &str) -> Result<&'a str, ClientError> {
        let text = self.part(part).and_then(|part| part.get(name)).and_then(Node::as_str);
        text.ok_or_else(|| bad(format!("`{part}.{name}` is a required string")))
    }

    fn user_id(&self) -> Result<&'a str, ClientError> {
        match self.text("subject", "type")? {
            "user" => self.text("subject", "id"),
            _ => Err(bad("`subject.type` is `user`")),
        }
    }

    /// The question. Properties of the subject are ignored: the stores determine who the user is.
    fn question(&self) -> Result<Question<'a>, ClientError> {
        let resource = self.part("resource");
        let document = resource.and_then(|resource| resource.get("properties"));
        Ok(Question {
            user_id: self.user_id()?,
            action: self.text("action", "name")?,
            action_properties: self.part("action").and_then(|action| action.get("properties")),
            namespace: self.text("resource", "type")?,
            id: resource.and_then(|resource| resource.get("id")).and_then(Node::as_str),
            document: document.map(|node| GivenDocument { node, text: self.text }),
        })
    }
}

fn answer(evaluation: &Evaluation) -> Value {
    let mut context = Map::new();
    if let Some(role) = &evaluation.role {
        context.insert("role".to_owned(), json!(role));
    }
    if let Some((code, text)) = &evaluation.reason {
        context.insert("reason".to_owned(), json!({ "code": code, "text": text }));
    }
    json!({ "decision": evaluation.is_allowed, "context": context })
}

fn bad(message: impl Into<String>) -> ClientError {
    ClientError::bad(ErrorCode::BadRequest, message)
}
