//! The live check of a custom-data collection.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::IndexModel;
use mongodb::options::{Collation, IndexOptions};
use portcullis::auth::MAX_CUSTOM_DATA;
use portcullis::json;
use portcullis::lint::{CollectionRules, CustomDataReads};
use portcullis::policy::{self, RulesFile};
use portcullis::text::Severity;
use portcullis_store::mongodb::{Examples, LiveFinding, LiveFindingKind, Others, check_live, scan_custom_data};

use portcullis_testkit::mongodb::World;

const HEX: &str = "64b7f0000000000000000001";

async fn findings(world: &World, field: &str) -> Vec<LiveFinding> {
    let config = world.config(field);
    check_live(&world.client, config.source().unwrap(), Duration::from_secs(30)).await.unwrap()
}

async fn kinds(world: &World, field: &str) -> Vec<LiveFindingKind> {
    findings(world, field).await.into_iter().map(|finding| finding.kind).collect()
}

async fn index(world: &World, keys: Document, options: IndexOptions) {
    let index = IndexModel::builder().keys(keys).options(options).build();
    world.custom().create_index(index).await.unwrap();
}

fn all(shown: &[&str]) -> Examples {
    Examples { shown: shown.iter().map(|&id| id.to_owned()).collect(), others: Others::None }
}

pub(crate) async fn missing_collections_and_views_are_reported(world: World) {
    assert_eq!(kinds(&world, "user_id").await, [LiveFindingKind::CollectionMissing]);
    let view = doc! { "create": "custom", "viewOn": "other", "pipeline": [] };
    world.database.run_command(view).await.unwrap();
    let found = findings(&world, "user_id").await;
    assert_eq!(found[0].kind, LiveFindingKind::CollectionUnsuitable { kind: "view".to_owned() });
    assert_eq!(found[0].severity(), Severity::Error);
}

pub(crate) async fn only_indexes_usable_for_lookups_count(world: World) {
    let named = |name: &str, set: fn(&mut IndexOptions)| {
        let mut options = IndexOptions::builder().name(name.to_owned()).build();
        set(&mut options);
        options
    };
    let missing = |names: &[&str]| {
        let unusable = names.iter().map(|&name| name.to_owned()).collect();
        vec![LiveFindingKind::IndexMissing { unusable }, LiveFindingKind::IndexNotUnique]
    };
    world.custom().insert_one(doc! { "user_id": "ada" }).await.unwrap();
    assert_eq!(kinds(&world, "user_id").await, missing(&[]));
    index(&world, doc! { "rank": 1, "user_id": 1 }, named("second", |_| {})).await;
    let hidden = named("hidden", |options| options.hidden = Some(true));
    index(&world, doc! { "user_id": 1, "a": 1 }, hidden).await;
    let partial = named("partial", |options| {
        options.partial_filter_expression = Some(doc! { "rank": 1 });
        options.unique = Some(true);
    });
    index(&world, doc! { "user_id": 1 }, partial).await;
    let other = named("collation", |options| {
        options.collation = Some(Collation::builder().locale("en".to_owned()).build());
    });
    index(&world, doc! { "user_id": 1, "b": 1 }, other).await;
    assert_eq!(kinds(&world, "user_id").await, missing(&["hidden", "partial", "collation"]));

    let sparse = named("sparse", |options| options.sparse = Some(true));
    index(&world, doc! { "user_id": -1, "c": 1 }, sparse).await;
    assert_eq!(kinds(&world, "user_id").await, [LiveFindingKind::IndexNotUnique]);
    let unique = named("unique", |options| options.unique = Some(true));
    index(&world, doc! { "user_id": -1 }, unique).await;
    assert_eq!(kinds(&world, "user_id").await, []);
    world.custom().drop_index("unique").await.unwrap();
    world.custom().drop_index("sparse").await.unwrap();
    index(&world, doc! { "user_id": "hashed" }, named("hashed", |_| {})).await;
    assert_eq!(kinds(&world, "user_id").await, [LiveFindingKind::IndexNotUnique]);
}

pub(crate) async fn the_document_id_always_has_an_index(world: World) {
    world.custom().insert_one(doc! { "_id": "ada" }).await.unwrap();
    assert_eq!(kinds(&world, "_id").await, []);
    let id = ObjectId::parse_str(HEX).unwrap();
    world.custom().insert_many([doc! { "_id": id }, doc! { "_id": HEX }, doc! { "_id": 7 }]).await.unwrap();
    let expected = [LiveFindingKind::IdTwice(all(&[HEX])), LiveFindingKind::IdOfOtherType(all(&["7"]))];
    assert_eq!(kinds(&world, "_id").await, expected);
}

pub(crate) async fn ambiguous_custom_data_documents_are_reported(world: World) {
    index(&world, doc! { "user_id": 1 }, IndexOptions::default()).await;
    let documents = [
        doc! { "_id": 1, "user_id": "ada" },
        doc! { "_id": 2, "user_id": "ada" },
        doc! { "_id": 3, "user_id": HEX },
        doc! { "_id": 4, "user_id": ObjectId::parse_str(HEX).unwrap() },
        doc! { "_id": "claim", "user_id": ["ada", "eve"] },
        doc! { "_id": 6, "user_id": 7 },
        doc! { "_id": 7, "user_id": { "id": "ada" } },
        doc! { "_id": 8 },
        doc! { "_id": 9, "user_id": Bson::Null },
        doc! { "_id": "large", "user_id": "a", "text": "x".repeat(17 * 1024) },
        doc! { "_id": "too large", "user_id": "b", "text": "x".repeat(MAX_CUSTOM_DATA) },
        doc! { "_id": 12, "user_id": "ADA" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    let found = findings(&world, "user_id").await;
    let mut kinds: Vec<_> = found.iter().map(|finding| finding.kind.clone()).collect();
    if let LiveFindingKind::IdTwice(examples) = &mut kinds[1] {
        examples.shown.sort();
    }
    let expected = [
        LiveFindingKind::IndexNotUnique,
        LiveFindingKind::IdTwice(all(&[HEX, "ada"])),
        LiveFindingKind::IdInArray(all(&["claim"])),
        LiveFindingKind::IdOfOtherType(all(&["6", "7"])),
        LiveFindingKind::IdMissing(all(&["8", "9"])),
        LiveFindingKind::DocumentLarge(all(&["large"])),
        LiveFindingKind::DocumentTooLarge(all(&["too large"])),
    ];
    assert_eq!(kinds, expected);
    for finding in &found {
        let text = finding.to_string();
        assert!(text.contains(&format!("`{}.custom`", world.database.name())), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert!(finding.code().starts_with("custom-data-"));
    }
    let severities: Vec<_> = found.iter().map(LiveFinding::severity).collect();
    assert_eq!(severities.iter().max(), Some(&Severity::Error));
    assert!(found[2].help().is_some());
}

pub(crate) async fn arrays_along_a_dotted_field_are_reported(world: World) {
    let documents = [
        doc! { "_id": 1, "who": { "id": "ada" } },
        doc! { "_id": 2, "who": [{ "id": "ada" }] },
        doc! { "_id": 3, "who": { "id": ["ada"] } },
        doc! { "_id": 4, "who": { "id": 7 } },
        doc! { "_id": 5, "who": "ada" },
    ];
    world.custom().insert_many(documents).await.unwrap();
    index(&world, doc! { "who.id": 1 }, IndexOptions::default()).await;
    let expected = [
        LiveFindingKind::IndexNotUnique,
        LiveFindingKind::IdInArray(all(&["2", "3"])),
        LiveFindingKind::IdOfOtherType(all(&["4"])),
        LiveFindingKind::IdMissing(all(&["5"])),
    ];
    assert_eq!(kinds(&world, "who.id").await, expected);
}

pub(crate) async fn only_a_few_of_many_examples_are_shown(world: World) {
    index(&world, doc! { "user_id": 1 }, IndexOptions::default()).await;
    world.custom().insert_many((0..30).map(|n| doc! { "_id": n, "user_id": n })).await.unwrap();
    world.custom().insert_one(doc! { "_id": "x\u{1b}[2J".repeat(100) }).await.unwrap();
    let found = findings(&world, "user_id").await;
    let LiveFindingKind::IdOfOtherType(examples) = &found[1].kind else { panic!("{found:?}") };
    assert_eq!((examples.shown.len(), examples.others), (Examples::SHOWN, Others::Some));
    assert!(found[1].to_string().ends_with("`9` and more"), "{}", found[1]);
    let text = found[2].to_string();
    assert!(text.len() < 400 && !text.contains('\u{1b}'), "{text}");
}

pub(crate) async fn a_scan_that_times_out_is_reported(world: World) {
    let documents = (0..200_000).map(|n| doc! { "user_id": n.to_string() });
    world.custom().insert_many(documents).await.unwrap();
    let config = world.config("user_id");
    let found = check_live(&world.client, config.source().unwrap(), Duration::from_millis(1)).await.unwrap();
    assert!(found.iter().any(|finding| matches!(finding.kind, LiveFindingKind::Unfinished(_))), "{found:?}");
}

pub(crate) async fn users_are_counted_in_one_pass(world: World) {
    let rules = r#"{"roles": [{
        "name": "Manager", "apply_when": {"team": "%%user.custom_data.team.id", "%%user.custom_data.level": {"$gte": 3}},
        "read": {"site": "%%user.custom_data.team"}
    }]}"#;
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    let policy = RulesFile::effective(Some(&rules), None).unwrap();
    let collections = [CollectionRules { namespace: "hr.people", policy: &policy }];
    let reads = CustomDataReads::new(&collections, None);
    let users = (0..2_500).map(|id| {
        let level: Bson = if id % 10 == 0 { "3".into() } else { Bson::Int32(3) };
        let mut user = doc! { "user_id": id.to_string(), "level": level, "padding": "x".repeat(100) };
        if id % 5 != 0 {
            user.insert("team", doc! { "id": "red", "name": "Red" });
        }
        user
    });
    world.custom().insert_many(users.chain([doc! { "team": { "id": "nobody's" } }])).await.unwrap();
    let config = world.config("user_id");
    let source = config.source().unwrap();
    let paths: Vec<_> = reads.paths().cloned().collect();
    let (client, sent) = world.listening("").await;
    let mut census = reads.census(&source.user_id_field);
    let mut about = 0;
    scan_custom_data(&client, source, &paths, &mut |users| about = users, &mut |document| census.add(document))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((about, census.users()), (2_501, 2_500));
    let found: Vec<_> = reads.findings(&census).into_iter().map(|found| found.finding.message).collect();
    assert_eq!(
        found,
        [
            "250 of 2,500 users have `level` as string, where rules need number: role `Manager` never applies to them",
            "500 of 2,500 users lack `team`",
            "500 of 2,500 users lack `team.id`: role `Manager` never applies to them",
        ]
    );
    // One pass, of what is read.
    let commands = sent.take();
    let finds: Vec<_> = commands.iter().filter(|command| command.command_name == "find").collect();
    assert_eq!(finds.len(), 1);
    let projection = finds[0].command.get_document("projection").unwrap();
    assert_eq!(projection, &doc! { "team": 1, "level": 1, "user_id": 1, "_id": 0 });
}
