//! Resolves dotted paths in values.

use bson::Bson;

/// The candidates for the left operand of a test, as in a MongoDB query. A missing field is a candidate, too.
///
/// `spread` is whether an array at the end of the path contributes its elements in addition to itself.
pub fn candidates(value: Option<&Bson>, path: &[String], spread: bool) -> Vec<Option<Bson>> {
    match (value, path) {
        (Some(Bson::Array(elements)), []) if spread => {
            let mut found: Vec<Option<Bson>> = elements.iter().cloned().map(Some).collect();
            found.push(value.cloned());
            found
        }
        (_, []) => vec![value.cloned()],
        (Some(Bson::Document(document)), [name, rest @ ..]) => candidates(document.get(name), rest, spread),
        (Some(Bson::Array(elements)), _) => in_array(elements, path, spread),
        _ => vec![None],
    }
}

/// Continues a path inside an array: into each document of it and, with a numeric segment, into the element at that
/// index. Other elements contribute no candidates, not even missing ones.
fn in_array(elements: &[Bson], path: &[String], spread: bool) -> Vec<Option<Bson>> {
    let mut found = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        if matches!(element, Bson::Document(_)) {
            found.extend(candidates(Some(element), path, spread));
        }
        if path[0] != index.to_string() {
            continue;
        }
        match (&path[1..], element) {
            // The element at an index is taken as a whole, even if it is an array.
            ([], _) => found.push(Some(element.clone())),
            (rest, Bson::Document(_)) => found.extend(candidates(Some(element), rest, spread)),
            (rest, Bson::Array(inner)) => found.extend(in_array(inner, rest, spread)),
            _ => {}
        }
    }
    found
}

/// The value of a path as a whole: one value, or a list if the path crosses an array by name.
#[derive(Debug, Clone)]
pub enum Whole {
    One(Option<Bson>),
    Many(Vec<Whole>),
    /// A numeric segment is both an index of an array and a field name in its documents, and both exist.
    Ambiguous,
}

pub fn whole(value: Option<&Bson>, path: &[String]) -> Whole {
    match (value, path) {
        (_, []) => Whole::One(value.cloned()),
        (Some(Bson::Document(document)), [name, rest @ ..]) => whole(document.get(name), rest),
        (Some(Bson::Array(elements)), [name, rest @ ..]) if is_index(name) => {
            let element = name.parse::<usize>().ok().and_then(|index| elements.get(index));
            let (by_index, by_name) = (whole(element, rest), each(elements, path));
            match (by_index.is_nothing(), by_name.is_nothing()) {
                (false, false) => Whole::Ambiguous,
                (true, false) => by_name,
                _ => by_index,
            }
        }
        (Some(Bson::Array(elements)), _) => each(elements, path),
        _ => Whole::One(None),
    }
}

fn each(elements: &[Bson], path: &[String]) -> Whole {
    let parts: Vec<Whole> = elements
        .iter()
        .map(|element| match element {
            Bson::Document(_) => whole(Some(element), path),
            _ => Whole::One(None),
        })
        .collect();
    if parts.iter().any(|part| matches!(part, Whole::Ambiguous)) { Whole::Ambiguous } else { Whole::Many(parts) }
}

fn is_index(name: &str) -> bool {
    name == "0" || (!name.starts_with('0') && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Whole {
    /// The value as a right operand; a list becomes the array of all values that were found.
    pub fn met(&self) -> Option<Bson> {
        match self {
            Whole::One(value) => value.clone(),
            Whole::Ambiguous => None,
            Whole::Many(_) => {
                let met = self.leaves();
                (!met.is_empty()).then_some(Bson::Array(met))
            }
        }
    }

    fn leaves(&self) -> Vec<Bson> {
        match self {
            Whole::One(value) => value.iter().cloned().collect(),
            Whole::Many(parts) => parts.iter().flat_map(Whole::leaves).collect(),
            Whole::Ambiguous => Vec::new(),
        }
    }

    fn is_nothing(&self) -> bool {
        !matches!(self, Whole::Ambiguous) && self.leaves().is_empty()
    }
}
