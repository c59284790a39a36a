//! What `check` says about functions: their settings, and those that cannot run.

use expect_test::expect;

use crate::tree::{ROOT, Tree, run};

#[test]
fn invalid_settings_of_functions_are_found() {
    let functions =
        r#"[{"name": "a/b_c-1"}, {"name": "bad name!"}, {"name": "a/../b"}, {"name": "closed", "private": "true"}]"#;
    let code = "exports = () => 1;";
    let names = ["a/b_c-1", "bad name!", "b", "closed"].map(|name| format!("app/functions/{name}.js"));
    let mut files = vec![ROOT, ("app/functions/config.json", functions)];
    files.extend(names.iter().map(|name| (name.as_str(), code)));
    let tree = Tree::new("settings", &files);
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 0
        stdout:
        warning[function-name]: `bad name!` is not the name of a function in App Services
          --> app/functions/config.json:1:32
          1 | [{"name": "a/b_c-1"}, {"name": "bad name!"}, {"name": "a/../b"}, {"name": "closed", "private": "true"}]
            |                                ^^^^^^^^^^^ names have letters, digits, `_` and `-`, and `/` between folders

        warning[function-script-elsewhere]: the function `a/../b` has no source of this name; functions/b.js is used
          --> app/functions/config.json:1:55  (/2/name)
          1 | [{"name": "a/b_c-1"}, {"name": "bad name!"}, {"name": "a/../b"}, {"name": "closed", "private": "true"}]
            |                                                       ^^^^^^^^ give the function the path as its name, or move the file

        warning[function-name]: `a/../b` is not the name of a function in App Services
          --> app/functions/config.json:1:55
          1 | [{"name": "a/b_c-1"}, {"name": "bad name!"}, {"name": "a/../b"}, {"name": "closed", "private": "true"}]
            |                                                       ^^^^^^^^ names have letters, digits, `_` and `-`, and `/` between folders

        warning[function-private]: `private` of the function `closed` is not a boolean, so it is private
          --> app/functions/config.json:1:96
          1 | …  name!"}, {"name": "a/../b"}, {"name": "closed", "private": "true"}]
            |                                                               ^^^^^^ write true or false, without quotes

        2 files: 0 errors, 4 warnings, 0 notes
    "#]]);
}

#[test]
fn a_function_that_cannot_run_is_an_error_where_something_asks_for_it() {
    let functions = r#"[
  {"name": "imports"}, {"name": "unused"}, {"name": "idle"}, {"name": "good"},
  {"name": "both", "run_as_user_id": "u",
   "run_as_user_id_script_source": "exports = () => 'u';"}
]"#;
    let endpoints = r#"[
  {"route": "/a", "http_method": "GET", "validation_method": "NO_VALIDATION", "function_name": "imports"},
  {"route": "/b", "http_method": "GET", "validation_method": "NO_VALIDATION", "function_name": "both"},
  {"route": "/c", "http_method": "GET", "validation_method": "NO_VALIDATION", "function_name": "good"},
  {"route": "/d", "http_method": "GET", "validation_method": "NO_VALIDATION", "function_name": "idle", "disabled": true}
]"#;
    let trigger = r#"{"name": "t", "type": "SCHEDULED", "config": {"schedule": "0 0 * * *"},
  "event_processors": {"FUNCTION": {"config": {"function_name": "imports"}}}}"#;
    let rule =
        r#"{"roles": [{"name": "r", "apply_when": {"%%true": {"%function": {"name": "imports"}}}, "read": true}]}"#;
    let import = "import x from 'x';\nexports = () => x;";
    let tree = Tree::new(
        "asked",
        &[
            ROOT,
            ("app/functions/config.json", functions),
            ("app/functions/imports.js", import),
            ("app/functions/unused.js", import),
            ("app/functions/idle.js", import),
            ("app/functions/good.js", "exports = () => 1;"),
            ("app/functions/both.js", "exports = () => 1;"),
            ("app/http_endpoints/config.json", endpoints),
            ("app/triggers/t.json", trigger),
            ("app/data_sources/mongodb-atlas/config.json", r#"{"name": "mongodb-atlas", "type": "mongodb-atlas"}"#),
            ("app/data_sources/mongodb-atlas/d/c/rules.json", rule),
        ],
    );
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 1
        stdout:
        error[function-not-run]: the function `imports` is called here and cannot run: the static import of `x` is not available in functions: use require
          --> app/data_sources/mongodb-atlas/d/c/rules.json:1:74
          1 | … name": "r", "apply_when": {"%%true": {"%function": {"name": "imports"}}}, "read": true}]}
            |                                                               ^^^^^^^^^ correct the function, or name another one

        error[function-not-run]: the function `both` cannot run: it has both run_as_user_id and run_as_user_id_script_source: keep one
          --> app/functions/config.json:4:4
          4 |    "run_as_user_id_script_source": "exports = () => 'u';"}
            |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a function runs as the system, as one user, or as the user whom one script chooses

        warning[function-not-run]: the function `idle` cannot run: the static import of `x` is not available in functions: use require
          --> app/functions/idle.js:1:1
          1 | import x from 'x';
            | ^^^^^^^^^^^^^^^^^^ see docs/functions.md for the supported modules; other packages belong in functions/node_modules

        error[function-not-run]: the function `imports` cannot run: the static import of `x` is not available in functions: use require
          --> app/functions/imports.js:1:1
          1 | import x from 'x';
            | ^^^^^^^^^^^^^^^^^^ see docs/functions.md for the supported modules; other packages belong in functions/node_modules

        warning[function-not-run]: the function `unused` cannot run: the static import of `x` is not available in functions: use require
          --> app/functions/unused.js:1:1
          1 | import x from 'x';
            | ^^^^^^^^^^^^^^^^^^ see docs/functions.md for the supported modules; other packages belong in functions/node_modules

        error[function-not-run]: the function `imports` is called here and cannot run: the static import of `x` is not available in functions: use require
          --> app/http_endpoints/config.json:2:96
          2 | … ET", "validation_method": "NO_VALIDATION", "function_name": "imports"},
            |                                                               ^^^^^^^^^ correct the function, or name another one

        error[function-not-run]: the function `both` is called here and cannot run: it has both run_as_user_id and run_as_user_id_script_source: keep one
          --> app/http_endpoints/config.json:3:96
          3 | … ET", "validation_method": "NO_VALIDATION", "function_name": "both"},
            |                                                               ^^^^^^ correct the function, or name another one

        error[function-not-run]: the function `imports` is called here and cannot run: the static import of `x` is not available in functions: use require
          --> app/triggers/t.json:2:65
          2 | … vent_processors": {"FUNCTION": {"config": {"function_name": "imports"}}}}
            |                                                               ^^^^^^^^^ correct the function, or name another one

        6 files: 6 errors, 2 warnings, 0 notes
    "#]]);
}
