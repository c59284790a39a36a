//! Actions on a data source, under rules.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{NOTES, Server, Session};

async fn act(server: &Server, session: &Session, name: &str, options: Value) -> Value {
    let reply = server.call(session, name, "notes", options).await;
    assert_eq!(reply.status.as_u16(), 200, "{name}: {reply:?}");
    reply.body
}

fn int(number: i32) -> Value {
    json!({ "$numberInt": number.to_string() })
}

#[tokio::test]
async fn every_action_answers_in_the_format_that_clients_expect() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let owner = json!(ken.user_id);
    let inserted = act(&server, &ken, "insertOne", json!({ "document": { "_id": 1, "owner": owner, "t": "a" } })).await;
    assert_eq!(inserted, json!({ "insertedId": int(1) }));
    let documents =
        json!([{ "_id": { "$numberLong": "2" }, "owner": owner, "t": "b" }, { "_id": "c", "owner": owner }]);
    let inserted = act(&server, &ken, "insertMany", json!({ "documents": documents })).await;
    assert_eq!(inserted, json!({ "insertedIds": [{ "$numberLong": "2" }, "c"] }));
    assert_eq!(act(&server, &ken, "count", json!({})).await, json!({ "$numberLong": "3" }));
    assert_eq!(act(&server, &ken, "count", json!({ "query": { "t": "a" } })).await, json!({ "$numberLong": "1" }));
    let found = act(
        &server,
        &ken,
        "find",
        json!({ "query": { "t": { "$gte": "a" } }, "project": { "t": 1 }, "sort": { "t": -1 }, "limit": int(1) }),
    )
    .await;
    assert_eq!(found, json!([{ "_id": { "$numberLong": "2" }, "t": "b" }]));
    assert_eq!(act(&server, &ken, "findOne", json!({ "query": { "_id": 9 } })).await, Value::Null);
    let pipeline = json!([{ "$group": { "_id": null, "n": { "$sum": int(1) } } }]);
    assert_eq!(
        act(&server, &ken, "aggregate", json!({ "pipeline": pipeline })).await,
        json!([{ "_id": null, "n": int(3) }])
    );
    let updated =
        act(&server, &ken, "updateOne", json!({ "query": { "_id": 1 }, "update": { "$set": { "t": "z" } } })).await;
    assert_eq!(updated, json!({ "matchedCount": int(1), "modifiedCount": int(1) }));
    let updated = act(
        &server,
        &ken,
        "updateMany",
        json!({ "query": { "_id": "new", "owner": owner }, "update": { "$set": { "t": "u" } }, "upsert": true }),
    )
    .await;
    assert_eq!(updated, json!({ "matchedCount": int(0), "modifiedCount": int(0), "upsertedId": "new" }));
    let after = act(
        &server,
        &ken,
        "findOneAndUpdate",
        json!({ "filter": { "_id": 1 }, "update": { "$set": { "t": "y" } }, "returnNewDocument": true }),
    )
    .await;
    assert_eq!(after["t"], "y");
    let before =
        act(&server, &ken, "findOneAndReplace", json!({ "filter": { "_id": 1 }, "update": { "owner": owner } })).await;
    assert_eq!(before["t"], "y");
    // How web clients request a deletion.
    let gone = act(&server, &ken, "findOneAndReplace", json!({ "filter": { "_id": 1 } })).await;
    assert_eq!(gone, json!({ "_id": int(1), "owner": owner }));
    assert_eq!(
        act(&server, &ken, "deleteOne", json!({ "query": { "_id": "c" } })).await,
        json!({ "deletedCount": int(1) })
    );
    assert_eq!(act(&server, &ken, "deleteMany", json!({})).await, json!({ "deletedCount": int(2) }));
}

#[tokio::test]
async fn a_plain_update_replaces_each_document() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let owner = json!(ken.user_id);
    let documents = json!([{ "_id": 1, "owner": owner, "t": "a" }, { "_id": 2, "owner": owner, "t": "b" }]);
    act(&server, &ken, "insertMany", json!({ "documents": documents })).await;
    let updated =
        act(&server, &ken, "updateMany", json!({ "query": {}, "update": { "owner": owner, "n": int(1) } })).await;
    assert_eq!(updated, json!({ "matchedCount": int(2), "modifiedCount": int(2) }));
    let found = act(&server, &ken, "find", json!({ "sort": { "_id": 1 } })).await;
    assert_eq!(
        found,
        json!([{ "_id": int(1), "owner": owner, "n": int(1) }, { "_id": int(2), "owner": owner, "n": int(1) }])
    );
    let reply =
        server.call(&ken, "findOneAndReplace", "notes", json!({ "filter": {}, "update": { "$set": {} } })).await;
    let text = "the replace operation document must not contain atomic operators";
    assert_eq!(reply.failure(), (400, "InvalidParameter", text));
}

#[tokio::test]
async fn rules_hide_fields_and_refuse_writes() {
    let server = Server::new().await;
    let (ken, eve) = (server.somebody("ken@example.com").await, server.somebody("eve@example.com").await);
    act(&server, &ken, "insertOne", json!({ "document": { "_id": 1, "owner": ken.user_id, "t": "a", "secret": "s" } }))
        .await;
    assert_eq!(act(&server, &eve, "find", json!({})).await, json!([]));
    assert_eq!(act(&server, &eve, "count", json!({})).await, json!({ "$numberLong": "0" }));
    let update = json!({ "query": {}, "update": { "$set": { "t": "x" } } });
    assert_eq!(act(&server, &eve, "updateMany", update).await["matchedCount"], int(0));
    let reply =
        server.call(&eve, "insertOne", "notes", json!({ "document": { "_id": 2, "owner": ken.user_id } })).await;
    assert_eq!(reply.failure(), (400, "NoMatchingRuleFound", "insert not permitted"));
    let reply = server.call(&ken, "find", "nothing", json!({})).await;
    assert_eq!(reply.failure(), (403, "NoMatchingRuleFound", "no rule exists for namespace 'notes.nothing'"));
}

#[tokio::test]
async fn schema_violations_and_rule_denials_have_different_errors() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let document = json!({ "_id": 1, "owner": ken.user_id, "points": 1 });
    let call = |name: &'static str, options: Value| server.call(&ken, name, "tasks", options);
    assert_eq!(call("insertOne", json!({ "document": document })).await.status, StatusCode::OK);
    let broken = json!({ "_id": 2, "owner": ken.user_id, "points": -1 });
    let reply = call("insertOne", json!({ "document": broken })).await;
    assert_eq!(reply.failure(), (400, "SchemaValidationFailedWrite", "insert not permitted"));
    for (name, options) in [
        ("updateOne", json!({ "query": {}, "update": { "$set": { "points": "many" } } })),
        ("updateMany", json!({ "query": {}, "update": { "$inc": { "points": -5 } } })),
        ("updateOne", json!({ "query": {}, "update": { "owner": ken.user_id, "points": 0.5 } })),
        ("findOneAndReplace", json!({ "filter": {}, "update": { "owner": ken.user_id, "points": -1 } })),
    ] {
        let reply = call(name, options.clone()).await;
        assert_eq!(reply.failure(), (400, "SchemaValidationFailedWrite", "update not permitted"), "{name} {options}");
    }
    let reply = call("updateOne", json!({ "query": {}, "update": { "$set": { "points": -1, "owner": 5 } } })).await;
    assert_eq!(reply.failure().1, "SchemaValidationFailedWrite");
}

#[tokio::test]
async fn a_collection_may_be_named_by_the_title_of_its_schema() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let call = |name: &str, options: Value| {
        let body = json!({ "name": name, "arguments": [options], "service": "mongodb-atlas" });
        let (server, token) = (&server, &ken.access);
        async move { server.ask(Method::POST, &format!("{NOTES}/functions/call"), Some(token), Some(body)).await }
    };
    let document = json!({ "_id": 1, "owner": ken.user_id });
    let inserted = call("insertOne", json!({ "schema_name": "Task", "document": document })).await;
    assert_eq!(inserted.body, json!({ "insertedId": int(1) }));
    let found = call("findOne", json!({ "database": "notes", "collection": "tasks" })).await;
    assert_eq!(found.body["_id"], int(1));
    let unknown = call("find", json!({ "schema_name": "Tusk" })).await;
    let text = "no matching collection found that maps to a table with title \"Tusk\"";
    assert_eq!(unknown.failure(), (400, "InvalidParameter", text));
    let neither = call("find", json!({ "schema_name": 1 })).await;
    assert_eq!(neither.failure(), (400, "InvalidParameter", "'schema_name' must be a string"));
}

#[tokio::test]
async fn missing_and_mistyped_arguments_have_errors_of_their_own() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let set = json!({ "$set": { "t": 1 } });
    for (name, options, code) in [
        ("insertOne", json!({}), "MissingParameter"),
        ("insertMany", json!({}), "MissingParameter"),
        ("updateOne", json!({ "query": {} }), "MissingParameter"),
        ("find", json!({ "limit": "1" }), "InvalidParameter"),
        ("count", json!({ "limit": 1.5 }), "InvalidParameter"),
        ("find", json!({ "query": 1 }), "InvalidParameter"),
        ("find", json!({ "query": { "$numberInt": "1" } }), "InvalidParameter"),
        ("updateOne", json!({ "query": {}, "update": "x" }), "InvalidParameter"),
        ("aggregate", json!({}), "MissingParameter"),
        ("updateOne", json!({ "query": {}, "update": set, "upsert": "yes" }), "InvalidParameter"),
        ("findOneAndReplace", json!({ "filter": {}, "update": { "a": 1, "$set": { "b": 1 } } }), "InvalidParameter"),
    ] {
        let reply = server.call(&ken, name, "notes", options.clone()).await;
        assert_eq!((reply.failure().0, reply.failure().1), (400, code), "{name} {options}");
    }
    for options in [json!({ "fitler": { "operationType": "delete" } }), json!({ "database": "notes.x" })] {
        let refused = server.watch(&ken, options.clone()).await.unwrap_err();
        assert_eq!((refused.failure().0, refused.failure().1), (400, "InvalidParameter"), "{options}");
    }
}

#[tokio::test]
async fn misspelt_operators_get_the_error_messages_of_mongodb() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    for (name, options, text) in [
        ("find", json!({ "query": { "$who": 1 } }), "unknown top level operator: $who."),
        ("updateOne", json!({ "query": {}, "update": { "$who": {} } }), "Unknown modifier: $who"),
        ("aggregate", json!({ "pipeline": [{ "$who": 1 }] }), "Unrecognized pipeline stage name: '$who'."),
        ("find", json!({ "query": { "$and": [{ "a": 1 }, { "$who": 1 }] } }), "unknown top level operator: $who."),
        ("find", json!({ "query": { "a": { "$who": 1 } } }), "unknown operator: $who"),
        ("find", json!({ "query": { "a": { "$not": { "$who": 1 } } } }), "unknown operator: $who"),
        ("find", json!({ "query": { "a": { "$elemMatch": { "b": { "$who": 1 } } } } }), "unknown operator: $who"),
        ("find", json!({ "query": { "$expr": { "$not": [{ "$who": 1 }] } } }), "Unrecognized expression '$who'"),
        ("find", json!({ "query": {}, "project": { "a": { "$who": 1 } } }), "Unknown expression $who"),
        ("aggregate", json!({ "pipeline": [{ "$match": { "$who": 1 } }] }), "unknown top level operator: $who."),
        ("aggregate", json!({ "pipeline": [{ "$match": { "a": { "$who": 1 } } }] }), "unknown operator: $who"),
        (
            "aggregate",
            json!({ "pipeline": [{ "$group": { "_id": null, "x": { "$who": 1 } } }] }),
            "unknown group operator '$who'",
        ),
        (
            "aggregate",
            json!({ "pipeline": [{ "$project": { "x": { "$who": 1 } } }] }),
            "Invalid $project :: caused by :: Unknown expression $who",
        ),
        (
            "aggregate",
            json!({ "pipeline": [{ "$set": { "x": { "$add": [{ "$who": 1 }] } } }] }),
            "Invalid $set :: caused by :: Unrecognized expression '$who'",
        ),
        (
            "updateOne",
            json!({ "query": {}, "update": [{ "$replaceWith": { "$who": 1 } }] }),
            "Unrecognized expression '$who'",
        ),
        // Values in extended JSON are no operators, and those of MongoDB that are refused here are not unknown.
        ("find", json!({ "query": { "a": { "$oid": "x" } } }), "`$oid` is not a valid extended JSON value"),
        ("find", json!({ "query": { "$where": "1" } }), "`$where` is not supported here"),
        ("find", json!({ "query": { "a": { "$size": -1 } } }), "`$size` takes an integer that is not negative, not -1"),
        ("updateOne", json!({ "query": {}, "update": { "$pop": { "a": 2 } } }), "`$pop` of `a`: takes 1 or -1, not 2"),
        (
            "updateOne",
            json!({ "query": {}, "update": { "$set": { "a": 1 }, "b": 2 } }),
            "`b` is not an update operator such as `$set`, and a document that replaces another has no operators",
        ),
    ] {
        let reply = server.call(&ken, name, "notes", options).await;
        let (status, code, told) = reply.failure();
        assert_eq!((status, code), (400, "MongoDBError"));
        assert!(told.starts_with(text), "{told}");
    }
    let refused = server.watch(&ken, json!({ "filter": { "$or": [{ "$who": 1 }] } })).await.unwrap_err();
    assert_eq!(refused.failure(), (400, "MongoDBError", "unknown top level operator: $who."));
    let reply = server.call(&ken, "insertMany", "notes", json!({ "documents": [] })).await;
    assert_eq!(reply.failure().2, "must provide at least one element");
    let reply = server.call(&ken, "distinct", "notes", json!({})).await;
    assert_eq!(reply.failure().1, "ServiceCommandNotFound");
}

#[tokio::test]
async fn invalid_calls_have_distinct_errors() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let call = |body: Value| {
        let (server, token) = (&server, &ken.access);
        async move { server.ask(Method::POST, &format!("{NOTES}/functions/call"), Some(token), Some(body)).await }
    };
    let unknown = call(json!({ "name": "sum", "arguments": [] })).await;
    assert_eq!(unknown.failure(), (404, "FunctionNotFound", "function not found: 'sum'"));
    let elsewhere = call(json!({ "name": "insertOne", "arguments": [], "service": "other" })).await;
    let text = "Cannot access member 'insertOne' of undefined";
    assert_eq!(elsewhere.failure(), (400, "FunctionExecutionError", text));
    let unavailable = call(json!({ "name": "send", "arguments": [], "service": "sms" })).await;
    assert_eq!(unavailable.failure(), (400, "ServiceTypeNotFound", "the service 'sms' is not available"));
    for body in [json!({}), json!([]), json!({ "name": 1 }), json!({ "name": "find", "arguments": {} })] {
        let reply = call(body).await;
        assert_eq!(reply.failure(), (400, "BadRequest", "invalid function call request"));
    }
}

#[tokio::test]
async fn deletions_accept_the_options_that_native_sdks_send() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let note = json!({ "_id": "n", "owner": ken.user_id });
    act(&server, &ken, "insertOne", json!({ "document": note })).await;
    let delete = json!({ "filter": { "_id": "n" }, "upsert": true, "returnNewDocument": true });
    assert_eq!(act(&server, &ken, "findOneAndDelete", delete.clone()).await, note);
    assert_eq!(act(&server, &ken, "findOneAndDelete", delete).await, Value::Null);
    assert_eq!(act(&server, &ken, "count", json!({})).await, json!({ "$numberLong": "0" }));
}

#[tokio::test]
async fn a_misspelt_or_null_filter_does_not_match_all_documents() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let documents = json!([{ "_id": 1, "owner": ken.user_id }, { "_id": 2, "owner": ken.user_id }]);
    act(&server, &ken, "insertMany", json!({ "documents": documents })).await;
    let set = json!({ "$set": { "t": 1 } });
    for (name, options) in [
        ("deleteMany", json!({ "filter": { "_id": 1 } })),
        ("deleteMany", json!({ "query": null })),
        ("deleteOne", json!({ "query": [] })),
        ("updateMany", json!({ "filter": { "_id": 7 }, "update": set })),
        ("findOneAndDelete", json!({ "query": { "_id": 2 } })),
        ("findOneAndUpdate", json!({ "filter": null, "update": set })),
        ("find", json!({ "filter": { "_id": 1 } })),
    ] {
        let reply = server.call(&ken, name, "notes", options.clone()).await;
        assert_eq!((reply.failure().0, reply.failure().1), (400, "InvalidParameter"), "{name} {options}");
    }
    assert_eq!(
        act(&server, &ken, "count", json!({ "query": { "t": { "$exists": false } } })).await,
        json!({ "$numberLong": "2" })
    );
}

/// Calls bypass the router unless only it can decode their path.
#[tokio::test]
async fn calls_get_the_same_answer_with_and_without_the_router() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let document = json!({ "_id": 1, "owner": ken.user_id });
    server.call(&ken, "insertOne", "notes", json!({ "document": document })).await;
    let call = |name: &str| {
        let argument = json!({ "database": "notes", "collection": "notes", "query": { "_id": 1 } });
        json!({ "name": name, "arguments": [argument], "service": "mongodb-atlas" })
    };
    let calls = [Some(call("findOne")), Some(call("nothing")), Some(json!([])), None];
    for (token, call) in calls.iter().flat_map(|call| [(Some(ken.access.as_str()), call), (None, call)]) {
        let [plain, routed] = ["notes-abcde", "notes%2Dabcde"].map(|app| {
            let path = format!("/api/client/v2.0/app/{app}/functions/call");
            let (server, call) = (&server, call.clone());
            async move { server.ask(Method::POST, &path, token, call).await }
        });
        let (plain, routed) = (plain.await, routed.await);
        assert_eq!((plain.status, plain.failure()), (routed.status, routed.failure()), "{call:?}");
        if plain.status == StatusCode::OK {
            assert_eq!(plain.body, routed.body);
        }
    }
}
