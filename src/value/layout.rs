//! The binary layout of BSON documents: the most frequent type bytes, and sizes in bytes.

pub(super) const STRING: u8 = 0x02;
pub(super) const EMBEDDED: u8 = 0x03;
pub(super) const ARRAY: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x07;
pub(super) const BOOLEAN: u8 = 0x08;
pub(super) const DATE_TIME: u8 = 0x09;
pub(super) const INT32: u8 = 0x10;
pub(super) const INT64: u8 = 0x12;

/// The size of the length prefix of a document.
pub(super) const LENGTH: usize = 4;

/// The minimum size of a document: its length prefix and the final NUL.
pub(super) const DOCUMENT: usize = 5;
