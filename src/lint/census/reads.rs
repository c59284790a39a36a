use std::collections::BTreeMap;

use super::count::Census;
use super::effect::{Condition, Situation};
use super::need::{custom_data_path, need};
use super::samples::stored;
use crate::lint::CollectionRules;
use crate::lint::catalogue::{CUSTOM_DATA_LACKED, CUSTOM_DATA_TYPE};
use crate::path::FieldPath;
use crate::policy::Role;
use crate::predicate::{Predicate, Test};
use crate::schema::Schema;
use crate::text::{Finding, Span};
use crate::value::{Type, TypeSet};

/// The paths of `%%user.custom_data` that the rules of an application read.
///
/// ```
/// use bson::doc;
/// use portcullis::lint::{CollectionRules, CustomDataReads};
/// # use portcullis::{path::FieldPath, policy};
/// let rules = r#"{"roles": [{"name": "Manager", "apply_when": {"team": "%%user.custom_data.team"}, "read": true}]}"#;
/// let rules = policy::compile(&portcullis::json::parse(rules).unwrap()).unwrap();
/// let policy = policy::RulesFile::effective(Some(&rules), None).unwrap();
/// let collections = [CollectionRules { namespace: "hr.people", policy: &policy }];
///
/// let reads = CustomDataReads::new(&collections, None);
/// let mut census = reads.census(&FieldPath::parse("user_id").unwrap());
/// for user in [doc! { "user_id": "u1", "team": "red" }, doc! { "user_id": "u2" }] {
///     census.add((&user).into()).unwrap();
/// }
/// let found = reads.findings(&census);
/// assert_eq!(found[0].finding.message, "1 of 2 users lack `team`: role `Manager` never applies to them");
/// ```
#[derive(Debug)]
pub struct CustomDataReads<'r> {
    collections: &'r [CollectionRules<'r>],
    reads: Vec<Read<'r>>,
}

/// A path that rules read.
#[derive(Debug)]
struct Read<'r> {
    path: FieldPath,
    /// The types that the schema of the custom-data collection declares for the path.
    declared: Option<TypeSet>,
    /// The types with which rules compare the value.
    needed: Option<TypeSet>,
    /// The position of the first rule that reads the path, with the index of its collection; `None` if only filters do.
    place: Option<(usize, Span)>,
    /// The roles whose `apply_when` reads the path.
    roles: Vec<(usize, &'r Role)>,
}

/// A finding about a path.
#[derive(Clone, Debug)]
pub struct PathFinding {
    /// The path below `%%user.custom_data`.
    pub path: FieldPath,
    /// The number of users that the finding concerns.
    pub users: u64,
    /// The type of these users' values; `None` if they have none.
    pub found: Option<Type>,
    /// The roles that never apply to these users, each with the index of its collection.
    pub roles: Vec<(usize, std::sync::Arc<str>)>,
    /// The index of the collection in whose rules the finding is positioned; `None` if only filters read the path.
    pub place: Option<usize>,
    /// The finding as text.
    pub finding: Finding,
}

impl<'r> CustomDataReads<'r> {
    /// Collects the paths that the rules of collections read. `schema` is the schema of the custom-data collection.
    #[must_use]
    pub fn new(collections: &'r [CollectionRules<'r>], schema: Option<&Schema>) -> Self {
        let mut reads: BTreeMap<String, Read<'r>> = BTreeMap::new();
        for (index, CollectionRules { policy, .. }) in collections.iter().enumerate() {
            let mut add = |predicate: &'r Predicate, role: Option<(&'r Role, bool)>| {
                predicate.each_test(&mut |test| {
                    for path in paths(test) {
                        let read = reads.entry(path.to_string()).or_insert_with(|| Read {
                            declared: stored(schema, path.segments()),
                            needed: None,
                            place: None,
                            roles: Vec::new(),
                            path: path.clone(),
                        });
                        if let Some(types) = need(test, path.segments(), policy.schema.as_ref()) {
                            read.needed = Some(read.needed.unwrap_or_default().union(types));
                        }
                        let Some((role, chooses)) = role else { continue };
                        read.place.get_or_insert((index, test.span));
                        if chooses && !read.roles.iter().any(|(_, known)| std::ptr::eq(*known, role)) {
                            read.roles.push((index, role));
                        }
                    }
                });
            };
            for role in &policy.roles {
                for (number, (_, rule)) in role.rules().into_iter().enumerate() {
                    add(&rule.predicate, Some((role, number == 0)));
                }
            }
            for filter in &policy.filters {
                add(&filter.apply_when.predicate, None);
                filter.query.iter().for_each(|query| add(&query.predicate, None));
            }
        }
        Self { collections, reads: reads.into_values().collect() }
    }

    /// The paths below `%%user.custom_data`, in alphabetical order.
    pub fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        self.reads.iter().map(|read| &read.path)
    }

    /// Creates a census of these paths. `id_field` is the field of custom-data documents that contains the user's id.
    #[must_use]
    pub fn census(&self, id_field: &FieldPath) -> Census {
        Census::new(id_field, self.reads.iter().map(|read| (read.path.clone(), read.needed)))
    }

    /// Evaluates a census: reports paths that users lack, or where they have a type that rules cannot match or that the
    /// schema does not declare. Each finding names the roles that never apply to these users.
    #[must_use]
    pub fn findings(&self, census: &Census) -> Vec<PathFinding> {
        let mut findings = Vec::new();
        for (read, count) in self.reads.iter().zip(census.counts()) {
            if count.lacking > 0 {
                findings.push(self.lacking(read, count.lacking, census.users()));
            }
            for (kind, users) in &count.misfits {
                findings.push(self.misfit(read, *kind, *users, census.users()));
            }
            for (kind, users) in count.types {
                if count.misfits.iter().all(|(misfit, _)| *misfit != kind) {
                    findings.extend(self.undeclared(read, kind, users, census.users()));
                }
            }
        }
        findings
    }

    fn lacking(&self, read: &Read<'_>, users: u64, all: u64) -> PathFinding {
        let roles = self.closed(read, Situation::Missing);
        let message = format!("{} {} `{}`", of(users, all), verb(users, all, "lack"), read.path);
        let help = format!("set `{}` in their custom data, or add a role for users without it", read.path);
        self.finding(read, users, None, roles, (CUSTOM_DATA_LACKED, message, help))
    }

    fn misfit(&self, read: &Read<'_>, kind: Type, users: u64, all: u64) -> PathFinding {
        let roles = self.closed(read, Situation::Of(kind));
        let wanted = names(read.needed.unwrap_or_default());
        self.other_type(read, (kind, users, all), &format!("rules need {wanted}"), &wanted, roles)
    }

    /// Reports a type that rules match, but that the schema does not declare.
    fn undeclared(&self, read: &Read<'_>, kind: Type, users: u64, all: u64) -> Option<PathFinding> {
        let wanted = names(read.declared.filter(|declared| !declared.contains(kind))?);
        let why = format!("the schema declares {wanted}");
        Some(self.other_type(read, (kind, users, all), &why, &wanted, Vec::new()))
    }

    fn other_type(
        &self,
        read: &Read<'_>,
        (kind, users, all): (Type, u64, u64),
        why: &str,
        wanted: &str,
        roles: Vec<(usize, &Role)>,
    ) -> PathFinding {
        let (of, path) = (of(users, all), &read.path);
        let message = format!("{of} {} `{path}` as {}, where {why}", verb(users, all, "have"), kind.alias());
        let help = format!("store `{path}` as {wanted}, or correct the rule that reads it");
        self.finding(read, users, Some(kind), roles, (CUSTOM_DATA_TYPE, message, help))
    }

    /// The roles that can apply to users in general, but not to those of whom this is known.
    fn closed(&self, read: &Read<'r>, situation: Situation) -> Vec<(usize, &'r Role)> {
        let never = |(index, role): &&(usize, &Role)| {
            let schema = self.collections.get(*index).and_then(|rules| rules.policy.schema.as_ref());
            let condition = Condition { predicate: &role.apply_when.predicate, schema };
            condition.can_hold(&read.path, Situation::Anything) && !condition.can_hold(&read.path, situation)
        };
        read.roles.iter().filter(never).copied().collect()
    }

    fn finding(
        &self,
        read: &Read<'_>,
        users: u64,
        found: Option<Type>,
        roles: Vec<(usize, &Role)>,
        (lint, message, help): (crate::lint::LintInfo, String, String),
    ) -> PathFinding {
        let named = |(index, role): &(usize, &Role)| match self.collections {
            [_] => format!("`{}`", role.name),
            several => {
                let namespace = several.get(*index).map_or("", |rules| rules.namespace);
                format!("`{}` of `{namespace}`", role.name)
            }
        };
        let names: Vec<String> = roles.iter().map(named).collect();
        let message = match names.as_slice() {
            [] => message,
            [one] => format!("{message}: role {one} never applies to them"),
            several => format!("{message}: roles {} never apply to them", several.join(", ")),
        };
        let place = roles.first().map(|(index, role)| (*index, role.apply_when.expr.span)).or(read.place);
        let span = place.map(|(_, span)| span).unwrap_or_default();
        PathFinding {
            path: read.path.clone(),
            users,
            found,
            roles: roles.into_iter().map(|(index, role)| (index, role.name.clone())).collect(),
            place: place.map(|(index, _)| index),
            finding: Finding { severity: lint.severity, code: lint.code, message, span, help: Some(help) },
        }
    }
}

/// The paths of custom data that a test reads. Tests inside `$elemMatch` are visited as tests of their own.
fn paths(test: &Test) -> Vec<FieldPath> {
    test.references().into_iter().filter_map(custom_data_path).collect()
}

/// Formats a share of users: `213 of 4,010 users`
fn of(users: u64, all: u64) -> String {
    let noun = if all == 1 { "user" } else { "users" };
    if users == all && all > 1 {
        format!("all {} users", grouped(all))
    } else {
        format!("{} of {} {noun}", grouped(users), grouped(all))
    }
}

/// The verb after a share of users, as in `1 of 1 user lacks`
fn verb(users: u64, all: u64, plural: &str) -> &str {
    match (users, all, plural) {
        (1, 1, "lack") => "lacks",
        (1, 1, "have") => "has",
        _ => plural,
    }
}

/// Formats a number with separators: `4,010`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The names of types. Numeric types are combined, and types whose values can equal those of another type are omitted.
fn names(types: TypeSet) -> String {
    let is_number = |kind: &Type| TypeSet::NUMBER.contains(*kind);
    let all_numbers = TypeSet::NUMBER.iter().all(|kind| types.contains(kind));
    let has_string = types.contains(Type::String);
    let mut names: Vec<&str> = types
        .iter()
        .filter(|kind| !(all_numbers && is_number(kind) || has_string && *kind == Type::Symbol))
        .map(Type::alias)
        .collect();
    if all_numbers {
        names.push("number");
    }
    names.join(" or ")
}
