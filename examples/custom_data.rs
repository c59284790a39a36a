//! Builds the user object from verified claims and the custom-data documents that name the user.

use bson::doc;
use portcullis::auth::{Assembly, CustomDataConfig, Provider, VerifiedClaims, assemble};
use portcullis::{Context, Policy, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = json::parse(
        r#"{"enabled": true, "database_name": "hr", "collection_name": "users", "user_id_field": "user_id"}"#,
    )?;
    let config = CustomDataConfig::compile(&config).map_err(|errors| format!("{errors:?}"))?;

    let provider = json::parse(r#"{"type": "custom-token", "metadata_fields": []}"#)?;
    let provider = Provider::compile(&provider).map_err(|errors| format!("{errors:?}"))?;

    // The result of a lookup in `hr.users`; the claims come from a verified token.
    let stored = [doc! { "_id": 1, "user_id": "u7", "team": "red" }];
    let claims = VerifiedClaims::trusted(doc! { "sub": "u7" });
    let assembly = Assembly { provider: Some(&provider), custom_data: Some((&config, &stored)) };
    let user = assemble(&claims, &assembly)?.user;
    println!("{}", user.to_document());

    let policy = Policy::parse(
        r#"{"roles": [{"name": "Team", "apply_when": {"team": "%%user.custom_data.team"}, "read": true}]}"#,
    )?;
    let guard = policy.guard(Context::new().with_user(user));
    println!("{}", guard.read(&doc! { "_id": 1, "team": "red" }).is_allowed());
    Ok(())
}
