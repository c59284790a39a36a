use super::ask::Ask;
use super::unresolved::Reason;
use crate::eval::{Context, Documents, Found};
use crate::path::resolve;
use crate::predicate::{ContextRoot, DocumentRoot, Place, Reference};
use crate::value::{Steps, ValueRef};

/// The inputs for resolving a template: a [`Context`] and, if there are any, the documents of a write.
///
/// ```
/// use portcullis::template::Inputs;
/// use portcullis::Template;
/// use portcullis::{eval::{Context, Documents}, User};
/// let template = Template::parse(r#"{"by": "%%user.id", "title": "%%root.title"}"#).unwrap();
/// let (context, document) = (Context::new().with_user(User::new("u1")), bson::doc! { "title": "a" });
/// let documents = Documents { root: Some((&document).into()), ..Documents::default() };
/// let inputs = Inputs::from(&context).with_documents(documents);
/// assert_eq!(template.resolve(inputs).unwrap(), bson::doc! { "by": "u1", "title": "a" }.into());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'i> {
    pub(super) context: &'i Context,
    documents: Documents<'i>,
    secrets: bool,
}

impl<'i> From<&'i Context> for Inputs<'i> {
    fn from(context: &'i Context) -> Self {
        Self { context, documents: Documents::default(), secrets: false }
    }
}

impl<'i> Inputs<'i> {
    /// Supplies `%%root`, `%%prevRoot`, `%%this` and `%%prev`, each of which may be absent.
    #[must_use]
    pub const fn with_documents(mut self, documents: Documents<'i>) -> Self {
        self.documents = documents;
        self
    }

    /// Allows secrets: the `%%values.<name>` of a secret resolves to its value.
    #[must_use]
    pub const fn with_secrets(mut self) -> Self {
        self.secrets = true;
        self
    }

    /// The value of an expansion.
    #[inline]
    pub(super) fn find(&self, ask: &Ask) -> Result<Found<'i>, Reason> {
        match ask.user_path.as_ref().and_then(|path| path.value(self.context)) {
            Some(value) => Ok(Found::Value(value)),
            None => self.find_anywhere(&ask.place),
        }
    }

    fn find_anywhere(&self, place: &Place) -> Result<Found<'i>, Reason> {
        match place {
            Place::Boolean(value) => Ok(Found::Value(ValueRef::Boolean(*value))),
            Place::Context(reference) => self.context(reference),
            Place::Document(root, path) => {
                let (document, name) = match root {
                    DocumentRoot::Root => (self.documents.root, "%%root"),
                    DocumentRoot::PrevRoot => (self.documents.prev_root, "%%prevRoot"),
                    DocumentRoot::This => (self.documents.this, "%%this"),
                    DocumentRoot::Prev => (self.documents.prev, "%%prev"),
                };
                match document {
                    None => Err(Reason::NotSupplied(name)),
                    Some(document) => Ok(Found::of(resolve(Some(document), path.segments(), &Steps::default())?)?),
                }
            }
        }
    }

    fn context(&self, reference: &Reference) -> Result<Found<'i>, Reason> {
        if reference.root == ContextRoot::Values {
            match reference.path.first() {
                Some(name) if !self.secrets && self.context.is_secret(name) => return Err(Reason::Secret),
                None if self.context.has_secrets() => return Err(Reason::SecretsAmong),
                _ => {}
            }
        }
        Ok(self.context.find(reference)?)
    }
}
