//! MongoDB operators on paths.

use std::ops::Not;

use bson::{Bson, doc};

use crate::value::identical;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Holds,
    Fails,
}

/// A MongoDB operator on a path or, without a path, on the element that `$elemMatch` examines.
#[derive(Debug)]
pub(crate) struct FieldTest {
    pub(super) path: Box<str>,
    pub(super) operator: Operator,
    pub(super) operand: Bson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    In,
    Exists,
    Gt,
    Gte,
    Lt,
    Lte,
    Size,
    Type,
    Mod,
    ElemMatch,
    /// A conjunction of conditions on whole documents.
    Expression,
}

impl PartialEq for FieldTest {
    /// Operands are compared by bytes: 1 and 1.0 need not be the same operand, and NaN must equal itself.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.path == other.path
                && self.operator == other.operator
                && identical((&self.operand).into(), (&other.operand).into()) == Ok(true))
    }
}

impl Not for Sign {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
        }
    }
}

impl Operator {
    pub(super) const fn spelling(self) -> &'static str {
        match self {
            Self::Eq => "$eq",
            Self::In => "$in",
            Self::Exists => "$exists",
            Self::Gt => "$gt",
            Self::Gte => "$gte",
            Self::Lt => "$lt",
            Self::Lte => "$lte",
            Self::Size => "$size",
            Self::Type => "$type",
            Self::Mod => "$mod",
            Self::ElemMatch => "$elemMatch",
            Self::Expression => "$and",
        }
    }
}

impl FieldTest {
    /// The operator and its operand.
    pub(super) fn condition(&self, sign: Sign) -> (&'static str, Bson) {
        let operand = || self.operand.clone();
        match (self.operator, sign) {
            (Operator::Exists, sign) => ("$exists", Bson::Boolean(sign == Sign::Holds)),
            (operator, Sign::Holds) => (operator.spelling(), operand()),
            (Operator::Eq, Sign::Fails) => ("$ne", operand()),
            (Operator::In, Sign::Fails) => ("$nin", operand()),
            (operator, Sign::Fails) => ("$not", doc! { operator.spelling(): operand() }.into()),
        }
    }

    /// The values of an equality that can be written with `$in`.
    pub(super) fn listed(&self) -> Option<&[Bson]> {
        match (self.operator, &self.operand) {
            (Operator::Eq, value) => may_be_listed(value).then_some(std::slice::from_ref(value)),
            (Operator::In, Bson::Array(values)) => Some(values),
            _ => None,
        }
    }
}

/// Whether a value may be in the list of `$in`. MongoDB rejects an object whose first key starts with `$` and takes a
/// regular expression for a pattern; and a null by itself would also equal undefined.
pub(crate) fn may_be_listed(value: &Bson) -> bool {
    match value {
        Bson::Document(fields) => !fields.keys().next().is_some_and(|name| name.starts_with('$')),
        Bson::Null | Bson::Undefined | Bson::RegularExpression(_) => false,
        _ => true,
    }
}
