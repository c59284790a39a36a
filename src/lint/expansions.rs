//! Findings about properties that do not exist, and about expansions that are mere text.

use super::catalogue::{EXPANSION_IN_TEXT, NAME_WITH_BLANK, PROPERTY_UNKNOWN};
use super::expression_walk::{Leaf, Part, each_expansion, each_leaf, operands};
use super::report::Report;
use crate::eval::Request;
use crate::expr::{Check, Expansion, Name, Root};
use crate::path::{FieldPath, Segment};
use crate::text::{Span, closest};

const USER: [&str; 5] = ["id", "type", "data", "custom_data", "identities"];
const ENVIRONMENT: [&str; 2] = ["tag", "values"];

/// The metadata of users, which providers supply and which belongs to `%%user.data`.
const METADATA: [&str; 9] =
    ["name", "email", "first_name", "last_name", "picture", "birthday", "gender", "min_age", "max_age"];

/// Names that are often mistaken for fields of a request.
const REQUEST: [(&str, &str); 12] = [
    ("headers", "requestHeaders"),
    ("header", "requestHeaders"),
    ("method", "httpMethod"),
    ("referrer", "httpReferrer"),
    ("referer", "httpReferrer"),
    ("userAgent", "httpUserAgent"),
    ("query", "rawQueryString"),
    ("queryString", "rawQueryString"),
    ("ip", "remoteIPAddress"),
    ("ipAddress", "remoteIPAddress"),
    ("remoteAddress", "remoteIPAddress"),
    ("url", "webhookUrl"),
];

pub(super) fn lint(part: Part<'_>, report: &mut Report) {
    each_expansion(part, &mut |expansion, span| property(expansion, span, report));
    if let Part::Name(name) = part
        && let Name::Path(path) = &name.value
    {
        text(&path.to_string(), name.span, report);
        blank(path, &path.to_string(), name.span, report);
    }
    if let Part::Check(_, check) = part
        && let Check::Regex(pattern) = &check.value
    {
        text(pattern.pattern(), check.span, report);
    }
    for operand in operands(part) {
        each_leaf(operand, &mut |leaf, span| {
            if let Leaf::Text(found) = leaf {
                text(found, span, report);
                unsigned(found, span, report);
            }
        });
    }
}

/// Reports names that start or end with white space, which is part of the name. Returns whether there was such a name.
pub(super) fn blank(path: &FieldPath, text: &str, span: Span, report: &mut Report) -> bool {
    let found = path.segments().iter().map(Segment::name).any(|name| name.trim() != name);
    if found {
        let names: Vec<&str> = text.split('.').map(str::trim).collect();
        let message = format!("a name in `{text}` begins or ends with a space, which is part of the name");
        report.add(NAME_WITH_BLANK, span, message, format!("write `{}`", names.join(".")));
    }
    found
}

fn property(expansion: &Expansion, span: Span, report: &mut Report) {
    if blank(&expansion.path, &expansion.to_string(), span, report) {
        return;
    }
    let Some((first, rest)) = expansion.path.segments().split_first() else { return };
    let name = first.name();
    let root = expansion.root.name();
    let (known, scalars): (&[&str], &[&str]) = match expansion.root {
        Root::User => (&USER, &["id", "type"]),
        Root::Environment => (&ENVIRONMENT, &["tag"]),
        Root::Request => (&Request::FIELDS, &[]),
        _ => return,
    };
    if scalars.contains(&name) && !rest.is_empty() {
        let message = format!("`{root}.{name}` is a string and has no fields");
        report.add(PROPERTY_UNKNOWN, span, message, format!("write `{root}.{name}`"));
    }
    if known.contains(&name) {
        return;
    }
    let below: String = rest.iter().map(Segment::name).flat_map(|name| [".", name]).collect();
    let meant = |property: &str| format!("did you mean `{root}.{property}{below}`?");
    let message = format!("`{root}` has no property `{name}`");
    let help = match expansion.root {
        Root::User if METADATA.contains(&name) => meant(&format!("data.{name}")),
        Root::Environment if closest(name, ENVIRONMENT).is_none() => meant(&format!("values.{name}")),
        Root::Request if let Some((_, field)) = REQUEST.iter().find(|(word, _)| word.eq_ignore_ascii_case(name)) => {
            meant(field)
        }
        _ => match closest(name, known.iter().copied()) {
            Some(property) => meant(property),
            None if expansion.root == Root::User => meant(&format!("custom_data.{name}")),
            None => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("`{root}` has {}", names.join(", "))
            }
        },
    };
    report.add(PROPERTY_UNKNOWN, span, message, help);
}

/// Reports an expansion inside a longer string, where it is mere text, or one with a wrong prefix.
fn text(text: &str, span: Span, report: &mut Report) {
    let Some(found) = expansion_within(text) else { return };
    let message = format!("`{text}` is text: `{found}` is not resolved in it");
    let help = match Expansion::suggest(found) {
        _ if let Some(help) = Expansion::path_help(text) => help,
        Some(meant) if found == text => format!("write `{meant}`"),
        _ => "an expansion is the whole string; keep a field of its own for what it is to be compared with".to_owned(),
    };
    report.add(EXPANSION_IN_TEXT, span, message, help);
}

/// Reports an expansion without its prefix, which is mere text: `user.id`, or `context.user.id` as used in functions.
fn unsigned(text: &str, span: Span, report: &mut Report) {
    let bare = |open: &str, close: &str| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inner = bare("${", "}").or_else(|| bare("{{", "}}")).unwrap_or(text).trim();
    let inner = inner.strip_prefix('@').unwrap_or(inner);
    let inner = inner.strip_prefix("context.").unwrap_or(inner);
    let Some((root, rest)) = inner.split_once('.') else { return };
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let first = rest.split('.').next().unwrap_or_default();
    let known = match root {
        "user" => USER.contains(&first),
        "environment" => ENVIRONMENT.contains(&first),
        "request" => Request::FIELDS.contains(&first),
        "values" | "prevRoot" => true,
        _ => false,
    };
    if known && rest.split('.').all(is_name) {
        let message = format!("`{text}` is text: an expansion begins with `%%`");
        report.add(EXPANSION_IN_TEXT, span, message, format!("write `%%{inner}`"));
    }
}

/// The part of a string that looks like an expansion.
fn expansion_within(text: &str) -> Option<&str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let word = |from: usize, signs: usize| -> Option<&str> {
        let tail = text.get(from..)?;
        let body = tail.get(signs..)?;
        let body = body.get(..body.find(ends).unwrap_or(body.len()))?;
        let name = body.split('.').next()?;
        let known = Root::ALL.iter().any(|(_, root)| root.strip_prefix("%%") == Some(name));
        known.then(|| tail.get(..signs + body.len())).flatten()
    };
    // `%(%%environment.values.x)` is replaced when the application is loaded.
    let templated = |at: usize| text.get(..at).is_some_and(|before| before.ends_with("%("));
    let inside = text.match_indices("%%").filter(|(at, _)| !templated(*at)).find_map(|(at, _)| word(at, 2));
    inside.or_else(|| match text.strip_prefix("$$") {
        Some(_) => word(0, 2),
        None if text.starts_with('$') => word(0, 1),
        None => None,
    })
}
