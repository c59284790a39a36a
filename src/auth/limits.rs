/// The maximum number of characters in the field name of a claim.
pub const MAX_FIELD_NAME: usize = 63;

/// The maximum number of characters in the value of a claim: of the string or, for other types, of its JSON.
pub const MAX_METADATA_VALUE: usize = 4096;
