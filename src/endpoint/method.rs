/// A method of requests to endpoints.
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
    /// All methods.
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

    /// The method with this name, in upper case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// The methods that an endpoint accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Methods {
    /// A single method.
    One(Method),
    /// All methods, except those that other endpoints with the same route accept.
    Any,
}

impl Methods {
    /// Parses a method or `*`, for which webhooks write `ANY`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "*" | "ANY" => Some(Self::Any),
            name => Method::from_name(name).map(Self::One),
        }
    }

    /// Whether a method is among them.
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
