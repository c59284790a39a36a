use std::collections::HashMap;

use bson::{Bson, Document};

use crate::value::equal;

/// `%%user.data`: the fields of the `data` of all identities, in the order of their first occurrence. Fields on which
/// identities disagree are omitted, so that nobody obtains a value by linking another account.
///
/// ```
/// use bson::{bson, doc};
/// use portcullis::auth::union_of_identities;
/// let identities = [
///     bson!({ "id": "1", "provider_type": "local-userpass", "data": { "email": "a@example.com", "name": "Ada" } }),
///     bson!({ "id": "2", "provider_type": "custom-token", "data": { "email": "b@example.com", "team": "red" } }),
/// ];
/// assert_eq!(union_of_identities(&identities), doc! { "name": "Ada", "team": "red" });
/// ```
#[must_use]
pub fn union_of_identities(identities: &[Bson]) -> Document {
    let said = || identities.iter().filter_map(|identity| identity.as_document()?.get("data")?.as_document()).flatten();
    let mut agreed: HashMap<&str, Option<&Bson>> = HashMap::new();
    for (name, value) in said() {
        agreed
            .entry(name)
            .and_modify(|known| *known = known.filter(|known| is_agreement(known, value)))
            .or_insert(Some(value));
    }
    let mut union = Document::new();
    for (name, _) in said() {
        if let Some(Some(value)) = agreed.remove(name.as_str()) {
            union.insert(name, value.clone());
        }
    }
    union
}

/// Whether two values are identical. Values that are nested too deeply to be compared are not.
fn is_agreement(one: &Bson, other: &Bson) -> bool {
    equal(one.into(), other.into()).unwrap_or(false)
}
