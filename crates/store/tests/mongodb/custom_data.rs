//! Looking up custom data.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::ClientOptions;
use mongodb::{IndexModel, options::Collation};
use portcullis::auth::{CustomDataError, MAX_CUSTOM_DATA, Selection, Warning};
use portcullis::store::{CustomDataStore, LookUpError};
use portcullis_store::mongodb::{ConnectError, MongoCustomData};

use portcullis_testkit::mongodb::clients::{connect, with_options};
use portcullis_testkit::mongodb::{World, config};

const HEX: &str = "64b7f0000000000000000001";

fn object_id(hex: &str) -> ObjectId {
    ObjectId::parse_str(hex).unwrap()
}

async fn find(world: &World, field: &str, user_id: &str) -> Selection {
    world.look_up(field).find(user_id).await.unwrap()
}

/// The value of `is` in the document found, empty if none is found.
async fn found(world: &World, field: &str, user_id: &str) -> String {
    let document = find(world, field, user_id).await.document;
    document.map_or_else(String::new, |document| document.get_str("is").unwrap().to_owned())
}

async fn index(world: &World, keys: Document) {
    world.custom().create_index(IndexModel::builder().keys(keys).build()).await.unwrap();
}

pub(crate) async fn an_empty_collection_has_no_custom_data(world: World) {
    assert_eq!(find(&world, "user_id", "ada").await, Selection::default());
    world.custom().insert_one(doc! { "user_id": "eve", "is": "hers" }).await.unwrap();
    assert_eq!(find(&world, "user_id", "ada").await, Selection::default());
}

pub(crate) async fn strings_and_object_ids_name_users(world: World) {
    let other = "64B7F0000000000000000002";
    let documents = [
        doc! { "_id": 1, "user_id": "ada", "is": "string" },
        doc! { "_id": 2, "user_id": object_id(HEX), "is": "object id" },
        doc! { "_id": 3, "user_id": object_id(other), "is": "not asked for" },
        doc! { "_id": 4, "user_id": 7, "is": "number" },
        doc! { "_id": 5, "user_id": Bson::Null, "is": "null" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    assert_eq!(found(&world, "user_id", "ada").await, "string");
    assert_eq!(found(&world, "user_id", HEX).await, "object id");
    for nobody in [other, "ADA", "7", "null", ""] {
        assert_eq!(found(&world, "user_id", nobody).await, "", "{nobody}");
    }
}

pub(crate) async fn a_string_takes_precedence_over_an_object_id_in_either_order(world: World) {
    let text = doc! { "user_id": HEX, "is": "string" };
    let id = doc! { "user_id": object_id(HEX), "is": "object id" };
    for documents in [[&text, &id], [&id, &text]] {
        world.custom().drop().await.unwrap();
        world.custom().insert_many(documents).await.unwrap();
        let selection = find(&world, "user_id", HEX).await;
        assert_eq!(selection.document.unwrap().get_str("is").unwrap(), "string");
        assert_eq!(selection.warnings, [Warning::CustomDataSeveral { documents: 2 }]);
    }
}

pub(crate) async fn among_several_documents_the_lowest_id_or_the_first_inserted_applies(world: World) {
    let low = doc! { "_id": object_id(HEX), "user_id": "ada", "is": "low" };
    let high = doc! { "_id": object_id("64b7f0000000000000000002"), "user_id": "ada", "is": "high" };
    for documents in [[&low, &high], [&high, &low]] {
        world.custom().drop().await.unwrap();
        world.custom().insert_many(documents).await.unwrap();
        assert_eq!(found(&world, "user_id", "ada").await, "low");
    }
    // Not the order of `_id`, nor that of an index that goes on with another field.
    world.custom().drop().await.unwrap();
    index(&world, doc! { "user_id": 1, "rank": 1 }).await;
    let documents = [
        doc! { "_id": "z", "user_id": "ada", "rank": 9, "is": "first" },
        doc! { "_id": "a", "user_id": "ada", "rank": 1, "is": "second" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    assert_eq!(found(&world, "user_id", "ada").await, "first");
}

pub(crate) async fn an_array_that_contains_an_id_is_ignored(world: World) {
    let documents = [
        doc! { "user_id": ["ada"], "is": "array" },
        doc! { "user_id": ["eve", "ada", object_id(HEX)], "is": "longer" },
        doc! { "user_id": [["ada"]], "is": "nested" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    for user in ["ada", "eve", HEX] {
        assert_eq!(find(&world, "user_id", user).await, Selection::default(), "{user}");
    }
    world.custom().insert_one(doc! { "user_id": "ada", "is": "own" }).await.unwrap();
    let selection = find(&world, "user_id", "ada").await;
    assert_eq!(selection.document.unwrap().get_str("is").unwrap(), "own");
    assert_eq!(selection.warnings, []);
}

pub(crate) async fn a_dotted_field_names_a_user_but_not_through_arrays(world: World) {
    let documents = [
        doc! { "who": [{ "id": "ada" }], "is": "array above" },
        doc! { "who": { "id": ["ada"] }, "is": "array at" },
        doc! { "who": { "id": { "id": "ada" } }, "is": "deeper" },
        doc! { "who.id": "ada", "is": "a name with a dot" },
        doc! { "who": "ada", "is": "higher" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    assert_eq!(find(&world, "who.id", "ada").await, Selection::default());
    world.custom().insert_one(doc! { "who": { "id": "ada" }, "is": "own" }).await.unwrap();
    world.custom().insert_one(doc! { "who": { "0": "bob" }, "is": "a name of digits" }).await.unwrap();
    world.custom().insert_one(doc! { "who": ["bob"], "is": "an index" }).await.unwrap();
    assert_eq!(found(&world, "who.id", "ada").await, "own");
    assert_eq!(found(&world, "who.0", "bob").await, "a name of digits");
}

pub(crate) async fn the_field_may_be_the_document_id(world: World) {
    let documents = [doc! { "_id": object_id(HEX), "is": "object id" }, doc! { "_id": "ada", "is": "string" }];
    world.custom().insert_many(documents).await.unwrap();
    let selection = find(&world, "_id", HEX).await;
    assert_eq!(selection.document, Some(doc! { "_id": HEX, "is": "object id" }));
    assert_eq!(found(&world, "_id", "ada").await, "string");
    assert_eq!(found(&world, "_id", "eve").await, "");
}

pub(crate) async fn the_first_value_of_a_duplicate_key_names_the_user(world: World) {
    let bytes = doc! { "_id": 1, "user_id": "ada", "user_ie": "eve", "is": "staff", "iz": "admin" }.to_vec().unwrap();
    let bytes: Vec<u8> = String::from_utf8(bytes).unwrap().replace("user_ie", "user_id").replace("iz", "is").into();
    let twice = RawDocumentBuf::from_bytes(bytes).unwrap();
    world.custom().clone_with_type::<RawDocumentBuf>().insert_one(twice).await.unwrap();
    let expected = doc! { "_id": 1, "user_id": "ada", "is": "staff" };
    assert_eq!(find(&world, "user_id", "ada").await.document, Some(expected));
    assert_eq!(find(&world, "user_id", "eve").await.document, None);
}

pub(crate) async fn another_collation_finds_no_other_user(world: World) {
    let collation =
        Collation::builder().locale("en".to_owned()).strength(mongodb::options::CollationStrength::Secondary);
    world.database.create_collection("custom").collation(collation.build()).await.unwrap();
    index(&world, doc! { "user_id": 1 }).await;
    let claims = (0..MongoCustomData::MAX_DOCUMENTS).map(|_| doc! { "user_id": "ADA", "is": "another's" });
    world.custom().insert_many(claims).await.unwrap();
    world.custom().insert_one(doc! { "user_id": "ada", "is": "own" }).await.unwrap();
    let selection = find(&world, "user_id", "ada").await;
    assert_eq!(selection.document.unwrap().get_str("is").unwrap(), "own");
    assert_eq!(selection.warnings, []);
}

pub(crate) async fn large_documents_warn_and_larger_ones_fail(world: World) {
    let overhead = doc! { "_id": "ada", "text": "" }.to_vec().unwrap().len();
    let insert = async |id: &str, size: usize| {
        let text = "x".repeat(size - overhead + 3 - id.len());
        world.custom().insert_one(doc! { "_id": id, "text": text }).await.unwrap();
    };
    insert("16k", 16 * 1024).await;
    insert("+16k", 16 * 1024 + 1).await;
    insert("1m", MAX_CUSTOM_DATA).await;
    insert("+1m", MAX_CUSTOM_DATA + 1).await;
    insert("16m", 16 * 1024 * 1024).await;
    let store = world.look_up("_id");
    assert_eq!(store.find("16k").await.unwrap().warnings, []);
    let warned = store.find("+16k").await.unwrap();
    assert_eq!(warned.warnings, [Warning::CustomDataLarge { bytes: 16 * 1024 + 1 }]);
    assert!(store.find("1m").await.unwrap().document.is_some());
    for (id, size) in [("+1m", MAX_CUSTOM_DATA + 1), ("16m", 16 * 1024 * 1024)] {
        let error = store.find(id).await.unwrap_err();
        let LookUpError::Document(CustomDataError::TooLarge { bytes }) = error else { panic!("{error}") };
        assert_eq!(bytes, size);
    }
}

pub(crate) async fn too_many_documents_are_an_error(world: World) {
    let claims = (0..MongoCustomData::MAX_DOCUMENTS).map(|n| doc! { "user_id": "ada", "is": n.to_string() });
    world.custom().insert_many(claims).await.unwrap();
    let selection = find(&world, "user_id", "ada").await;
    assert_eq!(selection.document.unwrap().get_str("is").unwrap(), "0");
    assert_eq!(selection.warnings, [Warning::CustomDataSeveral { documents: MongoCustomData::MAX_DOCUMENTS }]);
    world.custom().insert_one(doc! { "user_id": "ada" }).await.unwrap();
    let error = world.look_up("user_id").find("ada").await.unwrap_err();
    assert!(matches!(error, LookUpError::Store(_)), "{error}");
    assert!(error.to_string().contains("more than 1000 documents"), "{error}");

    // As few as three, if they are large.
    let text = "x".repeat(16_000_000);
    for _ in 0..3 {
        world.custom().insert_one(doc! { "user_id": "eve", "text": &text }).await.unwrap();
    }
    let error = world.look_up("user_id").find("eve").await.unwrap_err();
    assert!(matches!(error, LookUpError::Store(_)), "{error}");
}

pub(crate) async fn a_lookup_is_one_command_with_a_majority_read_concern(world: World) {
    index(&world, doc! { "user_id": 1 }).await;
    let documents = [doc! { "user_id": HEX }, doc! { "user_id": object_id(HEX) }, doc! { "user_id": "ada" }];
    world.custom().insert_many(documents).await.unwrap();
    let options = "&readPreference=secondaryPreferred&readConcernLevel=local";
    let (client, sent) = world.listening(options).await;
    let store = MongoCustomData::new(&client, &world.config("user_id")).unwrap();
    for user in [HEX, "ada", "nobody"] {
        store.find(user).await.unwrap();
        let commands = sent.take();
        let names: Vec<_> = commands.iter().map(|event| event.command_name.as_str()).collect();
        assert_eq!(names, ["find"]);
        let command = &commands[0].command;
        assert_eq!(command.get_document("readConcern").unwrap(), &doc! { "level": "majority" });
        let preference = command.get_document("$readPreference").ok().and_then(|mode| mode.get_str("mode").ok());
        assert!(matches!(preference, None | Some("primary")), "{preference:?}");
        assert_eq!(command.get_i32("maxTimeMS").unwrap(), 5000);

        let mut query = command.clone();
        for key in ["$db", "lsid", "$clusterTime", "readConcern", "$readPreference", "maxTimeMS"] {
            query.remove(key);
        }
        let explain = doc! { "explain": query, "verbosity": "executionStats" };
        let plan = world.database.run_command(explain).await.unwrap();
        let examined = plan.get_document("executionStats").unwrap().get_i32("totalDocsExamined").unwrap();
        assert!(examined <= 2, "{examined} documents examined");
        assert!(!plan.to_string().contains("COLLSCAN"), "{plan}");
    }
}

async fn unreachable_store() -> MongoCustomData {
    let mut options = ClientOptions::parse("mongodb://127.0.0.1:1/").await.unwrap();
    options.server_selection_timeout = Some(Duration::from_millis(300));
    MongoCustomData::new(&with_options(options).unwrap(), &config("hr", "user_id")).unwrap()
}

pub(crate) async fn an_unreachable_server_is_an_error(_: World) {
    let error = unreachable_store().await.find("ada").await.unwrap_err();
    assert!(matches!(error, LookUpError::Store(_)), "{error}");
    assert!(error.to_string().starts_with("cannot look up custom data: "), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}

pub(crate) async fn lookups_work_again_after_a_server_returns(world: World) {
    let mut server = world.own_server().await;
    let client = connect(&server.uri()).await.unwrap();
    let custom = client.database("hr").collection("custom");
    custom.insert_one(doc! { "user_id": "ada", "is": "own" }).await.unwrap();
    let store = MongoCustomData::new(&client, &config("hr", "user_id")).unwrap();
    assert!(store.find("ada").await.unwrap().document.is_some());
    server.stop();
    let began = Instant::now();
    let error = store.find("ada").await.unwrap_err();
    assert!(matches!(error, LookUpError::Store(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(16));
    server.start_again().await;
    assert!(store.find("ada").await.unwrap().document.is_some());
}

pub(crate) async fn no_error_shows_a_password(_: World) {
    let malformed = [
        "mongodb://ada:s3cr3t@@host/",
        "mongodb://ada:s3cr3t/x@host/",
        "mongodb://ada:s3cr3t@host/?option=s3cr3t",
        "mongodb://ada:@host:s3cr3t/",
        "mongo://ada:s3cr3t@host/",
        "s3cr3t",
        "",
        "mongodb://ada:%s3cr3t@host/",
        "mongodb://ada:s3cr3t@host/?tls=s3cr3t",
    ];
    for uri in malformed {
        let error = connect(uri).await.unwrap_err();
        assert_eq!(error, ConnectError::Unreadable, "{uri}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{uri}");
    }
    let error = connect("mongodb://ada:s3cr3t@host/?tls=true&tlsCAFile=/nowhere/s3cr3t").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    let uri = "mongodb://ada:s3cr3t@127.0.0.1:1/?serverSelectionTimeoutMS=300";
    let client = connect(uri).await.unwrap();
    let store = MongoCustomData::new(&client, &config("hr", "user_id")).unwrap();
    let error = store.find("ada").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
}
