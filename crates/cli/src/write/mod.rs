//! The commands that write documents as a user.

pub(super) mod delete;
pub(super) mod insert;
pub(super) mod update;
pub(super) mod writes;

use portcullis::GuardedCollection;
use portcullis::guarded::{GuardedError, Write, Written, parse_writes};
use portcullis::json::{self, Kind, Member, Node};
use portcullis::text::Span;
use portcullis_service::IfMissing;
use serde_json::{Value, json};

use super::Answer;
use super::accounts::block_on;
use super::documents::{DocumentArgs, guarded, note_unreadable};
use super::guard::GuardArgs;
use super::input::Input;
use super::namespace;
use super::output::{Output, plural};
use super::trouble::Trouble;

/// As whom, by which rules, where.
#[derive(Debug, clap::Args)]
struct WhereArgs {
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    guard: GuardArgs,
}

/// Parses the writes, performs them and prints the outcome.
fn run(namespace: &str, writes: &Node, place: &WhereArgs, output: &mut Output) -> Result<Answer, Trouble> {
    let writes = parse_writes(writes).map_err(guarded)?;
    carry_out(namespace, &writes, place, output)
}

fn carry_out(name: &str, writes: &[Write], place: &WhereArgs, output: &mut Output) -> Result<Answer, Trouble> {
    let namespace = namespace::parse(name)?;
    let (guard, _) = place.guard.beside(&place.documents)?.guard(Some(name), "")?;
    let written = block_on(async {
        let store = place.documents.open(&namespace, &place.guard.stores, IfMissing::Create).await?;
        let collection = GuardedCollection::new(&*store, namespace, &guard);
        let written = collection.write(writes).await.map_err(guarded);
        note_unreadable(&guard);
        written
    })?;
    let shown = written.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
    if output.is_json() {
        output.document(&json!({ "writes": shown }))?;
    } else {
        for (written, shown) in written.iter().zip(&shown) {
            output.line(say(written))?;
            if let Some(document) = shown.get("document") {
                output.line(document.to_string())?;
            }
        }
    }
    let did = |one: &Written| one.matched + one.deleted > 0 || !one.inserted.is_empty() || one.upserted.is_some();
    Ok(Answer::from_bool(written.iter().any(did)))
}

fn say(written: &Written) -> String {
    let mut parts = Vec::new();
    if !written.inserted.is_empty() {
        parts.push(format!("{} inserted", plural(&written.inserted.len(), "document")));
    }
    if let Some(id) = &written.upserted {
        parts.push(format!("none found, one inserted with _id {}", json::from_bson(id)));
    }
    if written.matched > 0 {
        parts.push(format!("{} found, {} changed", plural(&written.matched, "document"), written.modified));
    }
    if written.deleted > 0 {
        parts.push(format!("{} deleted", plural(&written.deleted, "document")));
    }
    if parts.is_empty() { "no document found".to_owned() } else { parts.join("; ") }
}

fn to_json(written: &Written) -> Result<Value, Trouble> {
    let mut shown = json!({
        "inserted": written.inserted.iter().map(json::from_bson).collect::<Vec<_>>(),
        "matched": written.matched,
        "modified": written.modified,
        "upserted": written.upserted.as_ref().map(json::from_bson),
        "deleted": written.deleted,
    });
    if let Some(document) = &written.document {
        let mut text = Vec::new();
        json::write(document, &mut text).map_err(|error| guarded(GuardedError::from(error)))?;
        if let (Some(shown), Ok(document)) = (shown.as_object_mut(), serde_json::from_slice(&text)) {
            shown.insert("document".to_owned(), document);
        }
    }
    Ok(shown)
}

/// An option of a write: its name and, if given, its value.
type Given = (&'static str, Option<Node>);

/// Builds `{"updateOne": {…}}` from the options that are given.
fn write(name: &str, options: impl IntoIterator<Item = Given>) -> Node {
    let given = options.into_iter().filter_map(|(key, value)| Some(member(key, value?)));
    object(vec![member(name, object(given.collect()))])
}

fn object(members: Vec<Member>) -> Node {
    Node { span: Span::default(), kind: Kind::Object(members) }
}

fn member(key: &str, value: Node) -> Member {
    Member { key: key.to_owned(), key_span: Span::default(), value }
}

fn array(elements: Vec<Node>) -> Node {
    Node { span: Span::default(), kind: Kind::Array(elements) }
}

fn yes(flag: bool) -> Option<Node> {
    flag.then(|| Node { span: Span::default(), kind: Kind::Boolean(true) })
}

fn read(argument: &str, name: &str) -> Result<Node, Trouble> {
    Ok(Input::read(argument, name)?.node)
}
