use std::sync::Arc;

use portcullis::App;
use portcullis::app::Secrets;

use crate::{Backend, Call, CallError, Library, Options, Returned};

/// Runs the functions of an application.
pub struct Runtime {
    library: Library,
}

impl Runtime {
    /// A runtime for an application with its secrets. Contexts are prepared at once, on threads of their own.
    #[must_use]
    pub fn new(
        app: Arc<App>,
        secrets: Secrets,
        library: Library,
        backend: Arc<dyn Backend>,
        options: Options,
    ) -> Self {
        drop((app, secrets, backend, options));
        Self { library }
    }

    /// The functions.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }

    /// Calls a function. Needs a tokio runtime with time and I/O. A call that is dropped is stopped.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, call: Call) -> Result<Returned, CallError> {
        Err(CallError::Engine(format!("function {} cannot run yet", call.function)))
    }
}
