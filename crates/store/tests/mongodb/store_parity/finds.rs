//! Queries of random documents: the embedded store and the server bring the same documents in the same order, or refuse both.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{Cursor, DocumentStore, DocumentsError, Find, Namespace};
use portcullis_store::EmbeddedDocuments;

use super::random::Random;
use super::{rounds, seed};
use portcullis_testkit::mongodb::{Finished, World};

const DOCUMENTS: i32 = 100;
const QUERIES: usize = 300;

#[derive(Debug, Default)]
struct Tried {
    cases: usize,
    found: usize,
    refused: usize,
    unsupported: usize,
    differences: Vec<String>,
}

pub(crate) fn finds_return_what_the_server_returns(world: World) -> Finished {
    Box::pin(async move {
        let mut tried = Tried::default();
        let store = EmbeddedDocuments::in_memory().unwrap();
        for round in 0..rounds(30) {
            let mut random = Random::new(seed().wrapping_mul(999_983).wrapping_add(round));
            let name = format!("finds{round}");
            let namespace = Namespace::parse(&format!("{}.{name}", world.database.name())).unwrap();
            let documents: Vec<Document> = (0..DOCUMENTS).map(|id| document(&mut random, id)).collect();
            world.database.collection::<Document>(&name).insert_many(&documents).await.unwrap();
            let mut transaction = store.begin().await.unwrap();
            for document in &documents {
                transaction.insert(&namespace, document).await.unwrap();
            }
            transaction.commit().await.unwrap();
            for _ in 0..QUERIES {
                let find = find(&mut random);
                compare(&world, &store, &namespace, &find, &mut tried).await;
            }
        }
        assert!(tried.differences.is_empty(), "{}", tried.differences.join("\n\n"));
        println!("{tried:?}");
        assert!(tried.found > tried.cases / 3 && tried.refused > tried.cases / 20, "{tried:?}");
    })
}

/// Most ids are numbers of all types, some are other values.
fn document(random: &mut Random, id: i32) -> Document {
    let id = match random.below(6) {
        0 => Bson::Int64(i64::from(id)),
        1 => Bson::Double(f64::from(id)),
        2 => Bson::String(id.to_string()),
        3 => Bson::Document(doc! { "a": id }),
        _ => Bson::Int32(id),
    };
    let mut document = doc! { "_id": id };
    document.extend(random.document(3));
    document
}

fn find(random: &mut Random) -> Find {
    let mut find = Find::default();
    if !random.one_in(4) {
        find.filter = random.filter(2);
    }
    if random.one_in(8) {
        let id =
            random.pick(&[Bson::Int32(3), Bson::Double(3.0), Bson::Int64(7), "5".into(), doc! { "a": 4.0 }.into()]);
        find.filter.insert(
            "_id",
            random.pick(&[id.clone(), doc! { "$eq": id.clone() }.into(), doc! { "$in": [id, 8.0] }.into()]),
        );
    }
    if random.one_in(3) {
        for _ in 0..random.pick(&[1, 1, 2, 3]) {
            find.sort.insert(random.path(), random.pick(&[Bson::Int32(1), Bson::Int32(-1), Bson::Double(-1.0)]));
        }
    }
    if random.one_in(3) {
        let include = random.one_in(2);
        for _ in 0..random.pick(&[1, 1, 2, 3]) {
            let include = include != random.one_in(20);
            let value = random.pick(&[Bson::Int32(1), true.into(), 1.5.into(), Bson::Int64(3)]);
            let none = random.pick(&[Bson::Int32(0), false.into(), 0.0.into()]);
            if random.one_in(4) {
                find.projection.insert(random.path(), random.nested_projection(include));
                continue;
            }
            find.projection.insert(random.path(), if include { value } else { none });
        }
    }
    // A server may sort what it has projected already, which has other elements in its arrays.
    if find.sort.keys().any(|path| path.contains('.')) {
        find.projection = find.projection.into_iter().filter(is_of_fields).collect();
    }
    if random.one_in(8) {
        find.projection.insert("_id", random.pick(&[0, 1]));
    }
    if random.one_in(4) {
        find.skip = u64::try_from(random.below(30)).unwrap();
    }
    if random.one_in(4) {
        find.limit = Some(u64::try_from(random.below(30)).unwrap() + 1);
    }
    if !find.sort.is_empty() && (find.skip > 0 || find.limit.is_some()) {
        // Of equal ones, MongoDB may take any.
        find.sort.insert("_id", 1);
    }
    find
}

/// Whether a member of a projection keeps or drops a whole field.
fn is_of_fields((path, value): &(String, Bson)) -> bool {
    !path.contains('.') && !matches!(value, Bson::Document(_))
}

pub(crate) async fn ours(
    store: &EmbeddedDocuments,
    namespace: &Namespace,
    find: &Find,
) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    all(store.find(namespace, find).await?).await
}

async fn all(mut cursor: Box<dyn Cursor + '_>) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    let mut found = Vec::new();
    loop {
        let batch = cursor.batch().await?;
        if batch.is_empty() {
            return Ok(found);
        }
        found.extend(batch);
    }
}

pub(crate) async fn theirs(world: &World, namespace: &Namespace, find: &Find) -> Result<Vec<RawDocumentBuf>, String> {
    let mut command = doc! {
        "find": namespace.collection(), "filter": &find.filter, "projection": &find.projection, "sort": &find.sort,
        // Else documents that are found by their ids come in the order of these.
        "hint": { "$natural": 1 }, "batchSize": 100_000, "singleBatch": true, "skip": i64::try_from(find.skip).unwrap(),
    };
    if let Some(limit) = find.limit {
        command.insert("limit", i64::try_from(limit).unwrap());
    }
    let answer = world.database.run_command(command).await.map_err(|error| error.to_string())?;
    let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    Ok(batch.iter().map(|document| RawDocumentBuf::try_from(document.as_document().unwrap()).unwrap()).collect())
}

fn has_expression(filter: &Document) -> bool {
    format!("{filter:?}").contains("$expr")
}

fn filters_by_expression(stages: &[Document]) -> bool {
    stages.iter().any(|stage| stage.get_document("$match").is_ok_and(has_expression))
}

/// Whether this store failed on a document, and not on the request itself.
fn has_failed_late(error: &DocumentsError) -> bool {
    const BAD_VALUE: i32 = 2;
    const FAILED_TO_PARSE: i32 = 9;
    match error {
        DocumentsError::Refused { code: Some(code), .. } => ![BAD_VALUE, FAILED_TO_PARSE].contains(code),
        error => error.to_string().contains("an expression"),
    }
}

fn is_failed_expression(error: &str) -> bool {
    ["Failed to optimize expression", "Executor error during find command", "Executor error during aggregation"]
        .iter()
        .any(|text| error.contains(text))
}

async fn compare(world: &World, store: &EmbeddedDocuments, namespace: &Namespace, find: &Find, tried: &mut Tried) {
    tried.cases += 1;
    let ours = ours(store, namespace, find).await;
    if matches!(ours, Err(DocumentsError::Unsupported { .. })) {
        tried.unsupported += 1;
        return;
    }
    let theirs = theirs(world, namespace, find).await;
    let shown = |list: &[RawDocumentBuf]| {
        list.iter()
            .take(40)
            .map(|document| Document::try_from(document).unwrap().to_string())
            .collect::<Vec<_>>()
            .join("\n    ")
    };
    let difference = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => {
            tried.found += usize::from(!ours.is_empty());
            return;
        }
        (Err(_), Err(_)) => {
            tried.refused += 1;
            return;
        }
        (Ok(mut ours), Ok(mut theirs)) => {
            let counts = (ours.len(), theirs.len());
            while let (Some(a), Some(b)) = (ours.first(), theirs.first())
                && a == b
            {
                ours.remove(0);
                theirs.remove(0);
            }
            ours.truncate(4);
            theirs.truncate(4);
            format!("{counts:?} ours\n    {}\n  theirs\n    {}", shown(&ours), shown(&theirs))
        }
        (Err(ours), Ok(_)) if has_expression(&find.filter) && ours.to_string().contains("an expression") => {
            tried.unsupported += 1;
            return;
        }
        (Err(ours), Ok(_)) => format!("refused here only: {ours}"),
        // The server evaluates expressions without fields before it looks at any document, and conditions in an order of its own.
        (Ok(_), Err(theirs)) if has_expression(&find.filter) && is_failed_expression(&theirs) => {
            tried.unsupported += 1;
            return;
        }
        (Ok(_), Err(theirs)) => format!("refused there only: {theirs}"),
    };
    if !find.projection.is_empty() {
        // The whole documents tell more, if they differ.
        let whole = Find { projection: Document::new(), ..find.clone() };
        Box::pin(compare(world, store, namespace, &whole, tried)).await;
    }
    tried.differences.push(format!("{find:?}\n  {difference}"));
    assert!(tried.differences.len() < 12, "{}", tried.differences.join("\n\n"));
}

/// Whether a stage may remove fields: an `$unwind`, those that hold empty arrays.
fn removes(stage: &Document) -> bool {
    let is_exclusion = |projection: &Document| format!("{projection:?}").contains("Int32(0)");
    stage.contains_key("$unset")
        || stage.contains_key("$unwind")
        || stage.get_document("$project").is_ok_and(is_exclusion)
}

/// A document as text, with the fields of all objects sorted by name.
fn sorted(document: &RawDocumentBuf) -> String {
    fn of(value: Bson) -> Bson {
        match value {
            Bson::Document(fields) => {
                let fields: BTreeMap<String, Bson> =
                    fields.into_iter().map(|(name, value)| (name, of(value))).collect();
                Bson::Document(fields.into_iter().collect())
            }
            Bson::Array(elements) => Bson::Array(elements.into_iter().map(of).collect()),
            value => value,
        }
    }
    format!("{:?}", of(Document::try_from(document).unwrap().into()))
}

/// As many stages as it has that are supported.
fn pipeline(random: &mut Random) -> Vec<Document> {
    let mut stages = Vec::new();
    for _ in 0..random.below(4) {
        let stage = match random.below(20) {
            0..=3 => doc! { "$match": random.filter(1) },
            // The whole order, since of equal ones MongoDB may take any.
            // No index among the names: it may be refused, but not where MongoDB filters first.
            4 | 5 => {
                let path = random.pick(&["a", "b", "a.b", "c.a.d"]);
                doc! { "$sort": { path: random.pick(&[1, -1]), "_id": 1 } }
            }
            6 => {
                doc! { "$skip": random.pick(&[Bson::Int32(0), Bson::Int64(3), Bson::Double(7.0), Bson::Int32(-1), "a".into()]) }
            }
            7 => doc! { "$limit": random.pick(&[Bson::Int32(1), Bson::Int64(30), Bson::Double(7.0), Bson::Int32(0)]) },
            8 => doc! { "$count": random.pick(&["n", "n", "", "$n", "a.b"]) },
            9 => {
                doc! { "$unset": random.pick(&[Bson::from("a"), vec!["a.b", "c"].into(), vec!["a", "a.b"].into(), 1.into()]) }
            }
            10 => doc! { "$addFields": { random.path(): random.expression(2) } },
            11 => doc! { "$project": { "a": 1, random.pick(&["made", "b.made", "c.a.b"]): random.expression(2) } },
            16 => doc! { "$project": { random.path(): random.nested_projection(true), "b": 1 } },
            17 => doc! { "$project": { random.path(): random.nested_projection(false) } },
            // Groups have no order of their own.
            18 | 19 => {
                let sort = doc! { random.pick(&["a", "b", "a.b", "c"]): random.pick(&[1, -1]), "_id": 1 };
                let accumulator = random.pick(&[
                    doc! { "$sum": 1 },
                    doc! { "$topN": { "n": 3, "sortBy": sort.clone(), "output": "$_id" } },
                    doc! { "$bottom": { "sortBy": sort, "output": ["$_id"] } },
                ]);
                stages.push(doc! { "$group": { "_id": random.group_key(), "n": accumulator } });
                stages.push(doc! { "$sort": { "_id": random.pick(&[1, -1]) } });
                // Ids that are arrays can be equal in another order.
                break;
            }
            12 => {
                doc! { "$unwind": { "path": format!("${}", random.path()), "preserveNullAndEmptyArrays": random.one_in(2) } }
            }
            // One group, since those of several have no order.
            13 => {
                let accumulator = random.pick(&["$sum", "$avg", "$min", "$max", "$first", "$push"]);
                doc! { "$group": { "_id": Bson::Null, "b": { accumulator: random.expression(1) } } }
            }
            _ => {
                let value = random.pick(&[Bson::Int32(1), Bson::Int32(0), true.into()]);
                let mut projection = doc! { random.path(): value.clone(), random.path(): value };
                if random.one_in(4) {
                    projection.insert("_id", 0);
                }
                doc! { "$project": projection }
            }
        };
        stages.push(stage);
    }
    // Without an `_id`, equal ones have no order.
    if stages.iter().any(|stage| stage.contains_key("$sort")) {
        for stage in &mut stages {
            if let Ok(projection) = stage.get_document_mut("$project") {
                projection.remove("_id");
                // As in `find`.
                *projection = std::mem::take(projection).into_iter().filter(is_of_fields).collect();
            }
        }
    }
    stages.retain(|stage| {
        stage.get_document("$project").is_ok_and(|projection| !projection.is_empty()) || !stage.contains_key("$project")
    });
    stages
}

pub(crate) fn pipelines_return_what_the_server_returns(world: World) -> Finished {
    Box::pin(async move {
        let mut tried = Tried::default();
        let store = EmbeddedDocuments::in_memory().unwrap();
        for round in 0..rounds(10) {
            let mut random = Random::new(seed().wrapping_mul(104_729).wrapping_add(round));
            let name = format!("pipelines{round}");
            let namespace = Namespace::parse(&format!("{}.{name}", world.database.name())).unwrap();
            let documents: Vec<Document> = (0..DOCUMENTS).map(|id| document(&mut random, id)).collect();
            world.database.collection::<Document>(&name).insert_many(&documents).await.unwrap();
            let mut transaction = store.begin().await.unwrap();
            for document in &documents {
                transaction.insert(&namespace, document).await.unwrap();
            }
            transaction.commit().await.unwrap();
            for _ in 0..QUERIES {
                tried.cases += 1;
                let stages = pipeline(&mut random);
                // The engine to which a server gives a first `$group` takes MinKey for greater than a field that is not there, the
                // other one for less.
                let mut asked = stages.clone();
                if let Some(at) = asked.iter().position(|stage| stage.contains_key("$group")) {
                    asked.insert(at, doc! { "$_internalInhibitOptimization": {} });
                }
                let command = doc! {
                    "aggregate": &name, "pipeline": asked, "cursor": { "batchSize": 100_000 }, "hint": { "$natural": 1 },
                };
                let theirs = world.database.run_command(command).await;
                let ours = match store.aggregate(&namespace, &stages).await {
                    Ok(cursor) => all(cursor).await,
                    Err(error) => Err(error),
                };
                match (ours, theirs) {
                    (Err(DocumentsError::Unsupported { .. }), _) => tried.unsupported += 1,
                    (Err(_), Err(_)) => tried.refused += 1,
                    (Ok(ours), Ok(theirs)) => {
                        let theirs = theirs.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
                        let theirs: Vec<_> = theirs
                            .iter()
                            .map(|document| RawDocumentBuf::try_from(document.as_document().unwrap()).unwrap())
                            .collect();
                        // A server puts a field that is added again where it stood before it was removed.
                        let same = match stages.iter().any(removes) {
                            true => ours.iter().map(sorted).eq(theirs.iter().map(sorted)),
                            false => ours == theirs,
                        };
                        assert!(same, "{stages:?}\n  {ours:?}\n  {theirs:?}");
                        tried.found += usize::from(!ours.is_empty());
                    }
                    // It fails on a filter of its own making, of conditions that stand behind one another.
                    (Ok(_), Err(error)) if error.to_string().contains("Failed to optimize pipeline") => {
                        tried.unsupported += 1;
                    }
                    // As in `find`.
                    (Ok(_), Err(error))
                        if filters_by_expression(&stages) && is_failed_expression(&error.to_string()) =>
                    {
                        tried.unsupported += 1;
                    }
                    (Err(error), Ok(_)) if filters_by_expression(&stages) && has_failed_late(&error) => {
                        tried.unsupported += 1;
                    }
                    // A server may ask a `$match` before the stages that it stands behind, whose expressions then see fewer documents.
                    (Err(error), Ok(_))
                        if stages.iter().skip(1).any(|stage| stage.contains_key("$match"))
                            && has_failed_late(&error) =>
                    {
                        tried.unsupported += 1;
                    }
                    // It evaluates the constant operands of an `$or` before the others, and those of an `$add` after them,
                    // of which one may be null.
                    (Err(error), Ok(_)) if format!("{stages:?}").contains("$literal") && has_failed_late(&error) => {
                        tried.unsupported += 1;
                    }
                    (Err(error), Ok(_)) => panic!("refused here only: {stages:?}\n  {error}"),
                    (Ok(_), Err(error))
                        if format!("{stages:?}").contains("$literal") && is_failed_expression(&error.to_string()) =>
                    {
                        tried.unsupported += 1;
                    }
                    (Ok(_), Err(error)) => panic!("refused there only: {stages:?}\n  {error}"),
                }
            }
        }
        println!("{tried:?}");
        assert!(tried.found > tried.cases / 3 && tried.refused > tried.cases / 20, "{tried:?}");
    })
}
