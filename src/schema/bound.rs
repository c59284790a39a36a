use std::sync::Arc;

use super::SchemaError;
use super::compile::{Compiled, compile};
use super::failure::Failure;
use super::keyword::Ignored;
use super::report::{Place, Report};
use super::rule::Rule;
use super::shape::{Shape, Standing, Validate};
use super::visit::Visit;
use crate::eval::{Context, Documents, Errors, Evaluation, Residual, Truth, bind};
use crate::expr::PatternAllowance;
use crate::json::Node;
use crate::path::Segment;
use crate::predicate::Predicate;
use crate::value::{ArrayRef, DocumentRef, Malformed, ValueRef};

/// A compiled `schema.json`: [JSON Schema in MongoDB's dialect][mongodb], which is draft 4 with `bsonType`, and with
/// `validate` of App Services, an [expression on the field][validate].
///
/// Of later drafts, `const` and the numeric forms of `exclusiveMinimum` and `exclusiveMaximum` are supported. Keywords
/// that are unknown, or known but not enforced (`$ref`, `format`), are errors, so that a schema is never weaker than it
/// looks.
///
/// [mongodb]: https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
/// [validate]: https://www.mongodb.com/docs/atlas/app-services/schemas/enforce-a-schema/
///
/// ```
/// use bson::doc;
/// use portcullis::eval::{Context, Errors};
/// use portcullis::schema::Schema;
/// let schema = r#"{
///     "required": ["createdAt"],
///     "properties": {
///         "address": {"bsonType": "object", "properties": {"zip": {"bsonType": "string"}}},
///         "owner": {"validate": {"%or": [{"%%prev": {"$exists": false}}, {"%%this": "%%prev"}]}}
///     }
/// }"#;
/// let schema = Schema::compile(&portcullis::json::parse(schema).unwrap()).unwrap();
/// let (context, errors) = (Context::new(), Errors::default());
/// let schema = schema.bind(&context);
///
/// let (before, after) = (doc! { "owner": "ada" }, doc! { "owner": "ken", "address": { "zip": 28195 } });
/// let failures = schema.check(Some((&before).into()), (&after).into(), &context, &errors).unwrap();
/// let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
/// assert_eq!(failures, [
///     "(root): createdAt is required",
///     "address.zip: must be of type string, not int",
///     "owner: validate does not hold",
/// ]);
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    shape: Arc<Shape>,
    validates: Vec<Validate>,
    ignored: Vec<Ignored>,
}

/// A schema whose `validate` expressions are bound to the context of a request.
#[derive(Clone, Debug)]
pub struct BoundSchema {
    shape: Arc<Shape>,
    validates: Vec<Residual>,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// All errors, in source order.
    ///
    /// ```
    /// use portcullis::schema::Schema;
    /// let node = portcullis::json::parse(r#"{"requierd": ["a"], "bsonType": "objekt"}"#).unwrap();
    /// let errors = Schema::compile(&node).unwrap_err();
    /// assert_eq!(errors[0].to_string(), "unknown keyword `requierd` in a schema");
    /// assert_eq!(errors[1].to_string(), "unknown type `objekt`");
    /// ```
    pub fn compile(node: &Node) -> Result<Self, Vec<SchemaError>> {
        Self::compile_within(node, &PatternAllowance::of_application())
    }

    /// Like [`compile`](Self::compile), with the pattern allowance of an application.
    ///
    /// # Errors
    /// Same as [`compile`](Self::compile).
    pub(crate) fn compile_within(node: &Node, patterns: &PatternAllowance) -> Result<Self, Vec<SchemaError>> {
        let (schema, errors) = Self::compile_in_part_within(node, patterns);
        if errors.is_empty() { Ok(schema) } else { Err(errors) }
    }

    /// Compiles the valid parts of a schema, and reports the errors in others. The result is meant for lints; never
    /// base decisions on it.
    #[must_use]
    pub fn compile_in_part(node: &Node) -> (Self, Vec<SchemaError>) {
        Self::compile_in_part_within(node, &PatternAllowance::of_application())
    }

    /// Like [`compile_in_part`](Self::compile_in_part), with the pattern allowance of an application.
    pub(crate) fn compile_in_part_within(node: &Node, patterns: &PatternAllowance) -> (Self, Vec<SchemaError>) {
        let (Compiled { shape, validates, ignored }, errors) = compile(node, patterns);
        (Self { shape: Arc::new(shape), validates, ignored }, errors)
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The keys that have no effect although they may look like constraints, such as `unique` and `default`.
    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// All `validate` expressions.
    pub fn validates(&self) -> impl Iterator<Item = &Predicate> {
        self.validates.iter().map(|validate| &validate.predicate)
    }

    /// The `validate` expressions of a field and of the documents that contain it. The path is followed only through
    /// `properties`.
    #[must_use]
    pub fn validates_at(&self, path: &[Segment]) -> Vec<&Predicate> {
        let mut shape = &*self.shape;
        let mut found: Vec<&Predicate> = Vec::new();
        for segment in path {
            let named = shape.properties.named.iter().find(|(name, _)| **name == *segment.name());
            let Some((_, inner)) = named else { return found };
            shape = inner;
            found.extend(shape.validate.and_then(|index| self.validates.get(index)).map(|v| &v.predicate));
        }
        found
    }

    /// Whether a field may be an array; `None` if the schema does not restrict it. The path is followed only through
    /// `properties`.
    #[must_use]
    pub fn takes_array(&self, path: &[Segment]) -> Option<bool> {
        let mut shape = &*self.shape;
        for segment in path {
            shape =
                shape.properties.named.iter().find(|(name, _)| **name == *segment.name()).map(|(_, inner)| inner)?;
        }
        let types = shape.rules.iter().find_map(|rule| match rule {
            Rule::Type(types) => Some(types),
            _ => None,
        })?;
        Some(types.contains(ValueRef::Array(ArrayRef::Decoded(&[]))))
    }

    /// Binds the `validate` expressions to a context.
    #[must_use]
    pub fn bind(&self, context: &Context) -> BoundSchema {
        let validates = self.validates.iter().map(|validate| {
            let residual = bind(&validate.predicate, context);
            match validate.standing {
                Standing::Plain => residual.settle(),
                // If Unknown became False here, a `not` around it would hold.
                Standing::Inverted => residual,
            }
        });
        BoundSchema { shape: Arc::clone(&self.shape), validates: validates.collect() }
    }
}

impl BoundSchema {
    /// The reasons for which the schema rejects replacing `before` with `after`, up to
    /// [`MAX_FAILURES`](super::MAX_FAILURES); empty if it accepts that. `before` is `None` for an insert.
    ///
    /// If a `validate` fails, its errors are added to `errors`, and the document is rejected.
    ///
    /// # Errors
    /// If raw bytes are not BSON, or values are nested too deeply to be compared.
    pub fn check(
        &self,
        before: Option<DocumentRef<'_>>,
        after: DocumentRef<'_>,
        context: &Context,
        errors: &Errors,
    ) -> Result<Vec<Failure>, Malformed> {
        let (before, after) = (before.map(Into::into), Some(after.into()));
        let ask = |index: usize, this, prev| {
            let documents = Documents { root: after, prev_root: before, this, prev };
            let evaluation = Evaluation::new(documents, context, errors);
            self.validates.get(index).map_or(Truth::Unknown, |residual| evaluation.truth(residual))
        };
        let mut report = Report::Listing(Vec::new());
        Visit::new(&ask, errors.steps()).visit(&self.shape, &Place::Root, before, after, &mut report)?;
        Ok(match report {
            Report::Listing(failures) => failures,
            Report::Silent => Vec::new(),
        })
    }
}
