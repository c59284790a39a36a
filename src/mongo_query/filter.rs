use bson::{Bson, Document};

use super::FindError;
use super::error::refusal;
use super::operators::{Subject, condition, is_operators};
use crate::aggregation::{BAD_VALUE, Expression, FAILED_TO_PARSE};
use crate::eval::{Context, Documents, Errors, Evaluation, Residual, Truth, bind};
use crate::expr::PatternAllowance;
use crate::path::FieldPath;
use crate::predicate::{DocumentRoot, Left, Predicate, Test, TestKind};
use crate::question::{At, ClientTest, JsonSchema, MAX_DEPTH, Question};
use crate::text::Span;
use crate::value::{DocumentRef, Malformed, Number, ValueRef};

/// A compiled client filter: MongoDB's query operators on literals, without expansions.
#[derive(Debug)]
pub struct Filter {
    residual: Residual,
    /// Whether a condition is negated twice, which the residual does not show.
    negates_twice: bool,
    /// The number of conditions.
    tests: usize,
    context: Context,
}

/// What the field names in a filter refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    Document,
    /// Fields of the element that `$elemMatch` examines.
    Element,
}

impl Inside {
    pub(super) fn field(self, path: FieldPath) -> Left {
        match self {
            Self::Document => Left::Document(DocumentRoot::Root, path),
            Self::Element => Left::Element(path),
        }
    }
}

impl Filter {
    /// Compiles a filter. All values in it are literals; expansions have no meaning.
    ///
    /// # Errors
    /// If the filter is malformed, or uses something that is not supported.
    ///
    /// ```
    /// use bson::doc;
    /// use portcullis::mongo_query::Filter;
    /// let filter = Filter::compile(&doc! { "age": { "$gte": 18 }, "tags": "new" }).unwrap();
    /// assert!(filter.matches(&doc! { "age": 18.0, "tags": ["new", "red"] }).unwrap());
    /// assert!(Filter::compile(&doc! { "$where": "true" }).is_err());
    /// ```
    pub fn compile(filter: &Document) -> Result<Self, FindError> {
        Self::compile_within(filter, &PatternAllowance::default())
    }

    /// Like [`compile`](Self::compile), with a pattern allowance that is shared with other parts of the request.
    pub fn compile_within(filter: &Document, patterns: &PatternAllowance) -> Result<Self, FindError> {
        let predicate = conditions(filter, Inside::Document, At { depth: 0, patterns })?;
        let context = Context::new();
        let residual = bind(&predicate, &context);
        let tests = residual.tests();
        Ok(Self { residual, negates_twice: negates_twice(&predicate, 0), tests, context })
    }

    /// The filter that matches every document.
    pub(crate) fn of_all() -> Self {
        Self { residual: Residual::Constant(Truth::True), negates_twice: false, tests: 0, context: Context::new() }
    }

    pub(crate) const fn residual(&self) -> &Residual {
        &self.residual
    }

    /// The number of conditions.
    pub(crate) const fn tests(&self) -> usize {
        self.tests
    }

    pub(super) const fn negates_twice(&self) -> bool {
        self.negates_twice
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    /// Whether a document matches.
    ///
    /// # Errors
    /// If raw bytes are not BSON, if the document is nested too deeply, or if it takes too many steps.
    pub fn matches<'d>(&self, document: impl Into<DocumentRef<'d>>) -> Result<bool, Malformed> {
        self.matches_within(document, &Errors::default())
    }

    /// Like [`matches`](Self::matches), within the step budget of `errors`, to which errors are added.
    pub fn matches_within<'d>(&self, document: impl Into<DocumentRef<'d>>, errors: &Errors) -> Result<bool, Malformed> {
        let documents = Documents { root: Some(document.into().into()), ..Documents::default() };
        match Evaluation::new(documents, &self.context, errors).truth(&self.residual) {
            Truth::True => Ok(true),
            Truth::False | Truth::Unknown => Ok(false),
            Truth::Error => Err(errors.as_malformed()),
        }
    }
}

fn negates_twice(predicate: &Predicate, negations: usize) -> bool {
    match predicate {
        Predicate::Not(_) if negations > 0 => true,
        Predicate::Not(inner) => negates_twice(inner, negations + 1),
        Predicate::All(parts) | Predicate::Any(parts) => parts.iter().any(|part| negates_twice(part, negations)),
        Predicate::Constant(_) | Predicate::Test(_) => false,
    }
}

/// Compiles a document of conditions.
pub(super) fn conditions(filter: &Document, inside: Inside, at: At<'_>) -> Result<Predicate, FindError> {
    if at.depth > MAX_DEPTH {
        return Err(FindError::refused(BAD_VALUE, format!("conditions are nested deeper than {MAX_DEPTH} levels")));
    }
    filter.iter().map(|(name, value)| clause(name, value, inside, at)).collect::<Result<_, _>>().map(Predicate::All)
}

fn clause(name: &str, value: &Bson, inside: Inside, at: At<'_>) -> Result<Predicate, FindError> {
    let parts = || list(name, value, inside, at);
    match name {
        "$and" => Ok(Predicate::All(parts()?)),
        "$or" => Ok(Predicate::Any(parts()?)),
        "$nor" => Ok(Predicate::Not(Box::new(Predicate::Any(parts()?)))),
        "$expr" | "$jsonSchema" => whole(name, value, inside, at),
        "$comment" => Ok(Predicate::Constant(true)),
        "$alwaysTrue" | "$alwaysFalse" if ValueRef::from(value).number().and_then(Number::integer) != Some(1) => {
            Err(FindError::refused(FAILED_TO_PARSE, format!("`{name}` takes 1")))
        }
        "$alwaysTrue" | "$alwaysFalse" => Ok(Predicate::Constant(name == "$alwaysTrue")),
        name if name.starts_with('$') => Err(refusal(name)
            .unwrap_or_else(|| FindError::refused(BAD_VALUE, format!("unknown top-level operator `{name}`")))),
        name => {
            let path = FieldPath::parse(name)
                .map_err(|error| FindError::unsupported(format!("a field name such as `{name}` ({error})")))?;
            condition(&Subject { left: inside.field(path) }, value, at)
        }
    }
}

/// Compiles an operator that applies to the document as a whole.
fn whole(name: &str, value: &Bson, inside: Inside, at: At<'_>) -> Result<Predicate, FindError> {
    let question = if name == "$expr" {
        if inside == Inside::Element {
            return Err(FindError::refused(BAD_VALUE, "`$expr` can only be applied to the top-level document"));
        }
        Question::Expression(Expression::parse(value)?, value.clone())
    } else {
        Question::Schema(JsonSchema::parse(value, at)?)
    };
    let check = TestKind::Client(ClientTest::new(question));
    Ok(Predicate::Test(Box::new(Test::new(inside.field(FieldPath::root()), check, "", Span::default()))))
}

fn list(name: &str, value: &Bson, inside: Inside, at: At<'_>) -> Result<Vec<Predicate>, FindError> {
    let refused = || FindError::refused(BAD_VALUE, format!("`{name}` takes an array of at least one document"));
    let Bson::Array(parts) = value else { return Err(refused()) };
    if parts.is_empty() {
        return Err(refused());
    }
    let conditions = |part: &Bson| conditions(part.as_document().ok_or_else(refused)?, inside, at.deeper());
    parts.iter().map(conditions).collect()
}

/// The operators that take the place of a field name.
const IN_PLACE_OF_A_FIELD: [&str; 11] = [
    "$alwaysFalse",
    "$alwaysTrue",
    "$and",
    "$comment",
    "$expr",
    "$jsonSchema",
    "$nor",
    "$or",
    "$sampleRate",
    "$text",
    "$where",
];

/// Whether a document consists of operators on the element itself, like `{"$gt": 1}`, rather than of conditions on its
/// fields.
pub(crate) fn is_element_condition(conditions: &Document) -> bool {
    is_operators(conditions)
        && conditions.keys().next().is_some_and(|first| !IN_PLACE_OF_A_FIELD.contains(&first.as_str()))
}
