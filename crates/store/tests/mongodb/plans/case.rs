use std::collections::BTreeSet;
use std::fmt;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use portcullis::eval::{Context, Environment, Request};
use portcullis::policy::{self, RulesFile};
use portcullis::query_plan::Plan;
use portcullis::{Guard, Reason, json, testfile};
use serde_json::Value as Json;

use super::tally::Tally;
use super::{Pool, document};
use portcullis_testkit::naive;

/// One policy and one user.
pub(super) struct Case<'a> {
    guard: Guard,
    naive: naive::Reads<'a>,
    /// Whether values of the user are compared with those of the document.
    unrolls: bool,
}

/// In what the witnesses differ about one document.
#[derive(Clone, Debug)]
pub(super) struct Disagreement {
    pub(super) kind: Kind,
    /// The place of the document in its collection.
    pub(super) at: usize,
    pub(super) plan: Plan,
    /// What the server says of a filter that it refuses.
    pub(super) trouble: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The guard lets through what the naive interpreter does not.
    GuardAlone,
    /// The naive interpreter lets through what the guard does not.
    NaiveAlone,
    /// A raw document is decided otherwise than the same decoded.
    Raw,
    /// What is denied is found.
    Found,
    /// What is allowed is not found.
    Missed,
    /// The server refuses the filter.
    Refused,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GuardAlone => "the guard allows it, the naive interpreter does not",
            Self::NaiveAlone => "the naive interpreter allows it, the guard does not",
            Self::Raw => "raw and decoded it is decided differently",
            Self::Found => "it is denied, and found",
            Self::Missed => "it is allowed, and not found",
            Self::Refused => "the server refuses the filter",
        })
    }
}

impl<'a> Case<'a> {
    /// None if the rules do not load.
    pub(super) fn new(file: &Json, policy: &'a Json, user: &Json) -> Option<Self> {
        let rules = policy::compile(&json::parse(&policy.to_string()).ok()?).ok()?;
        let mut context = Context::new().with_user(testfile::user(document(user)).ok()?);
        if let Some(values) = file.get("values") {
            context = context.with_values(document(values));
        }
        if let Some(environment) = file.get("environment") {
            let values = environment.get("values").map(document).unwrap_or_default();
            let tag = environment["tag"].as_str().unwrap_or_default().to_owned();
            context = context.with_environment(Environment { tag, values });
        }
        if let Some(request) = file.get("request") {
            context = context.with_request(Request::from_document(document(request)).ok()?);
        }
        let functions = file.get("functions").map_or_else(|| "{}".to_owned(), Json::to_string);
        let functions = testfile::functions(&json::parse(&functions).ok()?).ok()?;
        let guard = Guard::new(RulesFile::effective(Some(&rules), None), context.with_functions(functions));
        Some(Self { guard, naive: naive::Reads::new(file, policy, user), unrolls: unrolls(policy) })
    }

    /// The first document on which the witnesses differ.
    pub(super) async fn disagreement(
        &self,
        pool: &Pool,
        collection: &Collection<RawDocumentBuf>,
        tally: &mut Tally,
    ) -> Option<Disagreement> {
        // Rules that ask for what was not supplied have no plan: every query fails.
        let plan = self.guard.plan().ok()?;
        let at = |kind, at| Some(Disagreement { kind, at, plan: plan.clone(), trouble: String::new() });
        let mut allowed = BTreeSet::new();
        let mut invisible = 0;
        for (place, (stored, raw)) in pool.documents.iter().zip(&pool.raw).enumerate() {
            let decision = self.guard.read(stored);
            invisible += usize::from(matches!(decision.reason(), Some(Reason::NothingVisible)));
            let is_allowed = decision.is_allowed();
            if is_allowed != self.guard.read(&**raw).is_allowed() {
                return at(Kind::Raw, place);
            }
            match (is_allowed, self.naive.allows(stored)) {
                (true, false) => return at(Kind::GuardAlone, place),
                (false, true) => return at(Kind::NaiveAlone, place),
                (true, true) => drop(allowed.insert(place)),
                (false, false) => {}
            }
        }
        tally.count(&plan, allowed.len(), invisible);
        tally.count_unrolled(&plan, self.unrolls);
        let (lower, upper) = match &plan {
            Plan::Never => (None, None),
            Plan::Always => (Some(doc! {}), Some(doc! {})),
            Plan::Exact(filter) => (Some(filter.clone()), Some(filter.clone())),
            Plan::Bounds { lower, upper } => (lower.clone(), Some(upper.clone())),
        };
        let mut found = BTreeSet::new();
        if let Some(upper) = &upper {
            match find(collection, pool, upper).await {
                Ok(places) => found = places,
                Err(trouble) => return Some(Disagreement { kind: Kind::Refused, at: 0, plan, trouble }),
            }
        }
        if let Some(missed) = allowed.difference(&found).next() {
            return at(Kind::Missed, *missed);
        }
        if plan.needs_check() {
            found = BTreeSet::new();
            if let Some(lower) = &lower {
                match find(collection, pool, lower).await {
                    Ok(places) => found = places,
                    Err(trouble) => return Some(Disagreement { kind: Kind::Refused, at: 0, plan, trouble }),
                }
            }
        }
        found.difference(&allowed).next().and_then(|denied| at(Kind::Found, *denied))
    }
}

/// Whether a condition on elements of the user's compares them with the document.
fn unrolls(rules: &Json) -> bool {
    match rules {
        Json::Object(fields) => fields.iter().any(|(name, value)| {
            let text = || value.to_string();
            let is_list = name.starts_with("%%user.custom_data.") && text().contains("elemMatch");
            (is_list && text().contains("%%root.")) || unrolls(value)
        }),
        Json::Array(elements) => elements.iter().any(unrolls),
        _ => false,
    }
}

/// The places of the documents that a filter finds.
async fn find(
    collection: &Collection<RawDocumentBuf>,
    pool: &Pool,
    filter: &Document,
) -> Result<BTreeSet<usize>, String> {
    let collection = collection.clone_with_type::<Document>();
    let find = collection.find(filter.clone()).projection(doc! { "_id": 1 });
    let found: Vec<Document> = match find.await {
        Ok(cursor) => cursor.try_collect().await,
        Err(error) => Err(error),
    }
    .map_err(|error| error.to_string())?;
    let id = |document: &Document| document.get("_id").map(Bson::to_string);
    let place = |found: &Document| pool.documents.iter().position(|stored| id(stored) == id(found));
    Ok(found.iter().map(|found| place(found).expect("a document of the collection")).collect())
}
