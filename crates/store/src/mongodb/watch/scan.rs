use std::time::Duration;

use ::mongodb::Collection;
use bson::{Bson, RawDocumentBuf, doc};

use super::owners::{Key, Owner, Owners};
use crate::mongodb::custom_data::simple_collation;
use crate::mongodb::deadline::patiently;
use crate::mongodb::failure::Failure;
use crate::mongodb::naming::{user_named_by, without_arrays};
use portcullis::auth::CustomDataSource;
use portcullis::value::{DocumentRef, Malformed};

/// The server's time limit for the scan.
const SERVER_TIME: Duration = Duration::from_secs(120);

/// Reads which user each document names. Documents written during the scan may be seen in their old or their new
/// state.
pub(super) async fn scan(
    collection: &Collection<RawDocumentBuf>,
    source: &CustomDataSource,
) -> Result<Owners, Failure> {
    let field = source.user_id_field.to_string();
    let mut conditions = vec![Bson::from(doc! { &field: { "$type": ["string", "objectId"] } })];
    conditions.extend(without_arrays(&source.user_id_field));
    let mut projection = doc! { "_id": 1 };
    if source.user_id_field.first() != Some("_id") {
        projection.insert(field, 1);
    }
    // The committed majority may lag behind the stream, which is already open. In a causally consistent session, the
    // server waits until it has caught up.
    let client = collection.client();
    let mut session = patiently(async { client.start_session().causal_consistency(true).await }).await?;
    let database = client.database(&source.database);
    patiently(async { database.run_command(doc! { "ping": 1 }).session(&mut session).await }).await?;
    let find = collection
        .find(doc! { "$and": conditions })
        .projection(projection)
        .collation(simple_collation())
        .max_time(SERVER_TIME);
    let mut cursor = patiently(async { find.session(&mut session).await }).await?;
    let mut owners = Owners::default();
    while patiently(cursor.advance(&mut session)).await? {
        let document = cursor.current();
        let user = user_named_by(DocumentRef::Raw(document), &source.user_id_field)?;
        let id = document.get("_id").map_err(Malformed::from)?;
        let id = id.ok_or_else(|| Failure::new("a document has no `_id`"))?;
        owners.set(Key::new(id), Owner::told(user))?;
    }
    Ok(owners)
}
