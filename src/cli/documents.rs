use std::convert::Infallible;
use std::str::FromStr;

use portcullis::store::documents::Store;
use portcullis::store::mongodb::MongoDocuments;

use super::server::ServerUri;
use super::stores::StoreArgs;
use super::trouble::Trouble;

/// Where the documents of an application are.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Documents")]
pub(super) struct DocumentArgs {
    /// The server that holds the documents, `mongodb://localhost:27017`; without it, that of --mongodb-uri
    #[arg(long, value_name = "URI", env = "PORTCULLIS_STORE", hide_env_values = true)]
    store: Option<StorePlace>,
}

#[derive(Clone, Debug)]
enum StorePlace {
    Server(ServerUri),
    /// Of which nothing is shown: it may be a misspelt connection string.
    Elsewhere,
}

impl FromStr for StorePlace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_server = text.starts_with("mongodb://") || text.starts_with("mongodb+srv://");
        Ok(if is_server { Self::Server(text.parse()?) } else { Self::Elsewhere })
    }
}

impl DocumentArgs {
    /// Opens the store: the one place where it is chosen.
    pub(super) async fn open(&self, stores: &StoreArgs) -> Result<Box<dyn Store>, Trouble> {
        let client = match &self.store {
            Some(StorePlace::Server(uri)) => uri.connect().await?,
            Some(StorePlace::Elsewhere) => {
                return Err(Trouble::usage("--store takes the address of a server: `mongodb://localhost:27017`"));
            }
            None => stores.client().await?.ok_or_else(|| {
                Trouble::usage("where are the documents? give --store with the address of a server, or --mongodb-uri")
            })?,
        };
        Ok(Box::new(MongoDocuments::new(&client)))
    }
}
