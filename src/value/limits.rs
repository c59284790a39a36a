/// The maximum number of steps for one document. A step is roughly one element examined, one comparison of two values,
/// or 32 bytes of a string.
pub const MAX_STEPS: usize = 5_000_000;

/// The maximum nesting depth of values that can be compared. MongoDB stores at most 100 levels.
pub const MAX_DEPTH: usize = 200;
