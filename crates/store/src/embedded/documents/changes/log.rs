use std::time::Duration;

use bson::DateTime;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::record::{Change, Record};
use crate::embedded::database::Failure;
use crate::embedded::documents::failure::broken;
use portcullis::store::documents::DocumentsError;

/// By number, from 1 on and without gaps, what changed, as BSON. Numbers are never used again: a record is removed only when
/// there are newer ones.
pub(in crate::embedded) const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("document_changes");

const WRITE: &str = "cannot write the log of changes";

/// How many records a commit removes at most because of their age.
const AGED_AT_ONCE: usize = 1000;

/// How much of the log of changes is kept. Whoever was not told of a change before it is removed has to begin anew.
///
/// The log is shortened by the commits that lengthen it, and never by what they wrote themselves: it can be longer by one
/// transaction, and without any write nothing is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLogLimits {
    /// How many bytes the records may have; by default 64 MiB. A record has the document before and after the change.
    pub bytes: u64,
    /// How old a record may be; by default a day.
    pub age: Duration,
}

impl Default for ChangeLogLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, age: Duration::from_secs(24 * 60 * 60) }
    }
}

/// How many bytes of documents wait until they are written to the log together.
const WAITING_BYTES: usize = 1 << 20;

/// What a transaction adds to the log.
#[derive(Debug, Default)]
pub(in crate::embedded::documents) struct Logged {
    /// What is not written yet.
    waiting: Vec<Change>,
    waiting_bytes: usize,
    written: Option<Appended>,
}

/// The records that a transaction has written.
#[derive(Clone, Copy, Debug)]
struct Appended {
    /// The number of the first record.
    first: u64,
    /// How many bytes the log has had, with the last one.
    end: i64,
}

impl Logged {
    /// Adds a change behind those that were added before.
    pub(in crate::embedded::documents) fn add(
        &mut self,
        transaction: &WriteTransaction,
        change: Change,
    ) -> Result<(), DocumentsError> {
        self.waiting_bytes = self.waiting_bytes.saturating_add(change.size());
        self.waiting.push(change);
        if self.waiting_bytes >= WAITING_BYTES { self.write(&mut Log::open(transaction)?) } else { Ok(()) }
    }

    /// Writes what is left, and removes what the log has too much; whether there was a change.
    pub(in crate::embedded::documents) fn finish(
        mut self,
        transaction: &WriteTransaction,
        limits: ChangeLogLimits,
        now: DateTime,
    ) -> Result<bool, DocumentsError> {
        if self.waiting.is_empty() && self.written.is_none() {
            return Ok(false);
        }
        let mut log = Log::open(transaction)?;
        self.write(&mut log)?;
        if let Some(written) = self.written {
            log.shorten(written, limits, now)?;
        }
        Ok(true)
    }

    fn write(&mut self, log: &mut Log<'_>) -> Result<(), DocumentsError> {
        let (mut number, mut end) = log.last()?;
        for change in self.waiting.drain(..) {
            number = number.checked_add(1).ok_or_else(|| broken(WRITE)("the log has no number left".into()))?;
            let record;
            (record, end) = change.record(end);
            log.0.insert(number, record.as_bytes()).map_err(|error| broken(WRITE)(error.into()))?;
            self.written.get_or_insert(Appended { first: number, end }).end = end;
        }
        self.waiting_bytes = 0;
        Ok(())
    }
}

/// The log while it is written.
struct Log<'t>(Table<'t, u64, &'static [u8]>);

impl<'t> Log<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, DocumentsError> {
        let open = || -> Result<_, Failure> { Ok(Self(transaction.open_table(CHANGES)?)) };
        open().map_err(broken(WRITE))
    }

    /// Removes what is too much or too old, but nothing of what the transaction has added.
    fn shorten(&mut self, appended: Appended, limits: ChangeLogLimits, now: DateTime) -> Result<(), DocumentsError> {
        let age = i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX);
        let (oldest, bytes) =
            (now.timestamp_millis().saturating_sub(age), i64::try_from(limits.bytes).unwrap_or(i64::MAX));
        let mut aged = 0;
        while let Some((number, end, time)) = self.first()? {
            // Without it there would still be too much, or just enough.
            let is_too_much = appended.end.saturating_sub(end) >= bytes;
            if !is_too_much {
                aged += 1;
                if aged > AGED_AT_ONCE || time.timestamp_millis() >= oldest {
                    break;
                }
            }
            if number >= appended.first {
                break;
            }
            self.0.pop_first().map_err(|error| broken(WRITE)(error.into()))?;
        }
        Ok(())
    }

    /// The number of the last record, and how many bytes the log has had with it.
    fn last(&self) -> Result<(u64, i64), DocumentsError> {
        match self.0.last().map_err(|error| broken(WRITE)(error.into()))? {
            Some((number, record)) => Ok((number.value(), Record::read(record.value())?.end()?)),
            None => Ok((0, 0)),
        }
    }

    /// The number of the first record, how many bytes the log had had with it, and its time.
    fn first(&self) -> Result<Option<(u64, i64, DateTime)>, DocumentsError> {
        let Some((number, record)) = self.0.first().map_err(|error| broken(WRITE)(error.into()))? else {
            return Ok(None);
        };
        let record = Record::read(record.value())?;
        Ok(Some((number.value(), record.end()?, record.time()?)))
    }
}
