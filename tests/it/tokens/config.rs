//! Configurations of providers: what is accepted, and every reason for rejecting one.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis::auth::ConfigError;
use portcullis::auth::token::{RsaKey, RsaKeyError, TokenProvider, TokenProviderConfig};
use portcullis::json::{self, Node};
use portcullis::text::Code as _;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use serde_json::Value;

use portcullis_testkit::keys::{OTHER_RSA, RSA, Random, SECRET, secrets};

fn outline(node: &Node, errors: &[ConfigError]) -> Vec<String> {
    errors.iter().map(|error| format!("{} {} {error}", node.pointer_at(error.span()), error.kind().code())).collect()
}

#[test]
fn each_invalid_configuration_has_its_error() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokens/providers.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut failures = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let node = json::parse(&case["provider"].to_string()).unwrap();
        let (errors, unknown) = match TokenProviderConfig::compile(&node) {
            Err(errors) => (outline(&node, &errors), Vec::new()),
            Ok(config) => {
                let unknown = config.unknown_keys().iter().map(|key| key.value.clone()).collect();
                (Vec::new(), unknown)
            }
        };
        let texts = |key: &str| -> Vec<String> {
            case[key].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        if errors != texts("errors") || unknown != texts("unknown_keys") {
            failures.push(format!("{}: {errors:#?} {unknown:?}", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn compile(algorithm: &str, name: &str, secrets: &BTreeMap<String, String>) -> Result<TokenProvider, Vec<String>> {
    let text = format!(
        r#"{{ "type": "custom-token", "config": {{ "audience": "a", "signingAlgorithm": "{algorithm}" }},
             "secret_config": {{ "signingKeys": "{name}" }} }}"#
    );
    let node = json::parse(&text).unwrap();
    TokenProvider::compile(&node, "", secrets).map_err(|errors| outline(&node, &errors))
}

fn give(algorithm: &str, value: &str, error: &str) {
    let secrets = BTreeMap::from([("s".to_owned(), value.to_owned())]);
    match (compile(algorithm, "s", &secrets), error) {
        (Ok(_), "") => {}
        (Ok(_), error) => panic!("loads, but {error}"),
        (Err(errors), error) => {
            assert_eq!(errors, [format!("/secret_config/signingKeys {error}")]);
            assert!(value.is_empty() || !errors[0].contains(value), "{errors:?} shows the secret");
        }
    }
}

#[test]
fn an_unusable_secret_is_named_and_never_shown() {
    let missing = compile("HS256", "s", &BTreeMap::new()).unwrap_err();
    assert_eq!(missing, ["/secret_config/signingKeys secret-missing the secret `s` was not supplied"]);
    let length = |n| format!("secret-length the secret `s` has {n} characters; a key for `HS256` needs 32 to 512");
    give("HS256", "", &length(0));
    let is_key = "secret-is-key the secret `s` is a key or a certificate, not a secret for `HS256`";
    give("HS256", &RSA.pem, is_key);
    give("HS256", &format!("subject=hr\n{}", RSA.pem.replace("PUBLIC KEY", "CERTIFICATE")), is_key);
    let lines = RSA.pem.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>();
    give("HS256", &lines.join("\n"), is_key);
    give("HS256", &lines.concat(), is_key);
    give("HS256", " \n{\"kty\": \"RSA\", \"n\": \"AQAB\", \"e\": \"AQAB\"}", is_key);
    give("HS256", &"ß".repeat(31), &length(31));
    give("HS256", &"ß".repeat(32), "");
    give("HS256", &"k".repeat(512), "");
    give("HS256", &"k".repeat(513), &length(513));
    let no_pem = "secret-not-key the secret `s` is not a key for `RS256`: it is not a public RSA key in PEM format";
    give("RS256", &SECRET, no_pem);
    give("RS256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", no_pem);
    give("RS256", &RSA.pem.replace("PUBLIC KEY", "CERTIFICATE"), no_pem);
    give("RS256", &RSA.pem, "");
    give("RS256", &format!("\n  {}", OTHER_RSA.pem), "");
}

#[test]
fn a_private_key_is_not_accepted_as_a_public_key() {
    let key = RsaPrivateKey::new(&mut Random, 1024).unwrap();
    let private = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    assert_eq!(RsaKey::from_pem(&private).unwrap_err(), RsaKeyError::NotPem);
    let short = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    assert_eq!(RsaKey::from_pem(&short).unwrap_err(), RsaKeyError::Bits(1024));
}

#[test]
fn a_modulus_has_2048_to_4096_bits() {
    let read = |bits: usize, e: u32| {
        let n = (BigUint::from(1_u32) << (bits - 1)) + 1_u32;
        let key = RsaPublicKey::new_unchecked(n, e.into());
        RsaKey::from_pem(&key.to_pkcs1_pem(LineEnding::LF).unwrap()).map(|key| key.bits())
    };
    assert_eq!(read(2047, 65_537), Err(RsaKeyError::Bits(2047)));
    assert_eq!(read(2048, 65_537), Ok(2048));
    assert_eq!(read(4096, 3), Ok(4096));
    assert!(read(4097, 65_537).is_err());
    assert!(read(2048, 65_536).is_err() && read(2048, 1).is_err());
}

#[test]
fn all_errors_in_secrets_are_reported_at_once() {
    let node = json::parse(
        r#"{ "type": "custom-token", "secret_config": { "signingKeys": ["key", "nowhere", "elsewhere"] } }"#,
    )
    .unwrap();
    let errors = TokenProvider::compile(&node, "", &secrets()).unwrap_err();
    assert_eq!(
        outline(&node, &errors),
        [
            " audience-missing the provider has no `audience`, and the application has no client ID to use instead",
            "/secret_config/signingKeys/1 secret-missing the secret `nowhere` was not supplied",
            "/secret_config/signingKeys/2 secret-missing the secret `elsewhere` was not supplied",
        ]
    );
}

#[test]
fn debug_output_of_a_provider_hides_its_keys() {
    let provider = compile("HS256", "key", &secrets()).unwrap();
    let shown = format!("{provider:?} {provider:#?}");
    assert!(!shown.contains(&*SECRET) && shown.contains("TokenProvider"), "{shown}");
}
