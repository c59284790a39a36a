/// The methods of requests to endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the methods")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method with this name, in capitals.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// The methods that an endpoint accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Methods {
    /// This one.
    One(Method),
    /// All that no other endpoint of the same route accepts.
    Any,
}

impl Methods {
    /// `*` of endpoints, or a method. Webhooks spell `*` `ANY`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "*" | "ANY" => Some(Self::Any),
            name => Method::from_name(name).map(Self::One),
        }
    }

    /// Whether it accepts a method.
    #[must_use]
    pub fn take(self, method: Method) -> bool {
        match self {
            Self::One(one) => one == method,
            Self::Any => true,
        }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::One(method) => method.name(),
            Self::Any => "*",
        }
    }
}
