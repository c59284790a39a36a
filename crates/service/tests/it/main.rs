//! Applications on the embedded store: one binary, with a module for each topic.

// Tests and their helpers fail by panicking; clippy does not recognize the helpers as tests.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod concurrent_linking;
mod data;
mod embedded_functions;
mod secrets;
#[path = "../stories/mod.rs"]
mod stories;
mod streams;
mod triggers;

use std::path::PathBuf;
use std::sync::Arc;

use portcullis::App;
use portcullis::app::Secrets;
use portcullis_service::Places;
use portcullis_service::client::{ClientApi, Host, MailSettings, Served, StorePlace};
use stories::Place;

/// The application `guild` with its own state directory.
struct Guild {
    api: Arc<ClientApi>,
    state: PathBuf,
}

impl Drop for Guild {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

impl Guild {
    async fn new() -> Self {
        let state = std::env::temp_dir().join(format!("portcullis-service-{}", bson::oid::ObjectId::new().to_hex()));
        let app = App::load(portcullis_testkit::root().join("fixtures/served/guild")).unwrap();
        let served = vec![Served { app: Arc::new(app), secrets: Secrets::default() }];
        let mail = MailSettings::to_folder(state.join("mail")).unwrap();
        let (host, _) = Host::open(Places::in_directory(&state), &StorePlace::Directory, mail).await.unwrap();
        Self { api: Arc::new(host.applications(served).unwrap().remove(0)), state }
    }
}

#[tokio::test]
async fn data_sources_satisfy_the_contract_of_functions() {
    for (name, law) in data::LAWS {
        let guild = Guild::new().await;
        println!("{name}");
        law(data::Source { backend: guild.api.functions().backend(), collection: (*name).to_owned() }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stories_hold_on_the_embedded_store() {
    for (name, story) in stories::all() {
        eprintln!("{name}");
        let place = Place::new(|folder| StorePlace::File(folder.join("data.redb")));
        story(place).await;
    }
}
