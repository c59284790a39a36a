use bson::RawDocumentBuf;
use portcullis::GuardedCollection;
use portcullis::access::Query;
use portcullis::guarded::{FindRequest, RedactedCursor};
use portcullis::json::{self, Node};
use portcullis::text::Finding;
use portcullis_service::IfMissing;

use super::Answer;
use super::accounts::block_on;
use super::documents::{DocumentArgs, guarded, note_unreadable};
use super::guard::GuardArgs;
use super::input::Input;
use super::namespace::{self, NamespaceArgs};
use super::numbers;
use super::output::Output;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis find hr.employees --app DIR --user ada.json --store mongodb://localhost:27017
  portcullis find hr.employees --app DIR --token login.json --filter '{\"department\": \"Engineering\"}' --sort '{\"name\": 1}' --limit 10
  portcullis find hr.employees --rules rules.json --user '{\"id\": \"u1\"}' --projection '{\"name\": 1}' | jq .name

Queries see documents as the user may read them: hidden fields count as missing.
Exits with 0 if something was found, with 1 if nothing was, and with 2 if the rules need input that was not supplied, such \
as the user.";

/// Find documents as a user; print what the user may read of each, one per line, as extended JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// Filter, in MongoDB query syntax
    #[arg(long, value_name = "JSON|FILE")]
    filter: Option<String>,
    /// Fields to return: {"name": 1} or {"audit": 0}
    #[arg(long, value_name = "JSON|FILE")]
    projection: Option<String>,
    /// Sort order: {"name": 1, "age": -1}
    #[arg(long, value_name = "JSON|FILE")]
    sort: Option<String>,
    /// Number of documents to skip
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = numbers::from_zero, allow_negative_numbers = true)]
    skip: u32,
    /// Maximum number of documents
    #[arg(long, value_name = "NUMBER", value_parser = numbers::from_one, allow_negative_numbers = true)]
    limit: Option<u32>,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    guard: GuardArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let name = args.namespace.required()?;
    let namespace = namespace::parse(name)?;
    let request = request(args)?;
    let (guard, _) = args.guard.beside(&args.documents)?.guard(Some(name), "")?;
    block_on(async {
        let store = args.documents.open(&namespace, &args.guard.stores, IfMissing::Refuse).await?;
        let collection = GuardedCollection::new(&*store, namespace, &guard);
        let found = collection.find(&request).await.map_err(guarded)?;
        let answer = print(found, output).await?;
        note_unreadable(&guard);
        Ok(answer)
    })
}

/// Builds the request that a client would send.
fn request(args: &Args) -> Result<FindRequest, Trouble> {
    let read = |argument: &Option<String>, name: &str| {
        argument.as_deref().map(|argument| Input::read(argument, name)).transpose()
    };
    let filter = read(&args.filter, "--filter")?;
    let projection = read(&args.projection, "--projection")?;
    let sort = read(&args.sort, "--sort")?;
    // Checks the parts one by one, so that an error shows the text in which it occurs.
    let part = |input: &Option<Input>, compile: &dyn Fn(&Node) -> Result<(), Finding>, name: &str| match input {
        None => Ok(()),
        Some(input) => compile(&input.node)
            .map_err(|finding| Trouble::findings(name, &input.source, Some(&input.node), vec![finding])),
    };
    part(&filter, &|node| Query::compile(Some(node), None, None).map(drop).map_err(Finding::from), "--filter")?;
    part(&projection, &|node| Query::compile(None, Some(node), None).map(drop).map_err(Finding::from), "--projection")?;
    part(&sort, &|node| Query::compile(None, None, Some(node)).map(drop).map_err(Finding::from), "--sort")?;
    let node = |input: &Option<Input>| input.as_ref().map(|input| input.node.clone());
    let (filter, projection, sort) = (node(&filter), node(&projection), node(&sort));
    let query = Query::compile(filter.as_ref(), projection.as_ref(), sort.as_ref())
        .map_err(|error| Trouble::usage(error.to_string()))?;
    let request = FindRequest::new(query).map_err(guarded)?;
    Ok(request.skip(args.skip.into()).limit(args.limit.map(u64::from)))
}

fn line(document: &RawDocumentBuf) -> Result<String, Trouble> {
    let mut text = Vec::new();
    json::write(document, &mut text).map_err(|error| guarded(error.into()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

pub(super) async fn print(mut found: RedactedCursor<'_>, output: &mut Output) -> Result<Answer, Trouble> {
    let mut count = 0_usize;
    output.begin_list("documents")?;
    loop {
        let batch = found.batch().await.map_err(guarded)?;
        if batch.is_empty() {
            break;
        }
        for document in &batch {
            output.element(&line(document)?)?;
            count += 1;
        }
    }
    output.end_list()?;
    Ok(Answer::from_bool(count > 0))
}
