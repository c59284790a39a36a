//! Tokens and signatures with key pairs that are generated for the test.

use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use serde_json::json;

use super::world::{bson, one};

fn rsa_key() -> rsa::RsaPrivateKey {
    rsa::RsaPrivateKey::new(&mut OsRng, 2048).unwrap()
}

#[tokio::test]
async fn tokens_are_signed_with_key_pairs() {
    let rsa = rsa_key();
    let mut pairs = vec![];
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let private = rsa.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        pairs.push((name, private, rsa.to_public_key().to_public_key_pem(LineEnding::LF).unwrap()));
    }
    macro_rules! elliptic {
        ($name:literal, $curve:ident) => {
            let key = $curve::SecretKey::random(&mut OsRng);
            let private = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
            pairs.push(($name, private, key.public_key().to_public_key_pem(LineEnding::LF).unwrap()));
        };
    }
    elliptic!("ES256", p256);
    elliptic!("ES384", p384);
    elliptic!("ES512", p521);
    let source = "exports = (alg, priv, pub) => { const t = utils.jwt.encode(alg, { sub: 'ada' }, priv); let forged; \
                  try { utils.jwt.decode(t.slice(0, -8) + 'AAAAAAAA', pub); } catch (e) { forged = e.message; } \
                  let confused; try { utils.jwt.decode(utils.jwt.encode('HS256', {}, pub), pub); } catch (e) { confused = e.message; } \
                  return [utils.jwt.decode(t, pub, false, [alg]).sub, forged, confused]; };";
    let world = one(source);
    let forged = "the signature of the token is invalid";
    let confused = "the key does not belong to the signing method of the token";
    for (name, private, public) in pairs {
        let arguments = vec![bson(json!(name)), bson(json!(private)), bson(json!(public))];
        assert_eq!(world.value("f", arguments).await, json!(["ada", forged, confused]), "{name}");
    }
}

#[tokio::test]
async fn messages_are_signed_with_rsa() {
    let key = rsa_key();
    let private = key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string();
    let public = key.to_public_key().to_pkcs1_pem(LineEnding::LF).unwrap();
    let source = "exports = (priv, pub) => ['pss', 'pkcs1v15'].map((scheme) => { const s = utils.crypto.sign('rsa', 'text', priv, scheme); \
                  return [utils.crypto.verify('rsa', 'text', pub, s, scheme), utils.crypto.verify('rsa', 'other', pub, s, scheme)]; });";
    let found = one(source).value("f", vec![bson(json!(private)), bson(json!(public))]).await;
    assert_eq!(found, json!([[true, false], [true, false]]));
}
