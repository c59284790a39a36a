use bson::{Bson, Document, doc};

/// The top-level fields that a pipeline may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// Only these.
    Only(Vec<String>),
    /// All except these.
    AllBut(Vec<String>),
}

impl Redaction {
    /// MongoDB stages that leave nothing else of a document, whatever stages follow. The fields keep their order, and
    /// the first occurrence of a duplicate key counts.
    ///
    /// A `$project` or `$unset` cannot be relied on for that: MongoDB 6.0 drops an inclusion in front of a `$group` that it
    /// hands to its newer engine, and to whatever reads `$$ROOT` there the document is whole. Where `$unset` removed a
    /// field, a later stage that sets it puts it in the same place, which tells that it was there. So the document is
    /// put together anew by an expression that needs all of it, which no analysis of dependencies sees through, and
    /// behind which no stage can be moved. The plain stage comes first all the same: it spares the server the fields
    /// that are left out anyhow.
    #[must_use]
    pub fn stages(&self) -> Vec<Document> {
        self.plain().into_iter().chain([self.anew()]).collect()
    }

    /// The simple stage with the same result; `None` if it cannot name all fields that it must.
    #[must_use]
    pub fn plain(&self) -> Option<Document> {
        match self {
            Self::Only(names) => {
                if names.is_empty() || !names.iter().all(|name| is_plain(name)) {
                    return None;
                }
                let mut shown: Document = names.iter().map(|name| (name.clone(), Bson::Int32(1))).collect();
                // It is included unless it is excluded.
                shown.entry("_id").or_insert(Bson::Int32(0));
                Some(doc! { "$project": shown })
            }
            Self::AllBut(names) => {
                if names.is_empty() || !names.iter().all(|name| is_plain(name)) {
                    return None;
                }
                Some(doc! { "$unset": names.as_slice() })
            }
        }
    }

    fn anew(&self) -> Document {
        // Looked up in an object that the server builds once; `$in` would scan all names for each field.
        let is_among = |names: &[String]| doc! { "$setIsSubset": [["$$field.k"], { "$literal": names }] };
        let is_visible = match self {
            Self::Only(names) => is_among(names),
            Self::AllBut(names) => doc! { "$not": [is_among(names)] },
        };
        let visible = doc! {
            "$filter": { "input": { "$objectToArray": "$$ROOT" }, "as": "field", "cond": is_visible },
        };
        // The last value of a duplicate key wins, in the position of the first one: in reversed order, that is the
        // first value.
        let first_counts = doc! {
            "$let": {
                "vars": { "fields": visible },
                "in": { "$concatArrays": ["$$fields", { "$reverseArray": "$$fields" }] },
            },
        };
        doc! { "$replaceWith": { "$arrayToObject": first_counts } }
    }
}

/// Whether MongoDB's stages read a name as a top-level field.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}
