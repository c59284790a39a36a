use bson::Bson;

/// As whom something runs, as a script of `run_as_user_id_script_source` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAsAnswer {
    /// `{runAsSystem: true}`: without rules.
    System,
    /// The id of a user, which may be one that does not exist: whoever answers so refuses.
    User(String),
}

impl RunAsAnswer {
    /// Reads what a script returned.
    ///
    /// # Errors
    /// It is neither; the text says what was expected.
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
