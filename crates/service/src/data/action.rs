macro_rules! actions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// What can be done with a collection of a data source.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Action { $($variant),+ }

        impl Action {
            /// The action of a name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// Its name.
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
    /// Whether it changes documents.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Aggregate | Self::Count | Self::Distinct | Self::Find | Self::FindOne)
    }
}
