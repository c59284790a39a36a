//! The stored form of triggers' states and of the events that wait for them.

use bson::{Bson, Document, doc};

use crate::record::{Record, RecordError, id_of, key};
use portcullis::store::{AccountEvent, Lease, TriggerState, shown};

/// A trigger and its state, stored as `{_id: {application, id}, paused, suspended, position, ran_until, runs,
/// failures, last_failure, lease: {holder, fence, until}}`.
#[derive(Debug)]
pub(crate) struct TriggerRecord {
    pub(crate) name: String,
    pub(crate) state: TriggerState,
}

impl Record for TriggerRecord {
    fn to_record(&self, application: &str) -> Document {
        let state = &self.state;
        let lease = state.lease.as_ref().map(|lease| {
            doc! { "holder": &lease.holder, "fence": lease.fence, "until": state.leased_until }
        });
        doc! {
            "_id": key(application, &self.name),
            "paused": state.is_paused,
            "suspended": state.suspended.clone(),
            "position": state.position.clone(),
            "ran_until": state.ran_until,
            "runs": state.runs,
            "failures": state.failures,
            "last_failure": state.last_failure.clone(),
            "lease": lease,
        }
    }

    fn from_record(mut record: Document, application: &str) -> Result<Self, RecordError> {
        let name = id_of(record.remove("_id"), application).ok_or(RecordError::NoId("trigger"))?;
        let wrong = |fault| RecordError::Fault { what: "trigger", id: shown(&name), fault };
        let mut fields = Fields(record);
        // A paused trigger must not start because a field cannot be read.
        let is_paused = match fields.take("paused") {
            None => false,
            Some(Bson::Boolean(flag)) => flag,
            Some(_) => return Err(wrong("has no boolean as `paused`")),
        };
        let state = TriggerState {
            is_paused,
            suspended: fields.text("suspended").map_err(wrong)?,
            position: fields.document("position").map_err(wrong)?,
            ran_until: fields.date("ran_until").map_err(wrong)?,
            runs: fields.number("runs").map_err(wrong)?,
            failures: fields.number("failures").map_err(wrong)?,
            last_failure: fields.text("last_failure").map_err(wrong)?,
            ..TriggerState::default()
        };
        let Some(lease) = fields.document("lease").map_err(wrong)? else { return Ok(Self { name, state }) };
        let mut lease = Fields(lease);
        let holder = lease.text("holder").map_err(wrong)?.unwrap_or_default();
        let fence = lease.number("fence").map_err(wrong)?;
        let leased_until = lease.date("until").map_err(wrong)?;
        let lease = Some(Lease { trigger: name.clone(), holder, fence });
        Ok(Self { name, state: TriggerState { lease, leased_until, ..state } })
    }
}

/// Takes fields that may be missing or null, and checks their types.
struct Fields(Document);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Bson> {
        self.0.remove(name).filter(|value| *value != Bson::Null)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, &'static str> {
        match self.take(name) {
            None => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text)),
            Some(_) => Err("has another value where a string belongs"),
        }
    }

    fn document(&mut self, name: &str) -> Result<Option<Document>, &'static str> {
        match self.take(name) {
            None => Ok(None),
            Some(Bson::Document(document)) => Ok(Some(document)),
            Some(_) => Err("has another value where a document belongs"),
        }
    }

    fn date(&mut self, name: &str) -> Result<Option<bson::DateTime>, &'static str> {
        match self.take(name) {
            None => Ok(None),
            Some(Bson::DateTime(date)) => Ok(Some(date)),
            Some(_) => Err("has another value where a date belongs"),
        }
    }

    fn number(&mut self, name: &str) -> Result<i64, &'static str> {
        match self.take(name) {
            None => Ok(0),
            Some(Bson::Int32(number)) => Ok(i64::from(number)),
            Some(Bson::Int64(number)) => Ok(number),
            Some(_) => Err("has another value where a whole number belongs"),
        }
    }
}

/// The stored form of an event, without its key: `{user_id, event}`.
pub(crate) fn event_to_record(event: &AccountEvent) -> Document {
    doc! { "user_id": &event.user_id, "event": event.event.clone() }
}

/// Reads the stored form of an event that waits for a trigger.
pub(crate) fn event_from_record(mut record: Document, trigger: &str) -> Result<AccountEvent, RecordError> {
    match (record.remove("user_id"), record.remove("event")) {
        (Some(Bson::String(user_id)), Some(Bson::Document(event))) => {
            Ok(AccountEvent { trigger: trigger.to_owned(), user_id, event })
        }
        _ => Err(RecordError::Fault {
            what: "event of the trigger",
            id: shown(trigger),
            fault: "has no `user_id` or no `event`",
        }),
    }
}
