//! What code does to its engine does not affect functions with other rights.

use std::time::Duration;

use portcullis_functions::CallError;
use serde_json::{Value, json};

use super::world::{Draft, World};

/// An application whose caller attacks the decision of another function. That function exists with the caller's rights,
/// as the system, as a user, and as the script that determines a function's user.
fn attacked(attack: &str, decides: &str) -> World {
    let source = format!("{attack}\nexports = (name, ...parts) => context.functions.execute(name, ...parts);");
    let script = format!(
        "const decides = (() => {{ let exports; {decides}\n return exports; }})(); exports = async (...parts) => \
                          (await decides(...parts)) ? {{ runAsSystem: true }} : \"eve\";"
    );
    let eve = portcullis::User::new("eve").with_custom_data(bson::doc! {});
    Draft::new()
        .user(eve)
        .function("attack", &source, json!({}))
        .function("calm", "exports = (name) => context.functions.execute(name);", json!({}))
        .function("same", decides, json!({}))
        .function("system", decides, json!({"run_as_system": true}))
        .function("user", decides, json!({"run_as_user_id": "eve"}))
        .function(
            "script",
            "exports = () => context.runningAsSystem();",
            json!({"run_as_user_id_script_source": script}),
        )
        .file(
            "functions/node_modules/roles/package.json",
            r#"{"name": "roles", "version": "1.0.0", "main": "index.js"}"#,
        )
        .file(
            "functions/node_modules/roles/index.js",
            "exports.admins = ['eve']; exports.isAdmin = (id) => exports.admins.includes(id);",
        )
        .file("functions/node_modules/evil/package.json", r#"{"name": "evil", "version": "1.0.0", "main": "index.js"}"#)
        .file("functions/node_modules/evil/index.js", "Array.prototype.includes = () => true;")
        .build()
}

/// Each row attacks a decision that denies. With the caller's own rights the attack must succeed; otherwise the case
/// proves nothing.
#[tokio::test]
async fn a_caller_cannot_tamper_with_a_callee_that_has_other_rights() {
    let text = include_str!("../../../../fixtures/functions/engines.json");
    let rows: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(rows.len() >= 30, "{}", rows.len());
    let mut failed = Vec::new();
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let world = attacked(text("attack"), text("decides"));
        for (caller, callee, wanted) in [
            ("calm", "same", false),
            ("attack", "same", true),
            ("calm", "system", false),
            ("attack", "system", false),
            ("attack", "user", false),
            ("attack", "script", false),
        ] {
            let found = world.call(caller, vec![callee.into()]).await.map(|returned| returned.value);
            if found != Ok(wanted.into()) {
                failed.push(format!("{}: {caller} {callee}: {found:?}", text("name")));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test]
async fn a_callee_with_other_rights_shares_the_time_limit_of_its_caller() {
    let source = "exports = () => { for (;;) try { context.functions.execute('loop'); } catch {} };";
    let world = Draft::new()
        .function("f", source, json!({}))
        .function("loop", "exports = () => { for (;;) {} };", json!({"run_as_system": true}))
        .function("fine", "exports = () => context.functions.execute('one');", json!({}))
        .function("one", "exports = () => 1;", json!({"run_as_system": true}))
        .options(|options| options.time = Duration::from_secs(2))
        .build();
    let ended = world.call("f", vec![]).await;
    assert!(matches!(ended, Err(CallError::TimedOut { .. })), "{ended:?}");
    // On a busy machine, the call may time out by itself.
    let mut next = world.call("fine", vec![]).await;
    for _ in 0..20 {
        if !matches!(next, Err(CallError::TimedOut { .. })) {
            break;
        }
        next = world.call("fine", vec![]).await;
    }
    assert_eq!(next.unwrap().value, bson::Bson::Int64(1));
}

#[tokio::test]
async fn nested_engines_have_decreasing_memory_limits() {
    // Allocates strings of one MiB until memory is exhausted.
    let fill = "const kept = []; let n = 0; try { for (;;) { kept.push('x'.repeat(1024 * 1024) + n); n++; } } catch { kept.length = 0; }";
    let source = format!("exports = () => {{ {fill} return [n, ...context.functions.execute('system')]; }};");
    let inner = format!("exports = () => {{ {fill} return [n, ...context.functions.execute('user')]; }};");
    let last = format!("exports = () => {{ {fill} return [n]; }};");
    let eve = portcullis::User::new("eve").with_custom_data(bson::doc! {});
    let world = Draft::new()
        .user(eve)
        .function("f", &source, json!({}))
        .function("system", &inner, json!({"run_as_system": true}))
        .function("user", &last, json!({"run_as_user_id": "eve"}))
        .options(|options| options.memory = 64 * 1024 * 1024)
        .build();
    let found = world.call("f", vec![]).await.unwrap().value;
    let counts: Vec<i64> = found.as_array().unwrap().iter().map(|count| count.as_i64().unwrap()).collect();
    let [first, second, third] = counts.as_slice() else { panic!("{counts:?}") };
    assert!((40..64).contains(first), "{counts:?}");
    assert!((15..32).contains(second), "{counts:?}");
    assert!((4..16).contains(third), "{counts:?}");
}

#[tokio::test]
async fn a_callee_with_other_rights_that_runs_out_of_memory_fails_in_its_caller() {
    let source =
        "exports = () => { try { return context.functions.execute('full'); } catch (e) { return e.message; } };";
    let world = Draft::new()
        .function("f", source, json!({}))
        .function(
            "full",
            "exports = () => { const a = []; for (;;) a.push(new Array(1e4).fill(1)); };",
            json!({"run_as_system": true}),
        )
        .options(|options| options.memory = 32 * 1024 * 1024)
        .build();
    assert_eq!(world.value("f", vec![]).await, json!("out of memory"));
    assert_eq!(world.value("f", vec![]).await, json!("out of memory"));
}
