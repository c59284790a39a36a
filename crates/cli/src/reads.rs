//! What the commands that read documents as a user have in common.

use bson::Document;
use portcullis::access::Query;
use portcullis::guarded::FindRequest;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::text::Finding;
use portcullis::{Guard, GuardedCollection};
use portcullis_service::IfMissing;

use super::documents::{DocumentArgs, guarded};
use super::guard::GuardArgs;
use super::input::Input;
use super::namespace::{self, NamespaceArgs};
use super::trouble::Trouble;

/// Which collection, by which rules, for whom, and where it is.
#[derive(Debug, clap::Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    namespace: NamespaceArgs,
    #[command(flatten)]
    pub(super) documents: DocumentArgs,
    #[command(flatten)]
    pub(super) guard: GuardArgs,
}

impl ReadArgs {
    pub(super) fn namespace(&self) -> Result<Namespace, Trouble> {
        namespace::parse(self.namespace.required()?)
    }

    pub(super) fn guard(&self) -> Result<Guard, Trouble> {
        Ok(self.guard.beside(&self.documents)?.guard(Some(self.namespace.required()?), "")?.0)
    }

    pub(super) async fn open(&self, namespace: &Namespace) -> Result<Box<dyn DocumentStore>, Trouble> {
        self.documents.open(namespace, &self.guard.stores, IfMissing::Refuse).await
    }
}

/// Which documents.
#[derive(Debug, clap::Args)]
pub(super) struct FilterArgs {
    /// Filter, in MongoDB query syntax
    #[arg(long, value_name = "JSON|FILE")]
    filter: Option<String>,
}

impl FilterArgs {
    pub(super) fn query(&self) -> Result<Query, Trouble> {
        let filter = self.filter.as_deref().map(|filter| Input::read(filter, "--filter")).transpose()?;
        let query = Query::compile(filter.as_ref().map(|filter| &filter.node), None, None);
        query.map_err(|error| match &filter {
            None => Trouble::usage(error.to_string()),
            Some(filter) => {
                let findings = vec![Finding::from(error)];
                Trouble::findings("--filter", &filter.source, Some(&filter.node), findings)
            }
        })
    }

    pub(super) fn request(&self) -> Result<FindRequest, Trouble> {
        FindRequest::new(self.query()?).map_err(guarded)
    }
}

/// Wraps a collection in a guard.
pub(super) fn collection<'s>(
    store: &'s dyn DocumentStore,
    namespace: Namespace,
    guard: &'s Guard,
) -> GuardedCollection<'s> {
    GuardedCollection::new(store, namespace, guard)
}

/// Formats a value as one line of extended JSON.
pub(super) fn value_line(value: &bson::Bson) -> String {
    portcullis::json::from_bson(value).to_string()
}

/// Formats a document as one line of extended JSON.
pub(super) fn document_line(document: Document) -> String {
    value_line(&document.into())
}
