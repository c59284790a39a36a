//! What the targets share: reading their inputs, and saying what must hold of findings and decisions.

use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::eval::{Closures, Context, Environment, Functions, Request};
use portcullis::json::{self, Node};
use portcullis::policy::{self, RulesFile};
use portcullis::text::{Finding, Source, Span, Style};
use portcullis::{Decision, Guard, Policy};

/// A JSON value from a line of an input.
pub fn node(line: Option<&[u8]>) -> Option<Node> {
    json::parse_bytes(line?).ok()
}

/// A document from a line of an input.
pub fn document(line: Option<&[u8]>) -> Option<Document> {
    json::to_document(&node(line)?).ok()
}

/// The policy that a rules file makes by itself; none if it does not load.
pub fn policy(node: &Node) -> Option<Arc<Policy>> {
    let rules = policy::compile(node).ok()?;
    RulesFile::effective(Some(&rules), None).map(Arc::new)
}

/// The functions that inputs may call: fixtures use these names.
pub fn functions() -> Arc<dyn Functions> {
    let functions = Closures::new()
        .with("isEven", |arguments| match arguments {
            [Bson::Int32(n)] => Ok((n % 2 == 0).into()),
            _ => Err("isEven takes one integer".to_owned()),
        })
        .with("yes", |_| Ok(true.into()))
        .with("no", |_| Ok(false.into()))
        .with("first", |arguments| Ok(arguments.first().cloned().unwrap_or(Bson::Null)))
        .with("all", |arguments| Ok(arguments.to_vec().into()))
        .with("broken", |_| Err("boom".to_owned()));
    Arc::new(functions)
}

/// The context that a document describes: `user`, `values`, `environment`, `request`, `args`, `partition`. Parts that
/// are malformed are not supplied.
pub fn context(given: &Document) -> Context {
    let mut context = Context::new().with_functions(functions());
    if let Some(user) = given.get_document("user").ok().and_then(|user| portcullis::testfile::user(user.clone()).ok()) {
        context = context.with_user(user);
    }
    if let Ok(values) = given.get_document("values") {
        context = context.with_values(values.clone());
    }
    if let Ok(environment) = given.get_document("environment") {
        context = context.with_environment(Environment {
            tag: environment.get_str("tag").unwrap_or_default().to_owned(),
            values: environment.get_document("values").cloned().unwrap_or_default(),
        });
    }
    if let Some(request) = given.get_document("request").ok().and_then(|r| Request::from_document(r.clone()).ok()) {
        context = context.with_request(request);
    }
    if let Ok(args) = given.get_document("args") {
        context = context.with_args(args.clone());
    }
    if let Some(partition) = given.get("partition") {
        context = context.with_partition(partition.clone());
    }
    context
}

/// A guard for a user as a line of the input describes it; for nobody if it describes none.
pub fn guard(policy: Arc<Policy>, user: Option<Document>) -> Guard {
    let given = user.map(|user| bson::doc! { "user": user }).unwrap_or_default();
    Guard::new(Some(policy), context(&given))
}

/// Finds in a finding what a person would stumble over: a place outside the text, an empty message, a picture that
/// cannot be drawn.
pub fn inspect(finding: &Finding, bytes: &[u8], source: &Source, node: Option<&Node>) {
    let Span { start, end } = finding.span;
    assert!(start <= end && end <= bytes.len(), "{start}..{end} lies outside of {} bytes: {finding:?}", bytes.len());
    assert!(!finding.message.is_empty() && !finding.message.contains('\n'), "{finding:?}");
    let text = source.text();
    if text.as_bytes() == bytes {
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{finding:?} splits a character");
    }
    let pointer = node.map(|node| node.pointer_at(finding.span));
    let drawn = source.render(finding, pointer.as_deref(), Style::default());
    assert!(drawn.starts_with(&format!("{}[{}]: ", finding.severity, finding.code)) && drawn.ends_with('\n'));
}

/// Everything about a decision but the document that it shows.
pub fn outline<T>(decision: &Decision<'_, T>) -> String {
    format!("{:?} {:?} {:?}", decision.role(), decision.reason(), decision.errors())
}

/// Whether a visible value is the stored one, or a part of it: fewer fields, fewer elements, nothing else.
pub fn is_part(visible: &Bson, stored: &Bson) -> bool {
    if same(visible, stored) {
        return true;
    }
    match (visible, stored) {
        (Bson::Document(visible), Bson::Document(stored)) => {
            visible.iter().all(|(key, value)| stored.get(key).is_some_and(|stored| is_part(value, stored)))
        }
        (Bson::Array(visible), Bson::Array(stored)) => {
            let mut left = stored.iter();
            visible.iter().all(|value| left.any(|stored| is_part(value, stored)))
        }
        _ => false,
    }
}

/// Whether two values are the same to the byte.
pub fn same(a: &Bson, b: &Bson) -> bool {
    portcullis::value::identical(a.into(), b.into()).unwrap_or(false)
}

/// Whether a raw document or one inside it has a key twice: there the decoded document is another one.
pub fn has_key_twice(document: &bson::RawDocument) -> bool {
    let mut seen = std::collections::HashSet::new();
    document.iter().any(|field| match field {
        Ok((key, value)) => !seen.insert(key.as_str().to_owned()) || inner_has_key_twice(value),
        Err(_) => true,
    })
}

fn inner_has_key_twice(value: bson::RawBsonRef<'_>) -> bool {
    match value {
        bson::RawBsonRef::Document(inner) => has_key_twice(inner),
        bson::RawBsonRef::JavaScriptCodeWithScope(code) => has_key_twice(code.scope),
        bson::RawBsonRef::Array(array) => array.into_iter().any(|element| element.map_or(true, inner_has_key_twice)),
        _ => false,
    }
}
