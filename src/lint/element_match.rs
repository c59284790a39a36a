//! Determines which elements of the custom data an `$elemMatch` can admit, judging by the custom data alone.

use bson::{Bson, Document};

use super::shape::{Polarity, rights};
use super::witness::{Act, Custom, Draft, Moment, element, get, set};
use crate::eval::Truth;
use crate::path::FieldPath;
use crate::predicate::{Left, Predicate, Right, Test, TestKind};

/// An `$elemMatch` that compares elements of the custom data with literals and with other values.
pub(super) struct ElementMatch {
    /// The test, assuming that its comparisons with other values hold.
    admits: Predicate,
    /// The paths in an element that are compared with other values; the root is the element itself.
    compared: Vec<FieldPath>,
}

impl ElementMatch {
    /// The part of a test that depends on the custom data alone; `None` if the test is not an `$elemMatch`.
    pub(super) fn of(test: &Test) -> Option<Self> {
        let TestKind::ElemMatch(elements, inner) = &test.check else { return None };
        let mut compared = Vec::new();
        let inner = assumed(inner, Polarity::Asserted, &mut compared);
        let check = TestKind::ElemMatch(*elements, Box::new(inner));
        let test = Test::new(test.left.clone(), check, test.text.clone(), test.span);
        Some(Self { admits: Predicate::Test(Box::new(test)), compared })
    }

    /// For each element at the path that may match, the part that is compared with other values.
    pub(super) fn admitted(&self, path: &FieldPath, custom_data: Option<&Document>) -> Vec<Bson> {
        let found = custom_data.and_then(|document| get(document, path.segments()));
        let elements = found.and_then(Bson::as_array).into_iter().flatten();
        elements.filter(|element| self.may_match(path, element)).map(|element| self.compared_in(element)).collect()
    }

    fn may_match(&self, path: &FieldPath, element: &Bson) -> bool {
        let mut custom_data = Document::new();
        set(&mut custom_data, path.segments(), Some(vec![element.clone()].into()));
        let mut draft = Draft::new(Act::Read, "u", &Document::new());
        draft.custom = Custom::Apart(Some(custom_data));
        draft.truth(&self.admits, Moment::Chosen, None) == Truth::True
    }

    fn compared_in(&self, element: &Bson) -> Bson {
        if self.compared.iter().any(FieldPath::is_root) {
            return element.clone();
        }
        let value = |path: &FieldPath| get(element.as_document()?, path.segments()).cloned();
        self.compared.iter().map(|path| value(path).unwrap_or(Bson::Null)).collect::<Vec<_>>().into()
    }
}

/// The predicate, assuming that its comparisons with values other than literals hold. Their paths are added to
/// `compared`.
fn assumed(predicate: &Predicate, polarity: Polarity, compared: &mut Vec<FieldPath>) -> Predicate {
    let mut each = |parts: &[Predicate]| parts.iter().map(|part| assumed(part, polarity, compared)).collect();
    match predicate {
        Predicate::Constant(value) => Predicate::Constant(*value),
        Predicate::All(parts) => Predicate::All(each(parts)),
        Predicate::Any(parts) => Predicate::Any(each(parts)),
        Predicate::Not(inner) => Predicate::Not(Box::new(assumed(inner, polarity.flipped(), compared))),
        Predicate::Test(test) => match is_literal(test) {
            true => predicate.clone(),
            false => {
                if let Left::Element(path) = &test.left {
                    compared.push(path.clone());
                }
                Predicate::Constant(polarity == Polarity::Asserted)
            }
        },
    }
}

/// Whether a test compares with nothing but literals.
pub(super) fn is_literal(test: &Test) -> bool {
    let mut all = rights(test).into_iter().all(|right| matches!(right, Right::Literal(_)));
    if let TestKind::ElemMatch(_, inner) = &test.check {
        inner.each_test(&mut |test| all &= rights(test).into_iter().all(|right| matches!(right, Right::Literal(_))));
    }
    all
}

/// An array with an element that an `$elemMatch` probably admits.
pub(super) fn example_of(test: &Test) -> Option<Bson> {
    match &test.check {
        TestKind::ElemMatch(_, inner) => Some(vec![element(inner)].into()),
        _ => None,
    }
}
