/// How many steps the work on one document may take. A step is about one element that is looked at, one comparison of two values,
/// or 32 bytes of a text.
pub const MAX_STEPS: usize = 5_000_000;

/// How deep values may be nested before comparing them ends in an error: MongoDB stores no more than 100 levels.
pub const MAX_DEPTH: usize = 200;
