use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::CryptoError;

/// A hash by the name of its algorithm, with or without a hyphen.
pub(crate) fn hash(name: &str, input: &[u8]) -> Result<Vec<u8>, CryptoError> {
    Ok(match plain(name).as_str() {
        "md5" => Md5::digest(input).to_vec(),
        "sha1" => Sha1::digest(input).to_vec(),
        "sha224" => Sha224::digest(input).to_vec(),
        "sha256" => Sha256::digest(input).to_vec(),
        "sha384" => Sha384::digest(input).to_vec(),
        "sha512" => Sha512::digest(input).to_vec(),
        _ => return Err(unknown(name)),
    })
}

/// An HMAC by the name of its hash.
pub(crate) fn hmac(name: &str, key: &[u8], input: &[u8]) -> Result<Vec<u8>, CryptoError> {
    macro_rules! hmac {
        ($hash:ty) => {{
            let mac = Hmac::<$hash>::new_from_slice(key).map_err(|_| CryptoError::new("the key has no length"))?;
            mac.chain_update(input).finalize().into_bytes().to_vec()
        }};
    }
    Ok(match plain(name).as_str() {
        "md5" => hmac!(Md5),
        "sha1" => hmac!(Sha1),
        "sha224" => hmac!(Sha224),
        "sha256" => hmac!(Sha256),
        "sha384" => hmac!(Sha384),
        "sha512" => hmac!(Sha512),
        _ => return Err(unknown(name)),
    })
}

fn plain(name: &str) -> String {
    name.chars().filter(|character| *character != '-').flat_map(char::to_lowercase).take(16).collect()
}

fn unknown(name: &str) -> CryptoError {
    CryptoError::new(format!("the hash `{name}` is not known: use sha1, sha256, sha512 or md5"))
}
