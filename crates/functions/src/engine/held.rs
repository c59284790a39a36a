//! The bytes that the host holds for a call: the arguments and results of its operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bson::{Bson, Document};

use super::encode::{ELEMENT_COST, FIELD_COST};

/// The bytes that the host holds for an engine, up to a limit.
#[derive(Clone)]
pub(super) struct Held {
    bytes: Arc<AtomicUsize>,
    limit: usize,
}

/// Bytes that are held until this is dropped.
pub(super) struct Charge {
    held: Held,
    bytes: usize,
}

impl Held {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Arc::default(), limit }
    }

    /// Charges this many bytes; `None` if that is more than the limit allows.
    pub(super) fn charge(&self, bytes: usize) -> Option<Charge> {
        let sum = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).ok()?;
        Some(Charge { held: self.clone(), bytes })
    }
}

impl Charge {
    /// Charges this many bytes in place of those charged before.
    pub(super) fn replace(self, bytes: usize) -> Option<Self> {
        let held = self.held.clone();
        drop(self);
        held.charge(bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The memory that a value takes.
pub(super) fn size(value: &Bson) -> usize {
    let more = match value {
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.len(),
        Bson::Array(elements) => elements.iter().map(size).fold(0, usize::saturating_add),
        Bson::Document(document) => document_size(document),
        Bson::Binary(binary) => binary.bytes.len(),
        Bson::RegularExpression(regex) => regex.pattern.as_str().len().saturating_add(regex.options.as_str().len()),
        Bson::JavaScriptCodeWithScope(code) => code.code.len().saturating_add(document_size(&code.scope)),
        _ => 0,
    };
    more.saturating_add(ELEMENT_COST)
}

fn document_size(document: &Document) -> usize {
    let field = |(key, value): (&String, &Bson)| {
        key.len().saturating_add(FIELD_COST).saturating_add(size(value)).saturating_sub(ELEMENT_COST)
    };
    document.iter().map(field).fold(0, usize::saturating_add)
}
