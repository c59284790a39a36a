/// The maximum size of a document in bytes of BSON, as in MongoDB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The maximum number of levels of a document, including itself, as in MongoDB.
pub const MAX_LEVELS: usize = 179;
