//! The keys in a function's settings, and misspellings of them.

use crate::json::{Member, Node};
use crate::text::closest;

/// The known keys.
pub(super) const FUNCTION_KEYS: &[&str] = &[
    "_id",
    "can_evaluate",
    "disable_arg_logs",
    "id",
    "name",
    "private",
    "run_as_authed_user",
    "run_as_system",
    "run_as_user_id",
    "run_as_user_id_script_source",
];

/// The keys that restrict who may call a function.
const GUARDING: [&str; 2] = ["private", "can_evaluate"];

/// The keys that are probably misspellings of those that restrict callers, each with the intended key.
pub(super) fn misspelt(settings: &Node) -> Vec<(&Member, &'static str)> {
    let members = settings.as_object().unwrap_or_default().iter();
    let unknown = members.filter(|member| !FUNCTION_KEYS.contains(&member.key.as_str()));
    let found = unknown.filter_map(|member| {
        let missing = GUARDING.into_iter().filter(|key| settings.get(key).is_none());
        Some((member, closest(&member.key, missing)?))
    });
    found.collect()
}
