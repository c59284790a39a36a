//! Connection strings are never shown, whatever is printed.

use portcullis_service::Places;

#[tokio::test]
async fn debug_output_of_an_open_connection_hides_its_credentials() {
    let uri = "mongodb://ada:s3cr3t@localhost:1/?authSource=admin".parse().unwrap();
    let places = Places { server: Some(uri), ..Places::in_directory("state") };
    let server = places.server().await.unwrap();
    // The connection is reused.
    assert!(places.server().await.unwrap().is_some());
    let shown = format!("{places:?} {server:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("ada"), "{shown}");
    places.clients.shut_down().await;
}
