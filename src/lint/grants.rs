//! Findings about how the rules within a role affect each other.

use super::LintInfo;
use super::catalogue::{
    DOCUMENT_FILTERS_HALF, FIELD_READS_DEAD, FIELD_RULES_REDUNDANT, FIELD_WRITES_DEAD, INSERT_WITHOUT_ID,
    INSERT_WITHOUT_WRITE, ROLE_GRANTS_NOTHING, WRITE_SHOWS_ALL,
};
use super::extent::{
    Extent, Writing, always, never, possible, reading, reading_unfiltered, top_level, writing, writing_of,
    writing_unfiltered,
};
use super::report::Report;
use super::shape::settled;
use crate::path::FieldPath;
use crate::policy::{FieldRule, Role, Rule};
use crate::text::Span;

pub(super) fn lint(role: &Role, report: &mut Report) {
    shows(role, report);
    let mut redundant = false;
    for Dead { lint, span, message, help } in [reads(role), writes(role)].into_iter().flatten() {
        let again = redundant && lint == FIELD_RULES_REDUNDANT;
        redundant |= lint == FIELD_RULES_REDUNDANT;
        if !again {
            report.add(lint, span, message, help);
        }
    }
    for field in top_level(role) {
        nested(field, report);
    }
    halves(role, report);
    if !nothing(role, report) {
        inserts(role, report);
    }
}

/// Reports `write: true` beside a `read` that hides something.
fn shows(role: &Role, report: &mut Report) {
    let mut pair = |what: &str, read: Option<&Rule>, write: Option<&Rule>| {
        if let (Some(read), Some(_)) = (read, write.filter(|write| always(Some(write))))
            && !always(Some(read))
        {
            let message = format!(
                "`read` hides nothing of {what}: write permission implies read permission, and `write` is true"
            );
            let help = "make `write` as restrictive as `read`, or remove `read`";
            report.add(WRITE_SHOWS_ALL, read.expr.span, message, help);
        }
    };
    pair("a document", role.read.as_ref(), role.write.as_ref());
    if always(role.write.as_ref()) {
        // The role's own `write` makes all fields visible, whatever their rules.
        return;
    }
    let mut fields: Vec<&FieldRule> = top_level(role).collect();
    while let Some(field) = fields.pop() {
        pair(&title(field), field.read.as_ref(), field.write.as_ref());
        fields.extend(field.fields.iter().flatten());
    }
}

fn title(field: &FieldRule) -> String {
    if field.name.is_empty() { "the other fields".to_owned() } else { format!("`{}`", field.name) }
}

/// Selects the `read` or the `write` of a field rule.
type Kind = fn(&FieldRule) -> Option<&Rule>;

fn read(field: &FieldRule) -> Option<&Rule> {
    field.read.as_ref()
}

fn write(field: &FieldRule) -> Option<&Rule> {
    field.write.as_ref()
}

/// All field rules of a kind, including nested ones, with the fields that they belong to.
fn rules(role: &Role, kind: Kind) -> Vec<(&FieldRule, &Rule)> {
    fn collect<'r>(field: &'r FieldRule, kind: Kind, found: &mut Vec<(&'r FieldRule, &'r Rule)>) {
        found.extend(kind(field).map(|rule| (field, rule)));
        field.fields.iter().flatten().for_each(|inner| collect(inner, kind, found));
    }
    let mut found = Vec::new();
    top_level(role).for_each(|field| collect(field, kind, &mut found));
    found
}

fn reads(role: &Role) -> Option<Dead> {
    let (above, grants) = match (&role.read, &role.write) {
        (_, Some(write)) if always(Some(write)) => ("`write: true`", Some(true)),
        (Some(read), _) => ("the document-level `read`", settled(&read.predicate)),
        _ => return None,
    };
    let help = "remove the document-level rule, and give each field its own `read`";
    dead(FIELD_READS_DEAD, &rules(role, read), grants, help, |field, others| match grants {
        Some(true) => format!("{field} is readable all the same{others}: {above} lets every field be read"),
        _ => format!("`read` of {field} is never evaluated{others}: {above} decides for all fields"),
    })
}

fn writes(role: &Role) -> Option<Dead> {
    let grants = match &role.write {
        Some(write) => settled(&write.predicate),
        None if never(role.read.as_ref()) => Some(false),
        None => return None,
    };
    let above = if role.write.is_some() { "the document-level `write`" } else { "`read: false`" };
    let help = "remove the document-level rule, and give each field its own `write`";
    dead(FIELD_WRITES_DEAD, &rules(role, write), grants, help, |field, others| match grants {
        Some(true) => format!("{field} is writable all the same{others}: {above} lets every field be written"),
        Some(false) => format!("{field} cannot be written{others}: {above} denies every write"),
        None => format!("`write` of {field} is never evaluated{others}: {above} decides for all fields"),
    })
}

/// Field rules that are never evaluated because of rules for whole documents.
struct Dead {
    lint: LintInfo,
    span: Span,
    message: String,
    help: &'static str,
}

/// The field rules that differ from `grants`, the rule for whole documents. If all of them merely repeat that it always
/// grants, all of them are returned.
fn dead(
    lint: LintInfo,
    found: &[(&FieldRule, &Rule)],
    grants: Option<bool>,
    help: &'static str,
    message: impl Fn(&str, &str) -> String,
) -> Option<Dead> {
    let (_, first) = found.first()?;
    let differs = |rule: &Rule| grants.is_none() || settled(&rule.predicate) != grants;
    let differing: Vec<_> = found.iter().filter(|(_, rule)| differs(rule)).collect();
    if let Some((field, rule)) = differing.first() {
        let others = match differing.len() - 1 {
            0 => String::new(),
            1 => ", and 1 other".to_owned(),
            count => format!(", and {count} others"),
        };
        return Some(Dead { lint, span: rule.expr.span, message: message(&title(field), &others), help });
    }
    let message = "the field rules only repeat what holds for the whole document".to_owned();
    let repeated = Dead { lint: FIELD_RULES_REDUNDANT, span: first.expr.span, message, help: "remove them" };
    (grants == Some(true)).then_some(repeated)
}

/// Reports rules for nested fields that are never evaluated, because a `read` or `write` of the outer field decides.
fn nested(field: &FieldRule, report: &mut Report) {
    for inner in field.fields.iter().flatten() {
        for (key, kind, lint, settles) in [
            ("read", read as Kind, FIELD_READS_DEAD, field.read.is_some() || field.write.is_some()),
            ("write", write as Kind, FIELD_WRITES_DEAD, field.write.is_some()),
        ] {
            if let Some(rule) = kind(inner).filter(|_| settles) {
                let message = format!(
                    "`{key}` of `{}` is never evaluated: `{}` decides for everything that it contains",
                    inner.name, field.name
                );
                let help = format!("leave out the `{key}` of `{}`, and let each of its fields decide", field.name);
                report.add(lint, rule.expr.span, message, help);
            }
        }
        nested(inner, report);
    }
}

fn halves(role: &Role, report: &mut Report) {
    let Some(halves) = &role.document_filters else { return };
    let name = &role.name;
    let reads = reading_unfiltered(role) != Extent::Nothing;
    let writes = writing_unfiltered(role) != Extent::Nothing;
    let (message, help) = match (&halves.read, &halves.write) {
        (None, None) if reads || writes => (
            format!(
                "`document_filters` of role `{name}` has neither `read` nor `write`, and so keeps no document from it"
            ),
            "give it `read` and `write`, or leave `document_filters` out",
        ),
        (None, Some(write)) if reads && !always(Some(write)) => (
            format!(
                "`document_filters` of role `{name}` has no `read`, which counts as true: every document passes for \
                 reading, also where `write` does not hold"
            ),
            "give it a `read`: true, or a condition such as that of `write`",
        ),
        (Some(_), None) if writes => (
            format!(
                "`document_filters` of role `{name}` has no `write`, which counts as true: nothing is required of a document \
                 that is written, also where `read` does not hold"
            ),
            "give it a `write`: true, or a condition such as that of `read`",
        ),
        _ => return,
    };
    report.add(DOCUMENT_FILTERS_HALF, halves.span, message, help);
}

/// Reports `insert` and `delete` in a role that lacks the permission to write that they require.
fn inserts(role: &Role, report: &mut Report) {
    let granted: Vec<(&str, &Rule)> = [("insert", &role.insert), ("delete", &role.delete)]
        .into_iter()
        .filter_map(|(key, rule)| Some((key, rule.as_ref().filter(|rule| possible(Some(rule)))?)))
        .collect();
    let Some((_, rule)) = granted.first() else { return };
    let keys: Vec<_> = granted.iter().map(|(key, _)| *key).collect();
    let quoted: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    let (name, keys, quoted) = (&role.name, keys.join(" or "), quoted.join(" and "));
    let extent = writing(role);
    if extent == Extent::Nothing {
        let verb = if granted.len() == 1 { "grants" } else { "grant" };
        let message = format!("{quoted} {verb} nothing: role `{name}` has no write permission");
        let help = format!("to {keys}, `write` must hold too; otherwise set it to false");
        report.add(INSERT_WITHOUT_WRITE, rule.expr.span, message, help);
    } else if extent == Extent::SomeFields
        && let Ok(id) = FieldPath::parse("_id")
        && matches!(writing_of(role, id.segments()), Writing::Never)
    {
        let message = format!("role `{name}` can {keys} nothing: it may not write `_id`");
        let help = "give `_id` a field rule with `write`; otherwise set it to false";
        report.add(INSERT_WITHOUT_ID, rule.expr.span, message, help);
    }
}

/// Reports a role that grants nothing. Returns whether it does.
fn nothing(role: &Role, report: &mut Report) -> bool {
    if reading(role) != Extent::Nothing || writing(role) != Extent::Nothing || never(Some(&role.apply_when)) {
        return false;
    }
    // An explicit `false` is intentional: the role keeps later ones from being selected.
    let meant = |read: Option<&Rule>, write: Option<&Rule>| never(read) || never(write);
    let halves = role.document_filters.as_ref();
    let denies = meant(role.read.as_ref(), role.write.as_ref())
        || halves.is_some_and(|halves| meant(halves.read.as_ref(), halves.write.as_ref()))
        || top_level(role).any(|field| meant(field.read.as_ref(), field.write.as_ref()));
    let reported = !denies;
    if reported {
        let message = format!("role `{}` grants nothing", role.name);
        let help = "give it `read`, `write` or field rules; if it is meant to deny, write \"read\": false";
        report.add(ROLE_GRANTS_NOTHING, role.name_span, message, help);
    }
    reported
}
