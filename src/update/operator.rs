use std::fmt;

/// An update operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// `$set`
    Set,
    /// `$unset`
    Unset,
    /// `$inc`
    Inc,
    /// `$mul`
    Mul,
    /// `$min`
    Min,
    /// `$max`
    Max,
    /// `$rename`
    Rename,
    /// `$currentDate`
    CurrentDate,
    /// `$setOnInsert`
    SetOnInsert,
    /// `$push`
    Push,
    /// `$addToSet`
    AddToSet,
    /// `$pull`
    Pull,
    /// `$pullAll`
    PullAll,
    /// `$pop`
    Pop,
    /// `$bit`
    Bit,
}

impl Operator {
    /// Every operator, with its spelling.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Set, "$set"),
        (Self::Unset, "$unset"),
        (Self::Inc, "$inc"),
        (Self::Mul, "$mul"),
        (Self::Min, "$min"),
        (Self::Max, "$max"),
        (Self::Rename, "$rename"),
        (Self::CurrentDate, "$currentDate"),
        (Self::SetOnInsert, "$setOnInsert"),
        (Self::Push, "$push"),
        (Self::AddToSet, "$addToSet"),
        (Self::Pull, "$pull"),
        (Self::PullAll, "$pullAll"),
        (Self::Pop, "$pop"),
        (Self::Bit, "$bit"),
    ];

    /// Looks up an operator by its spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, spelling)| *spelling == text).map(|(operator, _)| *operator)
    }

    /// The operator as written in an update.
    #[must_use]
    pub fn spelling(self) -> &'static str {
        Self::ALL.iter().find(|(operator, _)| *operator == self).map_or("", |(_, spelling)| spelling)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spelling())
    }
}
