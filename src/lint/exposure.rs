//! Findings about fields that a `write` permission makes readable despite their `read`, and about permissions that no
//! document can satisfy. They are found by trying.

use super::catalogue::{INSERT_WITHOUT_FIELD, WRITE_SHOWS_ALL};
use super::extent::{Extent, Writing, always, never, possible, writing, writing_of};
use super::report::Report;
use super::shape::Polarity;
use super::witness::{Act, At, Draft, Moment, Search, example, get, samples, set};
use crate::access::Reason;
use crate::path::FieldPath;
use crate::policy::{FieldRule, Role, Rule};

pub(super) fn lint(search: &Search, report: &mut Report) {
    let policy = std::sync::Arc::clone(&search.policy);
    for role in &policy.roles {
        if never(Some(&role.apply_when)) {
            continue;
        }
        shown(search, role, report);
        impossible(search, role, report);
    }
}

/// Whether a rule holds in some cases, but not in all.
fn is_conditional(rule: Option<&Rule>) -> bool {
    rule.is_some() && !always(rule) && !never(rule)
}

/// Reports fields that `read` hides, but that a conditional `write` reveals.
fn shown(search: &Search, role: &Role, report: &mut Report) {
    if is_conditional(role.write.as_ref()) && never(role.read.as_ref()) {
        let Some(read) = &role.read else { return };
        if let Some(draft) = reader(search, role, None, role.write.as_ref(), None) {
            let message = format!("`read` hides nothing from those who may write the document ({})", example(&draft));
            let help = "whoever may write may also read: make `write` as restrictive as `read`, or remove `read`";
            report.add(WRITE_SHOWS_ALL, read.expr.span, message, help);
        }
        return;
    }
    let mut found: Vec<(FieldPath, &Rule, Draft)> = Vec::new();
    let mut more = 0_usize;
    for (path, field) in hidden_fields(role) {
        let Some(read) = &field.read else { continue };
        let (write, at) = match (&role.write, &field.write) {
            (Some(write), _) if role.read.is_none() && is_conditional(Some(write)) => (write, None),
            (None, Some(write)) if is_conditional(Some(write)) && never(Some(read)) => (write, Some(&path)),
            _ => continue,
        };
        if found.is_empty() {
            found.extend(
                reader(search, role, Some((&path, read)), Some(write), at).map(|draft| (path.clone(), read, draft)),
            );
        } else {
            more += 1;
        }
    }
    let Some((path, read, draft)) = found.into_iter().next() else { return };
    let others = match more {
        0 => String::new(),
        1 => ", and of 1 more field,".to_owned(),
        more => format!(", and of {more} more fields,"),
    };
    let (who, help) = match &role.write {
        Some(_) => (
            "the document",
            "a document's `write` shows all of it: leave it out, and let each field say who may write it",
        ),
        None => ("it", "whoever may write a field may also read it: let its `write` be as narrow as its `read`"),
    };
    let message =
        format!("`read` of `{path}`{others} hides nothing from those who may write {who} ({})", example(&draft));
    report.add(WRITE_SHOWS_ALL, read.expr.span, message, help);
}

/// Fields whose `read` may hide them, with their paths.
fn hidden_fields(role: &Role) -> Vec<(FieldPath, &FieldRule)> {
    fn collect<'r>(field: &'r FieldRule, within: &str, found: &mut Vec<(FieldPath, &'r FieldRule)>) {
        let name = if within.is_empty() { field.name.to_string() } else { format!("{within}.{}", field.name) };
        if field.read.is_some() && !always(field.read.as_ref()) {
            found.extend(FieldPath::parse(&name).ok().map(|path| (path, field)));
        }
        field.fields.iter().flatten().for_each(|inner| collect(inner, &name, found));
    }
    let mut found = Vec::new();
    role.fields.iter().for_each(|field| collect(field, "", &mut found));
    found
}

/// An example of a reader who sees a field even though its `read` denies it.
fn reader(
    search: &Search,
    role: &Role,
    hidden: Option<(&FieldPath, &Rule)>,
    write: Option<&Rule>,
    at: Option<&FieldPath>,
) -> Option<Draft> {
    let mut draft = search.draft(Act::Read);
    if let Some((path, _)) = hidden {
        let schema = search.policy.schema.as_ref();
        let fits = |value: &bson::Bson| schema.is_none_or(|schema| schema.takes(path.segments(), value));
        set(&mut draft.stored, path.segments(), samples().into_iter().find(fits));
    }
    let meet = |drafts, rule: &Rule, polarity, field| {
        search.solver().meet(drafts, &rule.predicate, polarity, At { moment: Moment::Written, field })
    };
    let mut drafts = meet(vec![draft], write?, Polarity::Asserted, at);
    if let Some((path, read)) = hidden {
        drafts = meet(drafts, read, Polarity::Denied, Some(path));
    }
    let half = role.document_filters.as_ref().and_then(|halves| halves.read.as_ref());
    if let Some(half) = half {
        drafts = meet(drafts, half, Polarity::Asserted, None);
    }
    let drafts = search.choose(drafts, role);
    search.find(drafts, role, |draft| {
        let Some(guard) = search.guard(draft) else { return false };
        let visible = guard.read(&draft.stored).allowed().and_then(|visible| visible.to_document().ok());
        match hidden {
            Some((path, read)) => {
                visible.is_some_and(|visible| get(&visible, path.segments()).is_some())
                    && !draft.truth(&read.predicate, Moment::Chosen, Some(path)).is_true()
            }
            None => visible.is_some(),
        }
    })
}

/// Reports `insert` or `delete` in a role that may not write some field that its documents have.
fn impossible(search: &Search, role: &Role, report: &mut Report) {
    let id = FieldPath::parse("_id").unwrap_or_default();
    if writing(role) != Extent::SomeFields || matches!(writing_of(role, id.segments()), Writing::Never) {
        return;
    }
    for (key, act, rule) in [("insert", Act::Insert, &role.insert), ("delete", Act::Delete, &role.delete)] {
        let Some(rule) = rule.as_ref().filter(|rule| possible(Some(rule))) else { continue };
        let drafts = search.permit(vec![search.draft(act)], role, &[]);
        let drafts = if drafts.is_empty() { search.choose(vec![search.draft(act)], role) } else { drafts };
        if search.find(drafts.clone(), role, |_| true).is_some() {
            continue;
        }
        let refused = drafts.iter().find_map(|draft| match search.decide(draft)?.reason {
            Some(Reason::Fields(fields)) => Some(fields),
            _ => None,
        });
        if let Some(fields) = refused {
            let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
            let (name, fields) = (&role.name, fields.join(", "));
            let message =
                format!("role `{name}` can {key} nothing: it may not write {fields}, which its documents contain");
            let help = format!("let it write {fields} when it does so, or say \"{key}\": false");
            report.add(INSERT_WITHOUT_FIELD, rule.expr.span, message, help);
        }
    }
}
