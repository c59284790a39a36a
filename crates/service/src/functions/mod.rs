//! Connects the functions of an application to its users and data.

mod backend;
mod client_error;
mod rule_calls;
mod trial;
mod user_creation;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::Bson;
use portcullis::{App, User};
use portcullis_functions::{Backend, Call, CallError, Entry, Library, Options, Returned, Runtime};

use self::backend::Reach;
use crate::call_log::{CallLogOf, CallRecorder};
use crate::data::{Data, RuleFunctions};

pub(crate) use backend::Known;
pub(crate) use client_error::{client_error, private};
pub use trial::{Trial, TrialContent};
pub(crate) use user_creation::CreationFunction;

/// The functions of an application, ready to be called.
pub struct Functions {
    app: Arc<App>,
    backend: Arc<dyn Backend>,
    calls: Arc<Calls>,
}

/// Runs calls and records them.
struct Calls {
    runtime: Runtime,
    /// Writes calls to the call log.
    recorder: CallRecorder,
    time_limit: Duration,
}

impl Functions {
    /// Connects the functions of an application to its data, and makes them available to its rules.
    #[must_use]
    pub(crate) fn new(data: &Arc<Data>, users: Known, options: Options, kept: Option<CallLogOf>) -> Arc<Self> {
        let app = Arc::clone(&data.app);
        let backend: Arc<dyn Backend> = Arc::new(Reach::new(Arc::clone(data), users));
        let library = Library::load(&app);
        let time_limit = options.time;
        let runtime = Runtime::new(Arc::clone(&app), data.secrets.clone(), library, Arc::clone(&backend), options);
        let recorder = CallRecorder::new(Arc::clone(&app), &data.secrets, kept);
        let functions = Arc::new(Self { app, backend, calls: Arc::new(Calls { runtime, recorder, time_limit }) });
        let rules: Arc<dyn RuleFunctions> = Arc::<Self>::clone(&functions);
        data.call_functions_by(&rules);
        functions
    }

    /// The functions, and the problems found in them.
    #[must_use]
    pub fn library(&self) -> &Library {
        self.calls.runtime.library()
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The backend of the functions, for callers that perform the same operations without a function.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The time limit of a call.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.calls.time_limit
    }

    /// Calls a function and records the call in the call log. A call made by a client's request continues even if the
    /// future is dropped: a disconnect must not leave the function's work half done.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, call: Call) -> Result<Returned, CallError> {
        if !matches!(call.entry, Entry::Client | Entry::Endpoint | Entry::Webhook) {
            return self.calls.call(call).await;
        }
        let calls = Arc::clone(&self.calls);
        let done = tokio::spawn(async move { calls.call(call).await });
        done.await.map_err(|error| CallError::Engine(error.to_string()))?
    }

    /// An error of a call, for other logs than the call log.
    pub(crate) fn shown(&self, error: &CallError, arguments: &[Bson]) -> String {
        self.calls.recorder.shown(error, arguments)
    }

    /// Calls a function for the service itself: as the system user, without a request.
    pub(crate) async fn call_as_system(
        &self,
        function: &str,
        arguments: Vec<Bson>,
        entry: Entry,
    ) -> Result<Returned, CallError> {
        self.call(Call::new(function, arguments, entry, User::system())).await
    }
}

impl Calls {
    async fn call(&self, call: Call) -> Result<Returned, CallError> {
        let begun = self.recorder.begin(&call);
        let began = Instant::now();
        let result = self.runtime.call(call).await;
        if let Some(begun) = begun {
            self.recorder.end(begun, began.elapsed(), &result);
        }
        result
    }
}
