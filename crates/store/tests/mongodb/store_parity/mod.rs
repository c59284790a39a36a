//! The law store against store: what the engine does in memory and in its file is what a real server does.

pub(crate) mod finds;
mod random;
pub(crate) mod recorded;
pub(crate) mod updates;
pub(crate) mod writes;

/// How often each law is tried: `PORTCULLIS_SAME_ROUNDS` times as often as in a normal run.
fn rounds(normal: u64) -> u64 {
    normal * u64::from(factor())
}

/// How many times as long as in a normal run a test may take.
pub(crate) fn factor() -> u32 {
    std::env::var("PORTCULLIS_SAME_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Where the random numbers begin: each run the same, unless `PORTCULLIS_SAME_SEED` says otherwise.
fn seed() -> u64 {
    std::env::var("PORTCULLIS_SAME_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
