use bson::{Bson, RawDocumentBuf};

use super::error::{TemplateError, TemplateErrorKind, TemplateErrors};
use super::escape::Escape;
use super::form::{Form, Site};
use super::inputs::Inputs;
use super::layouts::Layouts;
use super::list::{self, Asked};
use super::resolve::{Gap, Resolver};
use super::sink::{BsonSink, JsonSink, RawSink, Sink};
use super::text::Text;
use super::unresolved::{Failure, Reason, Unresolved};
use super::{parse, partial_resolution, print, straight};
use crate::json::{self, MAX_SIZE, Node};
use crate::text::Span;

/// A template, which is parsed once and resolved for many users. See the [module](crate::template) for its syntax.
#[derive(Clone, Debug)]
pub struct Template {
    form: Form,
    /// The escape of a text template; `None` for a JSON or BSON template.
    escape: Option<Escape>,
    layouts: Layouts,
}

/// How to handle parts that do not resolve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The template does not resolve; the error lists everything that is missing.
    #[default]
    Refuse,
    /// The part becomes null. A member whose key does not resolve is omitted.
    Null,
    /// The member or element is omitted. If the whole template is such a part, there is no result.
    Remove,
    /// The part is left as written, so that the result is a template for a later stage that supplies more.
    Keep,
}

impl Missing {
    /// Every policy, with its name on the command line and in test files.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Refuse, "refuse"), (Self::Null, "null"), (Self::Remove, "remove"), (Self::Keep, "keep")];

    /// The policy with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(missing, _)| *missing)
    }

    const fn gap(self) -> Option<Gap> {
        match self {
            Self::Refuse => Some(Gap::Refuse),
            Self::Null => Some(Gap::Null),
            Self::Remove => Some(Gap::Remove),
            Self::Keep => None,
        }
    }
}

impl Template {
    /// Parses a template from JSON text, with extended JSON for types that JSON lacks.
    ///
    /// # Errors
    /// All errors in the template, with their positions.
    ///
    /// ```
    /// use portcullis::Template;
    /// let errors = Template::parse(r#"{"a": "%%usr.id", "b": "%(%%user.id"}"#).unwrap_err();
    /// assert_eq!(errors.as_slice().len(), 2);
    /// assert_eq!(errors.as_slice()[0].help(), Some("did you mean `%%user.id`?"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, TemplateErrors> {
        let node = json::parse(text).map_err(|error| {
            let kind = TemplateErrorKind::Json(error.kind().clone());
            TemplateErrors(vec![TemplateError::new(kind, "", error.span(), None)])
        })?;
        Self::from_node(&node)
    }

    /// Creates a template from parsed JSON.
    ///
    /// # Errors
    /// Same as [`parse`](Self::parse).
    pub fn from_node(node: &Node) -> Result<Self, TemplateErrors> {
        Ok(Self::of(parse::json(node)?, None))
    }

    /// Creates a template from BSON.
    ///
    /// # Errors
    /// Same as [`parse`](Self::parse), except that errors have a JSON pointer but no position in a text.
    ///
    /// ```
    /// use portcullis::{Context, Template, User};
    /// let template = Template::from_bson(&bson::doc! { "$match": { "owner": "%%user.id" } }.into()).unwrap();
    /// let resolved = template.resolve(&Context::new().with_user(User::new("u1"))).unwrap();
    /// assert_eq!(resolved, bson::doc! { "$match": { "owner": "u1" } }.into());
    /// ```
    pub fn from_bson(value: &Bson) -> Result<Self, TemplateErrors> {
        Ok(Self::of(parse::bson(value)?, None))
    }

    /// Parses a text template, in which only `%(…)` is interpreted. Inserted text is escaped for the language of the
    /// text.
    ///
    /// # Errors
    /// All malformed insertions.
    ///
    /// ```
    /// use portcullis::{Escape, Template};
    /// use portcullis::{Context, User};
    /// let template = Template::text("/files/%(%%user.id)?team=%(%%user.custom_data.team)", Escape::Url).unwrap();
    /// let user = User::new("u1").with_custom_data(bson::doc! { "team": "red & blue" });
    /// assert_eq!(template.to_text(&Context::new().with_user(user)).unwrap(), "/files/u1?team=red%20%26%20blue");
    /// ```
    pub fn text(text: &str, escape: Escape) -> Result<Self, TemplateErrors> {
        let span = Span::new(0, text.len());
        let errors = |errors: Vec<(TemplateErrorKind, Option<String>)>| {
            TemplateErrors(errors.into_iter().map(|(kind, help)| TemplateError::new(kind, "", span, help)).collect())
        };
        if text.len() > MAX_SIZE {
            return Err(errors(vec![(TemplateErrorKind::TooLarge, None)]));
        }
        let text = Text::parse(text).map_err(errors)?;
        Ok(Self::of(Form::Text(text, Site { pointer: "".into(), span }), Some(escape)))
    }

    fn of(form: Form, escape: Option<Escape>) -> Self {
        Self { form, escape, layouts: Layouts::default() }
    }

    /// Resolves the template.
    ///
    /// # Errors
    /// Everything that does not resolve.
    pub fn resolve<'i>(&self, inputs: impl Into<Inputs<'i>>) -> Result<Bson, Unresolved> {
        let mut sink = BsonSink::default();
        self.write(&inputs.into(), Gap::Refuse, &mut sink)?;
        Ok(sink.finish().unwrap_or(Bson::Null))
    }

    /// Resolves the template, handling unresolved parts as `missing` says; `None` if [nothing is
    /// left](Missing::Remove).
    ///
    /// # Errors
    /// Under [`Missing::Refuse`], everything that does not resolve; otherwise only a result that is too large.
    ///
    /// ```
    /// use portcullis::{Missing, Template};
    /// use portcullis::{Context, User};
    /// let template = Template::parse(r#"{"id": "%%user.id", "ip": "%%request.remoteIPAddress"}"#).unwrap();
    /// let context = Context::new().with_user(User::new("u1"));
    /// let left = |missing| template.resolve_with(&context, missing).unwrap().unwrap();
    /// assert_eq!(left(Missing::Remove), bson::doc! { "id": "u1" }.into());
    /// assert_eq!(left(Missing::Keep), bson::doc! { "id": "u1", "ip": "%%request.remoteIPAddress" }.into());
    /// ```
    pub fn resolve_with<'i>(
        &self,
        inputs: impl Into<Inputs<'i>>,
        missing: Missing,
    ) -> Result<Option<Bson>, Unresolved> {
        let inputs = inputs.into();
        match missing.gap() {
            Some(gap) => {
                let mut sink = BsonSink::default();
                self.write(&inputs, gap, &mut sink)?;
                Ok(sink.finish())
            }
            None => self.kept(&inputs).map(Some),
        }
    }

    /// Resolves a template that is a document to BSON.
    ///
    /// # Errors
    /// Everything that does not resolve, and if the result is not a document.
    pub fn to_raw<'i>(&self, inputs: impl Into<Inputs<'i>>) -> Result<RawDocumentBuf, Unresolved> {
        let mut bytes = Vec::new();
        self.write_raw(inputs, &mut bytes)?;
        RawDocumentBuf::from_bytes(bytes).map_err(|_| self.failed(Reason::NotDocument))
    }

    /// Like [`to_raw`](Self::to_raw), but replaces the content of `bytes`, so that the buffer can be reused.
    ///
    /// # Errors
    /// Same as [`to_raw`](Self::to_raw); the content of `bytes` is then unspecified.
    pub fn write_raw<'i>(&self, inputs: impl Into<Inputs<'i>>, bytes: &mut Vec<u8>) -> Result<(), Unresolved> {
        bytes.clear();
        let inputs = inputs.into();
        if let Some(layout) = self.layouts.bson(&self.form)
            && straight::write(layout, &inputs, &straight::Raw, bytes).is_some()
        {
            return Ok(());
        }
        match &self.form {
            Form::Document(_) => self.write(&inputs, Gap::Refuse, &mut RawSink::new(bytes)),
            _ => match self.resolve(inputs)? {
                Bson::Document(document) => {
                    let encoded = crate::value::encode((&document).into(), bytes);
                    encoded.map_err(|error| self.failed(error.into()))
                }
                _ => Err(self.failed(Reason::NotDocument)),
            },
        }
    }

    /// Resolves the template to relaxed extended JSON on one line.
    ///
    /// # Errors
    /// Everything that does not resolve, and data that would not round-trip through extended JSON, such as a document
    /// with the key `$oid`.
    pub fn to_json<'i>(&self, inputs: impl Into<Inputs<'i>>) -> Result<String, Unresolved> {
        let mut text = Vec::new();
        self.write_json(inputs, Missing::Refuse, &mut text)?;
        String::from_utf8(text).map_err(|_| self.failed(Reason::Missing))
    }

    /// Appends the value of the template as relaxed extended JSON on one line; returns `false` if nothing is left to
    /// write.
    ///
    /// # Errors
    /// Same as [`to_json`](Self::to_json), except for parts that `missing` replaces; `text` is then unchanged.
    pub fn write_json<'i>(
        &self,
        inputs: impl Into<Inputs<'i>>,
        missing: Missing,
        text: &mut Vec<u8>,
    ) -> Result<bool, Unresolved> {
        let (before, inputs) = (text.len(), inputs.into());
        if missing != Missing::Keep
            && let Some(layout) = self.layouts.json(&self.form, self.escape)
            && straight::write(layout, &inputs, &straight::Json, text).is_some()
        {
            return Ok(true);
        }
        let written = match missing.gap() {
            Some(gap) => self.write(&inputs, gap, &mut JsonSink::new(text)),
            None => self.kept(&inputs).and_then(|kept| {
                json::write_relaxed((&kept).into(), 0, text).map_err(|error| self.failed(error.into()))
            }),
        };
        match written {
            Ok(()) => Ok(text.len() > before),
            Err(unresolved) => {
                text.truncate(before);
                Err(unresolved)
            }
        }
    }

    /// Resolves a [text template](Self::text).
    ///
    /// # Errors
    /// Everything that does not resolve, and if the result is not a string.
    pub fn to_text<'i>(&self, inputs: impl Into<Inputs<'i>>) -> Result<String, Unresolved> {
        match self.resolve(inputs)? {
            Bson::String(text) => Ok(text),
            other => Err(self.failed(Reason::NoText(crate::value::ValueRef::from(&other).kind().alias()))),
        }
    }

    /// Appends the resolved [text template](Self::text).
    ///
    /// # Errors
    /// Same as [`to_text`](Self::to_text); `text` is then unchanged.
    ///
    /// ```
    /// use portcullis::{Escape, Template};
    /// use portcullis::{Context, User};
    /// let (template, mut line) = (Template::text("user=%(%%user.id)\n", Escape::None).unwrap(), Vec::new());
    /// for id in ["u1", "u2"] {
    ///     template.write_text(&Context::new().with_user(User::new(id)), &mut line).unwrap();
    /// }
    /// assert_eq!(line, b"user=u1\nuser=u2\n");
    /// ```
    pub fn write_text<'i>(&self, inputs: impl Into<Inputs<'i>>, text: &mut Vec<u8>) -> Result<(), Unresolved> {
        let (before, inputs) = (text.len(), inputs.into());
        let Form::Text(form, site) = &self.form else {
            text.extend_from_slice(self.to_text(inputs)?.as_bytes());
            return Ok(());
        };
        let escape = self.escape.unwrap_or_default();
        if let Some(layout) = self.layouts.text(form, escape)
            && straight::write(layout, &inputs, &escape, text).is_some()
        {
            return Ok(());
        }
        let mut resolver = Resolver::new(&inputs, self.escape);
        if resolver.parts(form, site, &mut |part| text.extend_from_slice(part.as_bytes())) {
            return Ok(());
        }
        text.truncate(before);
        Err(Unresolved(resolver.failures.into_vec()))
    }

    /// All expansions in the template, in source order.
    #[must_use]
    pub fn expansions(&self) -> Vec<Asked> {
        list::asked(&self.form)
    }

    /// The template as BSON, as written; for a text template, its text.
    #[must_use]
    pub fn to_bson(&self) -> Bson {
        print::bson(&self.form)
    }

    /// Everything that does not resolve, whatever [`Missing`] would put in its place.
    #[must_use]
    pub fn unresolved<'i>(&self, inputs: impl Into<Inputs<'i>>) -> Vec<Failure> {
        match self.write(&inputs.into(), Gap::Refuse, &mut BsonSink::default()) {
            Ok(()) => Vec::new(),
            Err(Unresolved(failures)) => failures,
        }
    }

    fn write(&self, inputs: &Inputs<'_>, gap: Gap, sink: &mut impl Sink) -> Result<(), Unresolved> {
        Resolver::new(inputs, self.escape).write(&self.form, gap, sink)
    }

    fn kept(&self, inputs: &Inputs<'_>) -> Result<Bson, Unresolved> {
        let mut resolver = Resolver { waits: true, ..Resolver::new(inputs, self.escape) };
        let kept = resolver.keep(&self.form);
        match partial_resolution::size(&kept) {
            Ok(()) => Ok(kept),
            Err(reason) => Err(self.failed(reason)),
        }
    }

    /// A failure that concerns the template as a whole.
    fn failed(&self, reason: Reason) -> Unresolved {
        let site = Site { pointer: "".into(), span: Span::new(0, 0) };
        Unresolved(vec![Failure::new(&site, super::resolve::asked(&self.form), reason)])
    }
}
