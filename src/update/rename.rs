use bson::Bson;

use super::parse::Renaming;
use super::steps::Name;
use super::{Operator, UpdateError, UpdateErrorKind};

/// Takes a value away that is renamed; none if it is not there.
pub(super) fn take(root: &mut Bson, renaming: &Renaming) -> Result<Option<Bson>, UpdateError> {
    let failed = |kind| UpdateError::at(Operator::Rename, &renaming.path, kind);
    let Some((last, above)) = renaming.from.split_last() else { return Ok(None) };
    let mut here = root;
    let mut in_array = false;
    for name in above {
        here = match step(here, name).map_err(failed)? {
            Some((inner, array)) => {
                in_array |= array;
                inner
            }
            None => return Ok(None),
        };
    }
    let Some((_, array)) = step(here, last).map_err(failed)? else { return Ok(None) };
    match here {
        Bson::Document(document) if !in_array && !array => Ok(document.remove(last.text())),
        _ => Err(failed(UpdateErrorKind::RenameElement)),
    }
}

/// The value of a name in another value, and whether that is an array.
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
