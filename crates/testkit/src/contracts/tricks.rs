//! Attempts to find out by writing what may not be read. Each is made in two worlds that differ in nothing else.

use bson::Document;
use portcullis::guarded::{FindRequest, GuardedError, Limits};
use portcullis::{Guard, GuardedCollection};
use serde_json::Value as Json;

use super::Holds;
use super::documents::{Given, insert};
use super::writes::{documents, guard, namespace, node, shown, write};

/// The files with tricks that are tried on every store.
pub const FILES: [(&str, &str); 4] = [
    ("writes", include_str!("../../../../fixtures/attacks/writes.json")),
    ("failures", include_str!("../../../../fixtures/attacks/failures.json")),
    ("absent", include_str!("../../../../fixtures/attacks/absent.json")),
    ("several", include_str!("../../../../fixtures/attacks/several.json")),
];

/// Fills the collection of a case with documents.
pub type Fill<'f> = &'f (dyn Fn(Given, Json, Vec<Document>) -> Holds + Send + Sync);

pub fn filled((store, namespace): Given, _: Json, documents: Vec<Document>) -> Holds {
    Box::pin(async move { insert(&*store, &namespace, &documents).await })
}

/// Everything that a user learns from a write: the answer, and what the user can read afterwards.
async fn known((store, namespace): &Given, guard: &Guard, case: &Json) -> (Result<(), String>, String) {
    let written_documents = case["limit"].as_u64().map_or(Limits::WRITTEN_DOCUMENTS, |limit| limit.try_into().unwrap());
    let limits = Limits { written_documents, ..Limits::default() };
    let collection = GuardedCollection::new(&**store, namespace.clone(), guard).with_limits(limits);
    let answer = write(&collection, &case["write"]).await;
    let words = match &answer {
        Ok(written) => format!("{:?}", written.iter().map(shown).collect::<Vec<_>>()),
        // The host can distinguish kinds of errors.
        Err(error) => {
            let is_denied = matches!(error, GuardedError::Denied { .. });
            format!("{error} (denied: {is_denied}, the client's: {})", error.is_clients())
        }
    };
    let found = collection.find(&FindRequest::parse(&node(&serde_json::json!({}))).unwrap()).await.unwrap().all();
    let found = found.await.unwrap();
    let found: Vec<_> = found.iter().map(|one| Document::try_from(one).unwrap()).collect();
    (answer.map(|_| ()).map_err(|error| error.to_string()), format!("{words}\n{found:?}"))
}

#[derive(Default)]
pub struct Tried {
    pub tricks: usize,
    pub refused: usize,
    pub failures: Vec<String>,
}

/// Tries every trick of a file; `refuses` recognizes the error with which a store may refuse any of them.
pub async fn try_file(
    given: &Given,
    (name, text): (&str, &str),
    refuses: fn(&str) -> bool,
    fill: Fill<'_>,
    tried: &mut Tried,
) {
    let file: Json = serde_json::from_str(text).unwrap();
    for (number, (policy, rules)) in file["policies"].as_object().unwrap().iter().enumerate() {
        let guard = guard(rules, &file["user"]);
        for (case_number, case) in file["cases"].as_array().unwrap().iter().enumerate() {
            let of_others = |names: &Json| !names.as_array().unwrap().contains(&Json::from(policy.as_str()));
            if case.get("policies").is_some_and(of_others) {
                continue;
            }
            tried.tricks += 1;
            let mut answers = Vec::new();
            for world in ["documents", "others"] {
                let stored = documents(case.get(world).unwrap_or(&file[world]));
                let namespace = namespace(&given.1, &format!("{name}_{world}{number}_{case_number}"));
                let given = (given.0.clone(), namespace);
                fill(given.clone(), case.clone(), stored).await;
                answers.push(known(&given, &guard, case).await);
            }
            let [(one, told), (_, other)] = &answers[..] else { panic!("one answer a world") };
            let without = one.as_ref().is_err_and(|error| refuses(error));
            let expected = match case.get("refused") {
                _ if without => {
                    tried.refused += 1;
                    true
                }
                Some(text) => {
                    tried.refused += 1;
                    one.as_ref().is_err_and(|error| error.contains(text.as_str().unwrap()))
                }
                None => one.is_ok() || one.as_ref().is_err_and(|error| error.contains("not permitted")),
            };
            if !expected || told != other {
                tried.failures.push(format!("{name}, {policy}: {}\n{told}\n{other}\n", case["trick"]));
            }
        }
    }
}

impl Tried {
    pub fn assert_none_works(&self) {
        let Self { tricks, refused, failures } = self;
        println!("{tricks} tricks, {refused} of them refused");
        assert!(failures.is_empty(), "{} tricks work:\n{}", failures.len(), failures.join("\n"));
    }
}
