use bson::{Bson, Document, RawDocumentBuf};

use super::failure::{refused, unsupported};
use super::id_key::ids;
use portcullis::aggregation::{Each, Grouping};
use portcullis::expr::PatternAllowance;
use portcullis::mongo_query::{Filter, Sort, compile_projection};
use portcullis::projection::Projection;
use portcullis::store::documents::{DocumentsError, Find};
use portcullis::value::{Number, ValueRef};

/// One stage between the documents of a collection and the result.
pub(super) enum Stage {
    Match(Box<Filter>),
    /// Sorts; with a number, only the first so many documents are needed.
    Sort(Sort, Option<u64>),
    Skip(u64),
    Limit(u64),
    Project(Projection),
    /// Counts the documents, into a field of this name.
    Count(String),
    /// Makes zero or more documents of each one.
    Each(Each),
    /// Makes one document of each group.
    Group(Grouping),
}

/// A compiled query.
pub(super) struct Search {
    pub(super) stages: Vec<Stage>,
    /// If the first filter restricts `_id` to certain values, those values.
    pub(super) ids: Option<Vec<Bson>>,
}

impl Search {
    pub(super) fn of_find(find: &Find) -> Result<Self, DocumentsError> {
        let mut stages = vec![Stage::Match(Box::new(Filter::compile(&find.filter)?))];
        let sort = Sort::compile(&find.sort)?;
        if !sort.is_empty() {
            stages.push(Stage::Sort(sort, find.limit.map(|limit| limit.saturating_add(find.skip))));
        }
        stages.extend((find.skip > 0).then_some(Stage::Skip(find.skip)));
        stages.extend(find.limit.map(Stage::Limit));
        let projection = compile_projection(&find.projection)?;
        stages.extend((!find.projection.is_empty()).then_some(Stage::Project(projection)));
        Ok(Self { stages, ids: ids(&find.filter) })
    }

    pub(super) fn of_pipeline(pipeline: &[Document]) -> Result<Self, DocumentsError> {
        let ids = match pipeline.first().map(|stage| stage.get("$match")) {
            Some(Some(Bson::Document(filter))) => ids(filter),
            _ => None,
        };
        let patterns = PatternAllowance::default();
        let stages = pipeline.iter().map(|one| stage(one, &patterns)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { stages: stages.into_iter().flatten().collect(), ids })
    }
}

const HELP: &str = "it has `$match`, `$project`, `$set`, `$addFields`, `$unset`, `$group`, `$bucket`, `$sort`, `$sortByCount`, \
                    `$count`, `$limit`, `$skip`, `$unwind`, `$replaceRoot` and `$replaceWith`";

/// Compiles a stage; `$sortByCount` becomes two.
fn stage(stage: &Document, patterns: &PatternAllowance) -> Result<Vec<Stage>, DocumentsError> {
    if let Some((name, operand)) = stage.iter().next().filter(|(name, _)| *name == "$sortByCount" && stage.len() == 1) {
        debug_assert_eq!(name, "$sortByCount");
        let order = Sort::compile(&bson::doc! { "count": -1 })?;
        return Ok(vec![Stage::Group(Grouping::counting(operand)?), Stage::Sort(order, None)]);
    }
    single(stage, patterns).map(|stage| vec![stage])
}

fn single(stage: &Document, patterns: &PatternAllowance) -> Result<Stage, DocumentsError> {
    let mut fields = stage.iter();
    let (Some((name, operand)), None) = (fields.next(), fields.next()) else {
        return Err(refused(40323, "a stage of a pipeline has exactly one field"));
    };
    let document = || match operand {
        Bson::Document(document) => Ok(document),
        _ => Err(refused(15959, format!("`{name}` takes a document"))),
    };
    match name.as_str() {
        "$match" => Ok(Stage::Match(Box::new(Filter::compile_within(document()?, patterns)?))),
        "$sort" => {
            let sort = Sort::stage(document()?)?;
            if sort.is_empty() {
                return Err(refused(15976, "`$sort` orders by at least one field"));
            }
            Ok(Stage::Sort(sort, None))
        }
        "$skip" => Ok(Stage::Skip(
            count(operand).ok_or_else(|| refused(5107200, "`$skip` takes a number that is not negative"))?,
        )),
        "$limit" => {
            let limit = count(operand).ok_or_else(|| refused(5107201, "`$limit` takes a number above 0"))?;
            if limit == 0 {
                return Err(refused(15958, "`$limit` takes a number above 0"));
            }
            Ok(Stage::Limit(limit))
        }
        "$count" => match operand {
            Bson::String(name) if !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0']) => {
                Ok(Stage::Count(name.clone()))
            }
            _ => Err(refused(40156, "`$count` takes the name of a field")),
        },
        "$project" => {
            let projection = document()?;
            if projection.is_empty() {
                return Err(refused(51272, "`$project` names at least one field"));
            }
            match Each::project(projection)? {
                Some(each) => Ok(Stage::Each(each)),
                None => Ok(Stage::Project(compile_projection(projection)?)),
            }
        }
        "$unset" => unset(operand),
        "$addFields" | "$set" => Ok(Stage::Each(Each::add_fields(document()?)?)),
        "$replaceWith" => Ok(Stage::Each(Each::replace(operand)?)),
        "$replaceRoot" => match document()?.get("newRoot") {
            Some(root) => Ok(Stage::Each(Each::replace(root)?)),
            None => Err(refused(40231, "`$replaceRoot` needs `newRoot`")),
        },
        "$unwind" => Ok(Stage::Each(Each::unwind(operand)?)),
        "$group" => Ok(Stage::Group(Grouping::parse(document()?)?)),
        "$bucket" => Ok(Stage::Group(Grouping::bucket(document()?)?)),
        name => Err(unsupported(format!("the stage `{name}`"), Some(HELP))),
    }
}

fn unset(operand: &Bson) -> Result<Stage, DocumentsError> {
    let names = match operand {
        Bson::Array(names) if !names.is_empty() => names.as_slice(),
        Bson::String(_) => std::slice::from_ref(operand),
        _ => &[],
    };
    let names: Option<Document> = names.iter().map(|name| Some((name.as_str()?.to_owned(), Bson::Int32(0)))).collect();
    match names {
        Some(names) if !names.is_empty() => Ok(Stage::Project(compile_projection(&names)?)),
        _ => Err(refused(31002, "`$unset` takes the name of a field, or several")),
    }
}

fn count(value: &Bson) -> Option<u64> {
    ValueRef::from(value).number().and_then(Number::integer).and_then(|number| u64::try_from(number).ok())
}

/// The result of `$count`, with the number type that MongoDB uses.
pub(super) fn counted(name: &str, count: u64) -> Result<RawDocumentBuf, DocumentsError> {
    let count = match i32::try_from(count) {
        Ok(count) => Bson::Int32(count),
        Err(_) => Bson::Int64(i64::try_from(count).unwrap_or(i64::MAX)),
    };
    let document = bson::doc! { name: count };
    RawDocumentBuf::try_from(&document)
        .map_err(|error| DocumentsError::Refused { code: None, message: error.to_string() })
}
