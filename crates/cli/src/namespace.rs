//! How a command is told its collection: as its first argument or by `--in`, in every command alike.

use portcullis::store::documents::Namespace;

use super::input::is_json;
use super::trouble::Trouble;

/// The collection of a command that has no other argument.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NamespaceArgs {
    /// The collection, as `database.collection`
    #[arg(value_name = "NAMESPACE", conflicts_with = "within")]
    namespace: Option<String>,
    /// The collection, in place of the argument
    #[arg(long = "in", value_name = "NAMESPACE")]
    within: Option<String>,
}

impl NamespaceArgs {
    /// The collection as it was written, if it was.
    pub(super) fn written(&self) -> Option<&str> {
        self.within.as_deref().or(self.namespace.as_deref())
    }

    /// The collection, which must be there.
    pub(super) fn required(&self) -> Result<&str, Trouble> {
        self.written().ok_or_else(missing)
    }
}

/// The collection of a command that has one other argument after it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NamespaceAndArgs {
    /// The collection, as `database.collection`, unless --in names it; and what is to be written there
    #[arg(value_names = ["NAMESPACE", "JSON|FILE|-"], num_args = 1..=2, required = true)]
    arguments: Vec<String>,
    /// The collection, in place of the first argument
    #[arg(long = "in", value_name = "NAMESPACE")]
    within: Option<String>,
}

impl NamespaceAndArgs {
    /// The collection and the other argument.
    pub(super) fn split(&self) -> Result<(&str, &str), Trouble> {
        match (self.arguments.as_slice(), &self.within) {
            ([other], Some(namespace)) => Ok((namespace, other)),
            ([namespace, other], None) => Ok((namespace, other)),
            (_, Some(_)) => Err(Trouble::usage("the collection is named twice: as an argument and by --in")),
            ([only], None) if is_json(only) || only == "-" => Err(missing()),
            _ => Err(Trouble::usage("what is to be written is missing: give JSON, the path of a file, or `-`")),
        }
    }
}

fn missing() -> Trouble {
    Trouble::usage("which collection? name it as the first argument, `database.collection`, or by --in")
}

/// Reads the name of a collection.
pub(super) fn parse(text: &str) -> Result<Namespace, Trouble> {
    Namespace::parse(text).ok_or_else(|| Trouble::usage(format!("`{text}` is not of the form database.collection")))
}
