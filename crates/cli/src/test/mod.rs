mod functions;

use std::path::{Path, PathBuf};

use portcullis::testfile::{self, RunError, TestFile};
use portcullis::text::OneLine;
use serde_json::{Value, json};

use self::functions::Runner;
use crate::Answer;
use crate::first_test;
use crate::input::is_json;
use crate::output::{Output, paint, say, style};
use crate::progress::named;
use crate::trouble::Trouble;

const EXAMPLES: &str = r#"Examples:
  portcullis test --example > first.json   a test file for the application in this directory
  portcullis test first.json
  portcullis test --json tests/*.json

A first test file:
  {
    "app": ".",
    "in": "hr.employees",
    "users": {"ada": {"id": "ada", "custom_data": {"isManager": true}}},
    "cases": [
      {"name": "ada reads her own document", "user": "ada",
       "read": {"_id": "ada", "salary": 100}, "expect": {"document": {"_id": "ada", "salary": 100}}},
      {"name": "ada must not change her salary", "user": "ada",
       "update": {"before": {"_id": "ada", "salary": 100}, "after": {"_id": "ada", "salary": 200}},
       "expect": {"denied": true}}
    ]
  }
`app` is a path relative to the test file; `rules`, instead of `app`, holds the rules of one collection.
Other kinds of cases: `insert`, `delete`, `search`, `query`, `expression`, `resolve`, `call`.
`functions` holds stubs or is "run": then the application's functions really run, on documents, a clock and HTTP responses from the file.
docs/testing-rules.md describes all of this."#;

/// Run rule tests; print every failing case and the number passed and failed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Test files
    #[arg(required_unless_present = "example", value_name = "JSON|FILE|-")]
    files: Vec<String>,
    /// Instead of running tests, print a first test file for the application, which passes as it is
    #[arg(long, conflicts_with = "files")]
    example: bool,
    /// With --example: the application directory
    #[arg(long, value_name = "DIR", default_value = ".", requires = "example")]
    app: PathBuf,
    /// With --example: the collection, as `database.collection` (default: the first one that has rules)
    #[arg(long = "in", value_name = "NAMESPACE", requires = "example")]
    namespace: Option<String>,
}

pub(crate) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if args.example {
        output.document(&first_test::example(&args.app, args.namespace.as_deref())?)?;
        output.flush()?;
        return Ok(Answer::Yes);
    }
    let runner = Runner::default();
    let (mut passed, mut failed) = (0, 0);
    let mut files: Vec<Value> = Vec::new();
    let mut unusable = Vec::new();
    for path in &args.files {
        let name = named(path);
        let (file, report) = match load(path).and_then(|file| run_file(&file, &runner).map(|report| (file, report))) {
            Ok(both) => both,
            Err(message) => {
                files.push(json!({ "file": name, "error": anstream::adapter::strip_str(&message).to_string() }));
                unusable.push(message);
                continue;
            }
        };
        passed += report.passed();
        failed += report.failed();
        let mut failures = Vec::new();
        for (case, expected, got) in report.failures() {
            let place = file.cases.iter().find(|found| found.name == case).map_or(0, |found| found.span.start);
            let (line, _) = file.source.position(place);
            failures.push(json!({ "case": case, "line": line, "expected": expected, "got": got }));
            if !output.is_json() {
                let word = paint("failed", anstyle::AnsiColor::Red);
                let (file, case) = (OneLine(file.source.name()), OneLine(case));
                output.line(format!("{word} {file}:{line}: {case}: expected {expected}, got {got}"))?;
            }
        }
        files.push(json!({
            "file": name, "passed": report.passed(), "failed": report.failed(), "failures": failures,
        }));
    }
    if output.is_json() {
        output.document(&json!({ "passed": passed, "failed": failed, "files": files }))?;
    } else {
        output.flush()?;
        for message in &unusable {
            say(message);
        }
        output.line(format!("{passed} passed, {failed} failed"))?;
    }
    output.flush()?;
    if unusable.is_empty() {
        return Ok(Answer::from_bool(failed == 0));
    }
    let files = if unusable.len() == 1 { "1 file".to_owned() } else { format!("{} files", unusable.len()) };
    Err(Trouble::Reported(format!("{files} could not be used")))
}

fn load(argument: &str) -> Result<TestFile, String> {
    let loaded = if argument == "-" {
        let bytes = crate::input::read_standard_input().map_err(|trouble| format!("error: {trouble}\n"))?;
        TestFile::parse("<standard input>", &bytes, Path::new("."))
    } else if is_json(argument) {
        TestFile::parse(&named(argument), argument.as_bytes(), Path::new("."))
    } else {
        TestFile::load(Path::new(argument))
    };
    loaded.map_err(|error| error.render(style()))
}

fn run_file(file: &TestFile, runner: &Runner) -> Result<testfile::Report, String> {
    testfile::run_with(file, runner).map_err(|error| match &error {
        RunError::RulesInvalid { findings, .. } => {
            let shown: String = findings.iter().map(|finding| file.source.render(finding, None, style())).collect();
            format!("{}: {error}\n{shown}", paint("error", anstyle::AnsiColor::Red))
        }
        _ => format!("{}: {}: {error}\n", paint("error", anstyle::AnsiColor::Red), file.source.name()),
    })
}
