use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use bson::Bson;

use super::parse::Renaming;
use super::removal::remove_all;
use super::steps::Name;
use super::{Operator, UpdateError, UpdateErrorKind};

/// Takes the values of all `$rename`s out of the document; `None` for those without a value. No path of an update is a
/// prefix of another, so the renames are independent, and each document is traversed once regardless of how many of its
/// fields are renamed.
pub(super) fn take_all(root: &mut Bson, renamings: &[Renaming]) -> Result<Vec<Option<Bson>>, UpdateError> {
    let mut taken = Vec::with_capacity(renamings.len());
    let mut left: BTreeMap<&[Name], BTreeSet<&str>> = BTreeMap::new();
    for renaming in renamings {
        let value = find(root, renaming)?.map(|value| mem::replace(value, Bson::Null));
        if let (Some(_), Some((last, above))) = (&value, renaming.from.split_last()) {
            left.entry(above).or_default().insert(last.text());
        }
        taken.push(value);
    }
    for (above, names) in left {
        let mut here = Some(&mut *root);
        for name in above {
            here = here.and_then(Bson::as_document_mut).and_then(|document| document.get_mut(name.text()));
        }
        if let Some(Bson::Document(document)) = here {
            remove_all(document, &names);
        }
    }
    Ok(taken)
}

/// Rejects a `$rename` whose old path leads to an array element once the other operators have been applied.
pub(super) fn refuse_element(root: &mut Bson, renaming: &Renaming) -> Result<(), UpdateError> {
    find(root, renaming).map(|_| ())
}

/// The value to rename; `None` if there is none.
fn find<'v>(root: &'v mut Bson, renaming: &Renaming) -> Result<Option<&'v mut Bson>, UpdateError> {
    let failed = |kind| UpdateError::at(Operator::Rename, &renaming.path, kind);
    let mut here = root;
    let mut in_array = false;
    for name in &renaming.from {
        here = match step(here, name).map_err(failed)? {
            Some((inner, array)) => {
                in_array |= array;
                inner
            }
            None => return Ok(None),
        };
    }
    if in_array { Err(failed(UpdateErrorKind::RenameElement)) } else { Ok(Some(here)) }
}

/// The value under a name, and whether its container is an array.
fn step<'v>(value: &'v mut Bson, name: &Name) -> Result<Option<(&'v mut Bson, bool)>, UpdateErrorKind> {
    match value {
        Bson::Document(document) => Ok(document.get_mut(name.text()).map(|value| (value, false))),
        Bson::Array(list) => match name.index() {
            Some(index) => Ok(list.get_mut(index).map(|value| (value, true))),
            None => Err(UpdateErrorKind::NotViable),
        },
        _ => Err(UpdateErrorKind::NotViable),
    }
}
