//! Benchmarks: `cargo bench -p portcullis-benches --bench NAME`.
