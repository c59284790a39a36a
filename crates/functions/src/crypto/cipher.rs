use aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::generic_array::typenum::U12;
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};

use super::{CryptoError, random};

const NONCE: usize = 12;
const TAG: usize = 16;
const BLOCK: usize = 16;

/// Whether to encrypt or decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// Returns a nonce of 12 bytes, the ciphertext and a tag of 16 bytes, concatenated.
///
/// Source: the documented example of `utils.crypto.encrypt`, decrypted.
pub(crate) fn aes_gcm_encrypt(key: &[u8], text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let nonce = random(NONCE)?;
    let sealed = gcm(Direction::Encrypt, key, &nonce, text, &[])?;
    Ok([nonce, sealed].concat())
}

pub(crate) fn aes_gcm_decrypt(key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(undecipherable)?;
    gcm(Direction::Decrypt, key, nonce, sealed, &[])
}

/// Whether texts in CBC are padded to whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    Pkcs7,
    None,
}

/// The algorithms of `createCipheriv` and `createDecipheriv`. In GCM, the tag follows the ciphertext in the output and
/// in the input.
pub(crate) fn run_cipher(
    name: &str,
    (direction, padding): (Direction, Padding),
    key: &[u8],
    iv: &[u8],
    input: &[u8],
    extra: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (bits, mode) = name
        .strip_prefix("aes-")
        .and_then(|rest| rest.split_once('-'))
        .ok_or_else(|| CryptoError::new(format!("the cipher `{name}` is not known: use aes-256-gcm or aes-256-cbc")))?;
    if bits.parse() != Ok(key.len().saturating_mul(8)) {
        return Err(CryptoError::new("invalid key length"));
    }
    match mode {
        "gcm" => gcm(direction, key, iv, input, extra),
        "cbc" => cbc(direction, padding, key, iv, input),
        _ => Err(CryptoError::new(format!("the cipher `{name}` is not known: use aes-256-gcm or aes-256-cbc"))),
    }
}

fn gcm(direction: Direction, key: &[u8], nonce: &[u8], text: &[u8], extra: &[u8]) -> Result<Vec<u8>, CryptoError> {
    macro_rules! run {
        ($cipher:ty) => {{
            let cipher = AesGcm::<$cipher, U12>::new_from_slice(key).map_err(|_| key_length())?;
            let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| CryptoError::new("the nonce must have 12 bytes"))?;
            let nonce = &Nonce::<AesGcm<$cipher, U12>>::from(nonce);
            let payload = Payload { msg: text, aad: extra };
            match direction {
                Direction::Encrypt => cipher.encrypt(nonce, payload),
                Direction::Decrypt if text.len() < TAG => return Err(undecipherable()),
                Direction::Decrypt => cipher.decrypt(nonce, payload),
            }
            .map_err(|_| undecipherable())
        }};
    }
    match key.len() {
        16 => run!(Aes128),
        24 => run!(Aes192),
        32 => run!(Aes256),
        _ => Err(key_length()),
    }
}

fn cbc(direction: Direction, padding: Padding, key: &[u8], iv: &[u8], text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    if padding == Padding::None && !text.len().is_multiple_of(BLOCK) {
        return Err(CryptoError::new(
            "wrong final block length: without padding, a text must have whole blocks of 16 bytes",
        ));
    }
    let wrong_length = |_| CryptoError::new("invalid key or IV length");
    macro_rules! run {
        ($cipher:ty) => {
            match direction {
                Direction::Encrypt => {
                    let cipher = cbc::Encryptor::<$cipher>::new_from_slices(key, iv).map_err(wrong_length)?;
                    Ok(match padding {
                        Padding::Pkcs7 => cipher.encrypt_padded_vec_mut::<Pkcs7>(text),
                        Padding::None => cipher.encrypt_padded_vec_mut::<NoPadding>(text),
                    })
                }
                Direction::Decrypt => {
                    let cipher = cbc::Decryptor::<$cipher>::new_from_slices(key, iv).map_err(wrong_length)?;
                    match padding {
                        Padding::Pkcs7 => cipher.decrypt_padded_vec_mut::<Pkcs7>(text),
                        Padding::None => cipher.decrypt_padded_vec_mut::<NoPadding>(text),
                    }
                    .map_err(|_| undecipherable())
                }
            }
        };
    }
    match key.len() {
        16 => run!(Aes128),
        24 => run!(Aes192),
        32 => run!(Aes256),
        _ => Err(key_length()),
    }
}

fn key_length() -> CryptoError {
    CryptoError::new("the key of AES must have 16, 24 or 32 bytes")
}

fn undecipherable() -> CryptoError {
    CryptoError::new("the text cannot be deciphered with this key")
}
