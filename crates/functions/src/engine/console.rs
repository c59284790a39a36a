use std::collections::VecDeque;

use super::beginning::beginning;
use crate::{ConsoleLevel, ConsoleLine};

/// The most lines that are kept, and the most bytes of each.
///
/// Source: the documentation of App Services.
const MAX_LINES: usize = 25;
const MAX_BYTES: usize = 512;

/// The console output of a call.
pub(crate) struct Console {
    lines: VecDeque<ConsoleLine>,
    /// Whether the first lines are kept rather than the last.
    keeps_first: bool,
}

impl Console {
    pub(crate) const fn new(keeps_first: bool) -> Self {
        Self { lines: VecDeque::new(), keeps_first }
    }

    pub(super) fn write(&mut self, level: ConsoleLevel, text: &str) {
        if self.lines.len() >= MAX_LINES {
            if self.keeps_first {
                return;
            }
            self.lines.pop_front();
        }
        let text = beginning(text, MAX_BYTES).to_owned();
        self.lines.push_back(ConsoleLine { level, text });
    }

    pub(super) fn take(&mut self) -> Vec<ConsoleLine> {
        std::mem::take(&mut self.lines).into()
    }
}
