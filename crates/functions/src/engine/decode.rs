//! Converts BSON values into JavaScript values.

use bson::{Bson, Document};
use rquickjs::object::Property;
use rquickjs::{Array, Function, IntoJs, Object, Result, TypedArray, Value};

use super::bridge::Bridge;
use super::numbers::{MAX_SAFE, Numbers};

/// The range of a `Date`, in milliseconds before or after 1970.
const MAX_DATE: u64 = 8_640_000_000_000_000;

/// Converts BSON values into JavaScript values.
pub(super) struct Decoder<'b, 'js> {
    bridge: &'b Bridge<'js>,
    make: Function<'js>,
    remember: Function<'js>,
}

impl<'b, 'js> Decoder<'b, 'js> {
    pub(super) fn new(bridge: &'b Bridge<'js>) -> Result<Self> {
        Ok(Self { bridge, make: bridge.function("make")?, remember: bridge.function("remember")? })
    }

    pub(super) fn value(&self, value: &Bson) -> Result<Value<'js>> {
        let ctx = &self.bridge.ctx;
        match value {
            Bson::Double(number) => number.into_js(ctx),
            Bson::Int32(number) => number.into_js(ctx),
            Bson::Int64(number) if number.unsigned_abs() <= MAX_SAFE.unsigned_abs() => {
                // Integers of this size convert to doubles without loss.
                #[expect(clippy::cast_precision_loss, reason = "checked above")]
                let number = *number as f64;
                number.into_js(ctx)
            }
            Bson::Int64(number) => self.make.call(("long", number.to_string())),
            Bson::String(text) => text.as_str().into_js(ctx),
            Bson::Boolean(value) => value.into_js(ctx),
            Bson::Null => Ok(Value::new_null(ctx.clone())),
            Bson::Undefined => Ok(Value::new_undefined(ctx.clone())),
            Bson::Document(document) => Ok(self.document(document)?.into_value()),
            Bson::Array(elements) => Ok(self.array(elements)?.into_value()),
            Bson::ObjectId(id) => self.make.call(("objectId", id.to_hex())),
            Bson::DateTime(time) if time.timestamp_millis().unsigned_abs() > MAX_DATE => {
                self.make.call(("bsonDate", time.timestamp_millis().to_string()))
            }
            Bson::DateTime(time) => {
                #[expect(clippy::cast_precision_loss, reason = "checked above")]
                let time = time.timestamp_millis() as f64;
                self.make.call(("date", time))
            }
            Bson::Binary(binary) => {
                let bytes = TypedArray::<u8>::new_copy(ctx.clone(), &binary.bytes)?;
                self.make.call(("binary", u8::from(binary.subtype), bytes))
            }
            Bson::Decimal128(number) => self.make.call(("decimal", number.to_string())),
            Bson::RegularExpression(regex) => self.make.call(("regex", regex.pattern.as_str(), regex.options.as_str())),
            Bson::Timestamp(timestamp) => {
                self.make.call(("timestamp", f64::from(timestamp.time), f64::from(timestamp.increment)))
            }
            Bson::JavaScriptCode(code) => self.make.call(("code", code.as_str())),
            Bson::JavaScriptCodeWithScope(code) => {
                self.make.call(("codeWithScope", code.code.as_str(), self.document(&code.scope)?))
            }
            Bson::Symbol(text) => self.make.call(("symbol", text.as_str())),
            Bson::MinKey => self.make.call(("minKey", ())),
            Bson::MaxKey => self.make.call(("maxKey", ())),
            Bson::DbPointer(_) => self.make.call(("dbPointer", value.clone().into_canonical_extjson().to_string())),
        }
    }

    pub(super) fn document(&self, document: &Document) -> Result<Object<'js>> {
        let ctx = &self.bridge.ctx;
        let object = Object::new(ctx.clone())?;
        let mut numbers = Numbers::default();
        for (key, value) in document {
            let made = self.value(value)?;
            numbers.note(ctx, key, value, &made)?;
            object.prop(key.as_str(), Property::from(made).configurable().enumerable().writable())?;
        }
        self.keep(&object, numbers)?;
        Ok(object)
    }

    pub(super) fn array(&self, elements: &[Bson]) -> Result<Array<'js>> {
        let ctx = &self.bridge.ctx;
        let array = Array::new(ctx.clone())?;
        let mut numbers = Numbers::default();
        for (index, value) in elements.iter().enumerate() {
            let made = self.value(value)?;
            if matches!(value, Bson::Int32(_) | Bson::Double(_)) {
                numbers.note(ctx, &index.to_string(), value, &made)?;
            }
            let index = u32::try_from(index).map_err(|_| self.bridge.range_error("the array is too long"))?;
            array.as_object().prop(index, Property::from(made).configurable().enumerable().writable())?;
        }
        self.keep(array.as_object(), numbers)?;
        Ok(array)
    }

    fn keep(&self, object: &Object<'js>, numbers: Numbers<'js>) -> Result<()> {
        if numbers.ints.is_none() && numbers.doubles.is_none() {
            return Ok(());
        }
        self.remember.call((object.clone(), numbers.ints, numbers.doubles))
    }
}
