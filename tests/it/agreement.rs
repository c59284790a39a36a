//! The engine and the naive interpreter, which share no code, must give the same answers to random cases.

use std::fmt::Write;
use std::path::Path;

use portcullis::testfile::{TestFile, answers};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

use portcullis_testkit::naive::{self, Coverage};

/// This many cases combine every operator with every type on either side.
const CASES: usize = 100_000;

/// The maximum number of disagreements to show.
const MAX_SHOWN: usize = 10;

fn wanted_cases() -> usize {
    std::env::var("PORTCULLIS_CASES").map_or(CASES, |text| text.parse().expect("PORTCULLIS_CASES is a number"))
}

/// A case with a placeholder for its expectation, which the format requires.
pub(crate) fn with_expectation(case: &Json) -> Json {
    let mut case = case.clone();
    case["expect"] = if case.get("expression").is_some() {
        json!(true)
    } else if case.get("load").is_some() {
        json!({"valid": true})
    } else {
        json!({"denied": true})
    };
    case
}

/// The engine's answers to the cases of a file; `None` if it is not a valid test file.
fn engine(file: &Json) -> Option<Vec<Json>> {
    let mut file = file.clone();
    let cases = file["cases"].as_array()?.iter().map(with_expectation).collect();
    file["cases"] = Json::Array(cases);
    let file = TestFile::parse("generated.json", file.to_string().as_bytes(), Path::new(".")).ok()?;
    let answers = answers(&file).ok()?.into_iter();
    Some(answers.map(|answer| answer.unwrap_or_else(|error| json!({"invalid": error.to_string()}))).collect())
}

/// Whether two answers are equal. This is stricter than a comparison with an expectation in a fixture.
fn same(naive: &Json, engine: &Json) -> bool {
    let (Json::Object(by_naive), Json::Object(by_engine)) = (naive, engine) else { return naive == engine };
    let decided_by_failure = engine["reason"] == json!("a rule that decides could not be evaluated");
    let keys = ["invalid", "valid", "document", "allowed", "denied", "fields", "schema"];
    keys.iter().all(|key| by_naive.contains_key(*key) == by_engine.contains_key(*key))
        && (by_engine.contains_key("invalid") || naive["role"] == engine["role"])
        && naive["fields"] == engine["fields"]
        && (by_naive.contains_key("error") == by_engine.contains_key("error")
            || by_engine.contains_key("denied") && !by_naive.contains_key("error") && !decided_by_failure)
        && naive::agrees(naive, engine)
}

/// The file with only one of its cases.
fn with_one(file: &Json, at: usize) -> Json {
    let mut one = file.clone();
    one["cases"] = json!([file["cases"][at]]);
    one
}

struct Disagreement {
    file: Json,
    naive: Json,
    engine: Json,
}

/// The disagreement on the only case of a file, if there is one.
fn disagreement(file: &Json) -> Option<Disagreement> {
    let engine = engine(file)?.pop()?;
    let case = &file["cases"][0];
    if file.get("rules").is_none() && case.get("expression").is_none() && case.get("load").is_none() {
        return None;
    }
    let naive = naive::answer(file, case);
    (!same(&naive, &engine)).then(|| Disagreement { file: file.clone(), naive, engine })
}

/// Reduces a file with one case: removes whatever can be removed while the two still disagree.
fn reduced(mut found: Disagreement) -> Disagreement {
    let mut rounds = 0;
    loop {
        let smaller = naive::smaller(&found.file);
        let alike = |next: &Disagreement| {
            shape(&next.naive) == shape(&found.naive) && shape(&next.engine) == shape(&found.engine)
        };
        let next = smaller.iter().filter_map(disagreement).find(alike);
        rounds += 1;
        match next {
            Some(next) if rounds < 300 => found = next,
            _ => return found,
        }
    }
}

/// The kind of an answer, for grouping similar ones.
fn shape(answer: &Json) -> Vec<String> {
    match answer {
        Json::Object(fields) => fields.keys().cloned().collect(),
        other => vec![other.to_string()],
    }
}

/// The results of a thread.
#[derive(Default)]
struct Run {
    coverage: Coverage,
    cases: usize,
    disagreements: Vec<Disagreement>,
}

fn run(seed: u8, wanted: usize) -> Run {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = naive::generate::file();
    let mut run = Run::default();
    while run.cases < wanted && run.disagreements.len() < MAX_SHOWN {
        let file = strategy.new_tree(&mut runner).unwrap().current();
        let by_engine = engine(&file).unwrap_or_else(|| panic!("no test file: {file}"));
        Coverage::start();
        let mut found = Vec::new();
        for (at, (case, engine)) in file["cases"].as_array().unwrap().iter().zip(by_engine).enumerate() {
            let naive = naive::answer(&file, case);
            run.coverage.record(case, &naive);
            run.cases += 1;
            if !same(&naive, &engine) {
                found.push(Disagreement { file: with_one(&file, at), naive, engine });
            }
        }
        run.coverage.collect();
        run.disagreements.extend(found.into_iter().map(reduced));
    }
    run
}

#[test]
fn the_naive_interpreter_agrees() {
    let wanted = wanted_cases() / 2;
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = [1, 2].map(|seed| scope.spawn(move || run(seed, wanted))).into();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut coverage, mut cases, mut text) = (Coverage::default(), 0, String::new());
    for run in runs {
        coverage.merge(run.coverage);
        cases += run.cases;
        for Disagreement { file, naive, engine } in run.disagreements {
            write!(text, "\n{file}\n  naive  {naive}\n  engine {engine}\n").unwrap();
        }
    }
    println!("{cases} cases");
    coverage.print();
    assert!(text.is_empty(), "the two disagree:{text}");
    let empty = coverage.empty_cells();
    assert!(empty.is_empty(), "no case met: {}", empty.join("; "));
}
