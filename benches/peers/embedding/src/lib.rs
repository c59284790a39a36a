//! Portcullis together with other rule engines: the programs in `docs/embedding.md` are the examples of this crate.

#[cfg(test)]
mod tests {
    const PAGE: &str = include_str!("../../../../docs/embedding.md");
    const PROGRAMS: [&str; 3] = [
        include_str!("../examples/datalogic.rs"),
        include_str!("../examples/cedar.rs"),
        include_str!("../examples/host.rs"),
    ];

    #[test]
    fn the_documentation_quotes_the_example_programs() {
        let blocks: Vec<&str> = PAGE.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        for program in PROGRAMS {
            assert!(blocks.iter().any(|block| program.contains(block)), "a program is not quoted");
        }
        for block in blocks {
            assert!(PROGRAMS.iter().any(|program| program.contains(block)), "no program has this:\n{block}");
        }
    }
}
