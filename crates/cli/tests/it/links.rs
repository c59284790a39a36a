//! Symbolic links in the directories of applications and of custom data, which must not lead out of them.

use std::fs;
use std::os::unix::fs::symlink;

use expect_test::expect;

use crate::command_output::CommandOutput;
use crate::tree::{CUSTOM_DATA, OPEN, ROOT, SOURCE, THINGS, Tree, run};

const SECRET: &str = "root:x:0:0:the system's own";

#[test]
fn a_symlink_to_nowhere_is_a_file_that_cannot_be_read() {
    let tree = Tree::new("nowhere", &[ROOT, SOURCE, THINGS]);
    let rules = tree.path("app/data_sources/m/db/things/rules.json");
    fs::remove_file(&rules).unwrap();
    symlink("/nonexistent", &rules).unwrap();
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 1
        stdout:
        error[file-unreadable]: the file cannot be read: No such file or directory (os error 2)
          --> app/data_sources/m/db/things/rules.json:1:1

        2 files: 1 error, 0 warnings, 0 notes
    "#]]);
}

#[test]
fn a_symlink_out_of_the_application_is_refused_by_name() {
    let outside = ("outside/db/rules.json", OPEN);
    let link = |name: &str, at: &str, to: &str| {
        let tree =
            Tree::new(name, &[ROOT, SOURCE, THINGS, outside, ("outside/secret", SECRET), ("outside/f.js", SECRET)]);
        let at = tree.path(at);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&at);
        let _ = fs::remove_dir_all(&at);
        symlink(tree.path(to), &at).unwrap();
        let said = run(&tree.0, &["check", "app"]);
        (tree, said)
    };
    for (name, at, to, expected) in [
        (
            "value",
            "app/values/pw.json",
            "outside/secret",
            expect![[r#"
                exit: 1
                stdout:
                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/values/pw.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "environment",
            "app/environments/production.json",
            "outside/secret",
            expect![[r#"
                exit: 1
                stdout:
                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/environments/production.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "rules",
            "app/data_sources/m/db/other/rules.json",
            "outside/db/rules.json",
            expect![[r#"
                exit: 1
                stdout:
                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/data_sources/m/db/other/rules.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "collection",
            "app/data_sources/m/db/other",
            "outside/db",
            expect![[r#"
                exit: 1
                stdout:
                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/data_sources/m/db/other:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "database",
            "app/data_sources/m/other",
            "outside",
            expect![[r#"
                exit: 1
                stdout:
                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/data_sources/m/other:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "auth",
            "app/auth",
            "outside",
            expect![[r#"
                exit: 1
                stdout:
                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/auth:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 0 warnings, 0 notes
            "#]],
        ),
        (
            "providers",
            "app/auth/providers.json",
            "outside/secret",
            expect![[r#"
                exit: 1
                stdout:
                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/auth/providers.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "values",
            "app/values",
            "outside",
            expect![[r#"
                exit: 1
                stdout:
                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/values:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "root",
            "app/realm_config.json",
            "outside/secret",
            expect![[r#"
                exit: 1
                stdout:
                error[link-outward]: this symbolic link leads out of the application directory and is not followed
                  --> app/realm_config.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                2 files: 1 error, 0 warnings, 0 notes
            "#]],
        ),
        (
            "secrets",
            "app/secrets.json",
            "outside/secret",
            expect![[r#"
                exit: 1
                stdout:
                warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
                  --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
                  2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
                    |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

                error[link-outward]: the file is not readable as JSON
                  --> app/secrets.json:1:1
                    = put the file itself, or the directory, in its place, or remove the link

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
    ] {
        let (_tree, said) = link(name, at, to);
        assert!(!said.to_string().contains("root:x"), "{name}: {said}");
        said.is(&expected);
    }
    // An unreadable entry closes all collections whose rules it may contain.
    let (tree, _) = link("closed", "app/data_sources/m/db/other", "outside/db");
    run(&tree.0, &["decide", "read", "{}", "--app", "app", "--in", "db.users", "--user", r#"{"id": "u"}"#]).is(
        &expect![[r#"
            exit: 2
            stderr:
            error: the rules of `db.users` do not load
            error[link-outward]: this symbolic link leads out of the application directory and is not followed
              --> app/data_sources/m/db/other:1:1
                = put the file itself, or the directory, in its place, or remove the link
        "#]],
    );
}

#[test]
fn function_code_is_not_read_through_a_symlink_out_of_the_application() {
    let functions = ("app/functions/config.json", r#"[{"name": "f"}]"#);
    let tree = Tree::new("function", &[ROOT, functions, ("outside/f.js", SECRET)]);
    symlink(tree.path("outside/f.js"), tree.path("app/functions/f.js")).unwrap();
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 1
        stdout:
        error[link-outward]: this symbolic link leads out of the application directory and is not followed
          --> app/functions/f.js:1:1
            = put the file itself, or the directory, in its place, or remove the link

        2 files: 1 error, 0 warnings, 0 notes
    "#]]);
}

#[test]
fn a_symlink_inside_the_application_is_followed() {
    let tree = Tree::new("inside", &[ROOT, SOURCE, THINGS, ("app/shared/value.json", r#"{"name": "v", "value": 1}"#)]);
    fs::create_dir_all(tree.path("app/values")).unwrap();
    symlink("../shared/value.json", tree.path("app/values/v.json")).unwrap();
    symlink(tree.path("app"), tree.path("link")).unwrap();
    let outputs = ["app", "link"].map(|directory| run(&tree.0, &["check", "-q", directory]));
    CommandOutput::alike(outputs).is(&expect![[r#"
        exit: 0
        stdout:
        4 files: 0 errors, 1 warning, 0 notes
    "#]]);
}

#[test]
fn symlinks_out_of_a_custom_data_directory_are_refused() {
    let tree = Tree::new(
        "folder",
        &[ROOT, SOURCE, CUSTOM_DATA, THINGS, ("outside/secret", SECRET), ("data/users.json", r#"{"uid": "u"}"#)],
    );
    symlink(tree.path("outside/secret"), tree.path("data/db.users.json")).unwrap();
    let decide = ["decide", "read", "{}", "--app", "app", "--in", "db.things", "--user", r#"{"id": "u"}"#];
    let said = run(&tree.0, &[&decide[..], &["--custom-data", "data"]].concat());
    assert!(!said.to_string().contains("root:x"), "{said}");
    said.is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read the custom data: `data/db.users.json` is a symbolic link that leads out of the folder and is not followed; name the file itself
    "#]]);
}
