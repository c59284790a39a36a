//! Conversions between strings, ObjectIds and UUIDs, and the results of functions.

use bson::Bson;
use serde_json::Value as Json;

use super::operand::{Operand, Right, of_context, resolved};
use crate::naive::world::World;

pub(super) fn convert(name: &str, right: Right) -> Right {
    let Right::Known(operand) = right else {
        return right;
    };
    let converted = match (name, &operand.value) {
        ("stringToOid", Bson::ObjectId(_)) | ("oidToString" | "uuidToString", Bson::String(_)) => {
            Some(operand.value.clone())
        }
        ("stringToOid", Bson::String(text)) => object_id(text),
        ("oidToString", Bson::ObjectId(id)) => Some(Bson::String(id.to_hex())),
        ("stringToUuid", Bson::Binary(_)) => uuid_text(&operand.value).map(|_| operand.value.clone()),
        ("stringToUuid", Bson::String(text)) => uuid(text),
        ("uuidToString", Bson::Binary(_)) => uuid_text(&operand.value).map(Bson::String),
        _ => None,
    };
    converted.map_or(Right::Unknown, |value| Right::Known(Box::new(Operand::found(value))))
}

fn object_id(text: &str) -> Option<Bson> {
    if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return bson::oid::ObjectId::parse_str(text).ok().map(Bson::ObjectId);
    }
    let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
    Some(Bson::ObjectId(bson::oid::ObjectId::from_bytes(bytes)))
}

fn uuid(text: &str) -> Option<Bson> {
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if text.len() != 36 || dashes != [8, 13, 18, 23] {
        return None;
    }
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bytes =
        (0..16).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect::<Option<Vec<u8>>>()?;
    Some(Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes }))
}

fn uuid_text(value: &Bson) -> Option<String> {
    let Bson::Binary(binary) = value else {
        return None;
    };
    if binary.subtype != bson::spec::BinarySubtype::Uuid || binary.bytes.len() != 16 {
        return None;
    }
    let digits: Vec<String> = binary.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let groups = [&digits[..4], &digits[4..6], &digits[6..8], &digits[8..10], &digits[10..]];
    Some(groups.map(<[String]>::concat).join("-"))
}

pub(super) fn call(world: &World, call: &Json) -> Right {
    let name = call["name"].as_str().expect("checked before");
    if !world.has_function(name) {
        return Right::Error(format!("function not found: '{name}'"));
    }
    let written: Vec<&Json> = match call.get("arguments") {
        None => Vec::new(),
        Some(Json::Array(arguments)) => arguments.iter().collect(),
        Some(argument) => vec![argument],
    };
    let arguments: Result<Vec<Option<Bson>>, String> =
        written.into_iter().map(|argument| resolved(world, argument, false)).collect();
    match arguments.map(|arguments| arguments.into_iter().collect::<Option<Vec<Bson>>>()) {
        Err(text) => Right::Error(text),
        Ok(None) => Right::Unknown,
        Ok(Some(arguments)) => match world.call(name, &arguments) {
            Err(text) => Right::Error(text),
            Ok(value) => of_context(value),
        },
    }
}
