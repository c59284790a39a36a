/// How large a document may be, in bytes of BSON, as in MongoDB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many levels of documents and arrays a document may have, itself among them, as in MongoDB.
pub const MAX_LEVELS: usize = 179;
