/// The most characters that the field name of a claim may have.
pub const MAX_FIELD_NAME: usize = 63;

/// The most characters that a value may have: counted in the string itself, or in the JSON of any other type.
pub const MAX_METADATA_VALUE: usize = 4096;
