//! Any bytes, as every kind of file that people write: each is read or refused, and every finding has a place in the
//! text and can be drawn.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use portcullis::auth::{CustomDataConfig, Provider};
use portcullis::json;
use portcullis::policy;
use portcullis::schema::Schema;
use portcullis::template::{self, Substitutions};
use portcullis::testfile::{FileError, TestFile};
use portcullis::text::{Code, Finding, Located, Source};
use portcullis_fuzz::inspect;

fuzz_target!(|bytes: &[u8]| {
    let source = Source::new("rules.json", String::from_utf8_lossy(bytes));
    let node = match json::parse_bytes(bytes) {
        Ok(node) => node,
        Err(error) => return inspect(&error.into(), bytes, &source, None),
    };
    let look = |findings: Vec<Finding>| findings.iter().for_each(|found| inspect(found, bytes, &source, Some(&node)));
    look(findings(policy::compile(&node)));
    look(findings(Schema::compile(&node)));
    look(findings(CustomDataConfig::compile(&node)));
    look(findings(Provider::compile(&node)));
    look(findings(template::expand(&node, &Substitutions::default())));
    look(json::to_bson(&node).err().map(Finding::from).into_iter().collect());
    if let Err(FileError::Format { findings, .. }) = TestFile::parse("rules.json", bytes, Path::new(".")) {
        look(findings);
    }
});

fn findings<T, K: std::fmt::Display + Code>(result: Result<T, Vec<Located<K>>>) -> Vec<Finding> {
    match result {
        Ok(_) => Vec::new(),
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors.into_iter().map(Finding::from).collect()
        }
    }
}
