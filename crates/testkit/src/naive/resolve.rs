//! Resolves templates step by step from their JSON text, with the policies `refuse`, `null` and `remove`.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use serde_json::{Value as Json, json};

use super::name::Expansion;
use super::path::whole;
use super::value::{from_ejson, is_ejson_literal};
use super::world::World;

/// Descriptions of what could not be resolved.
pub type Failures = Vec<String>;

pub struct Resolve<'w> {
    pub world: &'w World,
    /// The names of the secrets that may not be used, and of all secrets.
    pub hidden: Vec<String>,
    pub secrets: Vec<String>,
}

/// `None` if a part did not resolve; its failures have then been recorded.
type Found = Option<Bson>;

impl Resolve<'_> {
    /// The result in the form of an expectation.
    pub fn answer(&self, template: &Json, policy: &str) -> Result<Json, String> {
        let mut failures = Vec::new();
        let found = self.value(template, "", policy, &mut failures)?;
        failures.sort();
        failures.dedup();
        if policy == "refuse" && !failures.is_empty() {
            return Ok(json!({ "unresolved": failures }));
        }
        Ok(match found {
            Some(value) => json!({ "value": value.into_canonical_extjson() }),
            None if policy == "null" => json!({ "value": null }),
            None => json!({ "missing": true }),
        })
    }

    /// The value of the template at a pointer. Inside containers, `policy` determines what replaces an unresolved
    /// part.
    fn value(&self, template: &Json, at: &str, policy: &str, failures: &mut Failures) -> Result<Found, String> {
        match template {
            Json::String(text) if text.starts_with("%%") => Ok(self.expansion(text, at, failures)?),
            Json::String(text) if text.contains("%(") => Ok(self.text(text, at, failures, |_| true)?.map(Bson::String)),
            Json::Array(elements) => {
                let mut array = Vec::new();
                for (index, element) in elements.iter().enumerate() {
                    match self.value(element, &format!("{at}/{index}"), policy, failures)? {
                        Some(value) => array.push(value),
                        None if policy == "null" => array.push(Bson::Null),
                        None => {}
                    }
                }
                Ok(Some(Bson::Array(array)))
            }
            Json::Object(_) if is_ejson_literal(template) => Ok(Some(from_ejson(template)?)),
            Json::Object(members) => {
                let operator = members.keys().find(|key| key.starts_with('%') && !key.starts_with("%("));
                if let Some(name) = operator {
                    if members.len() != 1 {
                        return Err(format!("`{name}` is not alone"));
                    }
                    return self.operator(name, &members[name], at, failures);
                }
                let mut document = Document::new();
                // A key counts as used whether or not its value resolves.
                let mut taken = BTreeSet::new();
                for (key, member) in members {
                    if key.contains('\0') {
                        return Err("a key contains U+0000".to_owned());
                    }
                    let inside = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let name = if key.contains("%(") {
                        self.text(key, &inside, failures, |part| {
                            !part.is_empty() && !part.starts_with('$') && !part.contains(['.', '\0'])
                        })?
                    } else {
                        Some(key.clone())
                    };
                    let value = self.value(member, &inside, policy, failures)?;
                    let Some(name) = name else {
                        continue;
                    };
                    if !taken.insert(name.clone()) {
                        failures.push(format!("{inside} {}", first_expansion(key)));
                        continue;
                    }
                    match value {
                        Some(value) => _ = document.insert(name, value),
                        None if policy == "null" => _ = document.insert(name, Bson::Null),
                        None => {}
                    }
                }
                Ok(Some(Bson::Document(document)))
            }
            plain => Ok(Some(from_ejson(plain)?)),
        }
    }

    fn operator(&self, name: &str, operand: &Json, at: &str, failures: &mut Failures) -> Result<Found, String> {
        let at = format!("{at}/{name}");
        match name {
            "%literal" => Ok(Some(from_ejson(operand)?)),
            "%default" => {
                let alternatives =
                    operand.as_array().filter(|list| !list.is_empty()).ok_or("`%default` takes an array")?;
                // All alternatives must load, whichever resolves.
                for alternative in alternatives {
                    self.value(alternative, &at, "refuse", &mut Vec::new())?;
                }
                for (index, alternative) in alternatives.iter().enumerate() {
                    let mut own = Vec::new();
                    let found = self.value(alternative, &format!("{at}/{index}"), "refuse", &mut own)?;
                    if own.is_empty() && found.is_some() {
                        return Ok(found);
                    }
                    if index + 1 == alternatives.len() {
                        failures.extend(own);
                    }
                }
                Ok(None)
            }
            "%function" => Err("functions".to_owned()),
            "%stringToOid" | "%oidToString" | "%stringToUuid" | "%uuidToString" => {
                let mut own = Vec::new();
                let found = self.value(operand, &at, "refuse", &mut own)?;
                if !own.is_empty() {
                    failures.extend(own);
                    return Ok(None);
                }
                let Some(value) = found else { return Ok(None) };
                let converted = match &value {
                    Bson::Array(elements) => {
                        elements.iter().map(|one| convert(name, one)).collect::<Option<Vec<_>>>().map(Bson::Array)
                    }
                    one => convert(name, one),
                };
                if converted.is_none() {
                    let asked = match operand {
                        Json::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    failures.push(format!("{at} {asked}"));
                }
                Ok(converted)
            }
            other => Err(format!("`{other}` is no operator")),
        }
    }

    fn expansion(&self, text: &str, at: &str, failures: &mut Failures) -> Result<Found, String> {
        let expansion = read(text)?;
        let found = self.find(&expansion);
        if found.is_none() {
            failures.push(format!("{at} {text}"));
        }
        Ok(found)
    }

    fn find(&self, expansion: &Expansion) -> Found {
        let whole_of_values = expansion.name == "values" && expansion.path.is_empty();
        if expansion.name == "values" {
            match expansion.path.first() {
                Some(name) if self.hidden.contains(name) => return None,
                None if whole_of_values && !self.secrets.is_empty() => return None,
                _ => {}
            }
        }
        let source = self.world.source(expansion).ok()??;
        whole(source.value.as_ref(), &source.path).met()
    }

    /// A text template, in which each inserted value must satisfy `fits`.
    fn text(
        &self,
        text: &str,
        at: &str,
        failures: &mut Failures,
        fits: fn(&str) -> bool,
    ) -> Result<Option<String>, String> {
        let (mut out, mut rest, mut complete) = (String::new(), text, true);
        while let Some((before, after)) = rest.split_once("%(") {
            out.push_str(before);
            let (alternatives, tail) = insertion(after).ok_or_else(|| format!("`{after}` is malformed"))?;
            rest = tail;
            let others = alternatives.len() - 1;
            if alternatives[..others].iter().any(|one| !one.starts_with("%%")) {
                return Err("a literal that is not the last alternative".to_owned());
            }
            for alternative in alternatives.iter().filter(|one| one.starts_with("%%")) {
                read(alternative)?;
            }
            let mut inserted = None;
            for alternative in &alternatives {
                inserted = match alternative.strip_prefix("%%") {
                    Some(_) => {
                        let expansion = read(alternative)?;
                        self.find(&expansion).and_then(|value| plain(&value))
                    }
                    None => Some(literal(alternative)?),
                };
                if inserted.is_some() {
                    break;
                }
            }
            match inserted {
                Some(part) if fits(&part) => out.push_str(&part),
                _ => {
                    complete = false;
                    let last = alternatives.last().expect("an alternative");
                    let asked = if last.starts_with('"') { literal(last)? } else { last.clone() };
                    failures.push(format!("{at} {asked}"));
                }
            }
        }
        out.push_str(rest);
        Ok(complete.then_some(out))
    }
}

fn read(text: &str) -> Result<Expansion, String> {
    let expansion = Expansion::parse(text).ok_or("no expansion")??;
    if text.contains('"') || (matches!(expansion.name.as_str(), "true" | "false") && !expansion.path.is_empty()) {
        return Err(format!("`{text}` is no expansion"));
    }
    Ok(expansion)
}

/// The alternatives before a `)`, and the text after it. A JSON string among them may contain both `,` and `)`.
fn insertion(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            ')' if !quoted => {
                parts.push(part.trim().to_owned());
                return Some((parts, &text[at + 1..]));
            }
            _ => {}
        }
        part.push(character);
    }
    None
}

fn literal(text: &str) -> Result<String, String> {
    match serde_json::from_str(text) {
        Ok(Json::String(text)) => Ok(text),
        Ok(Json::Bool(value)) => Ok(value.to_string()),
        Ok(Json::Number(number)) if number.is_f64() => {
            plain(&Bson::Double(number.as_f64().expect("a double"))).ok_or_else(|| text.to_owned())
        }
        Ok(Json::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("`{text}` cannot be inserted")),
    }
}

fn first_expansion(key: &str) -> String {
    key.split_once("%(").and_then(|(_, rest)| insertion(rest)).map_or_else(
        || key.to_owned(),
        |(parts, _)| {
            let last = parts.last().cloned().unwrap_or_default();
            if last.starts_with('"') { literal(&last).unwrap_or(last) } else { last }
        },
    )
}

/// The text of a value that is inserted into text.
fn plain(value: &Bson) -> Option<String> {
    match value {
        Bson::String(text) => Some(text.clone()),
        Bson::Boolean(value) => Some(value.to_string()),
        Bson::Int32(number) => Some(number.to_string()),
        Bson::Int64(number) => Some(number.to_string()),
        Bson::Double(number) => ecmascript(*number),
        Bson::Decimal128(number) => decimal(&number.to_string()),
        Bson::ObjectId(id) => Some(id.to_hex()),
        Bson::Binary(binary) if binary.subtype == bson::spec::BinarySubtype::Uuid && binary.bytes.len() == 16 => {
            let hex: String = binary.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
        }
        Bson::DateTime(date) => {
            let millis = date.timestamp_millis();
            // The years 0 to 9999.
            if !(-62_167_219_200_000..=253_402_300_799_999).contains(&millis) {
                return None;
            }
            let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
            let (year, month, day) = civil(days);
            let (seconds, fraction) = (rest / 1000, rest % 1000);
            let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            let fraction = if fraction == 0 { String::new() } else { fraction_text(fraction) };
            Some(format!("{year:04}-{month:02}-{day:02}T{time}{fraction}Z"))
        }
        _ => None,
    }
}

fn fraction_text(millis: i64) -> String {
    format!(".{millis:03}")
}

/// Converts days since 1970-01-01 to a date, by counting years and months.
fn civil(days: i64) -> (i64, i64, i64) {
    let leap = |year: i64| year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let (mut year, mut left) = (1970, days);
    while left < 0 {
        year -= 1;
        left += if leap(year) { 366 } else { 365 };
    }
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= months[month] {
        left -= months[month];
        month += 1;
    }
    (year, i64::try_from(month).expect("a month") + 1, left + 1)
}

/// ECMAScript's `Number::toString`, based on the digits that Rust prints.
fn ecmascript(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    if number == 0.0 {
        return Some("0".to_owned());
    }
    let magnitude = number.abs();
    let sign = if number < 0.0 { "-" } else { "" };
    if (1e-6..1e21).contains(&magnitude) {
        // Rust prints all digits before the decimal point and the shortest sequence after it.
        return Some(format!("{sign}{magnitude}"));
    }
    let scientific = format!("{magnitude:e}");
    let (digits, exponent) = scientific.split_once('e')?;
    let plus = if exponent.starts_with('-') { "" } else { "+" };
    Some(format!("{sign}{digits}e{plus}{exponent}"))
}

/// The printed form of a decimal with the exponent as in ECMAScript.
fn decimal(printed: &str) -> Option<String> {
    if !printed.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    let Some((digits, exponent)) = printed.split_once('E') else {
        let whole = printed.trim_start_matches('-').split('.').next().unwrap_or_default();
        if whole.len() <= 21 {
            return Some(printed.to_owned());
        }
        let (first, rest) = whole.split_at(1);
        return Some(format!("{first}.{rest}e+{}", whole.len() - 1));
    };
    let exponent: i32 = exponent.parse().ok()?;
    if digits.contains('.') || !(0..20).contains(&exponent) {
        return Some(format!("{digits}e{exponent:+}"));
    }
    Some(format!("{digits}{}", "0".repeat(usize::try_from(exponent).ok()?)))
}

fn convert(name: &str, value: &Bson) -> Option<Bson> {
    use bson::spec::BinarySubtype::Uuid;
    match (name, value) {
        ("%stringToOid", Bson::ObjectId(_)) | ("%oidToString" | "%uuidToString", Bson::String(_)) => {
            Some(value.clone())
        }
        ("%stringToOid", Bson::String(text)) if text.len() == 12 => {
            Some(Bson::ObjectId(bson::oid::ObjectId::from_bytes(text.as_bytes().try_into().ok()?)))
        }
        ("%stringToOid", Bson::String(text)) => bson::oid::ObjectId::parse_str(text).ok().map(Bson::ObjectId),
        ("%oidToString", Bson::ObjectId(id)) => Some(Bson::String(id.to_hex())),
        ("%stringToUuid" | "%uuidToString", Bson::Binary(binary))
            if binary.subtype == Uuid && binary.bytes.len() == 16 =>
        {
            if name == "%stringToUuid" {
                Some(value.clone())
            } else {
                plain(value).map(Bson::String)
            }
        }
        ("%stringToUuid", Bson::String(text)) => {
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            if groups != [8, 4, 4, 4, 12] {
                return None;
            }
            let digits: String = text.split('-').collect();
            let bytes: Option<Vec<u8>> = (0..16)
                .map(|at| digits.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
                .collect();
            Some(Bson::Binary(bson::Binary { subtype: Uuid, bytes: bytes? }))
        }
        _ => None,
    }
}
