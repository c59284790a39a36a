//! Permissions of device sync, which become roles if there are none.

use expect_test::expect;
use portcullis::Context;
use portcullis::User;

use super::{ROOT, SOURCE, Tree, checked};

const SCHEMA: &str = r#"{"title": "Task", "bsonType": "object", "properties": {
    "_id": {"bsonType": "objectId"}, "owner": {"bsonType": "string"}, "_partition": {"bsonType": "string"}}}"#;

/// An application that has permissions only in its sync settings.
pub(super) fn synced(settings: &str, more: &[(&str, &str)]) -> Tree {
    let files = [
        ROOT,
        SOURCE,
        ("data_sources/mongodb-atlas/todo/tasks/schema.json", SCHEMA),
        ("data_sources/mongodb-atlas/todo/tasks/rules.json", r#"{"database": "todo", "collection": "tasks"}"#),
        ("data_sources/mongodb-atlas/todo/unsynced/rules.json", r#"{"database": "todo", "collection": "unsynced"}"#),
        ("sync/config.json", settings),
    ];
    Tree::new(&[&files, more].concat())
}

/// The findings about the two collections if neither gets any roles.
const UNRULED: [&str; 2] = [
    "warning roles-empty data_sources/mongodb-atlas/todo/tasks/rules.json",
    "warning roles-empty data_sources/mongodb-atlas/todo/unsynced/rules.json",
];

/// Whether user `u` may read, and may delete, a document of `todo.tasks`.
fn may(tree: &Tree, document: &bson::Document) -> (bool, bool) {
    let app = tree.load();
    let context = Context::new().with_user(User::new("u"));
    let guard = app.guard("todo.tasks", context).unwrap();
    (guard.read(document).is_allowed(), guard.delete(document).is_allowed())
}

pub(super) const FLEXIBLE: &str = r#"{"type": "flexible", "state": "enabled", "service_name": "mongodb-atlas",
    "database_name": "todo", "permissions": {"rules": {}, "defaultRoles": [
        {"name": "admin", "applyWhen": {"%%user.custom_data.admin": true}, "read": true, "write": true},
        {"name": "user", "applyWhen": {}, "read": {"%or": [{"owner": "%%user.id"}, {"shared": true}]},
         "write": {"owner": "%%user.id"}}]}}"#;

#[test]
fn flexible_sync_permissions_serve_as_roles_if_there_are_none() {
    let tree = synced(FLEXIBLE, &[]);
    let absent =
        "warning custom-data-absent sync/config.json/permissions/defaultRoles/0/applyWhen/%%user.custom_data.admin";
    assert_eq!(checked(&tree.load()), ["note sync-converted sync/config.json/permissions", absent, UNRULED[1]]);
    assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (true, true));
    assert_eq!(may(&tree, &bson::doc! {"owner": "v", "shared": true}), (true, false));
    assert_eq!(may(&tree, &bson::doc! {"owner": "v"}), (false, false));
    let app = tree.load();
    let guard = app.guard("todo.unsynced", Context::new().with_user(User::new("u"))).unwrap();
    assert!(!guard.read(&bson::doc! {"owner": "u"}).is_allowed(), "without a schema nothing was synced");
}

#[test]
fn roles_take_precedence_over_sync_permissions() {
    let none = ("data_sources/mongodb-atlas/todo/tasks/rules.json", r#"{"roles": []}"#);
    let default =
        ("data_sources/mongodb-atlas/default_rule.json", r#"{"roles": [{"name": "none", "apply_when": false}]}"#);
    for own in [none, default] {
        let tree = synced(FLEXIBLE, &[own]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
        let found = checked(&tree.load());
        assert!(found.contains(&"warning sync-overruled sync/config.json/permissions".to_owned()), "{found:?}");
    }
}

#[test]
fn sync_that_is_not_enabled_grants_nothing() {
    for state in [r#""state": "disabled""#, r#""state": """#, r#""development_mode_enabled": false"#] {
        let tree = synced(&FLEXIBLE.replace(r#""state": "enabled""#, state), &[]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
        assert_eq!(checked(&tree.load()), ["note sync-disabled sync/config.json/permissions", UNRULED[0], UNRULED[1]]);
    }
}

#[test]
fn sync_permissions_with_another_meaning_as_roles_close_their_collections() {
    let changes = [
        (
            r#""rules": {}"#,
            r#""rules": {"Task": []}"#,
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: `rules` refers to `Task`, but there is no collection of that name with a schema"
            ],
        ),
        (
            r#""rules": {}"#,
            r#""rules": {}, "extra": 1"#,
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: `permissions` has the unknown key `extra`"
            ],
        ),
        (
            r#""name": "user","#,
            r#""name": "user", "fields": {},"#,
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: a role has the unknown key `fields`"
            ],
        ),
        (
            r#""applyWhen": {}"#,
            r#""applyWhen": {"owner": "%%user.id"}"#,
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: an expression does not load"
            ],
        ),
        (
            r#""write": true"#,
            r#""write": "%%true""#,
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: an expression does not load"
            ],
        ),
        (
            r#""applyWhen": {}, "#,
            "",
            expect![
                "device sync permissions cannot be converted to roles of `todo.tasks`: a role needs exactly one `applyWhen`"
            ],
        ),
    ];
    for (before, after, expected) in changes {
        assert!(FLEXIBLE.contains(before));
        let tree = synced(&FLEXIBLE.replace(before, after), &[]);
        assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false), "{after}");
        let app = tree.load();
        let found = app.check().into_iter().find(|found| found.finding.code == "sync-refused").expect(after);
        expected.assert_eq(&found.finding.message);
    }
}

const PARTITION: &str = r#"{"state": "enabled", "service_name": "mongodb-atlas", "partition": {
    "key": "_partition", "type": "string", "required": true,
    "permissions": {"read": {"%%partition": {"$in": ["%%user.id", "PUBLIC"]}}, "write": {"%%partition": "%%user.id"}}}}"#;

#[test]
fn partition_expands_to_the_partition_key_of_the_document() {
    let tree = synced(PARTITION, &[]);
    assert_eq!(checked(&tree.load()), ["note sync-converted sync/config.json/partition", UNRULED[1]]);
    assert_eq!(may(&tree, &bson::doc! {"_partition": "u"}), (true, true));
    assert_eq!(may(&tree, &bson::doc! {"_partition": "PUBLIC"}), (true, false));
    assert_eq!(may(&tree, &bson::doc! {"_partition": "v"}), (false, false));
    assert_eq!(may(&tree, &bson::doc! {"_partition": ["u", "v"]}), (false, false), "in no partition");
    assert_eq!(may(&tree, &bson::doc! {"a": 1}), (false, false));
    for anyone in ["true", "{}"] {
        let tree = synced(&PARTITION.replace(r#"{"%%partition": "%%user.id"}"#, anyone), &[]);
        assert_eq!(may(&tree, &bson::doc! {"_partition": "v"}), (true, true));
        assert_eq!(may(&tree, &bson::doc! {"_partition": 1}), (false, false), "in no partition");
        assert_eq!(may(&tree, &bson::doc! {"a": 1}), (false, false), "the key is required");
        let optional = PARTITION.replace(r#"{"%%partition": "%%user.id"}"#, anyone).replace("\"required\": true,", "");
        let tree = synced(&optional, &[]);
        assert_eq!(may(&tree, &bson::doc! {"a": 1}), (true, true));
        assert_eq!(may(&tree, &bson::doc! {"_partition": [null]}), (false, false));
    }
}

#[test]
fn a_partition_without_a_usable_key_closes_its_collections() {
    for (before, after) in [
        (r#""type": "string""#, r#""type": "date""#),
        (r#""write":"#, r#""wirte":"#),
        (r#""%%partition": "%%user.id""#, r#""%%partition.x": "%%user.id""#),
        (r#""partition": {"#, r#""permissions": {"defaultRoles": [{}]}, "partition": {"#),
    ] {
        assert!(PARTITION.contains(before));
        let tree = synced(&PARTITION.replace(before, after), &[]);
        assert_eq!(may(&tree, &bson::doc! {"_partition": "u"}), (false, false), "{after}");
        let app = tree.load();
        assert!(app.check().iter().any(|found| found.finding.code == "sync-refused"), "{after}");
    }
    let tree = synced(&PARTITION.replace(r#""key": "_partition""#, r#""key": "nowhere""#), &[]);
    assert_eq!(may(&tree, &bson::doc! {"_partition": "u", "nowhere": "u"}), (false, false));
    assert_eq!(checked(&tree.load()), [UNRULED[0], UNRULED[1], "warning sync-idle sync/config.json/partition"]);
}

#[test]
fn two_sync_configurations_for_a_collection_close_it() {
    let old = r#"{"name": "mongodb-atlas", "type": "mongodb-atlas", "config": {"flexible_sync": FLEXIBLE}}"#;
    let old = old.replace("FLEXIBLE", FLEXIBLE);
    let tree = synced(
        FLEXIBLE,
        &[("services/mongodb-atlas/config.json", &old), ("data_sources/mongodb-atlas/config.json", "{}")],
    );
    assert_eq!(may(&tree, &bson::doc! {"owner": "u"}), (false, false));
}

#[test]
fn self_promotion_through_sync_permissions_is_reported() {
    let data = r#"{"enabled": true, "mongo_service_name": "mongodb-atlas", "database_name": "todo",
        "collection_name": "tasks", "user_id_field": "owner"}"#;
    let tree = synced(FLEXIBLE, &[("auth/custom_user_data.json", data)]);
    let found = checked(&tree.load());
    assert!(found.iter().any(|found| found.starts_with("error custom-data-writable sync/config.json")), "{found:?}");
}
