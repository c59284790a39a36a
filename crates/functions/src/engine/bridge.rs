use rquickjs::object::Property;
use rquickjs::{Ctx, Error, Exception, Function, Object, Persistent, Result, Value};

/// The functions of the prelude that the host calls.
pub(super) struct Bridge<'js> {
    pub(super) ctx: Ctx<'js>,
    api: Object<'js>,
    pub(super) object_prototype: Object<'js>,
}

/// A [`Bridge`] in persistent handles, for calls from the engine into the host.
pub(super) struct KeptBridge {
    api: Persistent<Object<'static>>,
    object_prototype: Persistent<Object<'static>>,
}

impl<'js> Bridge<'js> {
    pub(super) const fn new(ctx: Ctx<'js>, api: Object<'js>, object_prototype: Object<'js>) -> Self {
        Self { ctx, api, object_prototype }
    }

    pub(super) fn keep(&self) -> KeptBridge {
        KeptBridge {
            api: Persistent::save(&self.ctx, self.api.clone()),
            object_prototype: Persistent::save(&self.ctx, self.object_prototype.clone()),
        }
    }

    pub(super) fn function(&self, name: &str) -> Result<Function<'js>> {
        self.api.get(name)
    }

    /// A JavaScript string as Rust text. Unpaired surrogates become U+FFFD.
    pub(super) fn text(&self, value: &Value<'js>) -> Result<String> {
        let Some(text) = value.as_string() else { return Err(self.type_error("a string is needed")) };
        match text.to_string() {
            Err(Error::Utf8(_)) => self.function("wellFormed")?.call((value.clone(),)),
            other => other,
        }
    }

    pub(super) fn type_error(&self, message: &str) -> Error {
        Exception::throw_type(&self.ctx, message)
    }

    pub(super) fn range_error(&self, message: &str) -> Error {
        Exception::throw_range(&self.ctx, message)
    }
}

/// An object with only these fields. It has no prototype, so code that changes the engine's prototypes cannot affect
/// how it is read.
pub(super) fn record<'js, const N: usize>(ctx: &Ctx<'js>, fields: [(&str, Value<'js>); N]) -> Result<Object<'js>> {
    let record = Object::new_proto(ctx.clone(), None)?;
    for (name, value) in fields {
        record.prop(name, Property::from(value).enumerable())?;
    }
    Ok(record)
}

impl KeptBridge {
    pub(super) fn restore<'js>(&self, ctx: &Ctx<'js>) -> Result<Bridge<'js>> {
        Ok(Bridge {
            ctx: ctx.clone(),
            api: self.api.clone().restore(ctx)?,
            object_prototype: self.object_prototype.clone().restore(ctx)?,
        })
    }
}
