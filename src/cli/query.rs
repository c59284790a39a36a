use anstyle::AnsiColor;
use bson::{Bson, Document};
use portcullis::access::{PlanExplanation, RolePlan};
use portcullis::json;
use portcullis::query::{Plan, indexes_for};
use portcullis::store::mongodb::{FindPlan, explain_find};
use portcullis::text::OneLine;
use serde_json::{Value, json};

use super::accounts::block_on;
use super::documents::guarded;
use super::guard::GuardArgs;
use super::namespace::NamespaceArgs;
use super::output::{Output, note, paint};
use super::trouble::Trouble;
use super::{Answer, explain};

const EXAMPLES: &str = "\
Examples:
  portcullis query hr.employees --app DIR --user ada.json
  portcullis query --rules rules.json --user '{\"id\": \"u1\"}' --explain
  portcullis query hr.employees --app DIR --token login.json --explain --mongodb-uri mongodb://localhost:27017
  portcullis query --json --rules rules.json --user ada.json | jq .filter

Exits with 0 if there can be documents that the user may read, with 1 if there are none, and with 2 if the rules ask for \
what was not supplied, such as the user.";

/// Print the MongoDB filter that finds what a user may read, and what of the rules it leaves to be checked
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// Print what each filter and role contributes, and with a server which index it would use
    #[arg(long)]
    explain: bool,
    /// Print the filter as it is sent, with the values of secrets and headers in it
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    guard: GuardArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    const MISSING: &str = "--app needs the collection: `portcullis query database.collection --app DIR`";
    let (guard, _) = args.guard.guard(args.namespace.written(), MISSING)?;
    let explanation = guard.explain_plan().map_err(|error| guarded(error.into()))?;
    let server = if args.explain { server(args, &explanation.plan)? } else { None };
    let answer = Answer::from_bool(explanation.plan != Plan::Never);
    let masked = guard.masked(&explanation);
    let explanation = if args.show_secrets || masked == explanation {
        explanation
    } else {
        note(
            "the expansions stand in the places of secrets and headers: so the filter finds nothing; --show-secrets prints \
             it as it is sent",
        );
        masked
    };
    if explanation.plan.filter().is_some_and(|filter| !survives(&filter)) {
        note(
            "the filter holds values that extended JSON cannot carry: what is printed would be read as something else",
        );
    }
    if output.is_json() {
        output.document(&to_json(&explanation, args.explain, server.as_ref()))?;
    } else {
        for line in lines(&explanation, args.explain, server.as_ref()) {
            output.line(line)?;
        }
    }
    Ok(answer)
}

/// How the server would find the documents, if one is named and there is something to find.
fn server(args: &Args, plan: &Plan) -> Result<Option<FindPlan>, Trouble> {
    let (Some((database, collection)), Some(filter)) =
        (args.namespace.written().and_then(|namespace| namespace.split_once('.')), plan.filter())
    else {
        return Ok(None);
    };
    block_on(async {
        match args.guard.stores.client().await? {
            Some(client) => Ok(Some(explain_find(&client, database, collection, &filter).await?)),
            None => Ok(None),
        }
    })
}

const fn headline(plan: &Plan) -> &'static str {
    match plan {
        Plan::Never => "no document may be read",
        Plan::Always => "every document may be read",
        Plan::Exact(_) => "the filter finds exactly the documents that may be read",
        Plan::Bounds { .. } => {
            "the filter finds every document that may be read, and others: each remains to be checked"
        }
    }
}

fn lines(explanation: &PlanExplanation, explain: bool, server: Option<&FindPlan>) -> Vec<String> {
    let plan = &explanation.plan;
    let colour = if *plan == Plan::Never { AnsiColor::Red } else { AnsiColor::Green };
    let mut out = vec![format!("{}: {}", paint(plan.kind(), colour), headline(plan))];
    if let Some(filter) = plan.filter() {
        out.push(format!("filter: {}", pretty(filter)));
    }
    if let Plan::Bounds { lower: Some(lower), .. } = plan {
        out.push(format!("surely allowed: {}", pretty(lower.clone())));
    }
    out.extend(explanation.remaining.iter().map(|remaining| format!("remains to be checked: {remaining}")));
    if *plan != Plan::Never {
        out.push(match &explanation.projection {
            None => "projection: none can be given, since what may be seen depends on the document".to_owned(),
            Some(projection) if projection.is_empty() => "projection: none, every field may be seen".to_owned(),
            Some(projection) => format!("projection: {}", short(projection.clone())),
        });
    }
    if !explain {
        return out;
    }
    if explanation.bypass {
        out.push("the system user: rules do not apply".to_owned());
    }
    for filter in &explanation.filters {
        out.push(format!("filter `{}`: leaves {}", OneLine(&filter.name), which(&filter.plan)));
    }
    for RolePlan { name, applies, permits, settled } in &explanation.roles {
        let name = OneLine(name);
        out.push(match applies {
            Plan::Never => format!("role `{name}`: applies to no document, whatever it holds"),
            _ => format!("role `{name}`: applies to {}, and permits {}", which(applies), permitted(permits)),
        });
        settled.iter().for_each(|trace| explain::trace_lines("", trace, 1, &mut out));
    }
    out.extend(plan.filter().map(|filter| index_line(&filter, server)));
    out
}

/// What a server does with a filter, and the way out where that is much.
fn index_line(filter: &Document, server: Option<&FindPlan>) -> String {
    let advice = || match indexes_for(filter) {
        Some(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| short(bson::doc! { field: 1 })).collect();
            format!("an index would serve it: createIndex({})", fields.join("), createIndex("))
        }
        None => "no index can serve it, since it does not ask for values of fields".to_owned(),
    };
    match server {
        None => format!("index: {}", advice()),
        Some(found) if found.reads_everything => {
            format!("index: none, the server reads the whole collection; {}", advice())
        }
        Some(found) if found.indexes.is_empty() => "index: none is needed, there is nothing to find".to_owned(),
        Some(found) => {
            let names: Vec<_> = found.indexes.iter().map(|name| format!("`{}`", OneLine(name))).collect();
            format!("index: the server uses {}", names.join(", "))
        }
    }
}

fn which(plan: &Plan) -> String {
    let filter = |filter: &Document| short(filter.clone());
    match plan {
        Plan::Never => "none".to_owned(),
        Plan::Always => "all documents".to_owned(),
        Plan::Exact(exact) => filter(exact),
        Plan::Bounds { upper, .. } if upper.is_empty() => "those that a check of each document allows".to_owned(),
        Plan::Bounds { upper, .. } => format!("at most {}", filter(upper)),
    }
}

/// Which of the documents that a role applies to it permits.
fn permitted(plan: &Plan) -> String {
    match plan {
        Plan::Never => "none of them".to_owned(),
        Plan::Always => "all of them".to_owned(),
        Plan::Exact(filter) => format!("those that match {}", short(filter.clone())),
        Plan::Bounds { upper, .. } if upper.is_empty() => "those that a check of each document allows".to_owned(),
        Plan::Bounds { upper, .. } => format!("at most those that match {}", short(upper.clone())),
    }
}

fn relaxed(document: Document) -> Value {
    Bson::Document(document).into_relaxed_extjson()
}

fn short(document: Document) -> String {
    relaxed(document).to_string()
}

fn pretty(document: Document) -> String {
    let text = short(document);
    json::parse(&text).map_or(text, |node| node.to_pretty())
}

fn to_json(explanation: &PlanExplanation, explain: bool, server: Option<&FindPlan>) -> Value {
    let plan = &explanation.plan;
    let lower = match plan {
        Plan::Bounds { lower, .. } => lower.clone(),
        plan => plan.filter(),
    };
    let remaining: Value =
        explanation.remaining.iter().map(|what| json!({ "code": what.code(), "message": what.to_string() })).collect();
    let mut object = json!({
        "kind": plan.kind(),
        "filter": plan.filter().map(canonical),
        "surely_allowed": lower.map(canonical),
        "remaining": remaining,
        "projection": explanation.projection.clone().map(canonical),
    });
    if let (true, Some(object)) = (explain, object.as_object_mut()) {
        let part = |plan: &Plan| json!({ "kind": plan.kind(), "filter": plan.filter().map(canonical) });
        let filters: Value = explanation
            .filters
            .iter()
            .map(|filter| json!({ "filter": &*filter.name, "leaves": part(&filter.plan) }))
            .collect();
        let roles: Value = explanation
            .roles
            .iter()
            .map(|role| {
                let settled: Value = role.settled.iter().map(explain::trace_to_json).collect();
                json!({
                    "role": &*role.name, "applies": part(&role.applies), "permits": part(&role.permits), "settled": settled,
                })
            })
            .collect();
        let index = server.map(|found| json!({ "uses": found.indexes, "reads_everything": found.reads_everything }));
        let wanted = plan.filter().and_then(|filter| indexes_for(&filter));
        object.insert(
            "explanation".to_owned(),
            json!({
                "bypass": explanation.bypass, "filters": filters, "roles": roles, "index": index, "indexes_wanted": wanted,
            }),
        );
    }
    object
}

/// Whether what is printed reads back as the same: a value such as a document with a field `$oid` does not.
fn survives(filter: &Document) -> bool {
    let text = canonical(filter.clone()).to_string();
    let read = json::parse(&text).ok().and_then(|node| json::to_document(&node).ok());
    // Not by equality, by which NaN would differ from itself.
    read.is_some_and(|read| format!("{read:?}") == format!("{filter:?}"))
}

/// As exact as it is sent.
fn canonical(document: Document) -> Value {
    json::from_bson(&Bson::Document(document))
}
