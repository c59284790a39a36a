use std::sync::Arc;

use bson::{Bson, Document};

use super::changing::Changing;
use super::simulated_change::SimulatedChange;
use crate::access::NamedPath;
use crate::expr::PatternAllowance;
use crate::guarded::error::GuardedError;
use crate::guarded::options::checked_by;
use crate::guarded::{FindRequest, Pipeline};
use crate::json::{self, Node};
use crate::store::documents::Change;
use crate::update::{Operator, Update};

/// The maximum number of writes per request, each of which needs a plan of its own. A single write may affect more
/// documents than this.
pub const MAX_WRITES: usize = 1000;

/// A client's write that has been checked.
#[derive(Clone, Debug)]
pub struct Write {
    pub(super) action: Action,
    /// Whether the client wants a document back, and whether as it was before or after the write.
    pub(super) returns: Option<Moment>,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Insert(Vec<Document>),
    Change(Selection, Box<Changing>),
    Delete(Selection),
}

/// The documents that a write applies to, out of those that the user may read.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) request: FindRequest,
    /// The filter as the client sent it.
    pub(super) filter: Document,
    pub(super) extent: Extent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    First,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

const ONE: &[&str] = &["filter"];
const UPDATE: &[&str] = &["filter", "update", "upsert", "arrayFilters"];
const REPLACE: &[&str] = &["filter", "replacement", "upsert"];
const FIND_UPDATE: &[&str] =
    &["filter", "update", "upsert", "arrayFilters", "sort", "projection", "returnDocument", "returnNewDocument"];
const FIND_REPLACE: &[&str] =
    &["filter", "replacement", "upsert", "sort", "projection", "returnDocument", "returnNewDocument"];
const FIND_DELETE: &[&str] = &["filter", "sort", "projection"];

const NAMES: &str = "the writes are `insertOne`, `insertMany`, `updateOne`, `updateMany`, `replaceOne`, `deleteOne`, \
                     `deleteMany`, `findOneAndUpdate`, `findOneAndReplace` and `findOneAndDelete`";

/// Parses the writes of a request: an array in the format of MongoDB's `bulkWrite`, or one of its elements.
///
/// # Errors
/// Same as [`Write::parse`].
pub fn parse_writes(node: &Node) -> Result<Vec<Write>, GuardedError> {
    let Some(nodes) = node.as_array() else { return Ok(vec![Write::parse(node)?]) };
    if nodes.is_empty() || nodes.len() > MAX_WRITES {
        return Err(GuardedError::Malformed("a request must have 1 to 1000 writes"));
    }
    let patterns = PatternAllowance::default();
    nodes.iter().map(|node| Write::parse_within(node, &patterns)).collect()
}

impl Write {
    /// Parses one write: `{"updateOne": {"filter": {…}, "update": {…}}}`.
    ///
    /// # Errors
    /// If a part is malformed, or an option or operator is not allowed.
    ///
    /// ```
    /// use portcullis::{guarded::Write, json};
    /// let parse = |text| Write::parse(&json::parse(text).unwrap());
    /// assert!(parse(r#"{"updateMany": {"filter": {"team": "a"}, "update": {"$inc": {"score": 1}}}}"#).is_ok());
    ///
    /// let error = parse(r#"{"deleteOne": {"filter": {}, "hint": "salary_1"}}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "`hint` is not supported in the options: the database chooses the index itself");
    /// let error = parse(r#"{"updateOne": {"filter": {}, "update": {"$where": {}}}}"#).unwrap_err();
    /// assert!(error.to_string().contains("`$where`"));
    /// ```
    pub fn parse(node: &Node) -> Result<Self, GuardedError> {
        Self::parse_within(node, &PatternAllowance::default())
    }

    /// Like [`parse`](Self::parse), with a pattern allowance that is shared with the other writes of the request.
    fn parse_within(node: &Node, patterns: &PatternAllowance) -> Result<Self, GuardedError> {
        let malformed = GuardedError::Malformed("a write is an object with one member, such as `updateOne`");
        let Some([member]) = node.as_object() else { return Err(malformed) };
        let options = &member.value;
        let plain = |action| Self { action, returns: None };
        let returning = |action| Ok::<_, GuardedError>(Self { action, returns: Some(moment(options)?) });
        match member.key.as_str() {
            "insertOne" => {
                checked_by(options, &["document"])?;
                Ok(plain(Action::Insert(vec![document(options, "document")?])))
            }
            "insertMany" => {
                checked_by(options, &["documents"])?;
                let nodes = options.get("documents").and_then(Node::as_array);
                let nodes = nodes.ok_or(GuardedError::Malformed("`documents` is an array of documents"))?;
                Ok(plain(Action::Insert(nodes.iter().map(to_document).collect::<Result<_, _>>()?)))
            }
            "updateOne" => Ok(plain(change(options, UPDATE, Extent::First, patterns)?)),
            "updateMany" => Ok(plain(change(options, UPDATE, Extent::All, patterns)?)),
            "replaceOne" => Ok(plain(change(options, REPLACE, Extent::First, patterns)?)),
            "deleteOne" => Ok(plain(Action::Delete(selection(options, ONE, Extent::First, patterns)?))),
            "deleteMany" => Ok(plain(Action::Delete(selection(options, ONE, Extent::All, patterns)?))),
            "findOneAndUpdate" => returning(change(options, FIND_UPDATE, Extent::First, patterns)?),
            "findOneAndReplace" => returning(change(options, FIND_REPLACE, Extent::First, patterns)?),
            "findOneAndDelete" => returning(Action::Delete(selection(options, FIND_DELETE, Extent::First, patterns)?)),
            name => {
                let what = name.to_owned();
                Err(GuardedError::Unsupported { what, place: Some("a request to write"), reason: NAMES })
            }
        }
    }
}

fn selection(
    options: &Node,
    known: &[&str],
    extent: Extent,
    patterns: &PatternAllowance,
) -> Result<Selection, GuardedError> {
    checked_by(options, known)?;
    let filter = document(options, "filter")?;
    let request = FindRequest::within(options.get("filter"), options.get("projection"), options.get("sort"), patterns)?;
    Ok(Selection { request, filter, extent })
}

fn change(options: &Node, known: &[&str], extent: Extent, patterns: &PatternAllowance) -> Result<Action, GuardedError> {
    let selection = selection(options, known, extent, patterns)?;
    let upsert = flag(options, "upsert")?.unwrap_or(false);
    let changing = if known.contains(&"replacement") {
        let replacement = document(options, "replacement")?;
        if replacement.keys().any(|key| key.starts_with('$')) {
            return Err(GuardedError::Malformed("a replacement has no operators"));
        }
        let foresight = Some(SimulatedChange::Replacement(replacement.clone()));
        let change = Change::Replacement(replacement);
        Changing { change, foresight, paths: Vec::new(), needs_position: false, upsert }
    } else {
        update(options, upsert, patterns)?
    };
    Ok(Action::Change(selection, Box::new(changing)))
}

fn update(options: &Node, upsert: bool, patterns: &PatternAllowance) -> Result<Changing, GuardedError> {
    let node = options.get("update").ok_or(GuardedError::Malformed("`update` is required: the update to apply"))?;
    let filters = options.get("arrayFilters");
    if node.as_array().is_some() {
        if filters.is_some() {
            return Err(GuardedError::Malformed("a pipeline as an update has no `arrayFilters`"));
        }
        let stages = Pipeline::parse(node)?.stages;
        if let Some(name) = stages.iter().flat_map(Document::keys).find(|name| !UPDATE_STAGES.contains(&name.as_str()))
        {
            let reason =
                "an update changes each document by itself, with `$set`, `$unset`, `$project` or `$replaceWith`";
            let what = name.clone();
            return Err(GuardedError::Unsupported { what, place: Some("a pipeline as an update"), reason });
        }
        let change = Change::Pipeline(stages);
        return Ok(Changing { change, foresight: None, paths: Vec::new(), needs_position: false, upsert });
    }
    let update = to_document(node)?;
    let array_filters = match filters {
        None => Vec::new(),
        Some(filters) => {
            let filters = filters.as_array().ok_or(GuardedError::Malformed("`arrayFilters` is an array of filters"))?;
            filters.iter().map(to_document).collect::<Result<_, _>>()?
        }
    };
    operators(update, array_filters, upsert, patterns)
}

/// Parses a change that consists of update operators.
pub(super) fn operators(
    update: Document,
    array_filters: Vec<Document>,
    upsert: bool,
    patterns: &PatternAllowance,
) -> Result<Changing, GuardedError> {
    let compiled = Update::compile_within(&update, &array_filters, patterns).map_err(GuardedError::Update)?;
    // `$setOnInsert` depends on an existing document if one of its paths selects array elements: it fails if there is
    // no array, or if two filters select the same element.
    let named = compiled.named().iter();
    let named = named.filter(|named| named.operator != Operator::SetOnInsert || named.path.contains(".$"));
    let paths = named.flat_map(|named| {
        let looks = |path| NamedPath { path, looks: true };
        let path = NamedPath { path: named.path.clone(), looks: looks_at_value(named.operator) };
        [path].into_iter().chain(filtered(&named.path).map(looks))
    });
    let (paths, needs_position) = (paths.collect(), compiled.needs_position());
    let foresight = Some(SimulatedChange::Operators(Arc::new(compiled)));
    Ok(Changing { change: Change::Operators { update, array_filters }, foresight, paths, needs_position, upsert })
}

/// Whether the effect of an operator depends on the stored value.
const fn looks_at_value(operator: Operator) -> bool {
    !matches!(operator, Operator::Set | Operator::SetOnInsert | Operator::Unset | Operator::CurrentDate)
}

const UPDATE_STAGES: [&str; 6] = ["$addFields", "$project", "$replaceRoot", "$replaceWith", "$set", "$unset"];

/// The arrays on a path whose elements are selected by a filter. The change depends on their entire content.
fn filtered(path: &str) -> impl Iterator<Item = String> + '_ {
    let chosen =
        path.match_indices(".$").filter(|(at, _)| !path.get(*at..).is_some_and(|rest| rest.starts_with(".$[]")));
    chosen.filter_map(|(at, _)| path.get(..at).map(str::to_owned))
}

fn moment(options: &Node) -> Result<Moment, GuardedError> {
    let text = options.get("returnDocument").map(|node| node.as_str().unwrap_or_default());
    match (text, flag(options, "returnNewDocument")?) {
        (None | Some("before"), None | Some(false)) => Ok(Moment::Before),
        (Some("after"), None | Some(true)) | (None, Some(true)) => Ok(Moment::After),
        _ => Err(GuardedError::Malformed("`returnDocument` is `before` or `after`")),
    }
}

fn flag(options: &Node, name: &str) -> Result<Option<bool>, GuardedError> {
    options
        .get(name)
        .map(|node| node.as_bool().ok_or(GuardedError::Malformed("`upsert` and `returnNewDocument` are true or false")))
        .transpose()
}

fn document(options: &Node, name: &'static str) -> Result<Document, GuardedError> {
    let missing = || {
        GuardedError::Malformed(match name {
            "filter" => "a write needs its `filter`: `{}` for all documents",
            "replacement" => "a replacement needs its `replacement`",
            _ => "an insert needs its `document`",
        })
    };
    to_document(options.get(name).ok_or_else(missing)?)
}

fn to_document(node: &Node) -> Result<Document, GuardedError> {
    match json::to_bson(node) {
        Ok(Bson::Document(document)) => Ok(document),
        Ok(_) => Err(GuardedError::Malformed("a document, a filter or an update is an object")),
        Err(_) => Err(GuardedError::Malformed("a malformed extended JSON value")),
    }
}
