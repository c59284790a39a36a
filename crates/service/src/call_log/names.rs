/// Substrings of names whose values are not logged; case, `_` and `-` are ignored.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "apikey",
    "privatekey",
    "credential",
    "cookie",
    "jwt",
];

/// Whether a value with this name is a password, a token or similar.
pub(super) fn is_sensitive(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    NAMES.iter().any(|known| plain.contains(known))
}
