/// The step budget for one document. A step is about as much work as examining one element, comparing two values, or
/// reading 32 bytes of a string.
pub const MAX_STEPS: usize = 5_000_000;

/// The maximum nesting depth of values that can be compared. Documents stored in MongoDB have at most 100 levels.
pub const MAX_DEPTH: usize = 200;
