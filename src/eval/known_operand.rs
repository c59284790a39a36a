use super::bound_operand::{BoundLeft, BoundList, BoundRight};
use super::operand::Absent;
use super::residual::BoundCheck;
use super::subject::{Kind, Subject};
use super::{Context, Documents, Errors, Evaluation, Truth};
use crate::path::Leaf;
use crate::predicate::Elements;
use crate::value::{Malformed, Steps, ValueRef};

/// A left operand that is known without a document: a value from the context, or part of a context array's element
/// examined by `$elemMatch`. The right operand may still come from a document.
#[derive(Clone, Copy)]
pub(crate) struct KnownOperand<'v> {
    subject: Subject<'v, 'v>,
}

impl<'v> KnownOperand<'v> {
    /// The operand's value; `None` if it comes from a document, is Unknown or was not supplied.
    pub(crate) fn of(left: &'v BoundLeft, element: Option<ValueRef<'v>>) -> Result<Option<Self>, Malformed> {
        let subject = match left {
            BoundLeft::Value(value, path) => {
                Subject { start: value.as_deref().map(ValueRef::from), path: path.segments(), kind: Kind::Context }
            }
            BoundLeft::Element(path, origin) => Subject::element(element, path.segments(), *origin, &Steps::default())?,
            BoundLeft::Unknown | BoundLeft::Failed(_) | BoundLeft::Document(_) => return Ok(None),
        };
        Ok(Some(Self { subject }))
    }

    /// The truth of a check on this operand. The check must not depend on documents.
    pub(crate) fn truth(self, check: &BoundCheck) -> Truth {
        let (errors, context) = (Errors::default(), Context::new());
        match Evaluation::new(Documents::default(), &context, &errors).check(self.subject, check) {
            Ok(truth) => truth,
            Err(Absent::Unknown) => Truth::Unknown,
            Err(Absent::Failed(_)) => Truth::Error,
        }
    }

    /// Every value that a comparison considers: the operand itself and, if it is an array, its elements.
    pub(crate) fn values(self) -> Result<Vec<ValueRef<'v>>, Malformed> {
        let mut values = Vec::new();
        self.subject.any(Leaf::Expand, &Steps::default(), &mut |value| {
            values.extend(value);
            Ok(false)
        })?;
        Ok(values)
    }

    /// The elements that `$elemMatch` examines in every array at the operand.
    pub(crate) fn elements(self, asked: Elements) -> Result<Vec<ValueRef<'v>>, Malformed> {
        let mut elements = Vec::new();
        self.subject.any(Leaf::Whole, &Steps::default(), &mut |value| {
            let Some(ValueRef::Array(array)) = value else { return Ok(false) };
            for element in array.iter() {
                let element = element?;
                if asked == Elements::All || matches!(element, ValueRef::Document(_) | ValueRef::Array(_)) {
                    elements.push(element);
                }
            }
            Ok(false)
        })?;
        Ok(elements)
    }
}

impl BoundCheck {
    /// Whether a check of a known left operand depends on documents.
    pub(crate) fn asks_documents(&self) -> bool {
        let asks = |right: &BoundRight| match right {
            BoundRight::Unknown | BoundRight::Failed(_) | BoundRight::Value(_) => false,
            BoundRight::Template(template) => !template.is_unknown(),
            BoundRight::Document(..) | BoundRight::Convert(..) | BoundRight::Function(_) => true,
        };
        match self {
            Self::Equals(right) | Self::Order(_, right) => asks(right),
            Self::All(list) => list.iter().any(asks),
            Self::In(BoundList::Document(_)) => true,
            Self::In(BoundList::Elements { later, .. }) => later.iter().any(asks),
            Self::ElemMatch { inner, operands, .. } => !operands.is_empty() || inner.asks_documents(),
            _ => false,
        }
    }
}
