use bson::DateTime;
use redb::{ReadableTable, WriteTransaction};

use super::database::{Embedded, Failure, SESSIONS, SESSIONS_OF_USER, decode};
use crate::auth::BoxFuture;
use crate::store::{Session, Sessions, StoreError};

/// Forgets a session; whether there was one.
fn remove(transaction: &WriteTransaction, id: &str) -> Result<bool, Failure> {
    let mut sessions = transaction.open_table(SESSIONS)?;
    let Some(record) = sessions.remove(id)? else { return Ok(false) };
    // The way to a session that does not read back is left; it leads nowhere.
    if let Ok(session) = decode(record.value()).and_then(|record| Ok(Session::from_record(record)?)) {
        transaction.open_multimap_table(SESSIONS_OF_USER)?.remove(session.user_id.as_str(), id)?;
    }
    Ok(true)
}

impl Sessions for Embedded {
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.write("cannot start the session", |transaction| {
                let record = session.to_record().to_vec()?;
                transaction.open_table(SESSIONS)?.insert(session.id.as_str(), record.as_slice())?;
                let mut of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
                of_user.insert(session.user_id.as_str(), session.id.as_str())?;
                Ok(())
            })
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            self.read("cannot read the session", |transaction| match transaction.open_table(SESSIONS)?.get(id)? {
                None => Ok(None),
                Some(record) => Ok(Some(Session::from_record(decode(record.value())?)?)),
            })
        })
    }

    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.write("cannot end the session", |transaction| remove(transaction, id)) })
    }

    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot end the user's sessions", |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                let mut of_user = transaction.open_multimap_table(SESSIONS_OF_USER)?;
                let mut ended = 0;
                for id in of_user.remove_all(user_id)? {
                    ended += u64::from(sessions.remove(id?.value())?.is_some());
                }
                Ok(ended)
            })
        })
    }

    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.write("cannot forget expired sessions", |transaction| {
                let mut expired = Vec::new();
                for entry in transaction.open_table(SESSIONS)?.iter()? {
                    let (id, record) = entry?;
                    let session = Session::from_record(decode(record.value())?)?;
                    if session.expires_at.is_some_and(|time| time < expired_before) {
                        expired.push(id.value().to_owned());
                    }
                }
                let mut count = 0;
                for id in expired {
                    count += u64::from(remove(transaction, &id)?);
                }
                Ok(count)
            })
        })
    }
}
