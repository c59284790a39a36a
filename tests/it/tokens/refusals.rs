//! `fixtures/tokens/refusals.json`: tokens that are rejected, and the messages.

use std::path::Path;
use std::sync::Arc;

use portcullis::auth::token::{MAX_TOKEN, StaticJwks, TokenError, TokenProvider};
use portcullis::text::Code as _;
use serde_json::{Value, json};

use portcullis_testkit::keys::{
    OTHER_RSA, OTHER_SECRET, RSA, SECRET, base64, hs256, issuer, now, provider, rs256, sign,
};

fn read() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokens/refusals.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn third_party(file: &Value, name: &str) -> TokenProvider {
    let provider = provider(&file["providers"][name].to_string());
    let mut weak = RSA.jwk("weak");
    weak["n"] = json!(base64(&[0xff; 128]));
    let mut for_encryption = RSA.jwk("for encryption");
    for_encryption["use"] = json!("enc");
    let mut of_another_algorithm = RSA.jwk("of another algorithm");
    of_another_algorithm["alg"] = json!("RS512");
    let keys = [RSA.jwk("first"), RSA.jwk("twice"), OTHER_RSA.jwk("twice"), weak, for_encryption, of_another_algorithm];
    let jwks = StaticJwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    if name == "not connected" { provider } else { provider.with_jwks(Arc::new(jwks)) }
}

/// The token of a case: either literal text, or header and claims that override the defaults, signed with the named
/// key.
fn token(file: &Value, case: &Value) -> String {
    if let Some(token) = case["token"].as_str() {
        return token.to_owned();
    }
    let over = |part: &str| {
        let mut value = file["defaults"][case["provider"].as_str().unwrap_or("own")][part].clone();
        for (key, given) in case[part].as_object().into_iter().flatten() {
            let members = value.as_object_mut().unwrap();
            match given.as_str() {
                Some("<absent>") => drop(members.shift_remove(key)),
                Some("<13000 letters>") => drop(members.insert(key.clone(), "y".repeat(13_000).into())),
                _ => drop(members.insert(key.clone(), given.clone())),
            }
        }
        value.to_string()
    };
    let text = |part: &str| match case[format!("{part}_text")].as_str() {
        None => over(part),
        Some("<4000 brackets>") => "[".repeat(4000),
        Some(text) => text.to_owned(),
    };
    let key =
        match case["key"].as_str().or(file["defaults"][case["provider"].as_str().unwrap_or("own")]["key"].as_str()) {
            Some("secret") => hs256(&SECRET),
            Some("other secret") => hs256(&OTHER_SECRET),
            Some("rsa") => rs256(&RSA),
            Some("other rsa") => rs256(&OTHER_RSA),
            Some("public rsa key as secret") => hs256(&RSA.pem),
            other => panic!("{other:?} is no key"),
        };
    let token = sign(&text("header"), &text("claims"), &key);
    match case["then"].as_str() {
        None => token,
        Some("without signature") => format!("{}.", token.rsplit_once('.').unwrap().0),
        Some("padded") => format!("{token}="),
        Some("with four parts") => format!("{token}.AAAA"),
        Some("with a longer signature") => format!("{token}AAAA"),
        Some("in the alphabet of base64") => token.replacen('.', "+.", 1),
        Some("too long") => format!("{token}{}", "A".repeat(MAX_TOKEN)),
        other => panic!("nothing is known of {other:?}"),
    }
}

async fn verdict(file: &Value, case: &Value) -> Result<(), TokenError> {
    let token = token(file, case);
    let ours = || issuer(&[&SECRET], "employees-abcde");
    match case["provider"].as_str() {
        Some(name) => third_party(file, name).verify(&token, now()).await.map(drop),
        None if case["as"] == "refresh" => ours().verify_refresh(&token, now()).map(drop),
        None => ours().verify_access(&token, now()).map(drop),
    }
}

#[tokio::test]
async fn each_refused_token_has_its_error() {
    let file = read();
    let mut failures = Vec::new();
    let mut codes = std::collections::BTreeSet::new();
    for case in file["cases"].as_array().unwrap() {
        let (code, message) = match verdict(&file, case).await {
            Ok(()) => ("accepted".to_owned(), String::new()),
            Err(error) => (error.code().to_owned(), error.to_string()),
        };
        if (Some(&*code), Some(&*message)) != (case["code"].as_str(), case["message"].as_str().or(Some(""))) {
            failures.push(format!("{}: {code}: {message}", case["name"]));
        }
        codes.insert(code);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(codes.len() > 25, "{codes:?}");
}
