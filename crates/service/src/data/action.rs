macro_rules! actions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// An action on a collection of a data source.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Action { $($variant),+ }

        impl Action {
            /// The action with this name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// The name of the action.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

actions! {
    Aggregate = "aggregate",
    BulkWrite = "bulkWrite",
    Count = "count",
    DeleteMany = "deleteMany",
    DeleteOne = "deleteOne",
    Distinct = "distinct",
    Find = "find",
    FindOne = "findOne",
    FindOneAndDelete = "findOneAndDelete",
    FindOneAndReplace = "findOneAndReplace",
    FindOneAndUpdate = "findOneAndUpdate",
    InsertMany = "insertMany",
    InsertOne = "insertOne",
    ReplaceOne = "replaceOne",
    UpdateMany = "updateMany",
    UpdateOne = "updateOne",
}

impl Action {
    /// Whether the action writes. `aggregate` counts as a read.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Aggregate | Self::Count | Self::Distinct | Self::Find | Self::FindOne)
    }
}
