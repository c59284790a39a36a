//! Counts what a run of the law covers, so that it cannot become vacuous unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use super::ask::{Answer, Kind};
use super::{Store, pipelines, updates};

#[derive(Default)]
pub struct Tally {
    pub policies: usize,
    pub documents: usize,
    /// Documents that differ between the two worlds, and documents that exist in one world only.
    pub different: usize,
    pub extra: usize,
    /// For each kind of request, how many there were and how they ended.
    requests: BTreeMap<String, Outcomes>,
    /// How often each operator was used in a request that succeeded and returned or changed something.
    operators: BTreeMap<String, usize>,
    pub told: usize,
    pub unsteady: usize,
    /// The distinct error messages, truncated and without digits.
    errors: BTreeSet<String>,
}

#[derive(Clone, Copy, Default)]
struct Outcomes {
    asked: usize,
    some: usize,
    denied: usize,
    failed: usize,
    refused: usize,
}

/// The kind of a request: `find`, `aggregate`, `updateMany`, …, or `bulk`.
fn word(request: &Json) -> String {
    let first = |json: &Json| json.as_object().and_then(|members| members.keys().next().cloned()).unwrap_or_default();
    match request.get("write") {
        Some(Json::Array(_)) => "bulk".to_owned(),
        Some(write) => first(write),
        None => first(request),
    }
}

fn names(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                if name.starts_with('$') && !name.starts_with("$$") {
                    found.insert(name.clone());
                }
                if name != "$literal" {
                    names(value, found);
                }
            }
        }
        Json::Array(elements) => elements.iter().for_each(|element| names(element, found)),
        _ => {}
    }
}

impl Tally {
    pub fn count(&mut self, request: &Json, answer: &Answer) {
        let outcomes = self.requests.entry(word(request)).or_default();
        outcomes.asked += 1;
        match answer.kind {
            Kind::Done { some: true } => {
                outcomes.some += 1;
                let mut found = BTreeSet::new();
                names(request, &mut found);
                for name in found {
                    *self.operators.entry(name).or_default() += 1;
                }
            }
            Kind::Done { some: false } => {}
            Kind::Denied => outcomes.denied += 1,
            Kind::Failed => outcomes.failed += 1,
            Kind::Refused => outcomes.refused += 1,
        }
        if !matches!(answer.kind, Kind::Done { .. }) {
            self.errors.insert(answer.text.chars().filter(|letter| !letter.is_ascii_digit()).take(60).collect());
        }
    }

    pub fn count_told(&mut self, request: &Json) {
        self.told += 1;
        self.requests.entry(word(request)).or_default().asked += 1;
    }

    pub fn asked(&self) -> usize {
        self.requests.values().map(|outcomes| outcomes.asked).sum()
    }

    /// Asserts that every kind of request returned or changed something, that every stage and operator took part in
    /// that, and that permitted differences are rare.
    pub fn assert_enough(&self, store: Store) {
        let missing = |names: &[&str]| -> Vec<String> {
            names.iter().filter(|name| !self.operators.contains_key(**name)).map(|name| (*name).to_owned()).collect()
        };
        let kinds = ["find", "count", "distinct", "aggregate", "bulk"].into_iter().chain(updates::WRITES);
        for kind in kinds {
            let outcomes = self.requests.get(kind).copied().unwrap_or_default();
            assert!(
                outcomes.some * 300 >= outcomes.asked && outcomes.some > 0,
                "of {kind} too few brought anything\n{self}"
            );
        }
        assert_eq!(missing(&updates::OPERATORS), Vec::<String>::new(), "update operators without any effect\n{self}");
        if store == Store::MongoDb {
            let stages: Vec<&str> = pipelines::STAGES.iter().map(|(name, _)| *name).collect();
            assert_eq!(missing(&stages), Vec::<String>::new(), "stages that brought nothing\n{self}");
            assert_eq!(missing(&pipelines::allowed()), Vec::<String>::new(), "operators that brought nothing\n{self}");
        }
        let total = |of: fn(&Outcomes) -> usize| self.requests.values().map(of).sum::<usize>();
        let asked = self.asked();
        assert!(total(|outcomes| outcomes.some) * 10 >= asked, "too few answers brought anything\n{self}");
        assert!(total(|outcomes| outcomes.denied) * 20 >= asked, "too few writes were denied\n{self}");
        assert!(self.told * 20 < asked && self.unsteady * 20 < asked, "too much differed by right\n{self}");
        assert!(self.different * 4 >= self.documents, "the worlds hardly differ\n{self}");
        assert!(self.extra * 100 >= self.documents, "too few documents are there in one world only\n{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policies, documents, different, extra, told, unsteady, .. } = self;
        writeln!(
            f,
            "{policies} policies, {documents} documents in the first worlds, of which {different} are others in the second; {extra} are in one world only"
        )?;
        writeln!(f, "{} requests; {told} differed by right, {unsteady} came in no order to rely on", self.asked())?;
        for (word, Outcomes { asked, some, denied, failed, refused }) in &self.requests {
            writeln!(
                f,
                "{word:>18}: {asked:6} asked, {some:6} with a result, {denied:5} denied, {failed:5} failed, {refused:5} refused"
            )?;
        }
        writeln!(f, "{} texts of errors", self.errors.len())?;
        let operators: Vec<String> = self.operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "with a result: {}", operators.join(", "))
    }
}
