//! Selects the changes to custom data that are worth trying.

use bson::{Bson, Document};

use super::custom_data_effect::{Belief, Judgement, of_custom_data};
use super::element_match::example_of;
use super::extent::{Writing, top_level, writing_of};
use super::shape::rights;
use super::witness::{Search, samples, set, suggestions};
use crate::path::FieldPath;
use crate::policy::{FieldRule, Role};
use crate::predicate::{DocumentRoot, Left, Right, Test};
use crate::schema::Schema;

/// A change to custom data from which a user gains: the values at a path, before and after.
pub(super) struct Change {
    pub(super) before: Option<Bson>,
    pub(super) after: Option<Bson>,
    /// The path of the written field, if the write changes only a part of the value.
    pub(super) written: Option<FieldPath>,
    /// Whether a user without custom data gains from being given the new value.
    pub(super) makes: bool,
    /// Whether a user gains from losing custom data altogether.
    pub(super) ends: bool,
}

/// The maximum number of values, and of changes, to try per path.
const MAX_VALUES: usize = 24;
pub(super) const MAX_CHANGES: usize = 20;
/// The maximum number of old values to try for a new value.
const MAX_SOURCES: usize = 4;

/// The changes to the value at a path from which a user gains according to some belief.
pub(super) fn changes(search: &Search, id_field: &FieldPath, path: &FieldPath, beliefs: &[&Belief<'_>]) -> Vec<Change> {
    let values = values(search, path, beliefs);
    let judged: Vec<(Vec<Judgement>, Option<Bson>)> = values
        .into_iter()
        .map(|value| {
            let document = document(id_field, path, &value);
            (beliefs.iter().map(|belief| belief.judge(Some(&document))).collect(), value)
        })
        .collect();
    let absent: Vec<Judgement> = beliefs.iter().map(|belief| belief.judge(None)).collect();
    let gains = |before: &[Judgement], after: &[Judgement]| {
        beliefs.iter().zip(before.iter().zip(after)).any(|(belief, (before, after))| belief.rewards(before, after))
    };
    let mut changes = Vec::new();
    for (after, value) in &judged {
        let makes = gains(&absent, after);
        // The case without a value is tried first, because most users start that way.
        let begin = judged.last().into_iter().chain(judged.iter().rev().skip(1).rev());
        let sources = begin.filter(|(before, _)| gains(before, after));
        for (_, before) in sources.take(MAX_SOURCES) {
            changes.push(Change { before: before.clone(), after: value.clone(), written: None, makes, ends: false });
        }
        if gains(after, &absent) {
            changes.push(Change { before: value.clone(), after: None, written: None, makes: false, ends: true });
        }
        if changes.len() >= MAX_CHANGES {
            break;
        }
    }
    changes
}

/// Whether a user gains from a change of the value at a path.
pub(super) fn gains(
    id_field: &FieldPath,
    path: &FieldPath,
    beliefs: &[&Belief<'_>],
    (before, after): (&Option<Bson>, &Option<Bson>),
) -> bool {
    let (before, after) = (document(id_field, path, before), document(id_field, path, after));
    beliefs.iter().any(|belief| belief.rewards(&belief.judge(Some(&before)), &belief.judge(Some(&after))))
}

/// A user's custom data with this value at the path.
fn document(id_field: &FieldPath, path: &FieldPath, value: &Option<Bson>) -> Document {
    let mut document = bson::doc! { "_id": 1 };
    set(&mut document, id_field.segments(), Some("u1".into()));
    let path = if path.is_root() { any_field() } else { path.clone() };
    set(&mut document, path.segments(), value.clone());
    document
}

/// The values to try at a path. Those that occur in the collection's own rules and schema come first, because they can
/// probably be written.
pub(super) fn values(search: &Search, path: &FieldPath, beliefs: &[&Belief<'_>]) -> Vec<Option<Bson>> {
    let policy = &search.policy;
    let schema = policy.schema.as_ref();
    let mut found: Vec<Option<Bson>> = Vec::new();
    let mut add = |value: Option<Bson>| {
        let fits = value.as_ref().is_none_or(|value| schema.is_none_or(|schema| schema.takes(path.segments(), value)));
        if fits && found.len() < MAX_VALUES && !found.contains(&value) {
            found.push(value);
        }
    };
    let literals = |test: &Test| -> Vec<Bson> {
        rights(test)
            .into_iter()
            .filter_map(|right| match right {
                Right::Literal(value) => Some(value.clone()),
                _ => None,
            })
            .collect()
    };
    for role in &policy.roles {
        for (_, rule) in role.rules() {
            rule.predicate.each_test(&mut |test| {
                let asked = match &test.left {
                    Left::Document(DocumentRoot::This | DocumentRoot::Prev, _) => true,
                    Left::Document(_, other) => other == path,
                    // The collection's own rules may require a value that a user starts with.
                    Left::Context(reference) => of_custom_data(reference).is_some_and(|other| other == *path),
                    _ => false,
                };
                if asked {
                    suggestions(test, &literals(test)).into_iter().take(6).for_each(&mut add);
                }
            });
        }
    }
    schema.map(|schema| schema.values_at(path.segments())).unwrap_or_default().into_iter().for_each(|value| {
        add(Some(value.clone()));
    });
    for belief in beliefs.iter().filter(|belief| belief.is_settled()).take(MAX_VALUES) {
        suggestions(belief.test, &literals(belief.test)).into_iter().take(6).for_each(&mut add);
    }
    beliefs.iter().filter_map(|belief| example_of(belief.test)).take(MAX_VALUES).for_each(|value| add(Some(value)));
    let samples = samples();
    // Rules compare documents mostly with ids and lists.
    [Some("mine".into()), Some("other".into()), Some(vec![Bson::from("mine")].into())]
        .into_iter()
        .chain(samples.into_iter().map(Some))
        .for_each(&mut add);
    found.retain(Option::is_some);
    found.push(None);
    found
}

fn any_field() -> FieldPath {
    FieldPath::parse("other").unwrap_or_default()
}

/// Some field that a role may write.
pub(super) fn some_field(role: &Role) -> FieldPath {
    let may = |path: &FieldPath| matches!(writing_of(role, path.segments()), Writing::By(_));
    fields(role, None).into_iter().find(may).unwrap_or_else(any_field)
}

/// The fields that a role's rules or the schema name, as deeply as the rules do, and one that neither names.
pub(super) fn fields(role: &Role, schema: Option<&Schema>) -> Vec<FieldPath> {
    fn collect(field: &FieldRule, within: &str, found: &mut Vec<FieldPath>) {
        let name = if within.is_empty() { field.name.to_string() } else { format!("{within}.{}", field.name) };
        if field.write.is_some() {
            found.extend(FieldPath::parse(&name).ok());
        }
        field.fields.iter().flatten().for_each(|inner| collect(inner, &name, found));
    }
    let mut found = Vec::new();
    top_level(role).filter(|field| !field.name.is_empty()).for_each(|field| collect(field, "", &mut found));
    found.push(any_field());
    found.extend(schema.iter().flat_map(|schema| schema.names()).filter_map(|name| FieldPath::parse(name).ok()));
    found
}
