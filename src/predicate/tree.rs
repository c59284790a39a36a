use std::sync::Arc;

use bson::Bson;

use crate::expr::{Comparison, Conversion, Pattern};
use crate::path::FieldPath;
use crate::question::ClientTest;
use crate::text::Span;
use crate::value::{self, TypeSet};

/// The meaning of an expression: a Boolean combination of tests.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `true` or `false`.
    Constant(bool),
    /// The conjunction of the parts.
    All(Vec<Predicate>),
    /// The disjunction of the parts.
    Any(Vec<Predicate>),
    /// The negation of the part.
    Not(Box<Predicate>),
    /// A test of one operand.
    Test(Box<Test>),
}

/// A test of one operand.
#[derive(Clone, Debug)]
pub struct Test {
    /// The left operand.
    pub left: Left,
    /// The check that is applied to the left operand.
    pub check: TestKind,
    /// The right side if it is a literal, so that bound tests can share it instead of copying it.
    pub(crate) literal: Option<Literal>,
    /// The source of the test in the rule language, on one line.
    pub text: Box<str>,
    /// Its position in the source.
    pub span: Span,
}

impl Test {
    pub(crate) fn new(left: Left, check: TestKind, text: impl Into<Box<str>>, span: Span) -> Self {
        Self { left, literal: Literal::of(&check), check, text: text.into(), span }
    }
}

/// A right side that is a literal.
#[derive(Clone, Debug)]
pub(crate) enum Literal {
    /// The operand of an equality or order comparison.
    Value(Arc<Bson>),
    /// The list of `$in`, and whether it contains `null`.
    List(Arc<value::List>, bool),
}

impl Literal {
    fn of(check: &TestKind) -> Option<Self> {
        match check {
            TestKind::Equals(Right::Literal(value)) | TestKind::Order(_, Right::Literal(value)) => {
                Some(Self::Value(Arc::new(value.clone())))
            }
            TestKind::In(List::Elements(elements)) => {
                let literal = |element: &Right| match element {
                    Right::Literal(value) => Some(value.clone()),
                    _ => None,
                };
                let values: Vec<Bson> = elements.iter().map(literal).collect::<Option<_>>()?;
                let null = values.contains(&Bson::Null);
                Some(Self::List(Arc::new(value::List::new(values)), null))
            }
            _ => None,
        }
    }
}

/// The left operand of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// `%%true` or `%%false`
    Boolean(bool),
    /// A path into the context: `%%user.id`
    Context(Reference),
    /// A path into a document: `owner.id`, `%%prevRoot.owner`, `%%this`
    Document(DocumentRoot, FieldPath),
    /// Inside `$elemMatch`: a path into the element, empty for the element itself
    Element(FieldPath),
}

/// The documents and values that an expression can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentRoot {
    /// `%%root`
    Root,
    /// `%%prevRoot`
    PrevRoot,
    /// `%%this`
    This,
    /// `%%prev`
    Prev,
}

/// The parts of the context that an expression can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextRoot {
    /// `%%user`
    User,
    /// `%%values`
    Values,
    /// `%%environment`
    Environment,
    /// `%%request`
    Request,
    /// `%%args`
    Args,
    /// `%%partition`
    Partition,
    /// `%%now`
    Now,
}

/// A path into the context.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The part of the context.
    pub root: ContextRoot,
    /// The path within that part.
    pub path: FieldPath,
}

/// The check that a test applies to its left operand.
#[derive(Clone, Debug)]
pub enum TestKind {
    /// Equality with the right operand.
    Equals(Right),
    /// An order comparison with the right operand; never `Eq` or `Ne`.
    Order(Comparison, Right),
    /// Equality with an element of the list.
    In(List),
    /// For each of these operands, equality with it; for an array, containing it.
    All(Vec<Right>),
    /// Not being Missing.
    Exists,
    /// Being an array of this length.
    Size(i64),
    /// Having one of these types.
    Type(TypeSet),
    /// Having this remainder, after division.
    Mod {
        /// The divisor, which is not 0.
        divisor: i64,
        /// The expected remainder.
        remainder: i64,
    },
    /// Matching the pattern.
    Regex(Pattern),
    /// Being an array with an element for which the predicate holds.
    ElemMatch(Elements, Box<Predicate>),
    /// A check that only client queries have.
    Client(ClientTest),
}

/// Which elements `$elemMatch` examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// All elements, each by itself: `{"$elemMatch": {"$gt": 5}}`
    All,
    /// Elements that have fields: documents, and arrays, whose field names are their indexes:
    /// `{"$elemMatch": {"a": 5}}`
    Containers,
}

/// A right operand.
#[derive(Clone, Debug)]
pub enum Right {
    /// A constant.
    Literal(Bson),
    /// A path into the context.
    Context(Reference),
    /// A path into a document.
    Document(DocumentRoot, FieldPath),
    /// A document or array that contains references.
    Template(Template),
    /// A converted literal or reference.
    Convert(Conversion, Box<Right>),
    /// The result of a function.
    Function(Call),
}

/// The right side of `$in`.
#[derive(Clone, Debug)]
pub enum List {
    /// A list of operands.
    Elements(Vec<Right>),
    /// A reference to an array.
    Place(Right),
}

/// A value that is constant or built from parts that are known later.
#[derive(Clone, Debug)]
pub enum Template {
    /// A constant.
    Literal(Bson),
    /// A path into the context.
    Context(Reference),
    /// A path into a document.
    Document(DocumentRoot, FieldPath),
    /// A document of templates.
    Fields(Vec<(String, Template)>),
    /// An array of templates.
    Elements(Vec<Template>),
}

/// A function call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the function.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Template>,
}

impl Predicate {
    /// Calls `visit` with every test, including those inside `$elemMatch`.
    pub fn each_test<'p>(&'p self, visit: &mut dyn FnMut(&'p Test)) {
        match self {
            Self::Constant(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_test(visit)),
            Self::Not(inner) => inner.each_test(visit),
            Self::Test(test) => {
                visit(test);
                if let TestKind::ElemMatch(_, inner) = &test.check {
                    inner.each_test(visit);
                }
            }
        }
    }
}

impl Predicate {
    /// Whether any test refers to this part of the context.
    pub(crate) fn asks(&self, root: ContextRoot) -> bool {
        let mut asked = false;
        self.each_test(&mut |test| asked = asked || test.references().iter().any(|reference| reference.root == root));
        asked
    }

    /// Whether the predicate depends on no part of the context but the user.
    pub(crate) fn asks_only_the_user(&self) -> bool {
        let mut only = true;
        self.each_test(&mut |test| {
            only = only
                && test.references().iter().all(|reference| reference.root == ContextRoot::User)
                && !test.rights().into_iter().any(Right::calls);
        });
        only
    }

    /// Whether a test calls a function.
    pub(crate) fn calls(&self) -> bool {
        let mut calls = false;
        self.each_test(&mut |test| {
            calls = calls || test.rights().iter().any(|right| matches!(right, Right::Function(_)));
        });
        calls
    }
}

impl Test {
    /// All right operands, including those in lists.
    #[must_use]
    pub fn rights(&self) -> Vec<&Right> {
        match &self.check {
            TestKind::Equals(right) | TestKind::Order(_, right) | TestKind::In(List::Place(right)) => vec![right],
            TestKind::In(List::Elements(rights)) | TestKind::All(rights) => rights.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The context references on both sides. Tests inside `$elemMatch` are not included, since they are visited as
    /// tests of their own.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        let left = match &self.left {
            Left::Context(reference) => Some(reference),
            _ => None,
        };
        left.into_iter().chain(self.rights().into_iter().flat_map(Right::references)).collect()
    }
}

impl Right {
    fn calls(&self) -> bool {
        match self {
            Self::Function(_) => true,
            Self::Convert(_, inner) => inner.calls(),
            Self::Literal(_) | Self::Context(_) | Self::Document(..) | Self::Template(_) => false,
        }
    }

    /// The context references that it contains.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Literal(_) | Self::Document(..) => Vec::new(),
            Self::Context(reference) => vec![reference],
            Self::Template(template) => template.references(),
            Self::Convert(_, inner) => inner.references(),
            Self::Function(call) => call.arguments.iter().flat_map(Template::references).collect(),
        }
    }
}

impl Template {
    /// The context references in the template.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Literal(_) | Self::Document(..) => Vec::new(),
            Self::Context(reference) => vec![reference],
            Self::Fields(fields) => fields.iter().flat_map(|(_, value)| value.references()).collect(),
            Self::Elements(elements) => elements.iter().flat_map(Self::references).collect(),
        }
    }
}
