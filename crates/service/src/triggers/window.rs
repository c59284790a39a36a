use std::collections::VecDeque;

use bson::Document;

/// Tracks how far a stream of changes has been handled when events finish in any order: the position after the last
/// event before which all have finished.
#[derive(Default)]
pub(super) struct Window {
    open: VecDeque<OpenEvent>,
    /// The number of the first entry of `open`.
    first: u64,
    reached: Option<Document>,
}

struct OpenEvent {
    has_ended: bool,
    position: Option<Document>,
}

impl Window {
    /// Adds an event whose handling begins; `position` is the one after it. Returns the event's number.
    pub(super) fn begin(&mut self, position: Option<Document>) -> u64 {
        let number = self.first.saturating_add(self.len());
        self.open.push_back(OpenEvent { has_ended: false, position });
        number
    }

    /// Marks an event as handled.
    pub(super) fn end(&mut self, number: u64) {
        let at = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(open) = self.open.get_mut(at) {
            open.has_ended = true;
        }
        while self.open.front().is_some_and(|open| open.has_ended) {
            self.first = self.first.saturating_add(1);
            if let Some(OpenEvent { position: Some(position), .. }) = self.open.pop_front() {
                self.reached = Some(position);
            }
        }
    }

    /// Advances to a position with no events between it and the last one begun.
    pub(super) fn quiet(&mut self, position: Option<Document>) {
        let Some(position) = position else { return };
        match self.open.back_mut() {
            Some(open) => open.position = Some(position),
            None => self.reached = Some(position),
        }
    }

    /// The number of events that are in progress, or finished but waiting for an earlier one.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.open.len()).unwrap_or(u64::MAX)
    }

    /// The position reached, if it has advanced since the last call.
    pub(super) fn take(&mut self) -> Option<Document> {
        self.reached.take()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bson::{Document, doc};

    use super::Window;

    fn at(number: i32) -> Document {
        doc! { "n": number }
    }

    #[test]
    fn a_position_is_reached_when_all_events_before_it_have_ended() {
        let mut window = Window::default();
        window.quiet(Some(at(0)));
        assert_eq!(window.take(), Some(at(0)));
        let numbers: Vec<u64> = (1..=4).map(|number| window.begin(Some(at(number)))).collect();
        window.end(numbers[2]);
        window.end(numbers[1]);
        assert_eq!((window.take(), window.len()), (None, 4));
        window.end(numbers[0]);
        assert_eq!((window.take(), window.len()), (Some(at(3)), 1));
        // A position without events counts as reached together with the last event begun.
        window.quiet(Some(at(9)));
        assert_eq!(window.take(), None);
        window.end(numbers[3]);
        window.end(numbers[3]);
        assert_eq!((window.take(), window.len()), (Some(at(9)), 0));
        let next = window.begin(None);
        window.end(next);
        assert_eq!(window.take(), None);
    }
}
