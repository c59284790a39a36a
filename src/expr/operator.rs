use std::cmp::Ordering;

/// An operator of the rule language. Different spellings are the same operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `%and` `%or` `%nor`
    Logic(Logic),
    /// `%not`
    Not,
    /// `$eq` `$ne` `$gt` `$gte` `$lt` `$lte`
    Compare(Comparison),
    /// `$in`
    In,
    /// `$nin`
    Nin,
    /// `$all`
    All,
    /// `$exists`
    Exists,
    /// `$size`
    Size,
    /// `$type`
    Type,
    /// `$mod`
    Mod,
    /// `$regex`
    Regex,
    /// `$options`
    Options,
    /// `$elemMatch`
    ElemMatch,
    /// `%stringToOid` `%oidToString` `%stringToUuid` `%uuidToString`
    Convert(Conversion),
    /// `%function`
    Function,
}

/// A logical operator on a list of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logic {
    /// All hold.
    And,
    /// At least one holds.
    Or,
    /// None holds.
    Nor,
}

/// A comparison with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `$eq`
    Eq,
    /// `$ne`
    Ne,
    /// `$gt`
    Gt,
    /// `$gte`
    Gte,
    /// `$lt`
    Lt,
    /// `$lte`
    Lte,
}

impl Comparison {
    /// Whether the comparison holds, given the ordering of its left operand relative to the right one.
    #[must_use]
    pub fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
        }
    }
}

/// A conversion that is applied to the right operand before the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// A string of 24 hexadecimal digits, or of 12 bytes, to an ObjectId
    StringToOid,
    /// An ObjectId to a string of 24 hexadecimal digits
    OidToString,
    /// A UUID as a string of 36 characters to binary data of subtype 4
    StringToUuid,
    /// Binary data of subtype 4 to a UUID as a string of 36 characters, in lower case
    UuidToString,
}

/// The operators: one row each, with the canonical spelling and all older ones.
const TABLE: [(Operator, &str, &[&str]); 25] = [
    (Operator::Logic(Logic::And), "%and", &[]),
    (Operator::Logic(Logic::Or), "%or", &[]),
    (Operator::Logic(Logic::Nor), "%nor", &[]),
    (Operator::Not, "%not", &[]),
    (Operator::Compare(Comparison::Eq), "$eq", &[]),
    (Operator::Compare(Comparison::Ne), "$ne", &["neq"]),
    (Operator::Compare(Comparison::Gt), "$gt", &[]),
    (Operator::Compare(Comparison::Gte), "$gte", &[]),
    (Operator::Compare(Comparison::Lt), "$lt", &[]),
    (Operator::Compare(Comparison::Lte), "$lte", &[]),
    (Operator::In, "$in", &[]),
    (Operator::Nin, "$nin", &[]),
    (Operator::All, "$all", &[]),
    (Operator::Exists, "$exists", &[]),
    (Operator::Size, "$size", &[]),
    (Operator::Type, "$type", &[]),
    (Operator::Mod, "$mod", &[]),
    (Operator::Regex, "$regex", &[]),
    (Operator::Options, "$options", &[]),
    (Operator::ElemMatch, "$elemMatch", &[]),
    (Operator::Convert(Conversion::StringToOid), "%stringToOid", &[]),
    (Operator::Convert(Conversion::OidToString), "%oidToString", &[]),
    (Operator::Convert(Conversion::StringToUuid), "%stringToUuid", &[]),
    (Operator::Convert(Conversion::UuidToString), "%uuidToString", &[]),
    (Operator::Function, "%function", &[]),
];

impl Operator {
    /// Looks up an operator by its spelling; the prefixes `%` and `$` are equivalent.
    ///
    /// ```
    /// use portcullis::expr::Operator;
    /// assert_eq!(Operator::parse("%exists"), Operator::parse("$exists"));
    /// assert_eq!(Operator::parse("%%exists"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix(['%', '$'])?;
        TABLE
            .iter()
            .find(|(_, spelling, older)| spelling.get(1..) == Some(name) || older.contains(&name))
            .map(|(operator, ..)| *operator)
    }

    /// The canonical spelling.
    #[must_use]
    pub fn spelling(self) -> &'static str {
        TABLE.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, spelling, _)| spelling)
    }

    /// The canonical spellings of all operators.
    pub fn spellings() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(_, spelling, _)| *spelling)
    }
}
