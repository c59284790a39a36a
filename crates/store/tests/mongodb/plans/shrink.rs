//! Makes a disagreement small enough to read: one document, and of rules, user and context only what it takes.

use std::time::{Duration, Instant};

use bson::RawDocumentBuf;
use mongodb::Collection;
use serde_json::{Value as Json, json};

use super::tally::Tally;
use super::{Case, Disagreement, Pool, document};
use portcullis_testkit::naive;

const TIME: Duration = Duration::from_secs(40);

/// Text that shows the disagreement.
pub(super) async fn reproduction(
    file: &Json,
    policy: &Json,
    user: &Json,
    pool: &Pool,
    found: Disagreement,
    scratch: &Collection<RawDocumentBuf>,
) -> String {
    let stored = &pool.documents[found.at];
    let mut subject =
        json!({"rules": policy, "user": user, "document": bson::Bson::from(stored).into_canonical_extjson()});
    for part in ["values", "environment", "request", "functions"] {
        if let Some(part_of_file) = file.get(part) {
            subject[part] = part_of_file.clone();
        }
    }
    let kind = found.kind;
    let mut found = found;
    let began = Instant::now();
    'smaller: loop {
        for smaller in naive::smaller(&subject) {
            if began.elapsed() > TIME {
                break 'smaller;
            }
            if let Some(still) = ask(&smaller, scratch).await
                && still.kind == kind
            {
                (subject, found) = (smaller, still);
                continue 'smaller;
            }
        }
        break;
    }
    let plan = match found.plan.filter() {
        Some(filter) => format!("{} {filter}\n{:?}", found.plan.kind(), found.plan),
        None => found.plan.kind().to_owned(),
    };
    format!("{kind} {}\n{subject}\nplan: {plan}", found.trouble)
}

async fn ask(subject: &Json, scratch: &Collection<RawDocumentBuf>) -> Option<Disagreement> {
    let (rules, user, stored) = (subject.get("rules")?, subject.get("user")?, subject.get("document")?);
    stored.get("_id")?;
    if !naive::loads(rules) || naive::from_ejson(stored).is_err() || naive::from_ejson(user).is_err() {
        return None;
    }
    let case = Case::new(subject, rules, user)?;
    let pool = Pool::of(vec![document(stored)]);
    pool.fill(scratch).await;
    case.disagreement(&pool, scratch, &mut Tally::default()).await
}
