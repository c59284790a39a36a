use bson::{Bson, Document};

/// The fields that need indexes so that MongoDB can run a filter without a collection scan; each branch of an `$or`
/// needs one. `None` if indexes cannot help.
///
/// ```
/// use bson::doc;
/// use portcullis::query_plan::indexes_for;
/// let filter = doc! { "$or": [{ "owner": { "$eq": "u1" } }, { "members": { "$eq": "u1" }, "size": { "$gt": 1 } }] };
/// assert_eq!(indexes_for(&filter), Some(vec!["owner".to_owned(), "members".to_owned()]));
/// assert_eq!(indexes_for(&doc! { "owner": { "$ne": "u1" } }), None);
/// ```
#[must_use]
pub fn indexes_for(filter: &Document) -> Option<Vec<String>> {
    let mut best: Option<(Worth, Vec<String>)> = None;
    for (key, value) in filter {
        let found = match (key.as_str(), value) {
            ("$and", Bson::Array(parts)) => parts
                .iter()
                .filter_map(|part| indexes_for(part.as_document()?))
                .min_by_key(Vec::len)
                .map(|fields| (Worth::Branches, fields)),
            ("$or", Bson::Array(parts)) => of_branches(parts).map(|fields| (Worth::Branches, fields)),
            (path, Bson::Document(conditions)) => {
                conditions.iter().filter_map(|(operator, operand)| of_condition(path, operator, operand)).max()
            }
            _ => None,
        };
        if let Some(found) = found
            && best.as_ref().is_none_or(|(worth, _)| *worth < found.0)
        {
            best = Some(found);
        }
    }
    best.map(|(_, fields)| fields)
}

/// How useful an index on a field is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Branches,
    Range,
    Elements,
    List,
    Value,
}

fn of_condition(path: &str, operator: &str, operand: &Bson) -> Option<(Worth, Vec<String>)> {
    let worth = match (operator, operand) {
        ("$eq", _) => Worth::Value,
        ("$in", _) => Worth::List,
        ("$gt" | "$gte" | "$lt" | "$lte", _) => Worth::Range,
        ("$elemMatch", Bson::Document(inner)) => {
            // The operand of `$elemMatch` consists of operators on elements or of conditions on the fields of documents
            // in the array.
            if inner.keys().any(|key| key.starts_with('$')) && !inner.contains_key("$or") && !inner.contains_key("$and")
            {
                let element =
                    inner.iter().filter_map(|(operator, operand)| of_condition(path, operator, operand)).max();
                return element.map(|(_, fields)| (Worth::Elements, fields));
            }
            let fields = indexes_for(inner)?.into_iter().map(|field| format!("{path}.{field}")).collect();
            return Some((Worth::Elements, fields));
        }
        _ => return None,
    };
    Some((worth, vec![path.to_owned()]))
}

/// The fields that the branches need, without duplicates.
fn of_branches(parts: &[Bson]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for part in parts {
        for field in indexes_for(part.as_document()?)? {
            if !all.contains(&field) {
                all.push(field);
            }
        }
    }
    Some(all)
}
