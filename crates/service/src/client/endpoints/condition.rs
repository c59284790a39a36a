use portcullis::endpoint::Condition;

use crate::client::{ClientApi, ClientError, ErrorCode};
use crate::data::Asker;

impl ClientApi {
    /// Rejects a request for which `can_evaluate` does not hold, or ends in an Error.
    pub(super) async fn meet(&self, condition: &Condition, asker: &Asker, name: &str) -> Result<(), ClientError> {
        let predicate = match condition {
            Condition::Always => return Ok(()),
            Condition::If(predicate) => predicate,
            Condition::Never => return Err(unmet(name, "`can_evaluate` does not load".to_owned())),
        };
        self.data.holds(predicate, asker).await.map_err(|reason| unmet(name, reason))
    }
}

fn unmet(name: &str, reason: String) -> ClientError {
    let shown: String = name.chars().take(128).collect();
    let message = format!("rule not matched for function \"{shown}\"");
    let mut error = ClientError::bad(ErrorCode::FunctionExecutionError, message);
    error.private = Some(reason);
    error
}
