use std::fmt;

/// A part of the context that rules refer to and the host did not supply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContextPart {
    /// `%%user`
    User,
    /// `%%user.custom_data`, if it has not been loaded
    CustomData,
    /// `%%values`
    Values,
    /// A value that is not supplied but may exist, because not all values could be read
    Value(Box<str>),
    /// A secret that is not supplied
    Secret(Box<str>),
    /// `%%environment`
    Environment,
    /// `%%request`
    Request,
    /// A property of `%%request`.
    RequestProperty(Box<str>),
    /// `%%args`
    Args,
    /// `%%partition`
    Partition,
    /// `%%now`
    Now,
}

impl fmt::Display for ContextPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("no user was supplied (`%%user`)"),
            Self::CustomData => f.write_str("the custom data of the user was not loaded (`%%user.custom_data`)"),
            Self::Values => f.write_str("the values were not supplied (`%%values`)"),
            Self::Value(name) => write!(f, "the value `{name}` was not supplied: not all values could be read"),
            Self::Secret(name) => write!(f, "the value `{name}` is a secret that was not supplied"),
            Self::Environment => f.write_str("no environment was supplied (`%%environment`)"),
            Self::Request => f.write_str("no request was supplied (`%%request`)"),
            Self::RequestProperty(name) => write!(f, "the request was supplied without its `{name}`"),
            Self::Args => f.write_str("no arguments were supplied (`%%args`)"),
            Self::Partition => f.write_str("no partition was supplied (`%%partition`)"),
            Self::Now => f.write_str("the time was not supplied (`%%now`)"),
        }
    }
}
