//! Updates of random documents.

use std::collections::BTreeMap;

use bson::{Bson, DateTime, Document, doc};
use portcullis::mongo_query::{Filter, Position};
use portcullis::update::{Moment, Update, UpdateError, UpdateErrorKind};
use portcullis::value::{ValueRef, identical};

use super::random::Random;
use super::{rounds, seed};
use portcullis_testkit::mongodb::{Finished, World};

/// One update of one document.
struct Case {
    document: Document,
    /// Besides the `_id`, what `$` refers to.
    filter: Document,
    update: Document,
    array_filters: Vec<Document>,
}

const BATCH: i32 = 500;

/// The same documents afterwards, and the same refused.
pub(crate) fn updates_do_what_the_server_does(world: World) -> Finished {
    Box::pin(async move {
        let mut tried = Tried::default();
        for round in 0..rounds(40) {
            let mut random = Random::new(seed().wrapping_mul(1_000_003).wrapping_add(round));
            let cases: Vec<Case> = (0..BATCH).map(|id| case(&mut random, id)).collect();
            compare(&world, &cases, &mut tried).await;
        }
        assert!(tried.differences.is_empty(), "{}", tried.differences.join("\n\n"));
        println!("{tried:?}");
        assert!(tried.changed > tried.cases / 4 && tried.refused > tried.cases / 20, "{tried:?}");
    })
}

#[derive(Debug, Default)]
struct Tried {
    cases: usize,
    changed: usize,
    refused: usize,
    unsupported: usize,
    differences: Vec<String>,
}

impl Tried {
    fn differ(&mut self, difference: String) {
        self.differences.push(difference);
        assert!(self.differences.len() < 12, "{}", self.differences.join("\n\n"));
    }
}

fn case(random: &mut Random, id: i32) -> Case {
    if random.one_in(8) {
        return calculation(random, id);
    }
    let mut document = doc! { "_id": id };
    document.extend(random.document(3));
    if random.one_in(4) {
        document.insert(random.name(), random.decimal());
    }
    let mut filter = doc! { "_id": id };
    let positions = random.one_in(4);
    if positions {
        filter.extend(if random.one_in(2) {
            random.filter_of_fields(1)
        } else {
            doc! { random.path(): random.condition(0) }
        });
    }
    let (update, array_filters) = update(random, positions);
    Case { document, filter, update, array_filters }
}

/// One number and another, mostly decimals.
fn calculation(random: &mut Random, id: i32) -> Case {
    let number = |random: &mut Random| match random.below(7) {
        0 => Bson::Int32(random.pick(&[0, 1, -7])),
        1 => Bson::Int64(random.pick(&[i64::MAX, i64::MIN, 5])),
        2 => Bson::Double(random.pick(&[
            0.1,
            1.0 / 3.0,
            5.0,
            -0.0,
            1e16,
            123_456_789.123_456_79,
            1e300,
            f64::NAN,
            f64::NEG_INFINITY,
        ])),
        _ => random.decimal(),
    };
    Case {
        document: doc! { "_id": id, "a": number(random) },
        filter: doc! { "_id": id },
        update: doc! { random.pick(&["$inc", "$mul"]): { "a": number(random) } },
        array_filters: Vec::new(),
    }
}

/// An update by operators and the filters that it refers to, now and then a malformed one; with the positional `$` or without.
pub(crate) fn update(random: &mut Random, positions: bool) -> (Document, Vec<Document>) {
    let filters = random.below(3);
    let array_filters = [doc! { "e": random.condition(1) }, doc! { "f.a": random.condition(0) }];
    let update = (0..random.pick(&[1, 1, 1, 2, 3])).map(|_| operator(random, filters, positions)).collect();
    let used = |name: &str| format!("{update:?}").contains(&format!("$[{name}]"));
    let array_filters =
        array_filters.iter().zip(["e", "f"]).filter(|(_, name)| used(name)).map(|(filter, _)| filter.clone()).collect();
    (update, array_filters)
}

fn path(random: &mut Random, filters: usize, positions: bool) -> String {
    let length = random.pick(&[1, 1, 1, 2, 2, 3]);
    let names = (0..length).map(|place| match random.below(12) {
        0 if place > 0 => "$[]",
        1 if place > 0 && filters > 0 => "$[e]",
        2 if place > 0 && filters > 1 => "$[f]",
        4 if place > 0 && positions => "$",
        3 => random.pick(&["2", "3", "00", "e", "B"]),
        _ => random.name(),
    });
    names.collect::<Vec<_>>().join(".")
}

fn operator(random: &mut Random, filters: usize, positions: bool) -> (String, Bson) {
    let name = random.pick(&[
        "$set",
        "$set",
        "$unset",
        "$inc",
        "$mul",
        "$min",
        "$max",
        "$rename",
        "$setOnInsert",
        "$push",
        "$push",
        "$addToSet",
        "$pull",
        "$pull",
        "$pullAll",
        "$pop",
        "$bit",
    ]);
    let fields: Document = (0..random.pick(&[1, 1, 2]))
        .map(|_| (path(random, filters, positions), operand(random, name, filters, positions)))
        .collect();
    (name.to_owned(), fields.into())
}

fn operand(random: &mut Random, name: &str, filters: usize, positions: bool) -> Bson {
    if random.one_in(25) {
        return random.value(1);
    }
    let list = |random: &mut Random| Bson::Array((0..random.below(4)).map(|_| random.value(1)).collect());
    let number = |random: &mut Random| loop {
        let value = random.scalar();
        if matches!(value, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) {
            break value;
        }
    };
    match name {
        "$inc" | "$mul" if random.one_in(4) => random.decimal(),
        "$inc" | "$mul" => number(random),
        "$rename" => path(random, filters, positions).into(),
        "$push" if random.one_in(2) => {
            let mut modifiers = doc! { "$each": list(random) };
            if random.one_in(3) {
                modifiers.insert("$slice", random.pick(&[-2, -1, 0, 1, 2, 5]));
            }
            if random.one_in(3) {
                modifiers.insert("$position", random.pick(&[-2, -1, 0, 1, 2, 5]));
            }
            if random.one_in(3) {
                let by = doc! { random.path(): random.pick(&[1, -1]) };
                modifiers.insert("$sort", random.pick(&[1.into(), (-1).into(), Bson::Document(by), 2.into()]));
            }
            modifiers.into()
        }
        "$addToSet" if random.one_in(2) => doc! { "$each": list(random) }.into(),
        "$pull" => match random.below(3) {
            0 => random.value(1),
            1 => random.condition(1),
            _ => random.filter_of_fields(1).into(),
        },
        "$pullAll" => list(random),
        "$pop" => random.pick(&[1, -1]).into(),
        "$bit" => {
            let operand = random.pick(&[Bson::Int32(5), Bson::Int64(3), Bson::Int32(-1)]);
            doc! { random.pick(&["and", "or", "xor"]): operand }.into()
        }
        _ => random.value(2),
    }
}

/// What becomes of a case here.
#[expect(clippy::unwrap_in_result, reason = "what is no refusal is a failed test")]
fn ours(case: &Case) -> Result<(Document, bool), Vec<UpdateError>> {
    let refused = |kind: UpdateErrorKind| vec![UpdateError::from(kind)];
    let update = Update::compile(&case.update, &case.array_filters)?;
    let filter = Filter::compile(&case.filter).map_err(|error| refused(error.into()))?;
    if !filter.matches(&case.document).unwrap() {
        return Ok((case.document.clone(), false));
    }
    let mut moment = Moment::at(DateTime::now());
    if update.needs_position() {
        moment.position = match filter.position(&case.document).unwrap() {
            Position::Element(index) => Some(index),
            Position::Nowhere => None,
            Position::Unclear => return Err(refused(UpdateErrorKind::PositionUnclear)),
        };
    }
    let applied = update.apply(case.document.clone(), &moment).map_err(|error| vec![error])?;
    Ok((applied.document, applied.modified))
}

async fn compare(world: &World, cases: &[Case], tried: &mut Tried) {
    let collection = world.database.collection::<Document>("updates");
    collection.drop().await.unwrap();
    collection.insert_many(cases.iter().map(|case| &case.document)).await.unwrap();
    let statements: Vec<Bson> = cases.iter().map(statement).collect();
    let command = doc! { "update": "updates", "updates": statements, "ordered": false };
    let answer = world.database.run_command(command).await.unwrap();
    let errors = answer.get_array("writeErrors").cloned().unwrap_or_default();
    let mut stored: BTreeMap<i32, Document> = BTreeMap::new();
    let mut cursor = collection.find(doc! {}).await.unwrap();
    while cursor.advance().await.unwrap() {
        let document = cursor.deserialize_current().unwrap();
        stored.insert(document.get_i32("_id").unwrap(), document);
    }
    let (mut modified, mut unsure) = (0, 0);
    for (number, case) in cases.iter().enumerate() {
        let theirs = &stored[&case.document.get_i32("_id").unwrap()];
        let refused = errors
            .iter()
            .map(|error| error.as_document().unwrap())
            .find(|error| error.get_i32("index").unwrap() == i32::try_from(number).unwrap());
        let shown = || {
            let filters = &case.array_filters;
            format!(
                "\n  document {}\n  filter {}\n  update {}\n  filters {filters:?}\n",
                case.document, case.filter, case.update
            )
        };
        tried.cases += 1;
        match (ours(case), refused) {
            (Err(errors), _) if errors.iter().any(UpdateError::is_unsupported) => {
                tried.unsupported += 1;
                unsure += 1;
            }
            (Err(_), Some(_)) => tried.refused += 1,
            (Err(errors), None) => {
                tried.differ(format!("refused here only: {errors:?}{}  theirs {theirs}", shown()));
                unsure += 1;
            }
            // The server simplifies a condition that is always true before it looks for the name in it.
            (Ok(_), Some(error)) if error.to_string().contains("without a top-level field name") => {
                tried.unsupported += 1;
            }
            (Ok((ours, _)), Some(error)) => {
                tried.differ(format!("refused there only: {error}{}  ours {ours}", shown()));
            }
            (Ok((ours, changed)), None) => {
                let same = identical(ValueRef::Document((&ours).into()), ValueRef::Document(theirs.into()));
                if same != Ok(true) {
                    tried.differ(format!("{}  ours {ours}\n  theirs {theirs}", shown()));
                }
                modified += i32::from(changed);
                tried.changed += usize::from(changed);
            }
        }
    }
    let counted = answer.get_i32("nModified").unwrap();
    if !(modified..=modified + unsure).contains(&counted) {
        for case in cases {
            count_one(world, case, tried).await;
        }
    }
}

fn statement(case: &Case) -> Bson {
    let filters: Vec<Bson> = case.array_filters.iter().cloned().map(Bson::Document).collect();
    Bson::Document(doc! { "q": &case.filter, "u": &case.update, "arrayFilters": filters })
}

/// Whether one case counts as a change here and there.
async fn count_one(world: &World, case: &Case, tried: &mut Tried) {
    let Ok((_, ours)) = ours(case) else { return };
    let collection = world.database.collection::<Document>("one");
    collection.drop().await.unwrap();
    collection.insert_one(&case.document).await.unwrap();
    let command = doc! { "update": "one", "updates": [statement(case)] };
    let theirs = world.database.run_command(command).await.unwrap().get_i32("nModified").unwrap();
    if theirs != i32::from(ours) {
        let Case { document, filter, update, array_filters } = case;
        tried.differ(format!("counts as {theirs} there, changed here: {ours}\n  document {document}\n  filter {filter}\n  update {update}\n  filters {array_filters:?}"));
    }
}
