use crate::record::Record;
use bson::DateTime;
use redb::{ReadableMultimapTable, ReadableTable, WriteTransaction};

use super::database::{Embedded, Failure, Key, SESSIONS, SESSIONS_OF_USER, decode};
use portcullis::BoxFuture;
use portcullis::store::{Session, Sessions, StoreError};

/// Removes a session; returns whether it existed.
fn remove(transaction: &WriteTransaction, key: Key<'_>) -> Result<bool, Failure> {
    let (application, id) = key;
    let mut sessions = transaction.open_table(SESSIONS)?;
    let Some(record) = sessions.remove(key)? else { return Ok(false) };
    // If the session cannot be read, its entry in the index by user is left behind; it refers to nothing.
    if let Ok(session) = decode(record.value()).and_then(|record| Ok(Session::from_record(record, application)?)) {
        let mut of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
        of_user.remove((application, session.user_id.as_str()), id)?;
    }
    Ok(true)
}

impl Sessions for Embedded {
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.write("cannot start the session", |transaction| {
                let record = session.to_record(&self.application).to_vec()?;
                transaction.open_table(SESSIONS)?.insert(self.key(&session.id), record.as_slice())?;
                let mut of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
                of_user.insert(self.key(&session.user_id), session.id.as_str())?;
                Ok(())
            })
            .await
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the session", |transaction| {
                match transaction.open_table(SESSIONS)?.get(self.key(id))? {
                    None => Ok(None),
                    Some(record) => Ok(Some(Session::from_record(decode(record.value())?, &self.application)?)),
                }
            })
        })
    }

    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(
            async move { self.write("cannot end the session", |transaction| remove(transaction, self.key(id))).await },
        )
    }

    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot end the user's sessions", |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                let mut of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
                let mut ended = 0;
                for id in of_user.remove_all(self.key(user_id))? {
                    ended += u64::from(sessions.remove(self.key(id?.value()))?.is_some());
                }
                Ok(ended)
            })
            .await
        })
    }

    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot end the sessions of the API key", |transaction| {
                let mut meant = Vec::new();
                let sessions = transaction.open_table(SESSIONS)?;
                let of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
                for id in of_user.get(self.key(user_id))? {
                    let id = id?.value().to_owned();
                    let Some(record) = sessions.get(self.key(&id))? else { continue };
                    let session = Session::from_record(decode(record.value())?, &self.application)?;
                    if session.key_id.as_deref() == Some(key_id) {
                        meant.push(id);
                    }
                }
                drop((sessions, of_user));
                let mut ended = 0;
                for id in meant {
                    ended += u64::from(remove(transaction, self.key(&id))?);
                }
                Ok(ended)
            })
            .await
        })
    }

    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot delete expired sessions", |transaction| {
                let mut expired = Vec::new();
                for entry in transaction.open_table(SESSIONS)?.range(self.key("")..)? {
                    let (key, record) = entry?;
                    let (application, id) = key.value();
                    if application != self.application {
                        break;
                    }
                    let session = Session::from_record(decode(record.value())?, application)?;
                    if session.expires_at.is_some_and(|time| time < expired_before) {
                        expired.push(id.to_owned());
                    }
                }
                let mut count = 0;
                for id in expired {
                    count += u64::from(remove(transaction, self.key(&id))?);
                }
                Ok(count)
            })
            .await
        })
    }
}
