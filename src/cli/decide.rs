use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::Path;

use anstyle::AnsiColor;
use bson::{Bson, Document, RawDocument};
use clap::ValueEnum;
use portcullis::access::{Buffer, Decision, Guard, Operation, Reason, Visible};
use portcullis::eval::Truth;
use portcullis::json;
use portcullis::login::DataAge;
use portcullis::store::documents::Namespace;
use portcullis::text::{OneLine, Source};
use portcullis::update::Operator as UpdateOperator;
use portcullis::value::DocumentRef;
use serde_json::{Map, Value, json};

use super::guard::GuardArgs;
use super::input::{Input, is_json, standard_input};
use super::missing::MissingParts;
use super::output::{Output, paint};
use super::pipeline::{self, Batch};
use super::terminal::colourless;
use super::trouble::Trouble;
use super::{Answer, explain};

const EXAMPLES: &str = "\
Examples:
  portcullis decide read employee.json --app DIR --in hr.employees --user ada.json
  portcullis decide update before.json after.json --rules rules.json --user ada.json --explain
  mongoexport … | portcullis decide read - --app DIR --in hr.employees --user ada.json
  portcullis decide read employee.json --app DIR --in hr.employees --user '{\"id\": \"u1\"}' --custom-data users.json
  portcullis decide read employee.json --app DIR --in hr.employees --token login.json --fresh live

Of documents on standard input each is decided by itself; for an update each is {\"before\": …, \"after\": …}.";

/// Decide what a user may do with a document: prints the decision, its reason, and what a read shows
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What the user wants to do
    operation: Verb,
    /// The document; for an update the stored one and the new one; `-`: documents on standard input, one after the other. Before
    /// them the collection may stand, as `database.collection`
    #[arg(value_name = "JSON|FILE|-", required = true, num_args = 1..=3)]
    documents: Vec<String>,
    /// The document's collection, as `database.collection`
    #[arg(long = "in", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Print every role tried and every condition with both operands and its truth
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    guard: GuardArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verb {
    /// Read a stored document
    Read,
    /// Find a stored document by a search
    Search,
    /// Insert a document
    Insert,
    /// Make of a stored document another
    Update,
    /// Delete a stored document
    Delete,
}

/// What is asked about.
enum Subject {
    One(Document),
    Pair(Document, Document),
}

impl Subject {
    /// What is asked about it.
    fn operation(&self, verb: Verb) -> Operation<'_> {
        match self {
            Self::One(document) => verb.of(document.into(), document.into()),
            Self::Pair(before, after) => verb.of(before.into(), after.into()),
        }
    }
}

impl Verb {
    fn of<'d>(self, first: DocumentRef<'d>, second: DocumentRef<'d>) -> Operation<'d> {
        match self {
            Self::Read => Operation::Read(first),
            Self::Search => Operation::Search(first),
            Self::Insert => Operation::Insert(first),
            Self::Update => Operation::Update(first, second),
            Self::Delete => Operation::Delete(first),
        }
    }

    /// What is asked about a document on standard input; none if it is not what an update is written as.
    fn of_raw(self, document: &RawDocument) -> Option<Operation<'_>> {
        if self != Self::Update {
            return Some(self.of(document.into(), document.into()));
        }
        let (before, after) = (document.get_document("before").ok()?, document.get_document("after").ok()?);
        // What begins with an operator is looked at more closely.
        let is_plain =
            after.iter().next().is_none_or(|first| first.is_ok_and(|(key, _)| !key.as_str().starts_with('$')));
        (is_plain && document.iter().count() == 2).then(|| self.of(before.into(), after.into()))
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    let (namespace, documents) = split(args)?;
    let streamed = documents.first().is_some_and(|first| first == "-");
    if let Some(problem) = wrong_number(args.operation, documents, streamed) {
        return Err(Trouble::usage(problem));
    }
    const MISSING: &str = "an application needs --in, the document's collection: `--in database.collection`";
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
        begin(output)?;
        let counts = stream(decider, output)?;
        return end(&counts, output);
    }
    let subject = subject(documents)?;
    begin(output)?;
    let mut answers = Answers::default();
    decider.decide(subject.operation(args.operation), None, &mut Workspace::default(), &mut answers);
    let answers = decider.finish(answers);
    let mut counts = Counts::default();
    write_answers(&answers, &mut counts, output)?;
    end(&counts, output)
}

/// The collection, if it is named, and the documents.
fn split(args: &Args) -> Result<(Option<&str>, &[String]), Trouble> {
    if let Some((first, others)) = args.documents.split_first()
        && !others.is_empty()
        && !is_json(first)
        && first != "-"
        && Namespace::parse(first).is_some()
        && !Path::new(first).exists()
    {
        // What is no file and looks like a collection is one, unless all of the arguments are wanted as documents.
        let wanted =
            if args.operation == Verb::Update && others.first().is_none_or(|other| other != "-") { 2 } else { 1 };
        if others.len() >= wanted {
            return match &args.namespace {
                None => Ok((Some(first), others)),
                Some(_) => Err(Trouble::usage("the collection is named twice: as an argument and by --in")),
            };
        }
    }
    Ok((args.namespace.as_deref(), &args.documents))
}

fn wrong_number(operation: Verb, documents: &[String], streamed: bool) -> Option<&'static str> {
    match (operation, documents.len(), streamed) {
        (_, 2.., true) => Some("documents come either as arguments or from standard input"),
        (Verb::Update, 1, false) => Some("an update takes two documents: the stored one and the new one"),
        (Verb::Update, 3.., _) => Some("an update takes two documents: the stored one and the new one"),
        (Verb::Read | Verb::Search | Verb::Insert | Verb::Delete, 2.., _) => {
            Some("only an update takes two documents; to decide about several, pipe them in and write `-`")
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

/// Refuses update operators in place of the document that they make.
fn refuse_operators(after: &Document) -> Result<(), Trouble> {
    match after.keys().next() {
        Some(first) if UpdateOperator::ALL.iter().any(|(_, spelling)| spelling == first) => {
            Err(Trouble::usage(format!(
                "`{first}` is an update operator: the second document of an update is the whole document as it becomes; \
                 `portcullis update` carries operators out, and judges what they make"
            )))
        }
        _ => Ok(()),
    }
}

/// The JSON document is written piece by piece, so that any number of documents can be decided about.
fn begin(output: &mut Output) -> Result<(), Trouble> {
    if output.is_json() { output.text("{\"decisions\": [") } else { Ok(()) }
}

fn end(counts: &Counts, output: &mut Output) -> Result<Answer, Trouble> {
    if output.is_json() {
        output.line("\n]}")?;
    }
    output.flush()?;
    counts.missing.tell();
    match counts.broken {
        0 if counts.decided == 0 => Err(Trouble::Reported("there was no document on standard input".to_owned())),
        0 => Ok(Answer::from_bool(counts.denied == 0)),
        1 => Err(Trouble::Reported("1 document could not be read".to_owned())),
        several => Err(Trouble::Reported(format!("{several} documents could not be read"))),
    }
}

/// Decides about every document on standard input. One that cannot be read does not keep the others from being decided.
fn stream(decider: Decider, output: &mut Output) -> Result<Counts, Trouble> {
    // Whoever reads it does so on a thread of its own.
    drop(standard_input()?);
    let mut counts = Counts::default();
    let decide = move |batch: &Batch| {
        let mut answers = Answers::default();
        // Most answers repeat the document.
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

fn write_answers(answers: &Answers, counts: &mut Counts, output: &mut Output) -> Result<(), Trouble> {
    let mut text = answers.text.as_slice();
    // Of the elements of the JSON document, the first has no comma before it.
    if output.is_json() && counts.decided + counts.broken == 0 {
        text = text.strip_prefix(b",").unwrap_or(text);
    }
    let start = answers.text.len() - text.len();
    let mut written = 0;
    for (at, trouble) in &answers.troubles {
        let at = at.saturating_sub(start);
        output.bytes(text.get(written..at).unwrap_or_default())?;
        output.flush()?;
        output.report(trouble);
        written = at;
    }
    output.bytes(text.get(written..).unwrap_or_default())?;
    counts.decided += answers.counts.decided;
    counts.denied += answers.counts.denied;
    counts.broken += answers.counts.broken;
    counts.missing.join(&answers.counts.missing);
    Ok(())
}

/// How many documents were decided about, and how many were not.
#[derive(Default)]
struct Counts {
    decided: usize,
    denied: usize,
    broken: usize,
    /// What denials were for want of.
    missing: MissingParts,
}

/// The answers about some documents.
#[derive(Default)]
struct Answers {
    /// In JSON, each begins with a comma.
    text: Vec<u8>,
    /// What is said about documents that could not be read, and where in the text.
    troubles: Vec<(usize, Trouble)>,
    counts: Counts,
}

impl Answers {
    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // A list of bytes takes everything.
        let _ = self.text.write_fmt(text);
    }

    fn line(&mut self, line: impl AsRef<[u8]>) {
        self.text.extend_from_slice(line.as_ref());
        self.text.push(b'\n');
    }

    fn element(&mut self, element: impl AsRef<[u8]>) {
        self.text.extend_from_slice(b",\n");
        self.text.extend_from_slice(element.as_ref());
    }

    fn without_colours(mut self) -> Self {
        if !self.text.contains(&ESCAPE) {
            return self;
        }
        let mut text = Vec::with_capacity(self.text.len());
        let mut from = 0;
        let mut take = |to: usize| {
            let part = String::from_utf8_lossy(self.text.get(from..to).unwrap_or_default());
            text.extend_from_slice(colourless(&part).as_bytes());
            from = to;
            text.len()
        };
        for (at, _) in &mut self.troubles {
            *at = take(*at);
        }
        take(self.text.len());
        self.text = text;
        self
    }
}

/// What every sequence that colours a text begins with.
const ESCAPE: u8 = 0x1b;

/// What is used again for document after document.
#[derive(Default)]
struct Workspace {
    /// What of a document is visible, in BSON, and as one line of JSON.
    buffer: Buffer,
    visible: Vec<u8>,
}

struct Decider {
    guard: Guard,
    age: Option<DataAge>,
    operation: Verb,
    explain: bool,
    json: bool,
    colourless: bool,
    several: bool,
}

impl Decider {
    /// The answers as they are written: what standard output cannot show is taken out here, on the thread that decides.
    fn finish(&self, answers: Answers) -> Answers {
        if self.colourless { answers.without_colours() } else { answers }
    }

    /// Decides about a document, or two for an update, that begins on this line of standard input.
    fn decide_text(
        &self,
        line: usize,
        bytes: &[u8],
        document: &mut Vec<u8>,
        workspace: &mut Workspace,
        answers: &mut Answers,
    ) {
        let straight = json::to_raw_document(bytes, document);
        if let Some(operation) = straight.and_then(|document| self.operation.of_raw(document)) {
            return self.decide(operation, Some(line), workspace, answers);
        }
        match self.read(line, bytes) {
            Ok(subject) => self.decide(subject.operation(self.operation), Some(line), workspace, answers),
            Err(trouble) => {
                answers.counts.broken += 1;
                if self.json {
                    answers.element(json!({ "line": line, "error": trouble.to_string() }).to_string());
                }
                answers.troubles.push((answers.text.len(), trouble));
            }
        }
    }

    fn read(&self, line: usize, bytes: &[u8]) -> Result<Subject, Trouble> {
        let source = Source::new("<standard input>", String::from_utf8_lossy(bytes)).from_line(line);
        let input = Input::parse(source, bytes, "a document")?;
        if self.operation != Verb::Update {
            return Ok(Subject::One(input.document("a document")?));
        }
        let mut pair = input.document("an update")?;
        match (pair.remove("before"), pair.remove("after"), pair.is_empty()) {
            (Some(Bson::Document(before)), Some(Bson::Document(after)), true) => {
                refuse_operators(&after)?;
                Ok(Subject::Pair(before, after))
            }
            _ => Err(Trouble::usage(format!(
                "line {line}: an update on standard input is {{\"before\": {{…}}, \"after\": {{…}}}}"
            ))),
        }
    }

    /// Of two reasons the one that says how to get on: where a role inserts or deletes nothing at all, its fields are beside the
    /// point.
    fn plainest<'s>(&self, summary: Summary<'s>, operation: Operation<'_>, plain: Reason) -> Summary<'s> {
        if !matches!(summary.reason, Some(Reason::Fields(_))) {
            return summary;
        }
        let refuses = self
            .guard
            .explain(operation)
            .rules
            .into_iter()
            .any(|rule| rule.place == plain.code() && rule.trace.is_some_and(|trace| trace.truth == Truth::False));
        if refuses { Summary { reason: Some(plain), ..summary } } else { summary }
    }

    /// `line` is where the document begins on standard input.
    fn decide(
        &self,
        operation: Operation<'_>,
        line: Option<usize>,
        Workspace { buffer, visible }: &mut Workspace,
        answers: &mut Answers,
    ) {
        let summary = match operation {
            Operation::Read(DocumentRef::Raw(stored)) => {
                Summary::of_read(self.guard.read_into(stored, buffer), |visible| DocumentRef::Raw(visible), visible)
            }
            Operation::Search(DocumentRef::Raw(stored)) => {
                Summary::of_read(self.guard.search_into(stored, buffer), |visible| DocumentRef::Raw(visible), visible)
            }
            Operation::Read(stored) => Summary::of_read(self.guard.read(stored), Visible::as_document, visible),
            Operation::Search(stored) => Summary::of_read(self.guard.search(stored), Visible::as_document, visible),
            Operation::Insert(new) => {
                self.plainest(Summary::of_write(&self.guard.insert(new)), operation, Reason::Insert)
            }
            Operation::Update(stored, new) => Summary::of_write(&self.guard.update(stored, new)),
            Operation::Delete(stored) => {
                self.plainest(Summary::of_write(&self.guard.delete(stored)), operation, Reason::Delete)
            }
        };
        answers.counts.decided += 1;
        answers.counts.denied += usize::from(summary.reason.is_some());
        if summary.reason.is_some() {
            answers.counts.missing.join(&summary.missing);
        }
        let explanation = self.explain.then(|| self.guard.explain(operation));
        if self.json {
            let explanation = explanation.map(|explanation| explain::to_json(&explanation, self.age));
            return answers.element(summary.to_json(explanation, line));
        }
        if let Some(line) = line {
            answers.write(format_args!("line {line}: "));
        }
        answers.line(summary.headline(self.operation, self.colourless));
        for line in summary.details() {
            answers.line(format!("  {}", OneLine(line)));
        }
        if let Some(visible) = summary.visible {
            if self.several { answers.line(visible) } else { answers.line(pretty(visible)) }
        }
        for line in explanation.iter().flat_map(|explanation| explain::lines(explanation, self.age)) {
            answers.line(line);
        }
    }
}

fn pretty(text: &[u8]) -> Vec<u8> {
    json::parse_bytes(text).map_or_else(|_| text.to_vec(), |node| node.to_pretty().into_bytes())
}

/// A decision, ready to be shown.
struct Summary<'s> {
    role: Option<&'s str>,
    reason: Option<Reason>,
    errors: Vec<String>,
    missing: MissingParts,
    /// As one line of JSON.
    visible: Option<&'s [u8]>,
}

impl<'s> Summary<'s> {
    fn new<T>(decision: &Decision<'s, T>) -> Self {
        Self {
            role: decision.role(),
            reason: decision.reason().cloned(),
            errors: decision.errors().iter().map(ToString::to_string).collect(),
            missing: MissingParts::of(decision.errors()),
            visible: None,
        }
    }

    fn of_read<T>(
        decision: Decision<'s, T>,
        document: impl FnOnce(&T) -> DocumentRef<'_>,
        text: &'s mut Vec<u8>,
    ) -> Self {
        let mut summary = Self::new(&decision);
        text.clear();
        match decision.allowed().map(|visible| json::write(document(&visible), text)) {
            Some(Ok(())) => summary.visible = Some(text),
            Some(Err(error)) => {
                summary.reason = Some(Reason::Failed);
                summary.errors.push(error.to_string());
            }
            None => {}
        }
        summary
    }

    fn of_write(decision: &Decision<'s, ()>) -> Self {
        Self::new(decision)
    }

    fn headline(&self, verb: Verb, colourless: bool) -> String {
        let paint = |word: &str, colour| if colourless { word.to_owned() } else { paint(word, colour) };
        let role = self.role.as_ref().map_or_else(String::new, |role| format!(" as `{}`", OneLine(role)));
        match &self.reason {
            None => format!("{}{role}", paint("allowed", AnsiColor::Green)),
            Some(Reason::Fields(_)) => {
                let what = match verb {
                    Verb::Delete => "deleting needs every field to be writable; not writable are",
                    Verb::Insert => "inserting needs every field to be writable; not writable are",
                    Verb::Read | Verb::Search | Verb::Update => "some fields may not be written",
                };
                format!("{}{role}: {what}", paint("denied", AnsiColor::Red))
            }
            Some(Reason::Schema(_)) => {
                format!("{}{role}: the schema refuses the document", paint("denied", AnsiColor::Red))
            }
            Some(reason) => format!("{}{role}: {}", paint("denied", AnsiColor::Red), OneLine(reason)),
        }
    }

    fn details(&self) -> Vec<String> {
        let mut lines: Vec<String> = match &self.reason {
            Some(Reason::Fields(fields)) => fields.iter().map(|field| format!("field: {field}")).collect(),
            Some(Reason::Schema(failures)) => failures.iter().map(|failure| format!("schema: {failure}")).collect(),
            _ => Vec::new(),
        };
        lines.extend(self.errors.iter().map(|error| format!("error: {error}")));
        lines
    }

    fn to_json(&self, explanation: Option<Value>, line: Option<usize>) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("allowed".to_owned(), json!(self.reason.is_none()));
        object.insert("role".to_owned(), json!(self.role));
        if let Some(reason) = &self.reason {
            object.insert("reason".to_owned(), json!({ "code": reason.code(), "message": reason.to_string() }));
            match reason {
                Reason::Fields(fields) => {
                    object.insert("fields".to_owned(), json!(fields));
                }
                Reason::Schema(failures) => {
                    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
                    object.insert("schema".to_owned(), json!(failures));
                }
                _ => {}
            }
        }
        object.insert("errors".to_owned(), json!(self.errors));
        let mut text = Value::Object(object).to_string().into_bytes();
        text.pop();
        let visible = self.visible.map(|visible| ("document", Cow::Borrowed(visible)));
        let explanation =
            explanation.map(|explanation| ("explanation", Cow::Owned(explanation.to_string().into_bytes())));
        let line = line.map(|line| ("line", Cow::Owned(line.to_string().into_bytes())));
        for (key, value) in [visible, explanation, line].into_iter().flatten() {
            text.extend_from_slice(format!(",\"{key}\":").as_bytes());
            text.extend_from_slice(&value);
        }
        text.push(b'}');
        text
    }
}
