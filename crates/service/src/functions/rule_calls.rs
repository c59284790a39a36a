//! `%function`: calls of functions by rules.

use bson::Bson;
use portcullis::BoxFuture;
use portcullis::User;
use portcullis::eval::{FunctionError, PendingCall};
use portcullis_functions::{Call, CallError, Entry};

use super::Functions;
use crate::data::{Asker, RuleFunctions};

impl RuleFunctions for Functions {
    fn contains(&self, name: &str) -> bool {
        self.library().contains(name)
    }

    fn call<'a>(&'a self, call: &'a PendingCall, asker: &'a Asker) -> BoxFuture<'a, Result<Bson, FunctionError>> {
        Box::pin(async move {
            let mut asked = Call::new(call.name.clone(), call.arguments.clone(), Entry::Rule, User::clone(&asker.user));
            if let Some(request) = &asker.request {
                asked = asked.with_request(request.clone());
            }
            match Self::call(self, asked).await {
                Ok(returned) => Ok(returned.value),
                Err(CallError::NotFound(name)) => Err(FunctionError::NotFound(name)),
                Err(CallError::TimedOut { .. }) => Err(FunctionError::TimedOut(call.name.clone())),
                Err(error) => {
                    let message = self.shown(&error, &call.arguments);
                    Err(FunctionError::Failed { name: call.name.clone(), message })
                }
            }
        })
    }
}
