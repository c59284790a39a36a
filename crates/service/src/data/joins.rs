//! `$lookup` and `$unionWith` for pipelines run as the system on a store whose pipelines read only one collection: the
//! joins are evaluated here, and the stages between them by the store.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::BoxFuture;
use portcullis::mongo_query::{Filter, check_variable_name};
use portcullis::store::documents::{Cursor, DocumentStore, DocumentsError, MAX_FOUND_BYTES, Namespace};
use portcullis::value::DocumentRef;

use super::bindings::Bindings;

/// The most pairs of documents that one `$lookup` may compare.
const MAX_PAIRS: usize = 5_000_000;

/// The greatest nesting depth of pipelines within joins.
const MAX_DEPTH: usize = 10;

/// Whether a pipeline contains a join.
pub(super) fn joins(stages: &[Bson]) -> bool {
    stages.iter().filter_map(Bson::as_document).any(|stage| stage.keys().any(|name| is_join(name)))
}

fn is_join(name: &str) -> bool {
    matches!(name, "$lookup" | "$unionWith")
}

/// The result of a pipeline with joins on a collection.
pub(super) fn joined<'a>(
    store: &'a dyn DocumentStore,
    namespace: &'a Namespace,
    stages: &'a [Bson],
) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
    within(store, namespace, None, stages, Bindings::default(), MAX_DEPTH)
}

/// The result of stages on the documents in `found`, or on the whole collection if that is `None`.
fn within<'a>(
    store: &'a dyn DocumentStore,
    namespace: &'a Namespace,
    mut found: Option<Vec<RawDocumentBuf>>,
    stages: &'a [Bson],
    bindings: Bindings,
    depth: usize,
) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
    Box::pin(async move {
        let depth = depth.checked_sub(1).ok_or_else(|| refused("the pipelines are nested too deeply"))?;
        let mut plain: Vec<Document> = Vec::new();
        for stage in stages {
            let stage = stage.as_document().ok_or_else(|| refused("a stage is an object"))?;
            let join = stage.iter().next().filter(|(name, _)| is_join(name) && stage.len() == 1);
            let Some((name, operand)) = join else {
                plain.push(bindings.stage(stage));
                continue;
            };
            let documents = made(store, namespace, found.take(), &std::mem::take(&mut plain)).await?;
            found = Some(match name.as_str() {
                "$lookup" => lookup(store, namespace, documents, operand, &bindings, depth).await?,
                _ => union(store, namespace, documents, operand, &bindings, depth).await?,
            });
        }
        made(store, namespace, found, &plain).await
    })
}

/// The result of stages without joins on the documents in `found`, or on the whole collection if that is `None`.
async fn made(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    found: Option<Vec<RawDocumentBuf>>,
    stages: &[Document],
) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    match found {
        None => all(store.aggregate(namespace, stages).await?).await,
        Some(found) if stages.is_empty() || found.is_empty() => Ok(found),
        Some(found) => all(store.aggregate_documents(namespace.database(), found, stages).await?).await,
    }
}

pub(super) async fn all(mut cursor: Box<dyn Cursor + '_>) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let batch = cursor.batch().await?;
        if batch.is_empty() {
            return Ok(found);
        }
        bytes = batch.iter().fold(bytes, |bytes, one| bytes.saturating_add(one.as_bytes().len()));
        if bytes > MAX_FOUND_BYTES {
            return Err(DocumentsError::TooLarge);
        }
        found.extend(batch);
    }
}

async fn union(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    mut documents: Vec<RawDocumentBuf>,
    operand: &Bson,
    bindings: &Bindings,
    depth: usize,
) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    let (collection, pipeline) = match operand {
        Bson::String(collection) => (collection.as_str(), &[][..]),
        Bson::Document(operand) => {
            only(operand, &["coll", "pipeline"], "$unionWith")?;
            (text(operand, "coll", "$unionWith")?, pipeline(operand))
        }
        _ => return Err(refused("`$unionWith` takes the name of a collection, or an object")),
    };
    documents.extend(within(store, &beside(namespace, collection)?, None, pipeline, bindings.clone(), depth).await?);
    Ok(documents)
}

async fn lookup(
    store: &dyn DocumentStore,
    namespace: &Namespace,
    documents: Vec<RawDocumentBuf>,
    operand: &Bson,
    bindings: &Bindings,
    depth: usize,
) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    let operand = operand.as_document().ok_or_else(|| refused("`$lookup` takes an object"))?;
    only(operand, &["as", "foreignField", "from", "let", "localField", "pipeline"], "$lookup")?;
    let name = text(operand, "as", "$lookup")?;
    if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
        return Err(unsupported("an `as` of `$lookup` that is not a plain name"));
    }
    let other = beside(namespace, text(operand, "from", "$lookup")?)?;
    let fields = match (operand.get_str("localField"), operand.get_str("foreignField")) {
        (Ok(local), Ok(foreign)) => Some((local, foreign)),
        (Err(_), Err(_)) => None,
        _ => return Err(refused("`$lookup` takes both `localField` and `foreignField`, or neither")),
    };
    let stages = pipeline(operand);
    let vars = match operand.get("let") {
        None => None,
        Some(Bson::Document(vars)) if vars.is_empty() => None,
        Some(Bson::Document(vars)) => Some(vars),
        Some(_) => return Err(refused("`let` of `$lookup` takes an object")),
    };
    for name in vars.into_iter().flat_map(Document::keys) {
        check_variable_name(name)?;
    }
    if fields.is_none() && vars.is_none() {
        let others: Vec<Bson> = values(&within(store, &other, None, stages, bindings.clone(), depth).await?)?;
        return documents.iter().map(|document| with(document, name, others.clone())).collect();
    }
    let others = all(store.aggregate(&other, &[]).await?).await?;
    if documents.len().saturating_mul(others.len()) > MAX_PAIRS {
        return Err(refused("`$lookup` would compare too many documents: narrow the pipeline before it"));
    }
    let bound = match vars {
        Some(vars) => bindings.of_each(store, namespace, &documents, vars).await?,
        None => vec![bindings.clone(); documents.len()],
    };
    let mut looked_up = Vec::with_capacity(documents.len());
    for (number, (document, bindings)) in documents.iter().zip(bound).enumerate() {
        // Each iteration scans all documents of the other collection.
        if number % 16 == 0 {
            tokio::task::yield_now().await;
        }
        let matching = match fields {
            Some((local, foreign)) => Some(equal(document, local, &others, foreign)?),
            // With `None` the pipeline reads the collection from the store, which can look documents up by `_id`.
            None => None,
        };
        let matching = within(store, &other, matching, stages, bindings, depth).await?;
        looked_up.push(with(document, name, values(&matching)?)?);
    }
    Ok(looked_up)
}

/// The documents of `others` whose value at the path `foreign` equals that of `document` at the path `local`.
fn equal(
    document: &RawDocumentBuf,
    local: &str,
    others: &[RawDocumentBuf],
    foreign: &str,
) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
    let mut wanted = Vec::new();
    reach(&Bson::Document(DocumentRef::Raw(document).to_document()?), local, &mut wanted);
    if wanted.is_empty() {
        wanted.push(Bson::Null);
    }
    // Not `$in`, which would treat a regular expression as a pattern.
    let equal: Vec<Document> = wanted.into_iter().map(|value| doc! { foreign: { "$eq": value } }).collect();
    let filter = Filter::compile(&doc! { "$or": equal })?;
    let mut matching = Vec::new();
    for other in others {
        if filter.matches(other)? {
            matching.push(other.clone());
        }
    }
    Ok(matching)
}

/// Collects the values at the end of a path; of an array, its elements.
fn reach(value: &Bson, path: &str, found: &mut Vec<Bson>) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match value {
        Bson::Document(document) => match (document.get(name), rest) {
            (Some(inner), Some(rest)) => reach(inner, rest, found),
            (Some(Bson::Array(elements)), None) => found.extend(elements.iter().cloned()),
            (Some(value), None) => found.push(value.clone()),
            (None, _) => {}
        },
        Bson::Array(elements) => elements.iter().for_each(|element| reach(element, path, found)),
        _ => {}
    }
}

fn values(documents: &[RawDocumentBuf]) -> Result<Vec<Bson>, DocumentsError> {
    documents.iter().map(|raw| Ok(Bson::Document(DocumentRef::Raw(raw).to_document()?))).collect()
}

fn with(document: &RawDocumentBuf, name: &str, found: Vec<Bson>) -> Result<RawDocumentBuf, DocumentsError> {
    let mut document = DocumentRef::Raw(document).to_document()?;
    document.insert(name, found);
    RawDocumentBuf::try_from(&document).map_err(|error| refused(error.to_string()))
}

/// The namespace of a collection in the same database.
fn beside(namespace: &Namespace, collection: &str) -> Result<Namespace, DocumentsError> {
    Namespace::parse(&format!("{}.{collection}", namespace.database()))
        .ok_or_else(|| refused("a collection has a name"))
}

fn pipeline(operand: &Document) -> &[Bson] {
    operand.get_array("pipeline").map_or(&[], Vec::as_slice)
}

fn text<'d>(operand: &'d Document, name: &str, stage: &str) -> Result<&'d str, DocumentsError> {
    operand.get_str(name).map_err(|_| refused(format!("`{stage}` needs `{name}`, the name of a collection or a field")))
}

/// Rejects options that the stage has in MongoDB but that are not supported here.
fn only(operand: &Document, known: &[&str], stage: &str) -> Result<(), DocumentsError> {
    match operand.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unsupported(&format!("`{name}` of `{stage}`"))),
        None => Ok(()),
    }
}

fn unsupported(what: &str) -> DocumentsError {
    DocumentsError::Unsupported { what: what.to_owned(), store: "the embedded store", help: None }
}

fn refused(message: impl Into<String>) -> DocumentsError {
    DocumentsError::Refused { code: None, message: message.into() }
}
