use std::collections::BTreeSet;

use super::TriggerErrorKind;
use super::fields::Fields;
use crate::auth::ProviderType;
use crate::text::closest;

/// A trigger that runs when users are created, log in or are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationTrigger {
    /// The operations that it listens for.
    pub operations: BTreeSet<Operation>,
    /// The providers that it listens for; empty for all.
    pub providers: Vec<ProviderType>,
}

/// An event in the life of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// The user is created by a first login.
    Create,
    /// The user logs in. This includes the first login, but not refreshing a token.
    Login,
    /// The user is deleted.
    Delete,
}

impl Operation {
    const ALL: [(Self, &'static str); 3] = [(Self::Create, "CREATE"), (Self::Login, "LOGIN"), (Self::Delete, "DELETE")];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(operation, _)| *operation == self).map_or("", |(_, name)| name)
    }

    /// The operation with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == name).map(|(operation, _)| *operation)
    }
}

impl AuthenticationTrigger {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let said = fields.errors.len();
        let mut operations = BTreeSet::new();
        for name in fields.texts("operation_type").into_iter().filter(|name| !name.is_empty()) {
            match Operation::from_name(name.value) {
                Some(operation) => _ = operations.insert(operation),
                None => {
                    let what = "an authentication trigger";
                    let kind = TriggerErrorKind::OperationUnknown { what, name: name.value.to_owned() };
                    let known = Operation::ALL.map(|(_, name)| name);
                    let help = closest(name.value, known).map_or_else(
                        || "there are CREATE, LOGIN and DELETE".to_owned(),
                        |known| format!("did you mean `{known}`?"),
                    );
                    fields.errors.push(super::TriggerError::new(kind, name.span).help(help));
                }
            }
        }
        if operations.is_empty() && fields.errors.len() == said {
            let span = fields.node.get("operation_type").map_or_else(|| fields.start(), |node| node.span);
            fields.report(TriggerErrorKind::OperationMissing, span);
        }
        let mut providers = Vec::new();
        for name in fields.texts("providers") {
            match ProviderType::from_name(name.value) {
                Some(provider) => providers.push(provider),
                None => fields.report(TriggerErrorKind::ProviderUnknown(name.value.to_owned()), name.span),
            }
        }
        Self { operations, providers }
    }

    /// Whether it runs for an operation by or on a user with these providers.
    #[must_use]
    pub fn wants(&self, operation: Operation, providers: &[ProviderType]) -> bool {
        self.operations.contains(&operation)
            && (self.providers.is_empty() || self.providers.iter().any(|wanted| providers.contains(wanted)))
    }
}
