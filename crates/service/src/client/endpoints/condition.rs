use portcullis::endpoint::Condition;

use crate::client::{ClientApi, ClientError, ErrorCode};
use crate::data::Asker;

impl ClientApi {
    /// Rejects a request for which `can_evaluate` does not hold, or ends in an Error.
    pub(super) async fn meet(&self, condition: &Condition, asker: &Asker, name: &str) -> Result<(), ClientError> {
        let predicate = match condition {
            Condition::Always => return Ok(()),
            Condition::If(predicate) => predicate,
            Condition::Never => return Err(ClientError::internal(format!("`can_evaluate` of {name} does not load"))),
        };
        let unmet = match self.data.holds(predicate, asker).await {
            Ok(()) => return Ok(()),
            Err(unmet) => unmet,
        };
        let shown: String = name.chars().take(128).collect();
        let mut error =
            ClientError::bad(ErrorCode::FunctionExecutionError, format!("rule not matched for function \"{shown}\""));
        error.private = Some(unmet);
        Err(error)
    }
}
