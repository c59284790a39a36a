//! Logs a user in with a third party's token: the application's provider verifies it, and its claims become a user.

use std::collections::BTreeMap;

use bson::DateTime;
use jsonwebtoken::{EncodingKey, Header, encode};
use portcullis::auth::token::TokenProvider;
use portcullis::auth::{Assembly, assemble};
use portcullis::json;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Not a real secret, since everyone can read it here.
    let key = "a key that only this example has ever used, no other";
    let provider = json::parse(
        r#"{"name": "intranet", "type": "custom-token",
            "config": {"audience": "hr", "signingAlgorithm": "HS256"}, "secret_config": {"signingKeys": ["key"]}}"#,
    )?;
    let secrets = BTreeMap::from([("key".to_owned(), key.to_owned())]);
    let provider = TokenProvider::compile(&provider, "hr", &secrets).map_err(|errors| format!("{errors:?}"))?;

    let claims = json!({ "sub": "ada", "aud": "hr", "exp": 4_000_000_000_u64 });
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(key.as_bytes()))?;
    let verified = provider.verify(&token, DateTime::now()).await?;
    let assembled = assemble(&verified, &Assembly { provider: Some(provider.provider()), custom_data: None })?;
    println!("{}", assembled.user.to_document());
    Ok(())
}
