use std::cmp::Ordering;

/// An operator of the language, independent of its spelling.
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

/// How several conditions are combined.
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
    /// Whether the ordering of the left operand relative to the right one satisfies the comparison.
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

/// A conversion of the right operand before it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// 24 hexadecimal digits, or a string of 12 bytes, to an ObjectId.
    StringToOid,
    /// An ObjectId to its 24 hexadecimal digits.
    OidToString,
    /// The 36 characters of a UUID to binary of subtype 4.
    StringToUuid,
    /// Binary of subtype 4 to the 36 characters, in lower case.
    UuidToString,
}

/// One row per operator: the canonical spelling, and older names for the same operator.
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
