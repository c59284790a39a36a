//! Translates rules into a MongoDB filter for the documents that a user may read, so that an index can serve it.

use portcullis::{Context, Plan, Policy, User};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse(
        r#"{"roles": [
            {"name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": true},
            {"name": "Member", "apply_when": {"members": "%%user.id"}, "read": {"archived": {"$ne": true}}}
        ]}"#,
    )?;
    let guard = policy.guard(Context::new().with_user(User::new("u1")));
    match guard.plan()? {
        Plan::Never => println!("no document"),
        Plan::Always => println!("every document"),
        Plan::Exact(filter) => println!("exactly the documents of {filter}"),
        bounds => println!("the documents of {:?}, each of which remains to be checked", bounds.filter()),
    }
    Ok(())
}
