/// How many characters the name under which a claim is kept may have.
pub const MAX_FIELD_NAME: usize = 63;

/// How many characters a value may have: those of a string; of anything else, those of its JSON.
pub const MAX_METADATA_VALUE: usize = 4096;
