//! Evaluates rules on raw BSON documents, without decoding them and without allocating for each.

use bson::rawdoc;
use portcullis::access::Buffer;
use portcullis::{Context, Policy, User};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse(
        r#"{"roles": [{
            "name": "Reader", "apply_when": {"team": "%%user.data.team"},
            "fields": {"_id": {"read": true}, "title": {"read": true}}
        }]}"#,
    )?;
    let mut user = User::new("u1");
    user.data.insert("team", "red");
    let guard = policy.guard(Context::new().with_user(user));

    let mut buffer = Buffer::new();
    for stored in [
        rawdoc! { "_id": 1, "team": "red", "title": "a", "audit": "x" },
        rawdoc! { "_id": 2, "team": "blue", "title": "b", "audit": "y" },
    ] {
        match guard.read_into(&stored, &mut buffer).allowed() {
            Some(visible) => println!("{visible:?}"),
            None => println!("hidden"),
        }
    }
    Ok(())
}
