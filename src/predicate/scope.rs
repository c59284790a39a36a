use std::fmt;

use crate::expr::Root;

/// The kind of rule that contains an expression. It determines what the expression can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A role's `apply_when`, `read`, `write`, `insert`, `delete`, `search` and `document_filters`.
    Role,
    /// A field's `read` and `write`, and a schema's `validate`.
    Field,
    /// A filter's `apply_when`.
    Filter,
    /// A filter's `query`: plain paths refer to the document.
    Query,
    /// `can_evaluate` of a function or an endpoint.
    Endpoint,
    /// A rule of a service action: plain paths refer to its arguments.
    Service,
    /// A rule of partition-based sync.
    Sync,
}

impl Scope {
    /// Every scope, with its name.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Role, "role"),
        (Self::Field, "field"),
        (Self::Filter, "filter"),
        (Self::Query, "query"),
        (Self::Endpoint, "endpoint"),
        (Self::Service, "service"),
        (Self::Sync, "sync"),
    ];

    /// The scope with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == name).map(|(scope, _)| *scope)
    }

    /// Whether an expansion with this root may be used in the scope.
    #[must_use]
    pub const fn allows(self, root: Root) -> bool {
        match root {
            Root::True | Root::False | Root::User | Root::Values | Root::Environment => true,
            Root::Request | Root::Now => !matches!(self, Self::Sync),
            Root::Root | Root::PrevRoot => matches!(self, Self::Role | Self::Field),
            Root::This | Root::Prev => matches!(self, Self::Field),
            Root::Args => matches!(self, Self::Service),
            Root::Partition => matches!(self, Self::Sync),
        }
    }

    /// The root that plain paths start from; `None` if plain paths are not allowed.
    #[must_use]
    pub const fn plain_path(self) -> Option<Root> {
        match self {
            Self::Role | Self::Field | Self::Query => Some(Root::Root),
            Self::Service => Some(Root::Args),
            Self::Filter | Self::Endpoint | Self::Sync => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role => "a role's rule",
            Self::Field => "a field's rule",
            Self::Filter => "a filter's `apply_when`",
            Self::Query => "a filter's `query`",
            Self::Endpoint => "`can_evaluate`",
            Self::Service => "a service's rule",
            Self::Sync => "a sync rule",
        })
    }
}
