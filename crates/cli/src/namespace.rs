//! How commands take their collection: as the first argument or with `--in`, the same in every command.

use std::path::Path;

use portcullis::store::documents::Namespace;

use super::input::is_json;
use super::trouble::Trouble;

/// The collection of a command that has no other argument.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NamespaceArgs {
    /// The collection, as `database.collection`
    #[arg(value_name = "NAMESPACE", conflicts_with = "within")]
    namespace: Option<String>,
    /// The collection, instead of as an argument
    #[arg(long = "in", value_name = "NAMESPACE")]
    within: Option<String>,
}

impl NamespaceArgs {
    /// The collection as given on the command line, if any.
    pub(super) fn written(&self) -> Option<&str> {
        self.within.as_deref().or(self.namespace.as_deref())
    }

    /// The collection; an error if it is not given.
    pub(super) fn required(&self) -> Result<&str, Trouble> {
        self.written().ok_or_else(missing)
    }
}

/// The collection of a command that has one other argument after it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NamespaceAndFile {
    /// The collection (unless given with --in)
    #[arg(value_name = "NAMESPACE")]
    first: String,
    /// The documents
    #[arg(value_name = "JSON|FILE|-")]
    second: Option<String>,
    /// The collection, instead of as the first argument
    #[arg(long = "in", value_name = "NAMESPACE")]
    within: Option<String>,
}

impl NamespaceAndFile {
    /// Returns the collection and the other argument.
    pub(super) fn split(&self) -> Result<(&str, &str), Trouble> {
        match (&self.within, &self.second) {
            (Some(namespace), None) => Ok((namespace, &self.first)),
            (None, Some(other)) => Ok((&self.first, other)),
            (Some(_), Some(_)) => Err(twice()),
            (None, None) => Err(nothing(&self.first)),
        }
    }
}

/// The collection of a command that has one or more other arguments after it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NamespaceAndArgs {
    /// The collection (unless given with --in), followed by the documents or writes
    #[arg(value_names = ["NAMESPACE", "JSON|FILE|-"], num_args = 1.., required = true)]
    arguments: Vec<String>,
    /// The collection, instead of as the first argument
    #[arg(long = "in", value_name = "NAMESPACE")]
    within: Option<String>,
}

impl NamespaceAndArgs {
    /// Returns the collection and the other arguments, at least one.
    pub(super) fn split(&self) -> Result<(&str, &[String]), Trouble> {
        match (self.arguments.as_slice(), &self.within) {
            ([first, _, ..], Some(_)) if is_collection(first) => Err(twice()),
            (others, Some(namespace)) => Ok((namespace, others)),
            ([namespace, others @ ..], None) if !others.is_empty() => match is_json(namespace) || namespace == "-" {
                true => Err(missing()),
                false => Ok((namespace, others)),
            },
            (arguments, None) => Err(nothing(arguments.first().map_or("", String::as_str))),
        }
    }
}

/// Whether an argument is a valid namespace and neither JSON nor an existing file.
fn is_collection(argument: &str) -> bool {
    !is_json(argument) && argument != "-" && Namespace::parse(argument).is_some() && !Path::new(argument).exists()
}

fn twice() -> Trouble {
    Trouble::usage("the collection is given twice: as an argument and with --in")
}

/// The error for a single argument: either the collection or the data is missing.
fn nothing(only: &str) -> Trouble {
    if is_json(only) || only == "-" {
        return missing();
    }
    Trouble::usage("nothing to write: pass JSON, a file path or `-`")
}

fn missing() -> Trouble {
    Trouble::usage("no collection given: pass `database.collection` as the first argument or with --in")
}

/// Parses the name of a collection.
pub(super) fn parse(text: &str) -> Result<Namespace, Trouble> {
    Namespace::parse(text).ok_or_else(|| Trouble::usage(format!("`{text}` is not of the form database.collection")))
}
