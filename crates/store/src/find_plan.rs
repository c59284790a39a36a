/// How a server would find the documents of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindPlan {
    /// The indexes that it would use, by their names.
    pub indexes: Vec<String>,
    /// Whether it would read the whole collection.
    pub reads_everything: bool,
}
