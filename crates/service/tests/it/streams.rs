//! Streams of changes under rules that call functions.

use std::sync::Arc;
use std::time::Duration;

use portcullis::{User, json};
use portcullis_functions::{Call, Entry};
use portcullis_service::client::StreamItem;
use tokio::sync::mpsc;

use crate::Guild;

/// The next item of a stream, skipping keep-alives.
async fn told(stream: &mut mpsc::Receiver<StreamItem>) -> String {
    loop {
        match tokio::time::timeout(Duration::from_secs(30), stream.recv()).await.unwrap().unwrap() {
            StreamItem::Quiet => {}
            StreamItem::Change(event) => {
                let event = event.as_document().unwrap();
                let name = event.get_document("fullDocument").map_or("", |document| document.get_str("name").unwrap());
                return format!("{} {name}", event.get_str("operationType").unwrap());
            }
            StreamItem::Failed(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_stream_calls_the_functions_of_its_rules() {
    let guild = Guild::new().await;
    let api = Arc::clone(&guild.api);
    let login = api.log_in("anon-user", None).await.unwrap();
    let text = r#"{
        "name": "watch", "service": "mongodb-atlas", "arguments": [{ "database": "guild", "collection": "quests" }]
    }"#;
    let mut stream = Arc::clone(&api).watch(&login.access_token, &json::parse(text).unwrap()).await.unwrap();
    let call = |name: &str| {
        let call = Call::new(name, Vec::new(), Entry::Command, User::system());
        let api = Arc::clone(&api);
        async move { api.functions().call(call).await.unwrap() }
    };
    // Of the quests with levels 1, 2 and 9, the user may read the first.
    call("makeQuests").await;
    assert_eq!(told(&mut stream).await, "insert rats");
    call("moreQuests").await;
    for expected in ["insert wolves", "update wolves", "delete "] {
        assert_eq!(told(&mut stream).await, expected);
    }
}
