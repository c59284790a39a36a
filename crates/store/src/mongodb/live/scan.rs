use ::mongodb::Client;
use bson::{Bson, Document, RawDocumentBuf};

use crate::mongodb::custom_data::collection;
use crate::mongodb::deadline::{READ_PATIENCE, patiently, within};
use crate::mongodb::failure::Failure;
use portcullis::auth::CustomDataSource;
use portcullis::path::FieldPath;
use portcullis::store::StoreError;
use portcullis::value::DocumentRef;

/// Reads the documents of a custom-data collection one after the other, of each no more than what is at some paths and the user's
/// id, and hands them to `take`. About how many there are is told first, by the server's own statistics.
///
/// # Errors
/// If the server cannot be asked, or `take` refuses a document.
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

/// A projection of paths; an empty one, which leaves everything, where one of them cannot be said.
fn projection(source: &CustomDataSource, paths: &[FieldPath]) -> Document {
    let mut names: Vec<String> = Vec::new();
    for path in paths.iter().chain([&source.user_id_field]) {
        // An index in a projection is a name of fields only.
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
        // Beside a path, the server refuses those below it.
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
    fn a_projection_names_each_path_once_and_none_below_another() {
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
