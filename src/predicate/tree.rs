use std::sync::Arc;

use bson::Bson;

use crate::expr::{Comparison, Conversion, Pattern};
use crate::path::FieldPath;
use crate::question::ClientTest;
use crate::text::Span;
use crate::value::{self, TypeSet};

/// What an expression means.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `true`, `false`
    Constant(bool),
    /// All of them hold.
    All(Vec<Predicate>),
    /// At least one of them holds.
    Any(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
    /// One question about one operand.
    Test(Box<Test>),
}

/// One question about one operand.
#[derive(Clone, Debug)]
pub struct Test {
    /// What is looked at.
    pub left: Left,
    /// What is asked about it.
    pub check: TestKind,
    /// What is written out on the right, kept once for all that bind the test.
    pub(crate) literal: Option<Literal>,
    /// The test in the rule language, on one line.
    pub text: Box<str>,
    /// Where it was written.
    pub span: Span,
}

impl Test {
    pub(crate) fn new(left: Left, check: TestKind, text: impl Into<Box<str>>, span: Span) -> Self {
        Self { left, literal: Literal::of(&check), check, text: text.into(), span }
    }
}

/// A right side that depends on nothing.
#[derive(Clone, Debug)]
pub(crate) enum Literal {
    /// Of an equality or an order.
    Value(Arc<Bson>),
    /// Of `$in`, and whether `null` is in it.
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

/// What a test looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    /// `%%true`, `%%false`
    Boolean(bool),
    /// `%%user.id`
    Context(Reference),
    /// `owner.id`, `%%prevRoot.owner`, `%%this`
    Document(DocumentRoot, FieldPath),
    /// Within `$elemMatch`: a field of the element, or the element itself.
    Element(FieldPath),
}

/// The documents and fields that an expression can look at.
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

/// The parts of the context that an expression can look at.
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

/// A place in the context.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The part.
    pub root: ContextRoot,
    /// The path from there.
    pub path: FieldPath,
}

/// What is asked about an operand.
#[derive(Clone, Debug)]
pub enum TestKind {
    /// It equals this.
    Equals(Right),
    /// It stands in this order to that; never `Eq` or `Ne`.
    Order(Comparison, Right),
    /// It equals an element of the list.
    In(List),
    /// It equals, or contains, every one of these.
    All(Vec<Right>),
    /// It is not Missing.
    Exists,
    /// It is an array of this length.
    Size(i64),
    /// It is of one of these types.
    Type(TypeSet),
    /// Dividing it leaves this remainder.
    Mod {
        /// By what to divide; not 0.
        divisor: i64,
        /// What must remain.
        remainder: i64,
    },
    /// It matches.
    Regex(Pattern),
    /// It is an array with an element for which this holds.
    ElemMatch(Elements, Box<Predicate>),
    /// What only a client's filter asks.
    Client(ClientTest),
}

/// Which elements `$elemMatch` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// All, each by itself: `{"$elemMatch": {"$gt": 5}}`
    All,
    /// Those that have fields: documents, and arrays, whose names are their indexes: `{"$elemMatch": {"a": 5}}`
    Containers,
}

/// A value on the right.
#[derive(Clone, Debug)]
pub enum Right {
    /// A literal.
    Literal(Bson),
    /// A place in the context.
    Context(Reference),
    /// A place in a document.
    Document(DocumentRoot, FieldPath),
    /// A literal with places inside.
    Template(Template),
    /// A converted literal or place.
    Convert(Conversion, Box<Right>),
    /// The result of a function.
    Function(Call),
}

/// The right side of `$in`.
#[derive(Clone, Debug)]
pub enum List {
    /// The elements as written.
    Elements(Vec<Right>),
    /// A place where the array is.
    Place(Right),
}

/// A value that is known, or is put together of what is known later.
#[derive(Clone, Debug)]
pub enum Template {
    /// Known.
    Literal(Bson),
    /// A place in the context.
    Context(Reference),
    /// A place in a document.
    Document(DocumentRoot, FieldPath),
    /// A document of such.
    Fields(Vec<(String, Template)>),
    /// An array of such.
    Elements(Vec<Template>),
}

/// A call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the function.
    pub name: String,
    /// What it is called with.
    pub arguments: Vec<Template>,
}

impl Predicate {
    /// Calls `visit` with every test, those within `$elemMatch` included.
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
    /// Whether a test refers to a part of the context.
    pub(crate) fn asks(&self, root: ContextRoot) -> bool {
        let mut asked = false;
        self.each_test(&mut |test| asked = asked || test.references().iter().any(|reference| reference.root == root));
        asked
    }
}

impl Test {
    /// The operands on the right, those in lists included.
    #[must_use]
    pub fn rights(&self) -> Vec<&Right> {
        match &self.check {
            TestKind::Equals(right) | TestKind::Order(_, right) | TestKind::In(List::Place(right)) => vec![right],
            TestKind::In(List::Elements(rights)) | TestKind::All(rights) => rights.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The places in the context that it refers to, on either side; tests within `$elemMatch` have their own.
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
    /// The places in the context that it needs.
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
    /// The places in the context that it refers to.
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
