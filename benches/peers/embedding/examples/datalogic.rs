//! Evaluates a JSONLogic rule with `datalogic-rs` on data that a template produces from the user and the document.

use bson::{Document, doc};
use datalogic_rs::bumpalo::Bump;
use datalogic_rs::{Engine, Logic};
use portcullis::eval::{Context, Documents};
use portcullis::template::Inputs;
use portcullis::{Template, User};

/// The rule is constant: nothing of a user is ever written into it.
const RULE: &str = r#"{"and": [
    {"===": [{"var": "user.team"}, {"var": "order.team"}]},
    {">=": [{"var": "user.grade"}, 3]},
    {"in": [{"var": "user.id"}, {"var": "order.clerks"}]}
]}"#;

/// What the rule is asked about. JSONLogic knows no ObjectIds, so the id becomes text.
const DATA: &str = r#"{
    "user": {
        "id": "%%user.id",
        "team": "%%user.custom_data.team",
        "grade": "%%user.custom_data.grade"
    },
    "order": {
        "id": {"%oidToString": "%%root._id"},
        "team": "%%root.team",
        "clerks": "%%root.clerks"
    }
}"#;

/// The rule and the template, each parsed once.
struct Rule {
    engine: Engine,
    logic: Logic,
    data: Template,
}

impl Rule {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let engine = Engine::new();
        let logic = engine.compile(RULE)?;
        Ok(Self { engine, logic, data: Template::parse(DATA)? })
    }

    /// A user without a team or a grade is an error that names both, not a rule about null.
    fn holds(&self, context: &Context, order: &Document) -> Result<bool, Box<dyn std::error::Error>> {
        let documents = Documents { root: Some(order.into()), ..Documents::default() };
        let data = self.data.to_json(Inputs::from(context).with_documents(documents))?;
        let arena = Bump::new();
        let result = self.engine.evaluate(&self.logic, data.as_str(), &arena)?;
        Ok(self.engine.truthy(result))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rule = Rule::new()?;
    let user = |custom_data| Context::new().with_user(User::new("ada").with_custom_data(custom_data));
    let order = doc! { "_id": bson::oid::ObjectId::from_bytes([7; 12]), "team": "red", "clerks": ["ada", "ken"] };

    assert!(rule.holds(&user(doc! { "team": "red", "grade": 4 }), &order)?);
    assert!(!rule.holds(&user(doc! { "team": "blue", "grade": 4 }), &order)?);

    // Data that looks like an operator stays data, for `var` gives a value and does not evaluate it.
    let sly = doc! { "team": { "var": "order.team" }, "grade": 4 };
    assert!(!rule.holds(&user(sly), &order)?);

    let error = rule.holds(&user(doc! { "team": "red" }), &order).expect_err("there is no grade");
    println!("{error}");
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
