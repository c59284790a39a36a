use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, Document};

use super::place::{get, set};
use crate::eval::{
    Context, Documents, Environment, Errors, Evaluation, FunctionError, Functions, Request, Truth, bind,
};
use crate::path::{FieldPath, Segment};
use crate::predicate::{ContextRoot, DocumentRoot, Predicate, Reference};
use crate::user::{CustomData, User, UserType};
use crate::value::{DocumentRef, ValueRef};

/// An operation to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lint) enum Act {
    Insert,
    Update,
    Delete,
    Read,
}

/// The occasion on which a condition is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lint) enum Moment {
    /// The role is selected, or filters are applied.
    Chosen,
    /// The write is judged.
    Written,
    /// The role for the new document is selected, once it has been stored.
    After,
}

/// What the user of an example must have, besides an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::lint) enum Privilege {
    /// Nothing.
    None,
    /// A certain value in the custom data.
    CustomData,
    /// Something that is not custom data: a certain id, a user type, or a function result.
    Granted,
}

/// Where the user's custom data is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::lint) enum Custom {
    /// In the stored document of the example.
    Own,
    /// In a document of its own, if there is any.
    Apart(Option<Document>),
}

/// An example under construction.
#[derive(Clone, Debug)]
pub(in crate::lint) struct Draft {
    pub(in crate::lint) act: Act,
    pub(in crate::lint) stored: Document,
    pub(in crate::lint) new: Document,
    pub(in crate::lint) user: User,
    pub(in crate::lint) custom: Custom,
    pub(in crate::lint) privilege: Privilege,
    values: Document,
    environment: Environment,
    request: Document,
    pub(super) functions: BTreeMap<String, Bson>,
    /// The paths that are fixed, in the stored and in the new document.
    pinned: (Vec<FieldPath>, Vec<FieldPath>),
}

/// The documents to which a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Both documents, so that the value does not change.
    Both,
    /// Only the document to which the condition applies.
    One,
}

/// Functions that return the results that an example needs.
struct Answers(BTreeMap<String, Bson>);

impl Functions for Answers {
    fn contains(&self, _: &str) -> bool {
        true
    }

    fn call(&self, name: &str, _: &[Bson]) -> Result<Bson, FunctionError> {
        Ok(self.0.get(name).cloned().unwrap_or(Bson::Boolean(false)))
    }
}

impl Draft {
    /// Creates a draft: a user with this id and without custom data, and a document with these fields and an `_id`.
    pub(in crate::lint) fn new(act: Act, id: &str, document: &Document) -> Self {
        let mut user = User::new(id);
        user.custom_data = CustomData::Absent;
        Self {
            act,
            stored: document.clone(),
            new: document.clone(),
            user,
            custom: Custom::Apart(None),
            privilege: Privilege::None,
            values: Document::new(),
            environment: Environment::default(),
            request: bson::doc! {
                "httpMethod": "POST", "httpReferrer": "", "httpUserAgent": "", "rawQueryString": "",
                "remoteIPAddress": "203.0.113.7", "requestHeaders": {}, "service": "", "action": "", "webhookUrl": "",
            },
            functions: BTreeMap::new(),
            pinned: (Vec::new(), Vec::new()),
        }
    }

    /// Sets a value in the stored document and fixes it. Returns whether that was possible.
    pub(in crate::lint) fn pin_stored(&mut self, path: &FieldPath, value: Option<Bson>) -> bool {
        self.pinned.0.push(path.clone());
        set(&mut self.stored, path.segments(), value)
    }

    /// Sets a value in the new document and fixes it. Returns whether that was possible.
    pub(in crate::lint) fn pin_new(&mut self, path: &FieldPath, value: Option<Bson>) -> bool {
        self.pinned.1.push(path.clone());
        set(&mut self.new, path.segments(), value)
    }

    /// The custom data of the user.
    pub(in crate::lint) fn custom_data(&self) -> Option<&Document> {
        match &self.custom {
            Custom::Own if self.act == Act::Insert => None,
            Custom::Own => Some(&self.stored),
            Custom::Apart(document) => document.as_ref(),
        }
    }

    /// The user, including custom data.
    pub(in crate::lint) fn whole_user(&self) -> User {
        let mut user = self.user.clone();
        user.custom_data = self.custom_data().map_or(CustomData::Absent, |data| CustomData::Loaded(data.clone()));
        user
    }

    pub(in crate::lint) fn context(&self) -> Context {
        Context::new()
            .with_user(self.whole_user())
            .with_values(self.values.clone())
            .with_environment(self.environment.clone())
            .with_request(Request::from_document(self.request.clone()).unwrap_or_default())
            .with_functions(Arc::new(Answers(self.functions.clone())))
    }

    /// A key that is equal for equal contexts.
    pub(super) fn context_key(&self) -> String {
        format!(
            "{} {} {:?} {} {:?}",
            self.whole_user().to_document(),
            self.values,
            self.environment,
            self.request,
            self.functions
        )
    }

    /// `%%root` and `%%prevRoot` at a moment.
    fn documents(&self, moment: Moment) -> (Option<&Document>, Option<&Document>) {
        match (self.act, moment) {
            (_, Moment::After) => (Some(&self.new), Some(&self.new)),
            (Act::Insert, _) => (Some(&self.new), None),
            (Act::Update, Moment::Written) => (Some(&self.new), Some(&self.stored)),
            _ => (Some(&self.stored), Some(&self.stored)),
        }
    }

    /// The value at a place in the documents.
    pub(super) fn find(&self, root: DocumentRoot, path: &FieldPath, moment: Moment) -> Option<&Bson> {
        let (now, before) = self.documents(moment);
        match root {
            DocumentRoot::Root => get(now?, path.segments()),
            DocumentRoot::This if self.act == Act::Delete => None,
            DocumentRoot::This => get(now?, path.segments()),
            DocumentRoot::PrevRoot | DocumentRoot::Prev => get(before?, path.segments()),
        }
    }

    /// The outcome of a condition. For a field rule, `field` is the path of the field.
    pub(in crate::lint) fn truth(&self, predicate: &Predicate, moment: Moment, field: Option<&FieldPath>) -> Truth {
        let context = self.context();
        let errors = Errors::default();
        let residual = bind(predicate, &context);
        let whole = |document| ValueRef::Document(DocumentRef::Decoded(document));
        let (now, before) = self.documents(moment);
        let documents = Documents {
            root: now.map(whole),
            prev_root: before.map(whole),
            this: field.and_then(|path| self.find(DocumentRoot::This, path, moment)).map(ValueRef::from),
            prev: field.and_then(|path| self.find(DocumentRoot::Prev, path, moment)).map(ValueRef::from),
        };
        Evaluation::new(documents, &context, &errors).truth(&residual)
    }

    /// Sets a value in the documents. Returns whether that was possible.
    pub(super) fn assign(
        &mut self,
        (root, path): (DocumentRoot, &FieldPath),
        value: Option<&Bson>,
        moment: Moment,
        reach: Reach,
    ) -> bool {
        let earlier = matches!(root, DocumentRoot::PrevRoot | DocumentRoot::Prev);
        if path.is_root()
            || (self.act == Act::Insert && earlier && moment != Moment::After)
            || (self.act == Act::Delete && root == DocumentRoot::This)
            || !self.keeps_id(path, value, reach)
        {
            return false;
        }
        let new = self.act == Act::Insert
            || moment == Moment::After
            || (self.act == Act::Update && moment == Moment::Written && !earlier);
        let touches = |pinned: &Vec<FieldPath>| {
            let (a, b) = (path.segments(), pinned);
            b.iter().any(|other| a.starts_with(other.segments()) || other.segments().starts_with(a))
        };
        let (stored_pinned, new_pinned) = (touches(&self.pinned.0), touches(&self.pinned.1));
        if if new { new_pinned } else { stored_pinned } {
            return false;
        }
        let mut done = true;
        if (new || reach == Reach::Both) && !new_pinned {
            done &= set(&mut self.new, path.segments(), value.cloned());
        }
        if (!new || reach == Reach::Both) && !stored_pinned {
            done &= set(&mut self.stored, path.segments(), value.cloned());
        }
        done
    }

    /// Whether every document still has an `_id`, which an update does not change, once the value is set.
    fn keeps_id(&self, path: &FieldPath, value: Option<&Bson>, reach: Reach) -> bool {
        match path.segments() {
            [first, rest @ ..] if first.name() == "_id" => {
                (value.is_some() || !rest.is_empty()) && (reach == Reach::Both || self.act != Act::Update)
            }
            _ => true,
        }
    }

    /// The value of a context reference.
    pub(super) fn look_up(&self, reference: &Reference) -> Option<Bson> {
        let (first, rest) = reference.path.segments().split_first()?;
        match (reference.root, first.name()) {
            (ContextRoot::User, "id") => Some(self.user.id.clone().into()),
            (ContextRoot::User, "type") => Some(self.user.kind.name().into()),
            (ContextRoot::User, "data") => get(&self.user.data, rest).cloned(),
            (ContextRoot::User, "custom_data") => match rest {
                [] => self.custom_data().cloned().map(Bson::Document),
                _ => get(self.custom_data()?, rest).map(|value| match (value, rest) {
                    // The context shows it like this, too.
                    (Bson::ObjectId(id), [only]) if only.name() == "_id" => id.to_hex().into(),
                    (value, _) => value.clone(),
                }),
            },
            (ContextRoot::User, "identities") => match rest {
                [] => Some(self.user.identities.clone().into()),
                _ => self.user.identities.first().and_then(Bson::as_document).and_then(|d| get(d, rest)).cloned(),
            },
            (ContextRoot::Values, _) => get(&self.values, reference.path.segments()).cloned(),
            (ContextRoot::Environment, "tag") => Some(self.environment.tag.clone().into()),
            (ContextRoot::Environment, "values") => get(&self.environment.values, rest).cloned(),
            (ContextRoot::Request, _) => get(&self.request, reference.path.segments()).cloned(),
            _ => None,
        }
    }

    /// Sets the value of a context reference. Returns whether that was possible.
    pub(super) fn supply(&mut self, reference: &Reference, value: Option<Bson>) -> bool {
        let Some((first, rest)) = reference.path.segments().split_first() else { return false };
        match (reference.root, first.name(), value) {
            (ContextRoot::User, "id", Some(Bson::String(id))) => {
                self.user.id = id;
                true
            }
            (ContextRoot::User, "type", Some(Bson::String(name))) => {
                // Rules do not apply to the system user.
                let kind = UserType::from_name(&name).filter(|kind| *kind != UserType::System);
                kind.is_some_and(|kind| {
                    self.user.kind = kind;
                    true
                })
            }
            (ContextRoot::User, "data", value) => set(&mut self.user.data, rest, value),
            (ContextRoot::User, "custom_data", value) => self.supply_custom_data(rest, value),
            (ContextRoot::User, "identities", value) => {
                if self.user.identities.is_empty() {
                    self.user.identities.push(Document::new().into());
                }
                match self.user.identities.first_mut() {
                    Some(Bson::Document(identity)) => set(identity, rest, value),
                    _ => false,
                }
            }
            (ContextRoot::Values, _, value) => set(&mut self.values, reference.path.segments(), value),
            (ContextRoot::Environment, "tag", Some(Bson::String(tag))) => {
                self.environment.tag = tag;
                true
            }
            (ContextRoot::Environment, "values", value) => set(&mut self.environment.values, rest, value),
            (ContextRoot::Request, field, value) if Request::FIELDS.contains(&field) => {
                set(&mut self.request, reference.path.segments(), value)
            }
            _ => false,
        }
    }

    fn supply_custom_data(&mut self, path: &[Segment], value: Option<Bson>) -> bool {
        if path.is_empty() {
            return false;
        }
        if let Custom::Apart(document) = &mut self.custom {
            return set(document.get_or_insert_with(Document::new), path, value);
        }
        if self.act == Act::Insert {
            return false;
        }
        let path = FieldPath::from_segments(path);
        self.assign((DocumentRoot::Root, &path), value.as_ref(), Moment::Chosen, Reach::Both)
    }
}
