/// How a server would find the documents that match a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindPlan {
    /// The names of the indexes that it would use.
    pub indexes: Vec<String>,
    /// Whether it would scan the whole collection.
    pub reads_everything: bool,
}
