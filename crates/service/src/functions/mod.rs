//! The functions of an application, joined to its users and data.

mod backend;
mod rule_calls;
mod told;
mod trial;
mod user_creation;

use std::sync::Arc;
use std::time::Instant;

use bson::Bson;
use portcullis::{App, User};
use portcullis_functions::{Backend, Call, CallError, Entry, Library, Options, Returned, Runtime};

use self::backend::Reach;
use crate::call_log::{CallLogOf, CallRecorder};
use crate::data::{Data, RuleFunctions};

pub(crate) use backend::Known;
pub(crate) use told::{private, told};
pub use trial::{Trial, TrialContent};
pub(crate) use user_creation::CreationFunction;

/// The functions of an application, ready to be called.
pub struct Functions {
    app: Arc<App>,
    backend: Arc<dyn Backend>,
    runtime: Runtime,
    /// Tells what becomes of calls.
    recorder: CallRecorder,
}

impl Functions {
    /// The functions of an application over its data. Its rules call them from now on.
    #[must_use]
    pub(crate) fn new(data: &Arc<Data>, users: Known, options: Options, kept: Option<CallLogOf>) -> Arc<Self> {
        let app = Arc::clone(&data.app);
        let backend: Arc<dyn Backend> = Arc::new(Reach::new(Arc::clone(data), users));
        let library = Library::load(&app);
        let runtime = Runtime::new(Arc::clone(&app), data.secrets.clone(), library, Arc::clone(&backend), options);
        let recorder = CallRecorder::new(Arc::clone(&app), &data.secrets, kept);
        let functions = Arc::new(Self { app, backend, runtime, recorder });
        let rules: Arc<dyn RuleFunctions> = Arc::<Self>::clone(&functions);
        data.call_functions_by(&rules);
        functions
    }

    /// The functions, and what is wrong with them.
    #[must_use]
    pub fn library(&self) -> &Library {
        self.runtime.library()
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What functions reach, for who does the same without one.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// Calls a function, and writes to the log what became of it.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, call: Call) -> Result<Returned, CallError> {
        let begun = self.recorder.begin(&call);
        let began = Instant::now();
        let result = self.runtime.call(call).await;
        if let Some(begun) = begun {
            self.recorder.end(begun, began.elapsed(), &result);
        }
        result
    }

    /// Calls a function for the service itself: the system runs it, and there is no request.
    pub(crate) async fn call_as_system(
        &self,
        function: &str,
        arguments: Vec<Bson>,
        entry: Entry,
    ) -> Result<Returned, CallError> {
        self.call(Call::new(function, arguments, entry, User::system())).await
    }
}
