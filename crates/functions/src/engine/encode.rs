//! Converts JavaScript values into BSON values.

use std::cell::Cell;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp};
use rquickjs::{Array, Error, Exception, Function, Object, Result, Value};

use super::bridge::Bridge;
use super::host_text::Bytes;
use super::numbers::{Numbers, new_number};

/// How `undefined` inside a document is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undefined {
    /// As [`Bson::Undefined`]: in results.
    Keep,
    /// As an error: in filters, where omitting a condition would match more documents. For the same reason, so are all
    /// objects that are neither plain nor BSON values: most have no fields of their own, and `{}` matches everything.
    Refuse,
    /// As null: in written documents, like MongoDB's drivers.
    Null,
    /// As [`Bson::Undefined`], but functions, and objects that are neither plain nor BSON values, are errors: between
    /// functions with different rights, where silently dropping a check could grant access.
    Pass,
}

/// The memory charged for an array element.
pub(super) const ELEMENT_COST: usize = size_of::<Bson>();

/// The memory charged for a field in addition to the bytes of its name: its value, the name's `String`, and its entry
/// in the document's index.
pub(super) const FIELD_COST: usize = ELEMENT_COST + size_of::<String>() + 4 * size_of::<usize>();

/// The deepest nesting of values, as in MongoDB.
pub(super) const MAX_DEPTH: usize = 100;

/// Converts JavaScript values into BSON values, within a memory limit.
pub(super) struct Encoder<'b, 'js> {
    bridge: &'b Bridge<'js>,
    undefined: Undefined,
    unwrap: Function<'js>,
    recall: Function<'js>,
    /// The number of bytes that may still be used.
    room: Cell<usize>,
}

impl<'b, 'js> Encoder<'b, 'js> {
    pub(super) fn new(bridge: &'b Bridge<'js>, undefined: Undefined, room: usize) -> Result<Self> {
        let (unwrap, recall) = (bridge.function("unwrap")?, bridge.function("recall")?);
        Ok(Self { bridge, undefined, unwrap, recall, room: Cell::new(room) })
    }

    /// The number of bytes that may still be used.
    pub(super) const fn room(&self) -> usize {
        self.room.get()
    }

    /// Reserves this many bytes, or throws if they are not available.
    pub(super) fn take(&self, bytes: usize) -> Result<()> {
        match self.room.get().checked_sub(bytes) {
            Some(left) => {
                self.room.set(left);
                Ok(())
            }
            None => Err(Exception::throw_internal(&self.bridge.ctx, "out of memory")),
        }
    }

    /// Encodes a value. The caller has already charged its own slot. `place` names it in error messages.
    pub(super) fn value(&self, value: &Value<'js>, place: &str, depth: usize) -> Result<Bson> {
        if let Some(number) = value.as_number() {
            return Ok(new_number(number));
        }
        if value.is_string() {
            let text = self.bridge.text(value)?;
            self.take(text.len())?;
            return Ok(Bson::String(text));
        }
        if let Some(value) = value.as_bool() {
            return Ok(Bson::Boolean(value));
        }
        if value.is_null() {
            return Ok(Bson::Null);
        }
        if value.is_big_int() {
            let text: String = self.bridge.function("bigText")?.call((value.clone(),))?;
            return text
                .parse()
                .map(Bson::Int64)
                .map_err(|_| self.bridge.range_error("a BigInt must be a whole number of 64 bits"));
        }
        if depth > MAX_DEPTH {
            return Err(self.bridge.range_error(&format!("the value is nested more than {MAX_DEPTH} levels deep")));
        }
        if let Some(array) = value.as_array() {
            return self.array(array, place, depth).map(Bson::Array);
        }
        match value.as_object() {
            Some(object) if value.as_function().is_none() => self.object(object, place, depth),
            Some(function) if let Some(key) = self.boundary_key(function)? => Ok(key),
            // `undefined`, a function or a symbol.
            _ => match self.undefined {
                Undefined::Keep => Ok(Bson::Undefined),
                Undefined::Pass if value.is_undefined() => Ok(Bson::Undefined),
                Undefined::Pass => Err(self.cannot_pass(place)),
                Undefined::Null => Ok(Bson::Null),
                Undefined::Refuse => Err(self.refused(value, place)),
            },
        }
    }

    /// `MinKey` or `MaxKey` if a function is the constructor of one: `BSON.MinKey` is used as a value, too.
    fn boundary_key(&self, function: &Object<'js>) -> Result<Option<Bson>> {
        let parts: Value<'js> = self.unwrap.call((function.clone(),))?;
        parts.as_array().map(|parts| self.special(parts, "", 0)).transpose()
    }

    fn object(&self, object: &Object<'js>, place: &str, depth: usize) -> Result<Bson> {
        if !self.is_plain(object)? {
            let parts: Value<'js> = self.unwrap.call((object.clone(),))?;
            if let Some(parts) = parts.as_array() {
                return self.special(parts, place, depth);
            }
            self.refuse_stranger(object, place)?;
        }
        self.document(object, depth).map(Bson::Document)
    }

    /// Whether an object has the prototype of plain objects, or none. A proxy is examined in the prelude, because its
    /// handler may throw, and `get_prototype` would take the exception for an object.
    fn is_plain(&self, object: &Object<'js>) -> Result<bool> {
        if object.is_proxy() {
            return self.bridge.function("isPlain")?.call((object.clone(),));
        }
        Ok(object.get_prototype().is_none_or(|prototype| prototype == self.bridge.object_prototype))
    }

    /// Rejects objects that are neither plain nor BSON values, as far as the encoding requires. Results may contain any
    /// of them.
    fn refuse_stranger(&self, object: &Object<'js>, place: &str) -> Result<()> {
        if self.undefined == Undefined::Keep {
            return Ok(());
        }
        let refuse = |what: &str| Err(self.bridge.type_error(&format!("'{place}' is {what}")));
        if object.is_promise() {
            return refuse("a Promise: await it");
        }
        if object.is_error() && self.undefined == Undefined::Pass {
            return Ok(());
        }
        if object.is_error() {
            return refuse("an Error: a plain object is needed");
        }
        let kind: Option<String> = self.bridge.function("container")?.call((object.clone(),))?;
        match kind.as_deref() {
            Some("cursor") => refuse("a cursor: await its toArray()"),
            Some(kind) => refuse(&format!("a {kind}: a plain object is needed")),
            None if self.undefined == Undefined::Pass => {
                refuse("an instance of a class, which cannot pass between functions with different rights")
            }
            None if self.undefined == Undefined::Refuse => refuse("an instance of a class: a plain object is needed"),
            None => Ok(()),
        }
    }

    /// The error for a value that BSON does not have.
    fn refused(&self, value: &Value<'js>, place: &str) -> Error {
        let what = match () {
            () if value.is_symbol() => "a symbol",
            () if value.is_function() => "a function",
            () => "undefined",
        };
        self.bridge.type_error(&format!("the value of `{place}` is {what}"))
    }

    fn cannot_pass(&self, place: &str) -> Error {
        let message =
            format!("'{place}' is or has a function, which cannot pass between functions with different rights");
        self.bridge.type_error(&message)
    }

    /// Adds `name` and `message` of an error, which are not enumerable fields.
    fn error(&self, object: &Object<'js>, document: &mut Document) -> Result<()> {
        for key in ["name", "message"] {
            let value: Value<'js> = object.get(key)?;
            if value.is_string() {
                let text = self.bridge.text(&value)?;
                self.take(text.len().saturating_add(FIELD_COST))?;
                document.insert(key, text);
            }
        }
        Ok(())
    }

    /// The name of a field, charged by its length.
    fn name(&self, key: &Value<'js>) -> Result<String> {
        let key = self.bridge.text(key)?;
        if key.contains('\0') {
            return Err(self.bridge.type_error("the name of a field has a null character"));
        }
        self.take(key.len().saturating_add(FIELD_COST))?;
        Ok(key)
    }

    /// A single field, which belongs to no document yet.
    pub(super) fn field(&self, key: &Value<'js>, value: &Value<'js>) -> Result<(String, Bson)> {
        let key = self.name(key)?;
        let value = self.value(value, &key, 1)?;
        Ok((key, value))
    }

    /// A plain object, or any object that is treated as one.
    pub(super) fn document(&self, object: &Object<'js>, depth: usize) -> Result<Document> {
        let mut document = Document::new();
        if self.undefined == Undefined::Pass && object.is_error() {
            self.error(object, &mut document)?;
        }
        let mut numbers = None;
        for property in object.props::<Value<'js>, Value<'js>>() {
            let (key, value) = property?;
            let key = self.name(&key)?;
            if let Some(function) = value.as_function()
                && let Some(made) = self.boundary_key(function)?
            {
                document.insert(key, made);
                continue;
            }
            if value.as_function().is_some() || value.is_symbol() {
                match self.undefined {
                    Undefined::Refuse => return Err(self.refused(&value, &key)),
                    Undefined::Pass => return Err(self.cannot_pass(&key)),
                    Undefined::Keep | Undefined::Null => continue,
                }
            }
            let made = match value.as_number() {
                Some(number) => {
                    if numbers.is_none() {
                        numbers = Some(self.numbers(object)?);
                    }
                    match &numbers {
                        Some(Some(numbers)) => numbers.number(&key, number)?,
                        _ => new_number(number),
                    }
                }
                None => self.value(&value, &key, depth + 1)?,
            };
            document.insert(key, made);
        }
        Ok(document)
    }

    pub(super) fn array(&self, array: &Array<'js>, place: &str, depth: usize) -> Result<Vec<Bson>> {
        // A length is only a number, so memory is charged before anything is allocated. `Array::len` panics if it has
        // more than 31 bits.
        let length: f64 = array.as_object().get("length")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the engine keeps 32 bits")]
        let length = length as usize;
        self.take(length.saturating_mul(ELEMENT_COST))?;
        let numbers = self.numbers(array.as_object())?;
        let mut elements = Vec::with_capacity(length);
        for index in 0..length {
            let value: Value<'js> = array.get(index)?;
            elements.push(match (value.as_number(), &numbers) {
                (Some(number), Some(numbers)) => numbers.number(&index.to_string(), number)?,
                _ => self.value(&value, place, depth + 1)?,
            });
        }
        Ok(elements)
    }

    fn numbers(&self, object: &Object<'js>) -> Result<Option<Numbers<'js>>> {
        let kept: Value<'js> = self.recall.call((object.clone(),))?;
        let Some(kept) = kept.as_array() else { return Ok(None) };
        Ok(Some(Numbers { ints: kept.get(0)?, doubles: kept.get(1)? }))
    }

    /// A BSON value, from the parts into which the prelude's `unwrap` splits its object.
    fn special(&self, parts: &Array<'js>, place: &str, depth: usize) -> Result<Bson> {
        let kind: String = parts.get(0)?;
        let broken = || self.bridge.type_error(&format!("a value of the type {kind} is broken"));
        Ok(match kind.as_str() {
            "value" => return self.value(&parts.get(1)?, place, depth + 1),
            "date" => {
                let time: f64 = parts.get(1)?;
                if time.is_nan() {
                    return Err(self.bridge.range_error("the date is invalid"));
                }
                #[expect(clippy::cast_possible_truncation, reason = "a date of the engine is whole and below 2^53")]
                let time = time as i64;
                Bson::DateTime(DateTime::from_millis(time))
            }
            "bsonDate" => {
                let time: String = parts.get(1)?;
                Bson::DateTime(DateTime::from_millis(time.parse().map_err(|_| broken())?))
            }
            "objectId" => {
                let hex: String = parts.get(1)?;
                Bson::ObjectId(ObjectId::parse_str(&hex).map_err(|_| broken())?)
            }
            "double" => Bson::Double(parts.get(1)?),
            "int32" => Bson::Int32(parts.get(1)?),
            "long" => Bson::Int64(parts.get::<String>(1)?.parse().map_err(|_| broken())?),
            "decimal" => {
                let text: String = parts.get(1)?;
                Bson::Decimal128(text.parse::<Decimal128>().map_err(|_| broken())?)
            }
            "binary" => {
                let subtype: u8 = parts.get(1)?;
                let Bytes(bytes) = parts.get(2)?;
                self.take(bytes.len())?;
                Bson::Binary(Binary { subtype: BinarySubtype::from(subtype), bytes })
            }
            "regex" => {
                let (pattern, options): (Value<'js>, Value<'js>) = (parts.get(1)?, parts.get(2)?);
                let (pattern, options) = (self.bridge.text(&pattern)?, self.bridge.text(&options)?);
                self.take(pattern.len())?;
                Bson::RegularExpression(Regex {
                    pattern: pattern.try_into().map_err(|_| broken())?,
                    options: options.try_into().map_err(|_| broken())?,
                })
            }
            "minKey" => Bson::MinKey,
            "maxKey" => Bson::MaxKey,
            "timestamp" => {
                let part = |index| -> Result<u32> {
                    let number: f64 = parts.get(index)?;
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the prelude keeps 32 bits"
                    )]
                    Ok(number as u32)
                };
                Bson::Timestamp(Timestamp { time: part(1)?, increment: part(2)? })
            }
            "code" => Bson::JavaScriptCode(self.bridge.text(&parts.get(1)?)?),
            "codeWithScope" => {
                let scope: Object<'js> = parts.get(2)?;
                Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
                    code: self.bridge.text(&parts.get(1)?)?,
                    scope: self.document(&scope, depth + 1)?,
                })
            }
            "symbol" => Bson::Symbol(self.bridge.text(&parts.get(1)?)?),
            "dbPointer" => {
                let text: String = parts.get(1)?;
                let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| broken())?;
                Bson::try_from(value).map_err(|_| broken())?
            }
            _ => return Err(broken()),
        })
    }
}

/// Whether an error means that the engine is out of memory.
pub(super) const fn is_allocation(error: &Error) -> bool {
    matches!(error, Error::Allocation)
}
