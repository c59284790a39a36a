//! Validates expressions without evaluating them.

use serde_json::{Map, Value as Json};

use super::name::{Expansion, Scope, has_sign, is_half_expansion, is_logical, operator, plain_path};
use super::value::{Number, from_ejson, is_ejson_literal, is_ordered, text};
use bson::Bson;

type Check = Result<(), String>;

/// Checks an expression: `true`, `false` or an object. Inside `$elemMatch`, plain names are relative to the element.
pub fn expression(scope: Scope, in_element: bool, json: &Json) -> Check {
    let object = match json {
        Json::Bool(_) => return Ok(()),
        Json::Object(object) => object,
        other => return Err(format!("an expression cannot be {other}")),
    };
    for (name, value) in object {
        if is_logical(name) {
            logical(name, value, |inner| expression(scope, in_element, inner))?;
        } else if let Some(expansion) = Expansion::parse(name) {
            let expansion = expansion?;
            expansion.check(scope, false)?;
            if expansion.is_constant() {
                constant_operand(scope, in_element, value)?;
            } else {
                operand(scope, value)?;
            }
        } else if has_sign(name) {
            return Err(format!("`{name}` where a field name belongs"));
        } else {
            plain_path(name)?;
            if !in_element && !scope.has_plain_paths() {
                return Err(format!("there is no document for `{name}` in scope {scope:?}"));
            }
            operand(scope, value)?;
        }
    }
    Ok(())
}

fn logical(name: &str, value: &Json, check: impl Fn(&Json) -> Check) -> Check {
    if operator(name) == Some("not") {
        return check(value);
    }
    match value {
        Json::Array(items) if !items.is_empty() => items.iter().try_for_each(check),
        _ => Err(format!("`{name}` takes a non-empty array")),
    }
}

/// Checks the value of `%%true` or `%%false`: one function, an embedded expression, or an expansion.
fn constant_operand(scope: Scope, in_element: bool, value: &Json) -> Check {
    match value {
        Json::Object(object) => match object.iter().find(|(name, _)| operator(name) == Some("function")) {
            Some((_, call)) if object.len() == 1 => function(scope, call),
            Some(_) => Err("a function beside other conditions".to_string()),
            None => expression(scope, in_element, value),
        },
        _ if is_expansion(value) => operand(scope, value),
        _ => expression(scope, in_element, value),
    }
}

/// Checks the value of a field of an expression.
fn operand(scope: Scope, value: &Json) -> Check {
    match value {
        Json::Object(object) if !is_ejson_literal(value) && object.keys().any(|name| has_sign(name)) => {
            operators(scope, value)
        }
        _ => literal(scope, value, false),
    }
}

/// Checks a value in which strings may be expansions.
fn literal(scope: Scope, value: &Json, as_argument: bool) -> Check {
    match value {
        Json::String(text) => match Expansion::parse(text) {
            Some(expansion) => expansion?.check(scope, as_argument),
            None if is_half_expansion(text) => Err(format!("`{text}` lacks a percent sign")),
            None => Ok(()),
        },
        Json::Array(items) => items.iter().try_for_each(|item| literal(scope, item, as_argument)),
        Json::Object(_) if is_ejson_literal(value) => match from_ejson(value)? {
            Bson::RegularExpression(_) => Err("a regular expression as a value".to_string()),
            // `{"$oid": …, "more": …}` is not a literal.
            Bson::Document(_) => Err(format!("not a literal: {value}")),
            _ => Ok(()),
        },
        Json::Object(object) => {
            for (name, inner) in object {
                if has_sign(name) {
                    return Err(format!("`{name}` inside a literal"));
                }
                literal(scope, inner, as_argument)?;
            }
            Ok(())
        }
        _ => from_ejson(value).map(|_| ()),
    }
}

/// Checks an object that must consist of one or more operators.
fn operators(scope: Scope, value: &Json) -> Check {
    let Json::Object(object) = value else {
        return Err(format!("operators belong here, not {value}"));
    };
    if object.is_empty() || is_ejson_literal(value) {
        return Err(format!("operators belong here, not {value}"));
    }
    for single in ["regex", "options"] {
        if object.keys().filter(|name| operator(name) == Some(single)).count() > 1 {
            return Err(format!("`{single}` twice"));
        }
    }
    for (name, operand) in object {
        let Some(known) = operator(name) else {
            return Err(format!("`{name}` among operators"));
        };
        one_operator(scope, object, name, known, operand)?;
    }
    Ok(())
}

fn one_operator(scope: Scope, beside: &Map<String, Json>, name: &str, known: &str, operand: &Json) -> Check {
    let refuse = || Err(format!("`{name}` cannot take {operand}"));
    match known {
        "and" | "or" | "nor" | "not" => logical(name, operand, |inner| operators(scope, inner)),
        "eq" | "ne" => literal(scope, operand, false),
        "gt" | "gte" | "lt" | "lte" => {
            literal(scope, operand, false)?;
            if is_expansion(operand) || fixed(operand).is_some_and(|value| is_ordered(&value)) {
                Ok(())
            } else {
                refuse()
            }
        }
        "exists" => match operand {
            Json::Bool(_) => Ok(()),
            Json::String(text) if text == "%%true" || text == "%%false" => Ok(()),
            _ if matches!(fixed(operand), Some(Bson::Int32(0 | 1) | Bson::Int64(0 | 1))) => Ok(()),
            _ => refuse(),
        },
        "in" | "nin" => {
            literal(scope, operand, false)?;
            if operand.is_array() || is_expansion(operand) { Ok(()) } else { refuse() }
        }
        "all" => {
            literal(scope, operand, false)?;
            if operand.is_array() { Ok(()) } else { refuse() }
        }
        "size" => match number(operand) {
            Some(number) if number.is_whole() && number.truncated().is_some_and(|size| size >= 0) => Ok(()),
            _ => refuse(),
        },
        "type" => match operand {
            Json::Array(types) if !types.is_empty() && types.iter().all(is_type) => Ok(()),
            _ if is_type(operand) => Ok(()),
            _ => refuse(),
        },
        "mod" => {
            let parts: Vec<i64> = match operand {
                Json::Array(parts) if parts.len() == 2 => {
                    parts.iter().filter_map(|part| number(part)?.truncated()).collect()
                }
                _ => return refuse(),
            };
            if parts.len() == 2 && parts[0] != 0 { Ok(()) } else { refuse() }
        }
        "elemMatch" => match operand {
            Json::Object(object) if object.is_empty() => refuse(),
            Json::Object(_) if is_on_element_itself(operand) => operators(scope, operand),
            Json::Object(_) => expression(scope, true, operand),
            _ => refuse(),
        },
        "regex" => match operand {
            Json::String(pattern) if !is_expansion(operand) => {
                let options = beside.iter().find(|(name, _)| operator(name) == Some("options"));
                let options = options.map_or(Some(""), |(_, options)| options.as_str());
                match options {
                    Some(options) => pattern_of(pattern, options).map(|_| ()),
                    None => refuse(),
                }
            }
            _ => refuse(),
        },
        "options" => {
            let has_pattern = beside.keys().any(|name| operator(name) == Some("regex"));
            if has_pattern && operand.is_string() { Ok(()) } else { refuse() }
        }
        "stringToOid" | "oidToString" | "stringToUuid" | "uuidToString" => conversion(scope, name, known, operand),
        "function" => function(scope, operand),
        _ => unreachable!("operator {known}"),
    }
}

fn conversion(scope: Scope, name: &str, known: &str, operand: &Json) -> Check {
    literal(scope, operand, false)?;
    if is_expansion(operand) {
        return Ok(());
    }
    let fits = match (known, fixed(operand)) {
        (_, Some(Bson::String(_))) | ("stringToOid" | "oidToString", Some(Bson::ObjectId(_))) => true,
        ("stringToUuid" | "uuidToString", Some(Bson::Binary(binary))) => {
            binary.subtype == bson::spec::BinarySubtype::Uuid
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("`{name}` cannot take {operand}")) }
}

fn function(scope: Scope, call: &Json) -> Check {
    let Json::Object(call) = call else {
        return Err("a function call is an object".to_string());
    };
    if call.get("name").and_then(Json::as_str).is_none_or(str::is_empty) {
        return Err("a function call needs a name".to_string());
    }
    if let Some(unknown) = call.keys().find(|key| *key != "name" && *key != "arguments") {
        return Err(format!("unknown key `{unknown}` in a function call"));
    }
    call.get("arguments").map_or(Ok(()), |arguments| literal(scope, arguments, true))
}

pub fn is_expansion(json: &Json) -> bool {
    json.as_str().is_some_and(|text| text.starts_with("%%"))
}

/// The value of a literal without expansions.
fn fixed(json: &Json) -> Option<Bson> {
    match json {
        Json::Object(_) if !is_ejson_literal(json) => None,
        Json::Array(_) => None,
        _ => from_ejson(json).ok(),
    }
}

fn number(json: &Json) -> Option<Number> {
    fixed(json).as_ref().and_then(Number::of)
}

pub const TYPES: [(&str, i64); 21] = [
    ("double", 1),
    ("string", 2),
    ("object", 3),
    ("array", 4),
    ("binData", 5),
    ("undefined", 6),
    ("objectId", 7),
    ("bool", 8),
    ("date", 9),
    ("null", 10),
    ("regex", 11),
    ("dbPointer", 12),
    ("javascript", 13),
    ("symbol", 14),
    ("javascriptWithScope", 15),
    ("int", 16),
    ("timestamp", 17),
    ("long", 18),
    ("decimal", 19),
    ("minKey", -1),
    ("maxKey", 127),
];

fn is_type(json: &Json) -> bool {
    match fixed(json) {
        Some(value) => match (text(&value), Number::of(&value)) {
            (Some("number"), _) => true,
            (Some(alias), _) => TYPES.iter().any(|(known, _)| *known == alias),
            (None, Some(number)) => {
                number.is_whole() && TYPES.iter().any(|(_, code)| number.truncated() == Some(*code))
            }
            (None, None) => false,
        },
        None => false,
    }
}

/// Whether an `$elemMatch` is about the element itself (`{"$gt": 5}`) instead of fields in it.
pub fn is_on_element_itself(json: &Json) -> bool {
    let Json::Object(object) = json else {
        return false;
    };
    object.iter().next().is_some_and(|(name, value)| match (operator(name), value) {
        (Some("and" | "or" | "nor"), Json::Array(items)) => items.first().is_some_and(is_on_element_itself),
        (Some("not"), inner) => is_on_element_itself(inner),
        (known, _) => known.is_some(),
    })
}

/// Compiles a pattern with MongoDB's semantics: character classes are ASCII, and `$` also matches before a final
/// newline.
pub fn pattern_of(pattern: &str, options: &str) -> Result<regex::Regex, String> {
    if let Some(unknown) = options.chars().find(|option| !"imsx".contains(*option)) {
        return Err(format!("unknown option `{unknown}` of a regular expression"));
    }
    let mut translated = String::new();
    let mut in_class = false;
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // MongoDB's character classes have no set operations and no nested classes.
            '[' if in_class && letters.peek() == Some(&':') => {
                translated.push(letter);
                for inner in letters.by_ref() {
                    translated.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '&' | '~' | '[' if in_class => translated.extend(['\\', letter]),
            '-' if in_class && letters.peek() == Some(&'-') => {
                letters.next();
                translated.push_str("-\\-");
            }
            ' ' if in_class => translated.push_str("\\x20"),
            '\\' => match letters.next() {
                Some('d') => translated.push_str("[0-9]"),
                Some('D') => translated.push_str("[^0-9]"),
                Some('w') if !in_class => translated.push_str("(?-i:[0-9A-Za-z_])"),
                Some('w') => translated.push_str("[0-9A-Za-z_]"),
                Some('Z') => translated.push_str("(?:\\n?\\z)"),
                Some('W') => translated.push_str("[^0-9A-Za-z_]"),
                Some('s') => translated.push_str("[\\t\\n\\x0B\\x0C\\r ]"),
                Some('S') => translated.push_str("[^\\t\\n\\x0B\\x0C\\r ]"),
                Some('b') if !in_class => translated.push_str("(?-u:\\b)"),
                Some(other) => translated.extend(['\\', other]),
                None => translated.push('\\'),
            },
            '$' if !in_class && !options.contains('m') => translated.push_str("(?:\\n?\\z)"),
            other => {
                in_class = match other {
                    '[' => true,
                    ']' => false,
                    _ => in_class,
                };
                translated.push(other);
            }
        }
    }
    let flags = if options.is_empty() { String::new() } else { format!("(?{options})") };
    regex::Regex::new(&format!("{flags}{translated}")).map_err(|error| error.to_string())
}
