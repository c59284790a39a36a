//! A service that serves documents over HTTP, reduced to its handler: compile the rules once, bind them for each
//! request, and decide.

use std::sync::Arc;

use bson::{Document, doc};
use portcullis::{Context, Policy, User};

struct Service {
    policy: Arc<Policy>,
    stored: Vec<Document>,
}

impl Service {
    /// The status and body of `GET /articles/:id` for an authenticated user.
    fn get(&self, user: User, id: i32) -> (u16, Option<Document>) {
        let guard = self.policy.guard(Context::new().with_user(user));
        // The response must not reveal whether a document is missing or may not be read.
        let visible = self
            .stored
            .iter()
            .find(|document| document.get_i32("_id").is_ok_and(|stored| stored == id))
            .and_then(|document| guard.read(document).allowed())
            .and_then(|visible| visible.to_document().ok());
        (if visible.is_some() { 200 } else { 404 }, visible)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse(
        r#"{"roles": [
            {"name": "Author", "apply_when": {"author": "%%user.id"}, "read": true},
            {"name": "Reader", "apply_when": {"published": true}, "fields": {"title": {"read": true}}}
        ]}"#,
    )?;
    let stored = vec![
        doc! { "_id": 1, "author": "ada", "published": true, "title": "On engines", "draft": "…" },
        doc! { "_id": 2, "author": "ada", "published": false, "title": "Untitled" },
    ];
    let service = Service { policy, stored };
    println!("{:?}", service.get(User::new("ada"), 2));
    println!("{:?}", service.get(User::new("ken"), 1));
    println!("{:?}", service.get(User::new("ken"), 2));
    Ok(())
}
