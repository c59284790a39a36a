//! Sources into which words of other sources are mixed: whatever they do, the process survives, and the next call
//! succeeds.

use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis_functions::CallError;
use serde_json::{Value, json};

use super::world::{Draft, bson};

/// A small pseudorandom generator, so that runs are reproducible.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// Splits a source into words, strings, punctuation and whitespace.
fn words(source: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for character in source.chars() {
        match words.last_mut() {
            Some(word) if character.is_alphanumeric() && last.is_alphanumeric() => word.push(character),
            _ => words.push(character.to_string()),
        }
        last = character;
    }
    words
}

const STRANGE: [&str; 24] = [
    "null",
    "undefined",
    "-0",
    "1e308",
    "[]",
    "{}",
    "context",
    "globalThis",
    "(() => f)",
    "new Proxy({}, {})",
    "Symbol.iterator",
    "await null",
    "BSON.Long(1, 2)",
    "exports",
    "context.functions.execute('f')",
    "new Array(1e6)",
    "'x'.repeat(1e6)",
    "Promise.reject(1)",
    "throw 1",
    "this",
    "BSON",
    "Object.freeze(context)",
    "context.services.get('mongodb-atlas').db('db').collection('c').find()",
    "__proto__",
];

/// The index of a word that is a name or a number.
fn name_at(words: &[String], dice: &mut Dice) -> usize {
    let begin = dice.below(words.len());
    let is_name = |word: &String| word.chars().all(char::is_alphanumeric);
    (begin..words.len()).chain(0..begin).find(|at| is_name(&words[*at])).unwrap_or(0)
}

fn mutant(sources: &[Vec<String>], dice: &mut Dice) -> String {
    let mut words = sources[dice.below(sources.len())].clone();
    for _ in 0..=dice.below(3) {
        let at = name_at(&words, dice);
        match dice.below(6) {
            // The result is usually not a valid script.
            0 => drop(words.remove(at)),
            1 | 2 => words[at] = format!("({})", STRANGE[dice.below(STRANGE.len())]),
            3 | 4 => {
                let other = &sources[dice.below(sources.len())];
                words[at] = other[name_at(other, dice)].clone();
            }
            _ => {
                let to = name_at(&words, dice);
                words.swap(at, to);
            }
        }
    }
    words.concat()
}

#[tokio::test]
async fn mutated_programs_end_without_affecting_the_next_call() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/functions/styles.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let source = |case: &Value| match &case["source"] {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n"),
        line => line.as_str().unwrap().to_owned(),
    };
    let sources: Vec<Vec<String>> = cases.iter().map(|case| words(&source(case))).collect();
    // Other seeds allow a longer search.
    let seed = std::env::var("MUTANTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut dice = Dice(seed.unwrap_or(20_260_101));
    let mut draft =
        Draft::new().function("probe", "exports = () => [1].map((n) => n + 1);", json!({})).options(|options| {
            options.time = Duration::from_millis(150);
            options.memory = 24 * 1024 * 1024;
        });
    const COUNT: usize = 1500;
    for number in 0..COUNT {
        let settings = if number % 2 == 0 { json!({"run_as_system": true}) } else { json!({}) };
        draft = draft.function(&format!("m{number}"), &mutant(&sources, &mut dice), settings);
    }
    let world = draft.build();
    let (mut returned, mut failed, mut refused, mut over) = (0, 0, 0, 0);
    for number in 0..COUNT {
        let arguments =
            vec![bson(json!({"a": 1, "b": [null, {"$oid": "5f1a2b3c4d5e6f7081920304"}]})), bson(json!("ada"))];
        match world.call(&format!("m{number}"), arguments).await {
            Ok(_) => returned += 1,
            Err(CallError::Failed(_)) => failed += 1,
            Err(CallError::NotRunnable { .. }) => refused += 1,
            Err(CallError::TimedOut { .. }) => over += 1,
            Err(error) => panic!("m{number}: {error:?}"),
        }
        if number % 20 == 0 {
            // On a busy machine, even a call that does nothing may time out.
            let mut probed = world.call("probe", vec![]).await;
            for _ in 0..20 {
                if !matches!(probed, Err(CallError::TimedOut { .. })) {
                    break;
                }
                probed = world.call("probe", vec![]).await;
            }
            assert_eq!(probed.unwrap().value.into_canonical_extjson(), json!([{"$numberLong": "2"}]));
        }
    }
    println!("{returned} returned, {failed} failed, {refused} were refused, {over} took too long");
    assert!(
        returned > 50 && failed > 100 && refused > 100,
        "the mutants are too much alike: {returned} {failed} {refused}"
    );
}
