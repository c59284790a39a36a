//! The handlers with which the server is compared: axum and the MongoDB driver, without rules, users or limits.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bson::{Bson, Document};
use mongodb::{Client, Collection};
use serde_json::Value;

/// Serves at an address until the process ends.
pub(crate) fn serve(uri: &str, address: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::with_uri_str(uri).await.unwrap();
        let notes = client.database("bench").collection::<Document>("notes");
        let routes = Router::new().route("/find", post(find_one)).route("/echo", post(echo)).with_state(notes);
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, routes).await.unwrap();
    });
}

fn json(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Finds the document of a query that has the form of a client's call.
async fn find_one(State(notes): State<Collection<Document>>, body: Bytes) -> Result<Response, StatusCode> {
    let call: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let query = call["arguments"][0]["query"].clone();
    let query = Bson::try_from(query).ok().and_then(|query| query.as_document().cloned());
    let query = query.ok_or(StatusCode::BAD_REQUEST)?;
    let found = notes.find_one(query).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(json(&found.map_or(Bson::Null, Bson::Document).into_canonical_extjson()))
}

async fn echo(body: Bytes) -> Result<Response, StatusCode> {
    let value: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(json(&value))
}
