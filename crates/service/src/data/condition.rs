//! Conditions that decide about a request before any document is read.

use std::sync::Weak;
use std::time::Instant;

use portcullis::eval::{Documents, Errors, Evaluation, FunctionError, Truth, bind};
use portcullis::guarded::Limits;
use portcullis::predicate::Predicate;

use super::access::{Asker, Data};

impl Data {
    /// Evaluates a condition, calling the functions that it uses.
    ///
    /// # Errors
    /// The condition does not hold; the text says why, for the log.
    pub(crate) async fn holds(&self, condition: &Predicate, asker: &Asker) -> Result<(), String> {
        let began = Instant::now();
        let context = self.app.with_configuration(self.context(asker));
        loop {
            let errors = Errors::default();
            let truth = Evaluation::new(Documents::default(), &context, &errors).truth(&bind(condition, &context));
            let calls = context.pending();
            if calls.is_empty() {
                return match truth {
                    Truth::True => Ok(()),
                    Truth::Error => {
                        Err(errors.into_vec().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                    }
                    other => Err(other.to_string()),
                };
            }
            if began.elapsed() >= Limits::TIME {
                return Err("the functions that the condition calls take too long".to_owned());
            }
            for call in calls {
                let answer = match self.functions.get().and_then(Weak::upgrade) {
                    Some(functions) => functions.call(&call, asker).await,
                    None => Err(FunctionError::NotFound(call.name.clone())),
                };
                context.supply(&call, answer).map_err(|error| error.to_string())?;
            }
        }
    }
}
