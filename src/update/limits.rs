/// The maximum size in bytes of a document's BSON, as in MongoDB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The maximum nesting depth of a document, counting the document itself, as in MongoDB.
pub const MAX_LEVELS: usize = 179;
