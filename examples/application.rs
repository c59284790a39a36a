//! Loads an application directory as exported by App Services, prints what is wrong with it, and makes a decision by
//! its rules.

use bson::doc;
use portcullis::{App, Context, User};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = App::load("fixtures/apps/employees")?;
    for found in app.check() {
        println!(
            "{}",
            found.source.render(&found.finding, found.pointer.as_deref(), portcullis::text::Style::default())
        );
    }
    let user =
        User::new("65a0000000000000000000b2").with_custom_data(doc! { "role": "manager", "department": "Engineering" });
    let guard = app.guard("hr.employees", Context::new().with_user(user))?;
    let document = doc! { "_id": 1, "department": "Engineering", "salary": 5000 };
    let decision = guard.read(&document);
    match decision.reason() {
        Some(reason) => println!("denied: {reason}"),
        None => println!("allowed to the role {:?}", decision.role()),
    }
    Ok(())
}
