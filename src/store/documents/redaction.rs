use bson::{Bson, Document, doc};

/// The top-level fields of documents that a pipeline may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// Only these.
    Only(Vec<String>),
    /// All except these.
    AllBut(Vec<String>),
}

impl Redaction {
    /// Pipeline stages after which nothing else of a document is visible, whatever stages follow. Fields keep their
    /// order, and of duplicate keys the first counts.
    ///
    /// A `$project` or `$unset` does not guarantee this. If MongoDB 6.0 passes a `$group` to its newer engine, it drops
    /// an inclusion before it, so that `$$ROOT` is the whole document there. And if `$unset` removes a field that a
    /// later stage sets, the field reappears in its former position, which reveals that it existed. Therefore, an
    /// expression that uses the whole document builds a new one: dependency analysis cannot look into the expression,
    /// and no stage can be moved before it. The plain stage still comes first, to spare the server the fields that are
    /// not needed.
    #[must_use]
    pub fn stages(&self) -> Vec<Document> {
        self.plain().into_iter().chain([self.anew()]).collect()
    }

    /// A plain stage with the same result; `None` if the field names do not permit one.
    #[must_use]
    pub fn plain(&self) -> Option<Document> {
        match self {
            Self::Only(names) => {
                if names.is_empty() || !names.iter().all(|name| is_plain(name)) {
                    return None;
                }
                let mut shown: Document = names.iter().map(|name| (name.clone(), Bson::Int32(1))).collect();
                // `_id` is included unless it is excluded explicitly.
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
        // `$setIsSubset` looks the name up in a set that the server builds once, whereas `$in` would compare it with
        // every name.
        let is_among = |names: &[String]| doc! { "$setIsSubset": [["$$field.k"], { "$literal": names }] };
        let is_visible = match self {
            Self::Only(names) => is_among(names),
            Self::AllBut(names) => doc! { "$not": [is_among(names)] },
        };
        let visible = doc! {
            "$filter": { "input": { "$objectToArray": "$$ROOT" }, "as": "field", "cond": is_visible },
        };
        // `$arrayToObject` uses the last value of a duplicate key, in the position of the first. Appending the fields
        // in reverse order makes that the first value.
        let first_counts = doc! {
            "$let": {
                "vars": { "fields": visible },
                "in": { "$concatArrays": ["$$fields", { "$reverseArray": "$$fields" }] },
            },
        };
        doc! { "$replaceWith": { "$arrayToObject": first_counts } }
    }
}

/// Whether pipeline stages interpret a name as that of a top-level field.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}
