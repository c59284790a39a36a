//! The keys in the settings of functions, endpoints, webhooks and the Data API, and misspellings of those that restrict
//! access.

use crate::json::{Member, Node};
use crate::text::{closest, is_same_word};

/// The known keys of a kind of settings.
pub(crate) struct Keys {
    /// All of them, including those that appear only in exports.
    pub(crate) known: &'static [&'static str],
    /// The keys that restrict access.
    guarding: &'static [&'static str],
}

pub(crate) const FUNCTION: Keys = Keys {
    known: &[
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
    ],
    guarding: &["private", "can_evaluate"],
};

pub(crate) const ENDPOINT: Keys = Keys {
    known: &[
        "_id",
        "can_evaluate",
        "create_user_on_auth",
        "disable_arg_logs",
        "disabled",
        "fetch_custom_user_data",
        "function_name",
        "http_method",
        "id",
        "name",
        "respond_result",
        "return_type",
        "route",
        "run_as_authed_user",
        "run_as_system",
        "run_as_user_id",
        "run_as_user_id_script_source",
        "secret_name",
        "validation_method",
    ],
    guarding: &["can_evaluate", "disabled", "secret_name", "validation_method"],
};

pub(crate) const DATA_API: Keys = Keys {
    known: &[
        "_id",
        "can_evaluate",
        "create_user_on_auth",
        "disable_arg_logs",
        "disabled",
        "fetch_custom_user_data",
        "id",
        "log_function_arguments",
        "return_type",
        "run_as_system",
        "run_as_user_id",
        "run_as_user_id_script_source",
        "secret_name",
        "validation_method",
        "version",
        "versions",
    ],
    guarding: &["can_evaluate", "disabled", "secret_name", "validation_method"],
};

/// The keys `run_as_authed_user` and `run_as_user_id…` restrict access: without them, a webhook runs as the system
/// user.
pub(crate) const WEBHOOK: Keys = Keys {
    known: &[
        "_id",
        "can_evaluate",
        "create_user_on_auth",
        "disable_arg_logs",
        "disabled",
        "fetch_custom_user_data",
        "id",
        "name",
        "options",
        "respond_result",
        "run_as_authed_user",
        "run_as_system",
        "run_as_user_id",
        "run_as_user_id_script_source",
    ],
    guarding: &[
        "can_evaluate",
        "disabled",
        "options",
        "run_as_authed_user",
        "run_as_user_id",
        "run_as_user_id_script_source",
    ],
};

pub(crate) const WEBHOOK_OPTIONS: Keys = Keys {
    known: &["httpMethod", "secret", "secretAsQueryParam", "validationMethod"],
    guarding: &["secret", "secretAsQueryParam", "validationMethod"],
};

impl Keys {
    /// The keys that are probably misspellings of those that restrict access, each with the intended key. If that key is
    /// present, too, a different spelling counts if its value differs: it may be the one that was meant.
    pub(crate) fn misspelt<'n>(&self, settings: &'n Node) -> Vec<(&'n Member, &'static str)> {
        let members = settings.as_object().unwrap_or_default().iter();
        // `verification_method` has an error of its own.
        let known = |key: &str| self.known.contains(&key) || key == "verification_method";
        let unknown = members.filter(|member| !known(&member.key));
        let found = unknown.filter_map(|member| {
            let missing = self.guarding.iter().copied().filter(|key| settings.get(key).is_none());
            Some((member, closest(&member.key, missing).or_else(|| self.contradicted(member, settings))?))
        });
        found.collect()
    }

    /// The key that a member spells differently, with another value: `"Private": true` beside `"private": false`.
    fn contradicted(&self, member: &Member, settings: &Node) -> Option<&'static str> {
        let differs = |key: &&str| settings.get(key).is_some_and(|value| value.to_json() != member.value.to_json());
        self.guarding.iter().copied().filter(differs).find(|key| is_same_word(key, &member.key))
    }
}
