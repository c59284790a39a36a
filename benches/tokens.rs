//! Verifying a token and assembling the user.

fn main() {}
