//! The documents that an expression or a template can refer to.

use bson::Bson;
use portcullis::eval::{Context, Documents};
use portcullis::json;
use portcullis::value::ValueRef;

use super::input::{self, Input};
use super::trouble::Trouble;

/// The documents that an expression or a template sees.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Documents")]
pub(super) struct DocumentArgs {
    /// The document, `%%root`
    #[arg(long, value_name = "JSON|FILE")]
    root: Option<String>,
    /// The previous document, `%%prevRoot`
    #[arg(long, value_name = "JSON|FILE")]
    prev_root: Option<String>,
    /// The field, `%%this`
    #[arg(long, value_name = "JSON|FILE")]
    this: Option<String>,
    /// The previous field value, `%%prev`
    #[arg(long, value_name = "JSON|FILE")]
    prev: Option<String>,
    /// The arguments of a service's action, `%%args`
    #[arg(long, value_name = "JSON|FILE")]
    args: Option<String>,
    /// The partition of a sync rule, `%%partition`
    #[arg(long, value_name = "JSON|FILE")]
    partition: Option<String>,
}

/// The documents as read from the arguments.
#[derive(Debug, Default)]
pub(super) struct GivenDocuments {
    root: Option<Bson>,
    prev_root: Option<Bson>,
    this: Option<Bson>,
    prev: Option<Bson>,
}

impl DocumentArgs {
    /// Adds the parts that are not documents to a context.
    pub(super) fn supply(&self, mut context: Context) -> Result<Context, Trouble> {
        if let Some(arguments) = &self.args {
            context = context.with_args(input::document(arguments, "--args")?);
        }
        if let Some(partition) = value(self.partition.as_deref(), "--partition")? {
            context = context.with_partition(partition);
        }
        Ok(context)
    }

    pub(super) fn read(&self) -> Result<GivenDocuments, Trouble> {
        Ok(GivenDocuments {
            root: value(self.root.as_deref(), "--root")?,
            prev_root: value(self.prev_root.as_deref(), "--prev-root")?,
            this: value(self.this.as_deref(), "--this")?,
            prev: value(self.prev.as_deref(), "--prev")?,
        })
    }
}

impl GivenDocuments {
    pub(super) fn documents(&self) -> Documents<'_> {
        Documents {
            root: self.root.as_ref().map(ValueRef::from),
            prev_root: self.prev_root.as_ref().map(ValueRef::from),
            this: self.this.as_ref().map(ValueRef::from),
            prev: self.prev.as_ref().map(ValueRef::from),
        }
    }
}

fn value(argument: Option<&str>, what: &str) -> Result<Option<Bson>, Trouble> {
    let Some(argument) = argument else { return Ok(None) };
    let input = Input::read(argument, what)?;
    let value = json::to_bson(&input.node)
        .map_err(|error| Trouble::findings(what, &input.source, Some(&input.node), vec![error.into()]))?;
    Ok(Some(value))
}
