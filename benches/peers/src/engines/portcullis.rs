//! Portcullis: a policy, bound to the user once.

use std::sync::Arc;

use bson::{RawDocument, doc};
use portcullis::Context;
use portcullis::access::{Buffer, Decision as Decided};
use portcullis::policy::{self, RulesFile};
use portcullis::value::Prepared;
use portcullis::{Guard, User, Visible, json};

use super::{Contender, REDACTION, everything};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, NO_ROLE, Tier, answer, user};
use crate::documents::Documents;

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender { engine: "portcullis", variant: None, prepared_bytes: 700, runs: everything, race };
    let redaction = Contender {
        variant: Some(REDACTION),
        prepared_bytes: 4_000,
        runs: super::hand::redacts,
        race: redact,
        ..plain
    };
    vec![plain, redaction]
}

const A: &str = r#"{"roles": [{
    "name": "Reader",
    "apply_when": {"$or": [
        {"owner": "%%user.id", "%%user.custom_data.role": {"$in": ["editor", "admin"]}},
        {"members": "%%user.id"}
    ]},
    "read": true
}]}"#;

/// `%READ%` stands for the permissions of a role to read a document.
const B: &str = r#"{"roles": [
    {
        "name": "Administrator",
        "apply_when": {"%%user.custom_data.role": "admin", "site": "%%user.custom_data.site"},
        "document_filters": {"read": {"status": {"$ne": "gone"}}, "write": false}, %READ%
    },
    {
        "name": "Inspector",
        "apply_when": {"%%user.custom_data.role": "inspector", "status": "gone"},
        "document_filters": {"read": {"age": {"$gte": 18}}, "write": false}, %READ%
    },
    {
        "name": "Owner",
        "apply_when": {"owner": "%%user.id", "%%user.custom_data.role": {"$in": ["editor", "admin"]}},
        "document_filters": {"read": {"status": {"$in": ["active", "pending"]}}, "write": false}, %READ%
    },
    {
        "name": "Lead",
        "apply_when": {
            "%%user.custom_data.role": "editor",
            "team": "%%user.custom_data.team",
            "site": "%%user.custom_data.site"
        },
        "document_filters": {"read": {"status": "active"}, "write": false}, %READ%
    },
    {
        "name": "Delegate",
        "apply_when": {"members": "%%user.id", "%%user.custom_data.role": "editor"},
        "document_filters": {"read": {"status": {"$in": ["active", "pending"]}}, "write": false}, %READ%
    },
    {
        "name": "Neighbour",
        "apply_when": {"site": "%%user.custom_data.site", "%%user.custom_data.grade": {"$gte": 3}},
        "document_filters": {"read": {"age": {"$gte": 40}}, "write": false}, %READ%
    },
    {
        "name": "Colleague",
        "apply_when": {"team": {"$in": "%%user.custom_data.teams"}, "%%user.custom_data.grade": {"$gte": 3}},
        "document_filters": {"read": {"status": "active"}, "write": false}, %READ%
    },
    {
        "name": "Veteran",
        "apply_when": {"age": {"$gte": 55}, "%%user.custom_data.role": {"$in": ["editor", "viewer"]}},
        "document_filters": {"read": {"status": "gone"}, "write": false}, %READ%
    }
]}"#;

const WHOLE: &str = r#""read": true"#;

const VISIBLE: &str = r#""fields": {
    "name": {"read": true},
    "email": {"read": true},
    "team": {"read": true},
    "status": {"read": true},
    "address": {"fields": {"city": {"read": true}}}
}"#;

const C: &str = r#"{"roles": [
    {
        "name": "Owner",
        "apply_when": {"owner": "%%user.id", "%%user.custom_data.role": {"$in": ["editor", "admin"]}},
        "write": {"%%root.owner": "%%prevRoot.owner", "%%root.site": "%%prevRoot.site"}
    },
    {
        "name": "Member",
        "apply_when": {"members": "%%user.id"},
        "write": {"%%root.owner": "%%prevRoot.owner", "%%root.site": "%%prevRoot.site"}
    }
]}"#;

fn guard(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).expect("JSON")).expect("rules");
    let policy = RulesFile::effective(Some(&rules), None).map(Arc::new);
    let user = User::new(user::ID).with_custom_data(doc! {
        "role": user::ROLE,
        "team": user::TEAM,
        "teams": &user::TEAMS[..],
        "site": user::SITE,
        "grade": user::GRADE,
    });
    Guard::new(policy, Context::new().with_user(user))
}

/// The answer for (b), whose roles are distinguished by the beginning of their names.
fn answer_of<T>(decided: &Decided<'_, T>) -> Answer {
    let role = match decided.role().and_then(|name| name.bytes().next()) {
        None => return NO_ROLE,
        Some(b'A') => 0,
        Some(b'I') => 1,
        Some(b'O') => 2,
        Some(b'L') => 3,
        Some(b'D') => 4,
        Some(b'N') => 5,
        Some(b'C') => 6,
        Some(_) => 7,
    };
    answer(role, decided.is_allowed())
}

fn answer_of_change<T>(decided: &Decided<'_, T>) -> Answer {
    match decided.role().and_then(|name| name.bytes().next()) {
        None => NO_ROLE,
        Some(b'O') => answer(0, decided.is_allowed()),
        Some(_) => answer(1, decided.is_allowed()),
    }
}

fn race(decision: Decision, tier: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let guard = match decision {
        Decision::A => guard(A),
        Decision::B => guard(&B.replace("%READ%", WHOLE)),
        Decision::C => guard(C),
    };
    let n = documents.len();
    match (decision, tier) {
        (Decision::A, Tier::Prepared) => {
            let documents = prepared(n, |at| documents.bson(at));
            stopwatch.measure(n, |at| guard.read(&documents[at]).is_allowed().into());
        }
        (Decision::A, Tier::Bson) => stopwatch.measure(n, |at| guard.read(documents.bson(at)).is_allowed().into()),
        (Decision::A, Tier::Json) => {
            let mut bytes = Vec::new();
            stopwatch.measure(n, |at| guard.read(parsed(documents.json(at), &mut bytes)).is_allowed().into());
        }
        (Decision::B, Tier::Prepared) => {
            let documents = prepared(n, |at| documents.bson(at));
            stopwatch.measure(n, |at| answer_of(&guard.read(&documents[at])));
        }
        (Decision::B, Tier::Bson) => stopwatch.measure(n, |at| answer_of(&guard.read(documents.bson(at)))),
        (Decision::B, Tier::Json) => {
            let mut bytes = Vec::new();
            stopwatch.measure(n, |at| answer_of(&guard.read(parsed(documents.json(at), &mut bytes))));
        }
        (Decision::C, Tier::Prepared) => {
            let (before, after) = (prepared(n, |at| documents.bson(at)), prepared(n, |at| documents.bson_after(at)));
            stopwatch.measure(n, |at| answer_of_change(&guard.update(&before[at], &after[at])));
        }
        (Decision::C, Tier::Bson) => {
            stopwatch.measure(n, |at| answer_of_change(&guard.update(documents.bson(at), documents.bson_after(at))));
        }
        (Decision::C, Tier::Json) => {
            let (mut before, mut after) = (Vec::new(), Vec::new());
            stopwatch.measure(n, |at| {
                let before = parsed(documents.json(at), &mut before);
                answer_of_change(&guard.update(before, parsed(documents.json_after(at), &mut after)))
            });
        }
    }
}

/// Produces the visible part: a decoded document for a decoded one, bytes for bytes.
fn redact(_: Decision, tier: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let guard = guard(&B.replace("%READ%", VISIBLE));
    let n = documents.len();
    match tier {
        Tier::Prepared => {
            let decoded = super::hand::decoded(documents);
            stopwatch.measure(n, |at| {
                super::hand::answer_of_visible(match guard.read(&decoded[at]).allowed() {
                    Some(Visible::Part(part)) => Some(part.len()),
                    Some(_) => unreachable!("no role sees all of a document"),
                    None => None,
                })
            });
        }
        Tier::Bson => {
            let mut buffer = Buffer::new();
            stopwatch.measure(n, |at| {
                let visible = guard.read_into(documents.bson(at), &mut buffer).allowed();
                super::hand::answer_of_visible(visible.map(|visible| visible.as_bytes().len()))
            });
        }
        Tier::Json => unreachable!("redaction is timed where there are documents to write"),
    }
}

fn prepared<'d>(n: usize, document: impl Fn(usize) -> &'d RawDocument) -> Vec<Prepared> {
    (0..n).map(|at| Prepared::new(document(at)).expect("BSON")).collect()
}

/// Converts text directly to BSON bytes, without decoded values in between.
fn parsed<'b>(text: &str, bytes: &'b mut Vec<u8>) -> &'b RawDocument {
    json::to_raw_document(text.as_bytes(), bytes).expect("an ordinary text")
}
