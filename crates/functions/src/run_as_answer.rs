use bson::Bson;

/// The user that a script of `run_as_user_id_script_source` chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAsAnswer {
    /// `{runAsSystem: true}`: the system, without rules.
    System,
    /// The ID of a user. It may belong to no user, by which a script can deny the call.
    User(String),
}

impl RunAsAnswer {
    /// Interprets the result of a script.
    ///
    /// # Errors
    /// The result is neither; the text says what was expected.
    pub fn read(answer: &Bson) -> Result<Self, &'static str> {
        match answer {
            Bson::String(id) if !id.is_empty() => Ok(Self::User(id.clone())),
            Bson::ObjectId(id) => Ok(Self::User(id.to_hex())),
            Bson::Document(answer) if answer.len() == 1 && answer.get("runAsSystem") == Some(&Bson::Boolean(true)) => {
                Ok(Self::System)
            }
            Bson::Document(answer) if answer.contains_key("runAsSystemUser") => {
                Err("`runAsSystemUser` is now spelt `runAsSystem`")
            }
            _ => Err("it must return the id of a user or {runAsSystem: true}"),
        }
    }
}
