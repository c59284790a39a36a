//! Code shared by the tests of all packages. It panics where a test is to fail.

use std::path::{Path, PathBuf};

pub mod contracts;
pub mod keys;
pub mod mongodb;
pub mod naive;
pub mod worlds;

/// The root of the repository, which contains `fixtures`.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
