use anstyle::AnsiColor;
use bson::{Bson, Document};
use portcullis::access::{PlanExplanation, RolePlan};
use portcullis::expr;
use portcullis::json;
use portcullis::predicate::{self, Scope};
use portcullis::query_plan::{Plan, Remaining, indexes_for, plan_expression, settled};
use portcullis::store::documents::Namespace;
use portcullis::text::{Finding, OneLine};
use portcullis_store::FindPlan;
use serde_json::{Value, json};

use super::accounts::block_on;
use super::documents::guarded;
use super::guard::GuardArgs;
use super::input::Input;
use super::missing::MissingParts;
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
  portcullis query --expression '{\"team\": \"%%user.custom_data.team\"}' --user ada.json

Exits with 0 if the user may be able to read some documents, with 1 if none, and with 2 if the rules need input that was \
not supplied, such as the user.";

/// Print the MongoDB filter that matches what a user may read, and the checks that the filter cannot express
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    namespace: NamespaceArgs,
    /// A single expression, instead of the rules of a collection; the user's values are inserted as literal values
    #[arg(long, value_name = "JSON|FILE|-", conflicts_with_all = ["rules", "schema", "service"])]
    expression: Option<String>,
    /// Print what each filter and role contributes and, given a server, which index it would use
    #[arg(long)]
    explain: bool,
    /// Print the filter exactly as sent, including values of secrets and headers
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    guard: GuardArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if let Some(expression) = &args.expression {
        return of_expression(args, expression, output);
    }
    const MISSING: &str = "--app needs the collection: `portcullis query database.collection --app DIR`";
    let (guard, _) = args.guard.guard(args.namespace.written(), MISSING)?;
    let explanation = guard.explain_plan().map_err(|error| guarded(error.into()))?;
    let server = if args.explain { server(args, &explanation.plan)? } else { None };
    let answer = Answer::from_bool(explanation.plan != Plan::Never);
    let masked = guard.masked(&explanation);
    let explanation = shown(args, explanation, masked);
    note_unprintable(&explanation.plan);
    if output.is_json() {
        output.document(&to_json(&explanation, args.explain, server.as_ref()))?;
    } else {
        for line in lines(&explanation, args.explain, server.as_ref()) {
            output.line(line)?;
        }
    }
    Ok(answer)
}

/// Prints the filter of a single expression.
fn of_expression(args: &Args, expression: &str, output: &mut Output) -> Result<Answer, Trouble> {
    let input = args.guard.expanded(Input::read(expression, "expression")?, "the expression")?;
    let fail = |findings: Vec<Finding>| Trouble::findings("the expression", &input.source, Some(&input.node), findings);
    let expr = expr::parse(&input.node).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;
    let predicate =
        predicate::lower(&expr, Scope::Role).map_err(|errors| fail(errors.into_iter().map(Finding::from).collect()))?;
    let context = args.guard.lone_context()?;
    let found = plan_expression(&predicate, &context).map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        Trouble::usage(MissingParts::of(&errors).message().unwrap_or(first))
    })?;
    let server = if args.explain { server(args, &found.plan)? } else { None };
    let answer = Answer::from_bool(found.plan != Plan::Never);
    let masked = found.masked(&context);
    let found = shown(args, found, masked);
    note_unprintable(&found.plan);
    let settled = if args.explain { settled(&predicate, &context) } else { Vec::new() };
    if output.is_json() {
        let mut object = plan_to_json(&found.plan, &found.remaining, None);
        if let (true, Some(object)) = (args.explain, object.as_object_mut()) {
            let settled: Value = settled.iter().map(explain::trace_to_json).collect();
            let mut explanation = json!({ "settled": settled });
            add_index(&mut explanation, &found.plan, server.as_ref());
            object.insert("explanation".to_owned(), explanation);
        }
        output.document(&object)?;
    } else {
        let mut out = plan_lines(&found.plan, &found.remaining, PlanSubject::Expression);
        settled.iter().for_each(|trace| explain::trace_lines("", trace, 1, &mut out));
        if args.explain {
            out.extend(found.plan.filter().map(|filter| index_line(&filter, server.as_ref())));
        }
        out.iter().try_for_each(|line| output.line(line))?;
    }
    Ok(answer)
}

/// Returns what was found or, unless `--show-secrets` is given, the masked version.
fn shown<T: PartialEq>(args: &Args, found: T, masked: T) -> T {
    if args.show_secrets || masked == found {
        return found;
    }
    note(
        "secrets and headers are replaced by their expansions, so this filter finds nothing; --show-secrets prints \
         it as it is sent",
    );
    masked
}

fn note_unprintable(plan: &Plan) {
    if plan.filter().is_some_and(|filter| !survives(&filter)) {
        note(
            "the filter holds values that extended JSON cannot carry: what is printed would be read as something else",
        );
    }
}

/// Asks the server how it would find the documents, if a server is given and the plan has a filter.
fn server(args: &Args, plan: &Plan) -> Result<Option<FindPlan>, Trouble> {
    let (Some(namespace), Some(filter)) = (args.namespace.written().and_then(Namespace::parse), plan.filter()) else {
        return Ok(None);
    };
    block_on(async {
        match args.guard.stores.places().server().await? {
            Some(server) => Ok(Some(server.explain_find(&namespace, &filter).await?)),
            None => Ok(None),
        }
    })
}

/// What a plan describes.
#[derive(Clone, Copy)]
enum PlanSubject {
    /// The rules of a collection.
    Rules,
    /// A single expression.
    Expression,
}

const fn headline(plan: &Plan, asked: PlanSubject) -> &'static str {
    match (plan, asked) {
        (Plan::Never, PlanSubject::Rules) => "the user may read no documents",
        (Plan::Always, PlanSubject::Rules) => "the user may read every document",
        (Plan::Exact(_), PlanSubject::Rules) => "the filter matches exactly the documents that the user may read",
        (Plan::Bounds { .. }, PlanSubject::Rules) => {
            "the filter matches every document that the user may read, and possibly others: each must still be checked"
        }
        (Plan::Never, PlanSubject::Expression) => "the expression holds for no document",
        (Plan::Always, PlanSubject::Expression) => "the expression holds for every document",
        (Plan::Exact(_), PlanSubject::Expression) => {
            "the filter matches exactly the documents for which the expression holds"
        }
        (Plan::Bounds { .. }, PlanSubject::Expression) => {
            "the filter matches every document for which the expression holds, and possibly others: each must still be checked"
        }
    }
}

fn plan_lines(plan: &Plan, remaining: &[Remaining], asked: PlanSubject) -> Vec<String> {
    let colour = if *plan == Plan::Never { AnsiColor::Red } else { AnsiColor::Green };
    let mut out = vec![format!("{}: {}", paint(plan.kind(), colour), headline(plan, asked))];
    if let Some(filter) = plan.filter() {
        out.push(format!("filter: {}", pretty(filter)));
    }
    if let Plan::Bounds { lower: Some(lower), .. } = plan {
        let surely = match asked {
            PlanSubject::Rules => "surely allowed",
            PlanSubject::Expression => "surely holds",
        };
        out.push(format!("{surely}: {}", pretty(lower.clone())));
    }
    out.extend(remaining.iter().map(|remaining| format!("still to be checked: {remaining}")));
    out
}

fn lines(explanation: &PlanExplanation, explain: bool, server: Option<&FindPlan>) -> Vec<String> {
    let plan = &explanation.plan;
    let mut out = plan_lines(plan, &explanation.remaining, PlanSubject::Rules);
    if *plan != Plan::Never {
        out.push(match &explanation.projection {
            None => "projection: none, since the visible fields depend on the document".to_owned(),
            Some(projection) if projection.is_empty() => "projection: none, every field is visible".to_owned(),
            Some(projection) => format!("projection: {}", short(projection.clone())),
        });
    }
    if !explain {
        return out;
    }
    if explanation.bypass {
        out.push("system user: bypasses all rules".to_owned());
    }
    for filter in &explanation.filters {
        out.push(format!("filter `{}`: leaves {}", OneLine(&filter.name), which(&filter.plan)));
    }
    for RolePlan { name, applies, permits, settled } in &explanation.roles {
        let name = OneLine(name);
        out.push(match applies {
            Plan::Never => format!("role `{name}`: applies to no document, whatever it contains"),
            _ => format!("role `{name}`: applies to {}, and permits {}", which(applies), permitted(permits)),
        });
        settled.iter().for_each(|trace| explain::trace_lines("", trace, 1, &mut out));
    }
    out.extend(plan.filter().map(|filter| index_line(&filter, server)));
    out
}

/// Describes which index serves a filter, with advice if none does.
fn index_line(filter: &Document, server: Option<&FindPlan>) -> String {
    let advice = || match indexes_for(filter) {
        Some(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| short(bson::doc! { field: 1 })).collect();
            format!("an index would help: createIndex({})", fields.join("), createIndex("))
        }
        None => "no index can serve it, since it does not compare field values".to_owned(),
    };
    match server {
        None => format!("index: {}", advice()),
        Some(found) if found.reads_everything => {
            format!("index: none, the server scans the whole collection; {}", advice())
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

/// Describes which of the documents that a role applies to it permits.
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

fn plan_to_json(plan: &Plan, remaining: &[Remaining], projection: Option<Document>) -> Value {
    let lower = match plan {
        Plan::Bounds { lower, .. } => lower.clone(),
        plan => plan.filter(),
    };
    let remaining: Value =
        remaining.iter().map(|what| json!({ "code": what.code(), "message": what.to_string() })).collect();
    json!({
        "kind": plan.kind(),
        "filter": plan.filter().map(canonical),
        "surely_allowed": lower.map(canonical),
        "remaining": remaining,
        "projection": projection.map(canonical),
    })
}

/// Adds which indexes the server uses, and which ones would help.
fn add_index(explanation: &mut Value, plan: &Plan, server: Option<&FindPlan>) {
    let index = server.map(|found| json!({ "uses": found.indexes, "reads_everything": found.reads_everything }));
    let wanted = plan.filter().and_then(|filter| indexes_for(&filter));
    if let Some(explanation) = explanation.as_object_mut() {
        explanation.insert("index".to_owned(), json!(index));
        explanation.insert("indexes_wanted".to_owned(), json!(wanted));
    }
}

fn to_json(explanation: &PlanExplanation, explain: bool, server: Option<&FindPlan>) -> Value {
    let plan = &explanation.plan;
    let mut object = plan_to_json(plan, &explanation.remaining, explanation.projection.clone());
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
        let mut parts = json!({ "bypass": explanation.bypass, "filters": filters, "roles": roles });
        add_index(&mut parts, plan, server);
        object.insert("explanation".to_owned(), parts);
    }
    object
}

/// Whether the printed filter reads back as the same filter; a document with a field `$oid`, for example, does not.
fn survives(filter: &Document) -> bool {
    let text = canonical(filter.clone()).to_string();
    let read = json::parse(&text).ok().and_then(|node| json::to_document(&node).ok());
    // Compared as text, since NaN does not equal itself.
    read.is_some_and(|read| format!("{read:?}") == format!("{filter:?}"))
}

/// Canonical extended JSON, which preserves all types.
fn canonical(document: Document) -> Value {
    json::from_bson(&Bson::Document(document))
}
