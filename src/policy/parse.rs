use std::fmt;
use std::sync::Arc;

use super::{Policy, RulesFile, compile};
use crate::json;
use crate::schema::Schema;
use crate::text::{Finding, Source, Style};

/// Why rules are invalid: all errors, with their positions. It is displayed as a report that quotes the lines in
/// question.
#[derive(Clone, Debug)]
pub struct RulesError {
    source: Source,
    findings: Vec<Finding>,
}

impl RulesError {
    fn new(name: &str, text: &str, findings: impl IntoIterator<Item = impl Into<Finding>>) -> Self {
        Self { source: Source::new(name, text), findings: findings.into_iter().map(Into::into).collect() }
    }

    /// The errors, in source order.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}", self.source.render(finding, None, Style::default()))?;
        }
        Ok(())
    }
}

impl std::error::Error for RulesError {}

impl Policy {
    /// Compiles a `rules.json`. If it has no roles, nobody but the system user has access.
    ///
    /// ```
    /// use portcullis::{Context, Policy, User};
    /// let policy = Policy::parse(r#"{"roles": [{"name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": true}]}"#)?;
    /// let guard = policy.guard(Context::new().with_user(User::new("u1")));
    /// assert!(guard.read(&bson::doc! { "_id": 1, "owner": "u1" }).is_allowed());
    /// assert!(!guard.read(&bson::doc! { "_id": 2, "owner": "u2" }).is_allowed());
    /// # Ok::<(), portcullis::RulesError>(())
    /// ```
    ///
    /// # Errors
    /// All errors in the file.
    pub fn parse(rules: &str) -> Result<Arc<Self>, RulesError> {
        Self::parse_file(rules, None)
    }

    /// Like [`parse`](Self::parse), with a `schema.json` that documents must satisfy when they are written.
    ///
    /// # Errors
    /// All errors in the first of the two files that is invalid.
    pub fn parse_with_schema(rules: &str, schema: &str) -> Result<Arc<Self>, RulesError> {
        let node = json::parse(schema).map_err(|error| RulesError::new("schema.json", schema, [error]))?;
        let compiled = Schema::compile(&node).map_err(|errors| RulesError::new("schema.json", schema, errors))?;
        Self::parse_file(rules, Some(compiled))
    }

    fn parse_file(rules: &str, schema: Option<Schema>) -> Result<Arc<Self>, RulesError> {
        let node = json::parse(rules).map_err(|error| RulesError::new("rules.json", rules, [error]))?;
        let mut file = compile(&node).map_err(|errors| RulesError::new("rules.json", rules, errors))?;
        if schema.is_some() {
            file.schema = schema;
        }
        Ok(RulesFile::effective(Some(&file), None).unwrap_or_else(Self::without_rules).into())
    }

    /// A policy without rules.
    fn without_rules() -> Self {
        Self { presence: super::Presence::Unruled, ..Self::default() }
    }
}
