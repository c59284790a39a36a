//! Runs rule tests from a host program instead of with `portcullis test`.

use std::path::Path;

use portcullis::testfile::{self, TestFile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = r#"{
        "rules": {"roles": [{"name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": true}]},
        "users": {"ada": {"id": "u1"}, "ken": {"id": "u2"}},
        "cases": [
            {"name": "an owner reads", "user": "ada", "read": {"_id": 1, "owner": "u1"}, 
             "expect": {"role": "Owner", "document": {"_id": 1, "owner": "u1"}}},
            {"name": "nobody else reads", "user": "ken", "read": {"_id": 1, "owner": "u1"}, 
             "expect": {"denied": true}}
        ]
    }"#;
    let file = TestFile::parse("rules.test.json", text.as_bytes(), Path::new("."))?;
    let report = testfile::run(&file)?;
    println!("{} passed, {} failed", report.passed(), report.failed());
    for (name, expected, got) in report.failures() {
        println!("{name}: expected {expected}, got {got}");
    }
    Ok(())
}
