//! Stages that map each document to new documents, independently of the others.

use bson::{Bson, Document, RawDocumentBuf};

use super::Expression;
use super::failure::{Outcome, refused};
use super::number::Num;
use super::parse::names;
use super::value::{copy, depth, is_nullish, kind, weight};
use crate::value::{DocumentRef, Malformed, Steps};

/// The maximum nesting depth of a document that a stage creates.
const MAX_LEVELS: usize = 180;

/// The maximum size in bytes of a document that a stage creates.
const MAX_BYTES: usize = 16 << 20;

/// A stage that maps each document independently: `$project` with computed fields, `$addFields`, `$replaceWith` or
/// `$unwind`.
///
/// ```
/// use bson::{Document, doc};
/// use portcullis::aggregation::Each;
/// use portcullis::value::Steps;
/// let stage = Each::add_fields(&doc! { "total": { "$multiply": ["$price", "$count"] } }).unwrap();
/// let made = stage.apply((&doc! { "price": 3, "count": 4 }).into(), &Steps::default()).unwrap();
/// assert_eq!(Document::try_from(&*made[0]).unwrap(), doc! { "price": 3, "count": 4, "total": 12 });
/// ```
#[derive(Clone, Debug)]
pub struct Each(Form);

#[derive(Clone, Debug)]
enum Form {
    /// `$addFields`, or `$project` with computed fields
    Fields {
        tree: Vec<(String, Node)>,
        keeps: bool,
    },
    /// `$replaceWith`
    Replace(Expression),
    Unwind {
        path: Vec<String>,
        index: Option<String>,
        preserves: bool,
    },
}

#[derive(Clone, Debug)]
enum Node {
    Keep,
    Drop,
    Value(Expression),
    Fields(Vec<(String, Node)>),
}

impl Node {
    fn computes(&self) -> bool {
        match self {
            Self::Keep | Self::Drop => false,
            Self::Value(_) => true,
            Self::Fields(tree) => tree.iter().any(|(_, node)| node.computes()),
        }
    }
}

impl Each {
    /// Compiles `$addFields`, also known as `$set`.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn add_fields(fields: &Document) -> Outcome<Self> {
        if fields.is_empty() {
            return refused(40177, "`$addFields` requires at least one field");
        }
        let mut tree = Vec::new();
        insert_all(&mut tree, fields, true, 0)?;
        Ok(Self(Form::Fields { tree, keeps: true }))
    }

    /// Compiles `$project`; `None` if it computes nothing, but merely includes or excludes fields.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn project(fields: &Document) -> Outcome<Option<Self>> {
        let mut tree = Vec::new();
        if !has_values(fields) {
            return Ok(None);
        }
        insert_all(&mut tree, fields, false, 0)?;
        if !tree.iter().any(|(name, _)| name == "_id") {
            tree.push(("_id".to_owned(), Node::Keep));
        }
        Ok(Some(Self(Form::Fields { tree, keeps: false })))
    }

    /// Compiles `$replaceWith`, also known as `$replaceRoot`.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn replace(expression: &Bson) -> Outcome<Self> {
        Ok(Self(Form::Replace(Expression::parse(expression)?)))
    }

    /// Compiles `$unwind`.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn unwind(operand: &Bson) -> Outcome<Self> {
        let nothing = Document::new();
        let (path, options) = match operand {
            Bson::String(_) => (Some(operand), &nothing),
            Bson::Document(options) => (options.get("path"), options),
            _ => return refused(15981, "`$unwind` takes a path or an object"),
        };
        let Some(Bson::String(path)) = path else { return refused(28812, "`$unwind` takes the path of a field") };
        let Some(path) = path.strip_prefix('$') else {
            return refused(28818, "the path of `$unwind` must begin with `$`");
        };
        if let Some(key) = options
            .keys()
            .find(|key| !["path", "includeArrayIndex", "preserveNullAndEmptyArrays"].contains(&key.as_str()))
        {
            return refused(28811, format!("`$unwind` has no option `{key}`"));
        }
        let index = match options.get("includeArrayIndex") {
            None => None,
            Some(Bson::String(name)) if !name.is_empty() && !name.starts_with('$') => Some(name.clone()),
            Some(_) => return refused(28810, "`includeArrayIndex` must be the name of a field"),
        };
        let preserves = match options.get("preserveNullAndEmptyArrays") {
            None => false,
            Some(Bson::Boolean(preserves)) => *preserves,
            Some(_) => return refused(28809, "`preserveNullAndEmptyArrays` must be a boolean"),
        };
        Ok(Self(Form::Unwind { path: names(path)?, index, preserves }))
    }

    /// Applies the stage to a document. `$unwind` returns any number of documents, the other stages exactly one.
    ///
    /// # Errors
    /// If an expression fails for the document, or a result is too large or too deeply nested.
    pub fn apply(&self, document: DocumentRef<'_>, steps: &Steps) -> Outcome<Vec<RawDocumentBuf>> {
        let root = super::decoded(document, steps)?;
        let made = match &self.0 {
            Form::Fields { tree, keeps } => {
                let shown = if *keeps {
                    copy(&root, steps)?
                } else {
                    project(tree, &root, steps)?.unwrap_or_else(|| Document::new().into())
                };
                vec![compute(tree, &root, Some(shown), steps)?]
            }
            Form::Replace(expression) => match expression.value(&root, steps)? {
                Some(new @ Bson::Document(_)) => vec![new],
                other => {
                    return refused(
                        40228,
                        format!("a new root must be an object, not a value of type {}", kind(other.as_ref())),
                    );
                }
            },
            Form::Unwind { path, index, preserves } => return unwound(root, path, index.as_deref(), *preserves, steps),
        };
        made.iter().map(|document| raw(document, steps)).collect()
    }
}

/// Encodes a document for the next stage.
pub(super) fn raw(document: &Bson, steps: &Steps) -> Outcome<RawDocumentBuf> {
    steps.take(weight(document) / 8)?;
    if depth(document) > MAX_LEVELS {
        return refused(15, format!("a document is nested deeper than {MAX_LEVELS} levels"));
    }
    let Bson::Document(document) = document else { return refused(40228, "a document is expected") };
    let raw = RawDocumentBuf::try_from(document).map_err(Malformed::from)?;
    if raw.as_bytes().len() > MAX_BYTES {
        return refused(10334, "a document is larger than 16 MiB");
    }
    Ok(raw)
}

/// Whether a `$project` computes fields, rather than merely including or excluding them.
fn has_values(fields: &Document) -> bool {
    fields.values().any(|value| match value {
        Bson::Document(inner) => inner.keys().any(|key| key.starts_with('$')) || has_values(inner),
        Bson::Boolean(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => false,
        _ => true,
    })
}

fn insert_all(tree: &mut Vec<(String, Node)>, fields: &Document, adds: bool, depth: usize) -> Outcome<()> {
    for (name, value) in fields {
        let path = names(name)?;
        let node = match value {
            Bson::Document(inner) if !inner.keys().any(|key| key.starts_with('$')) => {
                if inner.is_empty() {
                    return refused(if adds { 40180 } else { 51270 }, "the value of a field cannot be an empty object");
                }
                if depth > 100 {
                    return refused(15, "a projection is nested too deeply");
                }
                let mut below = Vec::new();
                insert_all(&mut below, inner, adds, depth + 1)?;
                Node::Fields(below)
            }
            value if !adds && (Num::of(value).is_some() || matches!(value, Bson::Boolean(_))) => {
                match super::value::is_true(Some(value)) {
                    true => Node::Keep,
                    false if name == "_id" && depth == 0 => Node::Drop,
                    false => return refused(31254, "a projection either includes fields or excludes others"),
                }
            }
            value => Node::Value(Expression::parse(value)?),
        };
        insert(tree, &path, node)?;
    }
    Ok(())
}

fn insert(tree: &mut Vec<(String, Node)>, path: &[String], node: Node) -> Outcome<()> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let collision = || refused(31250, format!("path collision at `{name}`"));
    let found = tree.iter_mut().find(|(known, _)| known == name);
    match (found, rest.is_empty(), node) {
        (None, true, node) => tree.push((name.clone(), node)),
        (None, false, node) => {
            let mut below = Vec::new();
            insert(&mut below, rest, node)?;
            tree.push((name.clone(), Node::Fields(below)));
        }
        (Some((_, Node::Fields(below))), false, node) => insert(below, rest, node)?,
        (Some((_, Node::Fields(below))), true, Node::Fields(more)) => {
            for (name, node) in more {
                insert(below, &[name], node)?;
            }
        }
        _ => return collision(),
    }
    Ok(())
}

/// The part of a value that an inclusion keeps; `None` if nothing is kept. Where fields are computed below a scalar
/// value, an empty object takes its place.
fn project(tree: &[(String, Node)], value: &Bson, steps: &Steps) -> Outcome<Option<Bson>> {
    steps.take(4)?;
    Ok(match value {
        Bson::Document(fields) => {
            let mut shown = Document::new();
            for (name, field) in fields {
                steps.take(tree.len() / 4 + 1)?;
                let left = match tree.iter().find(|(known, _)| known == name) {
                    Some((_, Node::Keep)) => Some(copy(field, steps)?),
                    Some((_, Node::Fields(below))) => project(below, field, steps)?,
                    _ => None,
                };
                if let Some(left) = left {
                    shown.insert(name.clone(), left);
                }
            }
            Some(shown.into())
        }
        Bson::Array(elements) => {
            let mut shown = Vec::new();
            for element in elements {
                shown.extend(project(tree, element, steps)?);
            }
            Some(shown.into())
        }
        _ => tree.iter().any(|(_, node)| node.computes()).then(|| Document::new().into()),
    })
}

/// A copy of the value with the computed fields set.
fn compute(tree: &[(String, Node)], root: &Bson, value: Option<Bson>, steps: &Steps) -> Outcome<Bson> {
    steps.take(4)?;
    let mut fields = match value {
        Some(Bson::Array(elements)) => {
            let elements = elements.into_iter().map(|element| compute(tree, root, Some(element), steps));
            return Ok(Bson::Array(elements.collect::<Outcome<_>>()?));
        }
        Some(Bson::Document(fields)) => fields,
        _ => Document::new(),
    };
    for (name, node) in tree {
        match node {
            Node::Value(expression) => match expression.value(root, steps)? {
                Some(value) => {
                    fields.insert(name.clone(), value);
                }
                None => {
                    fields.remove(name);
                }
            },
            Node::Fields(below) if node.computes() => {
                let before = fields.get_mut(name).map(std::mem::take);
                let after = compute(below, root, before, steps)?;
                fields.insert(name.clone(), after);
            }
            _ => {}
        }
    }
    Ok(fields.into())
}

fn unwound(
    root: Bson,
    path: &[String],
    index: Option<&str>,
    preserves: bool,
    steps: &Steps,
) -> Outcome<Vec<RawDocumentBuf>> {
    let Bson::Document(mut root) = root else { return Ok(Vec::new()) };
    let numbered = |mut document: Document, at: Option<usize>| {
        if let Some(name) = index {
            let at = at.map_or(Bson::Null, |at| Bson::Int64(i64::try_from(at).unwrap_or(i64::MAX)));
            set(&mut document, &name.split('.').map(str::to_owned).collect::<Vec<_>>(), Some(at));
        }
        raw(&Bson::Document(document), steps)
    };
    match follow(&mut root, path).map(std::mem::take) {
        Some(Bson::Array(elements)) if !elements.is_empty() => {
            let rest = Bson::Document(root);
            let mut all = Vec::new();
            for (at, element) in elements.into_iter().enumerate() {
                let Bson::Document(mut one) = copy(&rest, steps)? else { continue };
                set(&mut one, path, Some(element));
                all.push(numbered(one, Some(at))?);
            }
            Ok(all)
        }
        Some(Bson::Array(_)) => {
            if !preserves {
                return Ok(Vec::new());
            }
            set(&mut root, path, None);
            Ok(vec![numbered(root, None)?])
        }
        value if is_nullish(value.as_ref()) && !preserves => Ok(Vec::new()),
        None => Ok(vec![numbered(root, None)?]),
        Some(value) => {
            set(&mut root, path, Some(value));
            Ok(vec![numbered(root, None)?])
        }
    }
}

/// The value at a path through documents, not through arrays.
fn follow<'d>(document: &'d mut Document, path: &[String]) -> Option<&'d mut Bson> {
    let (name, rest) = path.split_first()?;
    let value = document.get_mut(name)?;
    match (rest.is_empty(), value) {
        (true, value) => Some(value),
        (false, Bson::Document(below)) => follow(below, rest),
        _ => None,
    }
}

/// Sets the value at a path or, if `value` is `None`, removes it.
fn set(document: &mut Document, path: &[String], value: Option<Bson>) {
    let Some((name, rest)) = path.split_first() else { return };
    match (rest.is_empty(), value) {
        (true, Some(value)) => {
            document.insert(name.clone(), value);
        }
        (true, None) => {
            document.remove(name);
        }
        (false, value) => {
            let below = document.entry(name.clone()).or_insert_with(|| Bson::Document(Document::new()));
            if !matches!(below, Bson::Document(_)) {
                *below = Bson::Document(Document::new());
            }
            if let Bson::Document(below) = below {
                set(below, rest, value);
            }
        }
    }
}
