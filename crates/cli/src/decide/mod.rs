mod answers;
mod decider;
mod subject;
mod summary;

use std::io;
use std::path::Path;

use answers::{Answers, Counts, write_answers};
use decider::{Decider, Workspace};
use portcullis::store::documents::Namespace;
use subject::{Subject, Verb, refuse_operators};

use super::Answer;
use super::guard::GuardArgs;
use super::input::{Input, is_json, standard_input};
use super::output::Output;
use super::pipeline::{self, Batch};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis decide read employee.json --app DIR --in hr.employees --user ada.json
  portcullis decide update before.json after.json --rules rules.json --user ada.json --explain
  mongoexport … | portcullis decide read - --app DIR --in hr.employees --user ada.json
  portcullis decide read employee.json --app DIR --in hr.employees --user '{\"id\": \"u1\"}' --custom-data users.json
  portcullis decide read employee.json --app DIR --in hr.employees --token login.json --fresh live

Each document on standard input is decided separately; for updates, pass {\"before\": …, \"after\": …} objects.";

/// Decide what a user may do with a document; print the decision, the reason and, for a read, the visible part
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Operation to decide
    operation: Verb,
    /// The document (for updates: the stored and the new one), or `-` for a stream of documents on standard input; may
    /// be preceded by the collection
    #[arg(value_name = "JSON|FILE|-", required = true, num_args = 1..=3)]
    documents: Vec<String>,
    /// The document's collection, as `database.collection`
    #[arg(long = "in", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Print every role tried, and every condition with both operands and its result
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    guard: GuardArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (namespace, documents) = split(args)?;
    let streamed = documents.first().is_some_and(|first| first == "-");
    if let Some(problem) = wrong_number(args.operation, documents, streamed) {
        return Err(match documents.iter().find(|document| looks_like_collection(document)) {
            Some(collection) => Trouble::usage(format!(
                "{problem}; a collection such as `{collection}` goes before the documents or with --in"
            )),
            None => Trouble::usage(problem),
        });
    }
    const MISSING: &str = "with an application, the document's collection is required: pass --in database.collection, or name it before the document";
    let (guard, age) = args.guard.guard(namespace, MISSING)?;
    let decider = Decider {
        guard,
        age,
        operation: args.operation,
        explain: args.explain,
        json: output.is_json(),
        colourless: output.is_colourless(),
        several: streamed,
    };
    if streamed {
        output.begin_list("decisions")?;
        let counts = stream(decider, output)?;
        return end(&counts, output);
    }
    let subject = subject(documents)?;
    output.begin_list("decisions")?;
    let mut answers = Answers::default();
    decider.decide(subject.operation(args.operation), None, &mut Workspace::default(), &mut answers);
    let answers = decider.finish(answers);
    let mut counts = Counts::default();
    write_answers(&answers, &mut counts, output)?;
    end(&counts, output)
}

/// Splits the arguments into the collection, if it is named, and the documents.
fn split(args: &Args) -> Result<(Option<&str>, &[String]), Trouble> {
    if let Some((first, others)) = args.documents.split_first()
        && !others.is_empty()
        && looks_like_collection(first)
    {
        // An argument that looks like a collection and is not an existing file is the collection, unless all
        // arguments are needed as documents.
        let wanted =
            if args.operation == Verb::Update && others.first().is_none_or(|other| other != "-") { 2 } else { 1 };
        if others.len() >= wanted {
            return match &args.namespace {
                None => Ok((Some(first), others)),
                Some(_) => Err(Trouble::usage("the collection is given twice: as an argument and with --in")),
            };
        }
    }
    Ok((args.namespace.as_deref(), &args.documents))
}

/// Whether an argument can be a collection and is not a document.
fn looks_like_collection(argument: &str) -> bool {
    !is_json(argument) && argument != "-" && Namespace::parse(argument).is_some() && !Path::new(argument).exists()
}

fn wrong_number(operation: Verb, documents: &[String], streamed: bool) -> Option<&'static str> {
    match (operation, documents.len(), streamed) {
        (_, 2.., true) => Some("pass documents either as arguments or on standard input, not both"),
        (Verb::Update, 1, false) => Some("an update takes two documents: the stored one and the new one"),
        (Verb::Update, 3.., _) => Some("an update takes two documents: the stored one and the new one"),
        (Verb::Read | Verb::Search | Verb::Insert | Verb::Delete, 2.., _) => {
            Some("only an update takes two documents; to decide on several, pipe them in and pass `-`")
        }
        _ => None,
    }
}

fn subject(documents: &[String]) -> Result<Subject, Trouble> {
    let read = |argument: &String| Input::read(argument, "document")?.document("the document");
    match documents {
        [before, after] => {
            let (before, after) = (read(before)?, read(after)?);
            refuse_operators(&after)?;
            Ok(Subject::Pair(before, after))
        }
        [document] => Ok(Subject::One(read(document)?)),
        _ => Err(Trouble::usage("a document is missing")),
    }
}

fn end(counts: &Counts, output: &mut Output) -> Result<Answer, Trouble> {
    output.end_list()?;
    output.flush()?;
    counts.missing.tell();
    match counts.broken {
        0 if counts.decided == 0 => Err(Trouble::Reported("no documents on standard input".to_owned())),
        0 => Ok(Answer::from_bool(counts.denied == 0)),
        1 => Err(Trouble::Reported("1 document could not be read".to_owned())),
        several => Err(Trouble::Reported(format!("{several} documents could not be read"))),
    }
}

/// Decides on every document on standard input. Those that cannot be read are reported and skipped.
fn stream(decider: Decider, output: &mut Output) -> Result<Counts, Trouble> {
    // Claims standard input; another thread reads it.
    drop(standard_input()?);
    let mut counts = Counts::default();
    let decide = move |batch: &Batch| {
        let mut answers = Answers::default();
        // Most results repeat the document.
        answers.text.reserve(batch.len() * 5 / 4);
        let (mut document, mut workspace) = (Vec::new(), Workspace::default());
        for (line, bytes) in batch.iter() {
            decider.decide_text(line, bytes, &mut document, &mut workspace, &mut answers);
        }
        decider.finish(answers)
    };
    pipeline::run(io::stdin(), decide, |answers| {
        let failed = |error| Trouble::Read { name: "standard input".to_owned(), error };
        write_answers(&answers.map_err(failed)?, &mut counts, output)
    })?;
    Ok(counts)
}
