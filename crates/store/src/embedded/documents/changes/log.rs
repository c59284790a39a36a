use std::time::Duration;

use bson::DateTime;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::record::{Change, Record};
use crate::embedded::database::Failure;
use crate::embedded::documents::failure::broken;
use portcullis::store::documents::DocumentsError;

/// Maps numbers, starting from 1 without gaps, to changes, as BSON. Numbers are never reused: a record is removed
/// only if there are newer ones.
pub(in crate::embedded) const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("document_changes");

const WRITE: &str = "cannot write the change log";

/// The maximum number of records that one commit removes because of their age.
const AGED_AT_ONCE: usize = 1000;

/// How much of the change log is kept. A reader that has not seen a change before it is removed has to start over.
///
/// Each commit that appends to the log also trims it, but never removes its own records: the log can exceed the limit
/// by one transaction, and without writes nothing is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLogLimits {
    /// The maximum total size of the records in bytes; 64 MiB by default. A record contains the document before and
    /// after the change.
    pub bytes: u64,
    /// The maximum age of a record; one day by default.
    pub age: Duration,
}

impl Default for ChangeLogLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, age: Duration::from_secs(24 * 60 * 60) }
    }
}

/// How many bytes of documents are buffered before they are written to the log.
const WAITING_BYTES: usize = 1 << 20;

/// The changes that a transaction adds to the log.
#[derive(Debug, Default)]
pub(in crate::embedded::documents) struct Logged {
    /// Changes that have not been written yet.
    waiting: Vec<Change>,
    waiting_bytes: usize,
    written: Option<Appended>,
}

/// The records that a transaction has written.
#[derive(Clone, Copy, Debug)]
struct Appended {
    /// The number of the first record.
    first: u64,
    /// The cumulative size of the log up to and including the last record.
    end: i64,
}

impl Logged {
    /// Appends a change.
    pub(in crate::embedded::documents) fn add(
        &mut self,
        transaction: &WriteTransaction,
        change: Change,
    ) -> Result<(), DocumentsError> {
        self.waiting_bytes = self.waiting_bytes.saturating_add(change.size());
        self.waiting.push(change);
        if self.waiting_bytes >= WAITING_BYTES { self.write(&mut Log::open(transaction)?) } else { Ok(()) }
    }

    /// Writes the remaining changes and trims the log; returns whether there were any changes.
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

/// The log, opened for writing.
struct Log<'t>(Table<'t, u64, &'static [u8]>);

impl<'t> Log<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, DocumentsError> {
        let open = || -> Result<_, Failure> { Ok(Self(transaction.open_table(CHANGES)?)) };
        open().map_err(broken(WRITE))
    }

    /// Removes records beyond the limits of size and age, but none that the current transaction has added.
    fn shorten(&mut self, appended: Appended, limits: ChangeLogLimits, now: DateTime) -> Result<(), DocumentsError> {
        let age = i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX);
        let (oldest, bytes) =
            (now.timestamp_millis().saturating_sub(age), i64::try_from(limits.bytes).unwrap_or(i64::MAX));
        let mut aged = 0;
        while let Some((number, end, time)) = self.first()? {
            // Even without this record, the log would reach the limit.
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

    /// The number of the last record, and the cumulative size of the log up to and including it.
    fn last(&self) -> Result<(u64, i64), DocumentsError> {
        match self.0.last().map_err(|error| broken(WRITE)(error.into()))? {
            Some((number, record)) => Ok((number.value(), Record::read(record.value())?.end()?)),
            None => Ok((0, 0)),
        }
    }

    /// The number of the first record, the cumulative size of the log up to and including it, and its time.
    fn first(&self) -> Result<Option<(u64, i64, DateTime)>, DocumentsError> {
        let Some((number, record)) = self.0.first().map_err(|error| broken(WRITE)(error.into()))? else {
            return Ok(None);
        };
        let record = Record::read(record.value())?;
        Ok(Some((number.value(), record.end()?, record.time()?)))
    }
}
