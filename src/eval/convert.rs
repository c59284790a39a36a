use bson::Bson;
use bson::oid::ObjectId;

use crate::expr::Conversion;
use crate::value::ValueRef;

/// Converts a value; `None` if it cannot be converted. A value that already has the target type passes through.
pub(crate) fn convert(conversion: Conversion, value: ValueRef<'_>) -> Option<Bson> {
    match (conversion, value) {
        (Conversion::StringToOid, ValueRef::String(text)) => oid(text).map(Bson::ObjectId),
        (Conversion::StringToOid, ValueRef::ObjectId(bytes)) => Some(Bson::ObjectId(ObjectId::from_bytes(bytes))),
        (Conversion::OidToString, ValueRef::ObjectId(bytes)) => Some(ObjectId::from_bytes(bytes).to_hex().into()),
        (Conversion::StringToUuid, ValueRef::String(text)) => uuid(text).map(|bytes| uuid_binary(&bytes)),
        (Conversion::StringToUuid, ValueRef::Binary { subtype: 4, bytes }) if bytes.len() == 16 => {
            Some(uuid_binary(bytes))
        }
        (Conversion::UuidToString, ValueRef::Binary { subtype: 4, bytes }) => {
            let bytes: [u8; 16] = bytes.try_into().ok()?;
            Some(bson::Uuid::from_bytes(bytes).to_string().into())
        }
        (Conversion::OidToString | Conversion::UuidToString, ValueRef::String(text)) => Some(text.into()),
        _ => None,
    }
}

/// Converts a value, or each element of an array; `None` if any conversion fails.
pub(crate) fn convert_each(conversion: Conversion, value: ValueRef<'_>) -> Option<Bson> {
    match value {
        ValueRef::Array(elements) => {
            elements.iter().map(|element| convert(conversion, element.ok()?)).collect::<Option<_>>().map(Bson::Array)
        }
        value => convert(conversion, value),
    }
}

fn uuid_binary(bytes: &[u8]) -> Bson {
    Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: bytes.to_owned() })
}

/// Parses 24 hexadecimal digits, or takes the bytes of a string of exactly 12 bytes.
fn oid(text: &str) -> Option<ObjectId> {
    match text.as_bytes().try_into() {
        Ok(bytes) => Some(ObjectId::from_bytes(bytes)),
        Err(_) => ObjectId::parse_str(text).ok(),
    }
}

/// Parses the 36-character form with hyphens, in either case.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens = [8, 13, 18, 23];
    let formed = text.len() == 36
        && text.bytes().enumerate().all(
            |(at, byte)| {
                if hyphens.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
            },
        );
    if !formed {
        return None;
    }
    bson::Uuid::parse_str(text).ok().map(bson::Uuid::bytes)
}
