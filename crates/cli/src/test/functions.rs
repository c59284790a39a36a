//! Runs the functions for which test files do not supply results.

use std::cell::OnceCell;
use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::testfile::{Called, Caller, FunctionCall, FunctionHost, OpenFunctions, Setting};
use portcullis_functions::{Call, ConsoleLevel, ConsoleLine, Entry, HttpAnswer, HttpAnswers, Options};
use portcullis_service::{Trial, TrialContent};
use tokio::runtime::{Builder, Handle, Runtime};

/// Runs functions on in-memory stores. It is created for the first file that needs it.
#[derive(Default)]
pub(super) struct Runner(OnceCell<Runtime>);

impl Runner {
    fn handle(&self) -> Result<Handle, String> {
        if let Some(runtime) = self.0.get() {
            return Ok(runtime.handle().clone());
        }
        // Calls run on threads of their own; the operations that they wait for run on these.
        let made = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let made = made.map_err(|error| format!("the runtime cannot be started: {error}"))?;
        Ok(self.0.get_or_init(|| made).handle().clone())
    }
}

impl FunctionHost for Runner {
    fn open(&self, setting: Setting) -> Result<Arc<dyn OpenFunctions>, String> {
        let Setting { app, secrets, users, documents, http, now } = setting;
        let handle = self.handle()?;
        let answers = http.into_iter().map(|stub| HttpAnswer {
            method: stub.method,
            url: stub.url,
            status: stub.status,
            headers: stub.headers,
            body: stub.body,
        });
        let answers = Arc::new(HttpAnswers::new(answers.collect()));
        let mut options = Options::default();
        options.prepared = 1;
        options.now = now;
        options.http_answers = Some(Arc::clone(&answers));
        let content = TrialContent { users, documents };
        let trial = handle.block_on(Trial::open(app, secrets, content, options)).map_err(|error| error.to_string())?;
        Ok(Arc::new(Opened { trial, answers, handle }))
    }
}

struct Opened {
    trial: Trial,
    answers: Arc<HttpAnswers>,
    handle: Handle,
}

impl OpenFunctions for Opened {
    fn contains(&self, name: &str) -> bool {
        self.trial.functions().library().contains(name)
    }

    fn call(&self, call: FunctionCall) -> Called {
        let FunctionCall { name, arguments, user, caller, request } = call;
        let entry = match caller {
            Caller::Client => Entry::Client,
            Caller::Trigger => Entry::Trigger,
            Caller::Rule => Entry::Rule,
            _ => Entry::Command,
        };
        let user = if entry == Entry::Trigger { portcullis::User::system() } else { user };
        let mut call = Call::new(name, arguments, entry, user);
        if let Some(request) = request {
            call = call.with_request(request);
        }
        let asked = self.answers.asked().len();
        let answer = self.handle.block_on(self.trial.functions().call(call));
        let requests = self.answers.asked().split_off(asked);
        let (result, console): (Result<Bson, String>, Vec<ConsoleLine>) = match answer {
            Ok(returned) => (Ok(returned.value), returned.console),
            Err(error) => (Err(shown(&error)), error.console().to_vec()),
        };
        Called { result, console: console.iter().map(line).collect(), requests }
    }

    fn documents(&self, namespace: &str) -> Result<Vec<Document>, String> {
        self.handle.block_on(self.trial.documents(namespace)).map_err(|error| error.to_string())
    }
}

/// The error as the developer may see it: including the position in the source and why a function cannot run.
fn shown(error: &portcullis_functions::CallError) -> String {
    use portcullis_functions::CallError;
    match error {
        CallError::Failed(failure) => match &failure.position {
            Some(at) => format!("{error} ({}:{}:{})", at.file, at.line, at.column),
            None => error.to_string(),
        },
        CallError::RunAsRefused { reason, .. } | CallError::NotRunnable { reason, .. } | CallError::Engine(reason) => {
            format!("{error}: {reason}")
        }
        _ => error.to_string(),
    }
}

fn line(line: &ConsoleLine) -> String {
    match line.level {
        ConsoleLevel::Warn => format!("warning: {}", line.text),
        ConsoleLevel::Error => format!("error: {}", line.text),
        _ => line.text.clone(),
    }
}
