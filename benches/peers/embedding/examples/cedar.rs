//! Produces Cedar entities from the user and the document with a template, and asks `cedar-policy` for authorization.

use std::str::FromStr;

use bson::{Document, doc};
use cedar_policy::{Authorizer, Decision, Entities, EntityUid, PolicySet, Request, Schema};
use portcullis::eval::{Context, Documents};
use portcullis::template::Inputs;
use portcullis::{Template, User};

type Failure = Box<dyn std::error::Error>;

const SCHEMA: &str = r#"
    entity User { team: String, grade: Long, sites: Set<String> };
    entity Report { team: String, site: String };
    action read appliesTo { principal: User, resource: Report, context: {} };
"#;

const POLICIES: &str = r#"
    permit (principal, action == Action::"read", resource)
    when { principal.team == resource.team && principal.grade >= 3 };

    forbid (principal, action == Action::"read", resource)
    unless { principal.sites.contains(resource.site) };
"#;

const ENTITIES: &str = r#"[
    {
        "uid": {"type": "User", "id": "%%user.id"},
        "attrs": {
            "team": "%%user.custom_data.team",
            "grade": "%%user.custom_data.grade",
            "sites": "%%user.custom_data.sites"
        },
        "parents": []
    },
    {
        "uid": {"type": "Report", "id": {"%oidToString": "%%root._id"}},
        "attrs": {"team": "%%root.team", "site": "%%root.site"},
        "parents": []
    }
]"#;

/// The policies, their schema and the template for the entities, each parsed once.
struct Desk {
    schema: Schema,
    policies: PolicySet,
    entities: Template,
    authorizer: Authorizer,
}

impl Desk {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            schema: Schema::from_str(SCHEMA)?,
            policies: PolicySet::from_str(POLICIES)?,
            entities: Template::parse(ENTITIES)?,
            authorizer: Authorizer::new(),
        })
    }

    /// The schema validates the entities: where it expects a string, a document with the key `__entity` or `__extn` is an error,
    /// not a reference.
    fn may_read(&self, context: &Context, report: &Document) -> Result<bool, Failure> {
        let documents = Documents { root: Some(report.into()), ..Documents::default() };
        let entities = self.entities.to_json(Inputs::from(context).with_documents(documents))?;
        let entities = Entities::from_json_str(&entities, Some(&self.schema))?;

        let uid = |kind: &str, id: &str| -> Result<EntityUid, Failure> {
            Ok(EntityUid::from_json(serde_json::json!({ "type": kind, "id": id }))?)
        };
        let user = uid("User", &context.user().ok_or("there is no user")?.id)?;
        let report = uid("Report", &report.get_object_id("_id")?.to_hex())?;
        let read = EntityUid::from_str(r#"Action::"read""#)?;
        let request = Request::new(user, read, report, cedar_policy::Context::empty(), Some(&self.schema))?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        Ok(response.decision() == Decision::Allow)
    }
}

fn main() -> Result<(), Failure> {
    let desk = Desk::new()?;
    let user = |custom_data| Context::new().with_user(User::new("ada").with_custom_data(custom_data));
    let id = bson::oid::ObjectId::from_bytes([7; 12]);
    let report = doc! { "_id": id, "team": "red", "site": "Bremen" };

    let ada = user(doc! { "team": "red", "grade": 4, "sites": ["Bremen", "Emden"] });
    assert!(desk.may_read(&ada, &report)?);
    let away = user(doc! { "team": "red", "grade": 4, "sites": ["Emden"] });
    assert!(!desk.may_read(&away, &report)?);

    let sly = user(doc! {
        "team": { "__entity": { "type": "Report", "id": id.to_hex() } }, "grade": 4, "sites": ["Bremen"]
    });
    let error = desk.may_read(&sly, &report).expect_err("a team is a string");
    println!("{error}");
    let error = desk.may_read(&user(doc! { "grade": 4 }), &report).expect_err("there is no team");
    println!("{error}");
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Failure> {
    main()
}
