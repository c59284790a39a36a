//! What fixtures/policies/plans.json says of filters, the server says too.

use serde_json::Value as Json;

use super::tally::Tally;
use super::{Case, Pool, document};
use portcullis_testkit::mongodb::World;

pub(crate) async fn plan_fixtures_hold_on_the_server(world: World) {
    let file: Json = serde_json::from_str(include_str!("../../../../../fixtures/policies/plans.json")).unwrap();
    let collection = world.database.collection("fixtures");
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let user = case["user"].as_str().map_or(&case["user"], |name| &file["users"][name]);
        let guarded = Case::new(&file, &case["rules"], user).unwrap();
        let pool = Pool::of(case["documents"].as_array().unwrap().iter().map(document).collect());
        pool.fill(&collection).await;
        let found = guarded.disagreement(&pool, &collection, &mut Tally::default()).await;
        assert!(found.is_none(), "{}: {found:?}", case["name"]);
    }
    assert!(cases.len() > 10, "the fixture lost its cases");
}
