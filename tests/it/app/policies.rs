//! Compiling the rules of one namespace has the same result for it as compiling all rules.

use std::path::Path;

use super::sync::{FLEXIBLE, synced};
use portcullis::App;
use portcullis::app::Policies;

/// Compares the rules that apply to each namespace of an application, and to one that no file mentions, between
/// compiling all rules and only those of the namespace.
fn compiles_alike(app: &App) -> usize {
    let all = app.policies();
    let namespaces: Vec<&str> = app.collections.iter().map(|collection| collection.namespace.as_str()).collect();
    for namespace in namespaces.iter().copied().chain(["none.of_these"]) {
        let of_one = app.policies_of(namespace);
        let services = app.data_sources.iter().map(|source| Some(source.name.as_str()));
        for service in services.chain([None]) {
            // Maps in schemas have no stable order.
            let applicable = |policies: &Policies| {
                let shown = format!("{:?}", policies.applicable(app, namespace, service));
                let mut parts: Vec<String> = shown.split([',', ' ', '{', '}']).map(str::to_owned).collect();
                parts.sort();
                parts
            };
            assert_eq!(applicable(&of_one), applicable(&all), "{namespace} of {service:?} in {}", app.name);
        }
    }
    namespaces.len()
}

#[test]
fn compiling_one_namespace_equals_compiling_all() {
    let apps = App::discover(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps"));
    let loaded = apps.iter().map(|directory| App::load(directory).unwrap());
    let namespaces: usize = loaded.map(|app| compiles_alike(&app)).sum();
    assert!(namespaces >= 5, "{namespaces}");
    assert!(compiles_alike(&synced(FLEXIBLE, &[]).load()) >= 2);
}
