//! Resolves one template for many users in parallel: one line of output per user, in input order.

use portcullis::Context;
use portcullis::template::{Failure, Inputs};
use portcullis::text::OneLine;
use portcullis::{Missing, Template, User, json};
use serde_json::{Value, json};

use super::Args;
use crate::Answer;
use crate::given::GivenDocuments;
use crate::output::{Output, say};
use crate::pipeline::{self, Batch};
use crate::progress::followed;
use crate::trouble::Trouble;

/// Everything needed to resolve the template for a user.
pub(super) struct Work {
    template: Template,
    context: Context,
    given: GivenDocuments,
    missing: Missing,
    with_secrets: bool,
    json: bool,
}

/// The output of a batch.
#[derive(Default)]
struct Lines {
    output: Vec<u8>,
    errors: String,
    /// Whether the template did not resolve for some user, and whether some line was not a valid user object.
    unresolved: bool,
    unreadable: bool,
    users: u64,
}

impl Work {
    pub(super) fn new(args: &Args, template: Template, context: Context, given: GivenDocuments, json: bool) -> Self {
        Self { template, context, given, missing: args.unresolved, with_secrets: args.with_secrets, json }
    }

    fn batch(&self, batch: &Batch) -> Lines {
        let mut lines = Lines::default();
        for (line, text) in batch.iter() {
            self.user(line, text, &mut lines);
            lines.output.push(b'\n');
            lines.users += 1;
        }
        lines
    }

    fn user(&self, line: usize, text: &[u8], lines: &mut Lines) {
        let user = match read(text) {
            Ok(user) => user,
            Err(message) => {
                lines.unreadable = true;
                lines.errors.push_str(&format!("error: line {line}: {}\n", OneLine(&message)));
                if self.json {
                    lines.output.extend_from_slice(json!({ "error": message }).to_string().as_bytes());
                }
                return;
            }
        };
        let context = self.context.for_user(user);
        let inputs = Inputs::from(&context).with_documents(self.given.documents());
        let inputs = if self.with_secrets { inputs.with_secrets() } else { inputs };
        let before = lines.output.len();
        if self.json {
            lines.output.extend_from_slice(b"{\"value\":");
        }
        match self.template.write_json(inputs, self.missing, &mut lines.output) {
            Ok(true) if self.json => lines.output.push(b'}'),
            Ok(true) => {}
            Ok(false) if self.json => {
                lines.output.truncate(before);
                lines.output.extend_from_slice(b"{\"missing\":true}");
            }
            Ok(false) => {}
            Err(unresolved) => {
                lines.output.truncate(before);
                lines.unresolved = true;
                for failure in unresolved.as_slice() {
                    lines.errors.push_str(&format!("error: line {line}: {failure}\n"));
                }
                if self.json {
                    let failures: Vec<Value> = unresolved.as_slice().iter().map(failure_to_json).collect();
                    lines.output.extend_from_slice(json!({ "unresolved": failures }).to_string().as_bytes());
                }
            }
        }
    }
}

fn read(text: &[u8]) -> Result<User, String> {
    let node = json::parse_bytes(text).map_err(|error| error.to_string())?;
    let document = json::to_document(&node).map_err(|error| error.to_string())?;
    User::from_document(document).map_err(|error| error.to_string())
}

fn failure_to_json(failure: &Failure) -> Value {
    json!({ "pointer": failure.pointer(), "expansion": failure.asked(), "reason": failure.reason().to_string() })
}

pub(super) fn run(work: Work, users: &str, output: &mut Output) -> Result<Answer, Trouble> {
    let (input, bar) = followed(users)?;
    let (mut unresolved, mut unreadable, mut count) = (false, false, 0_u64);
    pipeline::run(
        input,
        move |batch| work.batch(batch),
        |lines| {
            let lines = lines.map_err(|error| Trouble::Read { name: format!("`{users}`"), error })?;
            output.bytes(&lines.output)?;
            if !lines.errors.is_empty() {
                bar.suspend(|| say(&lines.errors));
            }
            count += lines.users;
            bar.set_message(format!("{count} users"));
            unresolved |= lines.unresolved;
            unreadable |= lines.unreadable;
            Ok::<_, Trouble>(())
        },
    )?;
    bar.finish_and_clear();
    if unreadable {
        return Err(Trouble::Reported("some lines are not user objects".to_owned()));
    }
    Ok(Answer::from_bool(!unresolved))
}
