//! Host functions that only compute: bytes, strings, numbers, hashes, tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bson::oid::ObjectId;
use bson::{DateTime, Decimal128};
use rquickjs::convert::List;
use rquickjs::{Ctx, Exception, FromJs, Function, IntoJs, Object, Result, TypedArray, Value};

use super::bridge::record;
use crate::crypto::{self, CryptoError, Direction, Padding};

/// Bytes from the engine. The prelude passes them as base64, since reading them in place would require `unsafe`.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl<'js> FromJs<'js> for Bytes {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let text = String::from_js(ctx, value)?;
        STANDARD.decode(text).map(Self).map_err(|_| Exception::throw_type(ctx, "bytes are needed"))
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn bytes<'js>(ctx: &Ctx<'js>, bytes: impl AsRef<[u8]>) -> Result<TypedArray<'js, u8>> {
    TypedArray::new_copy(ctx.clone(), bytes)
}

fn failed(ctx: &Ctx<'_>, error: &CryptoError) -> rquickjs::Error {
    Exception::throw_message(ctx, &error.to_string())
}

/// Adds the functions that the prelude needs while it is being evaluated.
pub(super) fn add<'js>(ctx: &Ctx<'js>, host: &Object<'js>) -> Result<()> {
    // The prelude passes well-formed strings only.
    let from_utf8 = |ctx: Ctx<'js>, text: String| bytes(&ctx, text);
    host.set("fromUtf8", Function::new(ctx.clone(), from_utf8)?)?;
    let sorted = |text: String| {
        // `u` makes JavaScript read patterns as Unicode, which MongoDB always does.
        let mut letters: Vec<char> = text.chars().filter(|letter| *letter != 'u').collect();
        letters.sort_unstable();
        letters.into_iter().collect::<String>()
    };
    host.set("sorted", Function::new(ctx.clone(), sorted)?)
}

/// The hexadecimal digits of a new `ObjectId`. The first eight are its time in seconds, modulo 2³².
fn new_object_id(now: Option<DateTime>) -> String {
    let id = ObjectId::new().to_hex();
    match (now, id.get(8..)) {
        (Some(now), Some(rest)) => format!("{:08x}{rest}", seconds(now).rem_euclid(1 << 32)),
        _ => id,
    }
}

fn seconds(time: DateTime) -> i64 {
    time.timestamp_millis().div_euclid(1000)
}

/// Adds the functions that create and convert BSON values. `now` is the frozen time, if any.
pub(super) fn add_texts<'js>(ctx: &Ctx<'js>, host: &Object<'js>, now: Option<DateTime>) -> Result<()> {
    host.set("newObjectId", Function::new(ctx.clone(), move || new_object_id(now))?)?;
    let from_hex = |ctx: Ctx<'js>, text: String| {
        let parsed = from_hex(&text).ok_or_else(|| Exception::throw_type(&ctx, "the text is not hexadecimal"))?;
        bytes(&ctx, parsed)
    };
    host.set("fromHex", Function::new(ctx.clone(), from_hex)?)?;
    let from_base64 = |ctx: Ctx<'js>, text: String, is_strict: bool| {
        let strict = STANDARD.decode(&text).ok();
        let parsed = strict.or_else(|| if is_strict { None } else { lenient(&text) });
        let parsed = parsed.ok_or_else(|| Exception::throw_type(&ctx, "the text is not base64 with padding"))?;
        bytes(&ctx, parsed)
    };
    host.set("fromBase64", Function::new(ctx.clone(), from_base64)?)?;
    let to_utf8 = |bytes: Bytes| String::from_utf8_lossy(bytes.as_ref()).into_owned();
    host.set("toUtf8", Function::new(ctx.clone(), to_utf8)?)?;
    let decimal = |ctx: Ctx<'js>, text: String| match text.parse::<Decimal128>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err(Exception::throw_range(&ctx, "the text is not a Decimal128")),
    };
    host.set("decimal", Function::new(ctx.clone(), decimal)?)
}

/// Adds the functions for hashes, ciphers and signatures.
pub(super) fn add_crypto<'js>(ctx: &Ctx<'js>, host: &Object<'js>) -> Result<()> {
    let hash = |ctx: Ctx<'js>, name: String, input: Bytes| {
        bytes(&ctx, crypto::hash(&name, input.as_ref()).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("hash", Function::new(ctx.clone(), hash)?)?;
    let hmac_bytes = |ctx: Ctx<'js>, name: String, key: Bytes, input: Bytes| {
        bytes(&ctx, crypto::hmac(&name, key.as_ref(), input.as_ref()).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("hmacBytes", Function::new(ctx.clone(), hmac_bytes)?)?;
    let hmac = |ctx: Ctx<'js>, input: Bytes, key: Bytes, name: String, form: String| {
        let code = crypto::hmac(&name, key.as_ref(), input.as_ref()).map_err(|error| failed(&ctx, &error))?;
        match form.as_str() {
            "hex" => Ok(to_hex(&code)),
            "base64" => Ok(STANDARD.encode(code)),
            _ => Err(Exception::throw_type(&ctx, "the output format must be \"hex\" or \"base64\"")),
        }
    };
    host.set("hmac", Function::new(ctx.clone(), hmac)?)?;
    let encrypt = |ctx: Ctx<'js>, kind: String, text: Bytes, key: Bytes| {
        only(&ctx, &kind, "aes")?;
        bytes(&ctx, crypto::aes_gcm_encrypt(key.as_ref(), text.as_ref()).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("encrypt", Function::new(ctx.clone(), encrypt)?)?;
    let decrypt = |ctx: Ctx<'js>, kind: String, text: Bytes, key: Bytes| {
        only(&ctx, &kind, "aes")?;
        bytes(&ctx, crypto::aes_gcm_decrypt(key.as_ref(), text.as_ref()).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("decrypt", Function::new(ctx.clone(), decrypt)?)?;
    let sign = |ctx: Ctx<'js>, kind: String, text: Bytes, key: String, scheme: String| {
        only(&ctx, &kind, "rsa")?;
        bytes(&ctx, crypto::sign(text.as_ref(), &key, &scheme).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("sign", Function::new(ctx.clone(), sign)?)?;
    let verify = |ctx: Ctx<'js>, kind: String, text: Bytes, key: String, signature: Bytes, scheme: String| {
        only(&ctx, &kind, "rsa")?;
        crypto::verify(text.as_ref(), &key, signature.as_ref(), &scheme).map_err(|error| failed(&ctx, &error))
    };
    host.set("verify", Function::new(ctx.clone(), verify)?)?;
    let random = |ctx: Ctx<'js>, count: usize| {
        if count > 1024 * 1024 {
            return Err(Exception::throw_range(&ctx, "at most 1 MiB of random bytes at once"));
        }
        bytes(&ctx, crypto::random(count).map_err(|error| failed(&ctx, &error))?)
    };
    host.set("random", Function::new(ctx.clone(), random)?)?;
    let cipher =
        |ctx: Ctx<'js>, name: String, how: List<(bool, bool)>, key: Bytes, iv: Bytes, input: Bytes, extra: Bytes| {
            let List((encrypts, pads)) = how;
            let direction = if encrypts { Direction::Encrypt } else { Direction::Decrypt };
            let padding = if pads { Padding::Pkcs7 } else { Padding::None };
            let (key, iv, input, extra) = (key.as_ref(), iv.as_ref(), input.as_ref(), extra.as_ref());
            let done = crypto::run_cipher(&name, (direction, padding), key, iv, input, extra);
            bytes(&ctx, done.map_err(|error| failed(&ctx, &error))?)
        };
    host.set("cipher", Function::new(ctx.clone(), cipher)?)
}

/// Adds the functions that sign and verify JSON Web Tokens. `now` is the frozen time, if any.
pub(super) fn add_tokens<'js>(ctx: &Ctx<'js>, host: &Object<'js>, now: Option<DateTime>) -> Result<()> {
    let jwt_encode = |ctx: Ctx<'js>, name: String, payload: String, key: String, headers: String| {
        crypto::jwt_encode(&name, &payload, &key, &headers).map_err(|error| failed(&ctx, &error))
    };
    host.set("jwtEncode", Function::new(ctx.clone(), jwt_encode)?)?;
    let jwt_decode = move |ctx: Ctx<'js>, token: String, key: String, accepted: Vec<String>| {
        let now = seconds(now.unwrap_or_else(DateTime::now));
        let (header, payload) =
            crypto::jwt_decode(&token, &key, &accepted, now).map_err(|error| failed(&ctx, &error))?;
        record(&ctx, [("header", header.into_js(&ctx)?), ("payload", payload.into_js(&ctx)?)])
    };
    host.set("jwtDecode", Function::new(ctx.clone(), jwt_decode)?)
}

fn only(ctx: &Ctx<'_>, kind: &str, known: &str) -> Result<()> {
    if kind == known {
        return Ok(());
    }
    Err(Exception::throw_type(ctx, &format!("the method must be \"{known}\"")))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Base64 as Node decodes it: padding is optional, and the URL-safe alphabet is accepted.
fn lenient(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}
