//! The versions of the contenders, from the lock file.

const LOCK: &str = include_str!("../Cargo.lock");

/// The name of hand-written code.
pub const HAND_WRITTEN: &str = "hand-written";

/// The version of an engine's crate; for hand-written code, that of the BSON library, which does most of the work.
pub fn version_of(engine: &str) -> &'static str {
    let package = if engine == HAND_WRITTEN { "bson" } else { engine };
    let line = format!("name = \"{package}\"");
    let version = LOCK.lines().skip_while(|other| *other != line).nth(1).and_then(|line| line.split('"').nth(1));
    version.expect("a locked package")
}
