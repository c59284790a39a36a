use std::collections::{BTreeMap, HashMap, HashSet};

use bson::Document;
use portcullis::store::{AccountEvent, WaitingEvent};

/// The maximum number of events in memory. If one user has more, the events of others are delayed.
const MAX_EVENTS: usize = 5000;

/// The size of the waiting events, in bytes, from which no more are read.
const MAX_BYTES: usize = 32 << 20;

/// Account events that were read from a store. Each user's events are handled one at a time, in the order of their IDs.
#[derive(Default)]
pub(super) struct AccountQueues {
    /// The waiting events, by user and ID.
    waiting: HashMap<String, BTreeMap<String, Document>>,
    /// The users with waiting events but none in progress, by the ID of the first waiting one.
    ready: BTreeMap<String, String>,
    /// The users with an event in progress.
    busy: HashSet<String>,
    /// The IDs of the events that were read and are still in the store: waiting, in progress, or handled.
    known: HashSet<String>,
    handled: Vec<String>,
    bytes: usize,
}

/// The next event to handle.
pub(super) struct Next {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) event: Document,
}

impl AccountQueues {
    /// Adds an event unless it is known already. It may be older than known events, since events do not become visible
    /// in the order of their IDs.
    pub(super) fn add(&mut self, read: WaitingEvent) {
        let WaitingEvent { id, event: AccountEvent { user_id, event, .. } } = read;
        if !self.known.insert(id.clone()) {
            return;
        }
        self.bytes = self.bytes.saturating_add(size(&event));
        let queue = self.waiting.entry(user_id.clone()).or_default();
        let first = queue.first_key_value().map(|(first, _)| first.clone());
        queue.insert(id.clone(), event);
        if !self.busy.contains(&user_id) && first.as_ref().is_none_or(|first| id < *first) {
            if let Some(first) = first {
                self.ready.remove(&first);
            }
            self.ready.insert(id, user_id);
        }
    }

    /// Takes the oldest event that can be handled, and marks its user as busy.
    pub(super) fn next(&mut self) -> Option<Next> {
        let (id, user_id) = self.ready.pop_first()?;
        let event = self.waiting.get_mut(&user_id)?.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(size(&event));
        self.busy.insert(user_id.clone());
        Some(Next { id, user_id, event })
    }

    /// Records that an event has been handled, successfully or not.
    pub(super) fn end(&mut self, id: String, user_id: String) {
        self.handled.push(id);
        self.busy.remove(&user_id);
        match self.waiting.get(&user_id).and_then(|queue| queue.first_key_value()) {
            Some((first, _)) => _ = self.ready.insert(first.clone(), user_id),
            None => _ = self.waiting.remove(&user_id),
        }
    }

    /// The IDs of the handled events that are still in the store.
    pub(super) fn handled(&self) -> &[String] {
        &self.handled
    }

    /// Records that the handled events have been removed from the store.
    pub(super) fn removed(&mut self) {
        for id in self.handled.drain(..) {
            self.known.remove(&id);
        }
    }

    /// The number of users with an event that can be handled now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The number of known events.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The size of the waiting events in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no more events are to be read.
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }
}

/// The approximate size of an event in bytes.
fn size(event: &Document) -> usize {
    event.to_vec().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bson::doc;

    use super::*;

    fn read(id: &str, user: &str) -> WaitingEvent {
        let event = AccountEvent { trigger: "t".to_owned(), user_id: user.to_owned(), event: doc! { "id": id } };
        WaitingEvent { id: id.to_owned(), event }
    }

    fn next(queues: &mut AccountQueues) -> Option<String> {
        queues.next().map(|next| format!("{} of {}", next.id, next.user_id))
    }

    #[test]
    fn the_oldest_event_of_each_user_is_handled_first() {
        let mut queues = AccountQueues::default();
        for (id, user) in [("2", "ada"), ("3", "ada"), ("4", "bob"), ("2", "ada")] {
            queues.add(read(id, user));
        }
        // An older event that becomes visible later.
        queues.add(read("1", "ada"));
        assert_eq!((queues.ready(), queues.len()), (2, 4));
        assert_eq!(next(&mut queues).unwrap(), "1 of ada");
        assert_eq!(next(&mut queues).unwrap(), "4 of bob");
        assert_eq!(next(&mut queues), None);
        queues.add(read("0", "ada"));
        assert_eq!(next(&mut queues), None);
        queues.end("1".to_owned(), "ada".to_owned());
        assert_eq!(next(&mut queues).unwrap(), "0 of ada");
    }

    #[test]
    fn handled_events_are_remembered_until_removed() {
        let mut queues = AccountQueues::default();
        queues.add(read("1", "ada"));
        let first = queues.next().unwrap();
        queues.end(first.id, first.user_id);
        queues.add(read("1", "ada"));
        assert_eq!((queues.ready(), queues.handled()), (0, &["1".to_owned()][..]));
        queues.removed();
        assert_eq!((queues.len(), queues.handled().len(), queues.bytes), (0, 0, 0));
    }

    #[test]
    fn events_are_read_up_to_the_capacity() {
        let mut queues = AccountQueues::default();
        for number in 0..MAX_EVENTS {
            assert!(!queues.is_full());
            queues.add(read(&format!("{number:05}"), "ada"));
        }
        assert!(queues.is_full());
        let mut queues = AccountQueues::default();
        let mut large = read("1", "ada");
        large.event.event = doc! { "text": "x".repeat(MAX_BYTES) };
        queues.add(large);
        assert!(queues.is_full() && queues.next().is_some() && !queues.is_full());
    }
}
