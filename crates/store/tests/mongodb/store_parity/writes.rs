//! Writes one after the other: each does the same in the embedded store and on the server, and at the end the collections are
//! the same.

use bson::{Bson, Document, doc};
use portcullis::store::documents::{Change, DocumentStore, DocumentsError, Find, Namespace, Transaction, Updated};
use portcullis_store::EmbeddedDocuments;

use super::random::Random;
use super::{rounds, seed, updates};
use portcullis_testkit::mongodb::{Finished, World};

const WRITES: usize = 60;

#[derive(Debug)]
enum Write {
    Insert(Document),
    Update { filter: Document, change: Change, upsert: bool },
    Delete(Bson),
}

/// What a write did, as far as both tell it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Inserted,
    Updated(Updated),
    Deleted(bool),
    Duplicate,
    Refused,
}

#[derive(Debug, Default)]
struct Tried {
    cases: usize,
    refused: usize,
    duplicates: usize,
    upserted: usize,
    modified: usize,
    unsupported: usize,
}

pub(crate) fn writes_do_what_the_server_does(world: World) -> Finished {
    Box::pin(async move {
        let store = EmbeddedDocuments::in_memory().unwrap();
        let mut tried = Tried::default();
        for round in 0..rounds(50) {
            let mut random = Random::new(seed().wrapping_mul(7_368_787).wrapping_add(round));
            let name = format!("writes{round}");
            let namespace = Namespace::parse(&format!("{}.{name}", world.database.name())).unwrap();
            let mut transaction = store.begin().await.unwrap();
            for _ in 0..WRITES {
                let write = write(&mut random);
                tried.cases += 1;
                let ours = match ours(&mut *transaction, &namespace, &write).await {
                    Err(DocumentsError::Unsupported { .. }) => {
                        tried.unsupported += 1;
                        continue;
                    }
                    Err(DocumentsError::DuplicateKey) => Outcome::Duplicate,
                    Err(DocumentsError::Refused { .. }) => Outcome::Refused,
                    Err(error) => panic!("{error}"),
                    Ok(outcome) => outcome,
                };
                let theirs = theirs(&world, &name, &write).await;
                // As texts, in which NaN is equal to itself.
                if format!("{ours:?}") != format!("{theirs:?}") {
                    let before = find(&mut *transaction, &namespace, &write).await;
                    panic!("round {round}: {write:?}\n  ours {ours:?}\n  theirs {theirs:?}\n  afterwards {before:?}");
                }
                tried.refused += usize::from(ours == Outcome::Refused);
                tried.duplicates += usize::from(ours == Outcome::Duplicate);
                if let Outcome::Updated(updated) = ours {
                    tried.modified += usize::from(updated.modified);
                    tried.upserted += usize::from(updated.upserted.is_some());
                }
            }
            transaction.commit().await.unwrap();
            same_at_the_end(&world, &store, &namespace, round).await;
        }
        println!("{tried:?}");
        assert!(tried.modified > tried.cases / 20 && tried.upserted > tried.cases / 40, "{tried:?}");
        assert!(tried.duplicates > tried.cases / 100 && tried.refused > tried.cases / 40, "{tried:?}");
    })
}

fn id(random: &mut Random) -> Bson {
    let number = i32::try_from(random.below(8)).unwrap();
    match random.below(12) {
        0..=4 => Bson::Int32(number),
        5 => Bson::Int64(i64::from(number)),
        6 => Bson::Double(f64::from(number)),
        7 => number.to_string().into(),
        8 => doc! { "a": number }.into(),
        9 => Bson::Decimal128(number.to_string().parse().unwrap()),
        10 => random.scalar(),
        _ => random.value(1),
    }
}

fn write(random: &mut Random) -> Write {
    match random.below(10) {
        0..=2 => {
            let mut document = doc! { "_id": id(random) };
            document.extend(random.document(2));
            Write::Insert(document)
        }
        3 => Write::Delete(match id(random) {
            // A pattern or operators in a filter ask something else.
            Bson::RegularExpression(_) | Bson::Document(_) | Bson::Array(_) => Bson::Int32(1),
            id => id,
        }),
        _ => {
            let only_id = random.one_in(2);
            let mut filter = if only_id {
                doc! {}
            } else {
                random.filter_of_fields(1)
            };
            if only_id || random.one_in(2) {
                filter.insert("_id", id(random));
            }
            // Elsewhere an upsert makes up an id, which both cannot make up alike.
            let upsert = filter.contains_key("_id") && random.one_in(2);
            let change = if random.one_in(4) {
                let mut document = random.document(2);
                if random.one_in(3) {
                    document.insert("_id", id(random));
                }
                Change::Replacement(document)
            } else {
                let (update, array_filters) = updates::update(random, !only_id);
                Change::Operators { update, array_filters }
            };
            Write::Update { filter, change, upsert }
        }
    }
}

async fn ours(
    transaction: &mut dyn Transaction,
    namespace: &Namespace,
    write: &Write,
) -> Result<Outcome, DocumentsError> {
    Ok(match write {
        Write::Insert(document) => transaction.insert(namespace, document).await.map(|_| Outcome::Inserted)?,
        Write::Delete(id) => Outcome::Deleted(transaction.delete(namespace, id).await?),
        Write::Update { filter, change, upsert } => {
            let mut updated = transaction.update(namespace, filter, change, *upsert).await?;
            if let Some(made @ Bson::ObjectId(_)) = &updated.upserted {
                // It was made up, so it goes again, here and there.
                transaction.delete(namespace, made).await?;
                updated.upserted = Some(Bson::Null);
            }
            Outcome::Updated(updated)
        }
    })
}

/// What the filter of an update finds now, for a message.
async fn find(transaction: &mut dyn Transaction, namespace: &Namespace, write: &Write) -> Vec<Document> {
    let Write::Update { filter, .. } = write else { return Vec::new() };
    let found = transaction.find(namespace, &Find::by(filter.clone())).await.unwrap();
    found.iter().map(|document| Document::try_from(document).unwrap()).collect()
}

async fn theirs(world: &World, name: &str, write: &Write) -> Outcome {
    let quick = doc! { "w": 1, "j": false };
    let command = match write {
        Write::Insert(document) => doc! { "insert": name, "documents": [document], "writeConcern": quick },
        Write::Delete(id) => {
            doc! { "delete": name, "deletes": [{ "q": { "_id": { "$eq": id } }, "limit": 1 }], "writeConcern": quick }
        }
        Write::Update { filter, change, upsert } => {
            let mut statement = doc! { "q": filter, "upsert": *upsert, "hint": { "$natural": 1 } };
            match change {
                Change::Operators { update, array_filters } => {
                    let filters: Vec<Bson> = array_filters.iter().cloned().map(Bson::Document).collect();
                    statement.extend(doc! { "u": update, "arrayFilters": filters });
                }
                Change::Replacement(document) => _ = statement.insert("u", document),
                Change::Pipeline(_) => panic!("none is made here"),
            }
            doc! { "update": name, "updates": [statement], "writeConcern": quick }
        }
    };
    let answer = world.database.run_command(command).await.unwrap();
    if let Ok(errors) = answer.get_array("writeErrors") {
        let code = errors[0].as_document().unwrap().get_i32("code").unwrap();
        return if code == 11000 { Outcome::Duplicate } else { Outcome::Refused };
    }
    match write {
        Write::Insert(_) => Outcome::Inserted,
        Write::Delete(_) => Outcome::Deleted(answer.get_i32("n").unwrap() == 1),
        Write::Update { .. } => {
            let upserted = answer.get_array("upserted").ok().map(|list| list[0].as_document().unwrap());
            let mut upserted = upserted.map(|upserted| upserted.get("_id").unwrap().clone());
            let modified = answer.get_i32("nModified").unwrap() == 1;
            let matched = upserted.is_none() && answer.get_i32("n").unwrap() == 1;
            if let Some(made @ Bson::ObjectId(_)) = &upserted {
                world.database.collection::<Document>(name).delete_one(doc! { "_id": made }).await.unwrap();
                upserted = Some(Bson::Null);
            }
            Outcome::Updated(Updated { matched, modified, upserted })
        }
    }
}

async fn same_at_the_end(world: &World, store: &EmbeddedDocuments, namespace: &Namespace, round: u64) {
    let all = Find::default();
    let ours = super::finds::ours(store, namespace, &all).await.unwrap();
    let theirs = super::finds::theirs(world, namespace, &all).await.unwrap();
    let shown = |document: &bson::RawDocumentBuf| Document::try_from(document).unwrap().to_string();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "round {round}\n  {}\n  {}", shown(ours), shown(theirs));
    }
    assert_eq!(ours.len(), theirs.len());
}
