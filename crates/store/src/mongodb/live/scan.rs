use ::mongodb::Client;
use bson::{Bson, Document, RawDocumentBuf};

use crate::mongodb::custom_data::collection;
use crate::mongodb::deadline::{READ_PATIENCE, patiently, within};
use crate::mongodb::failure::Failure;
use portcullis::auth::CustomDataSource;
use portcullis::path::FieldPath;
use portcullis::store::StoreError;
use portcullis::value::DocumentRef;

/// Reads the documents of a custom-data collection one by one, projected to some paths and the user's ID, and passes
/// them to `take`. Before that, `begin` gets the approximate number of documents, from the server's statistics.
///
/// # Errors
/// The outer error: the server cannot be reached. The inner one: `take` refused a document.
pub async fn scan_custom_data<E>(
    client: &Client,
    source: &CustomDataSource,
    paths: &[FieldPath],
    begin: &mut (dyn FnMut(u64) + Send),
    take: &mut (dyn FnMut(DocumentRef<'_>) -> Result<(), E> + Send),
) -> Result<Result<(), E>, StoreError> {
    let scanned = scan(client, source, paths, begin, take).await;
    scanned.map_err(|error| error.during("cannot read the custom data"))
}

async fn scan<E>(
    client: &Client,
    source: &CustomDataSource,
    paths: &[FieldPath],
    begin: &mut (dyn FnMut(u64) + Send),
    take: &mut (dyn FnMut(DocumentRef<'_>) -> Result<(), E> + Send),
) -> Result<Result<(), E>, Failure> {
    let collection = collection(client, source);
    begin(patiently(async { collection.estimated_document_count().await }).await?);
    let find = collection.find(Document::new()).projection(projection(source, paths));
    let mut cursor: ::mongodb::Cursor<RawDocumentBuf> = within(READ_PATIENCE, async { find.await }).await?;
    while within(READ_PATIENCE, cursor.advance()).await? {
        if let Err(refused) = take(DocumentRef::Raw(cursor.current())) {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(()))
}

/// A projection of these paths; empty, which returns whole documents, if one of them cannot be expressed.
fn projection(source: &CustomDataSource, paths: &[FieldPath]) -> Document {
    let mut names: Vec<String> = Vec::new();
    for path in paths.iter().chain([&source.user_id_field]) {
        // In a projection, a numeric segment is a field name and not an array index.
        let by_name = path.segments().iter().take_while(|segment| segment.index().is_none());
        let by_name: Vec<&str> = by_name.map(portcullis::path::Segment::name).collect();
        if by_name.is_empty() || by_name.iter().any(|name| name.starts_with('$')) {
            return Document::new();
        }
        names.push(by_name.join("."));
    }
    names.sort_by_key(String::len);
    let mut projection = Document::new();
    for name in names {
        // The server refuses a projection that contains both a path and one of its prefixes.
        let is_within = |above: &String| {
            name.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !projection.keys().any(is_within) {
            projection.insert(name, 1);
        }
    }
    if !projection.contains_key("_id") && !projection.keys().any(|name| name.starts_with("_id.")) {
        projection.insert("_id", Bson::Int32(0));
    }
    projection
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn a_projection_names_no_path_twice_and_none_below_another() {
        let source = |field: &str| CustomDataSource {
            service: None,
            database: "hr".to_owned(),
            collection: "users".to_owned(),
            user_id_field: FieldPath::parse(field).unwrap(),
        };
        let projected = |field: &str, paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|path| FieldPath::parse(path).unwrap()).collect();
            projection(&source(field), &paths)
        };
        assert_eq!(projected("user_id", &["team.id", "team"]), doc! { "team": 1, "user_id": 1, "_id": 0 });
        assert_eq!(projected("_id", &["teams.0.id"]), doc! { "_id": 1, "teams": 1 });
        assert_eq!(projected("user_id", &["$team"]), doc! {}, "no name in a projection");
    }
}
