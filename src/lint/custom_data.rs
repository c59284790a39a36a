//! Findings about who can write the documents of `%%user.custom_data`. They are found by trying writes as a user, with
//! values from which that user gains under the rules.

use std::collections::HashMap;
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, Document};

use super::catalogue::{CUSTOM_DATA_GRANTED, CUSTOM_DATA_OPEN, CUSTOM_DATA_WRITABLE};
use super::changes::{Change, changes, fields, some_field};
use super::custom_data_effect::Belief;
use super::extent::{Extent, Writing, never, writing, writing_of};
use super::nested_changes::nested_changes;
use super::report::Report;
use super::suggestion::{Closing, closing};
use super::witness::{Act, Custom, Draft, Privilege, Search, another, example, get, samples, set};
use super::{cut_short, plain_first};
use crate::path::{FieldPath, Segment};
use crate::policy::{Role, Rule};

/// The collection of the custom-data documents.
pub(super) struct Store<'b> {
    pub(super) id_field: FieldPath,
    /// The beliefs of the rules about the documents, by the paths that they read.
    paths: Vec<(FieldPath, Vec<&'b Belief<'b>>)>,
}

/// The way in which users change custom data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They update their own document.
    Change,
    /// They insert their own document.
    Insert,
    /// They write their id into a document of someone else.
    Claim,
    /// They remove their id from their document.
    Leave,
    /// They delete their document.
    Delete,
    /// They update a document of someone else, who gains.
    ChangeOthers,
    /// They insert a document of someone else, who gains.
    InsertOthers,
}

const OWN: [Way; 5] = [Way::Change, Way::Insert, Way::Claim, Way::Leave, Way::Delete];
const OTHERS: [Way; 2] = [Way::ChangeOthers, Way::InsertOthers];

/// An example, and what it shows.
struct Example<'s> {
    draft: Draft,
    path: &'s FieldPath,
    /// The field whose rule permits the write.
    written: FieldPath,
    belief: &'s Belief<'s>,
}

impl<'b> Store<'b> {
    pub(super) fn new(id_field: FieldPath, beliefs: &'b [Belief<'b>]) -> Self {
        let mut paths: Vec<(FieldPath, Vec<&Belief<'_>>)> = Vec::new();
        let mut places: HashMap<&FieldPath, usize> = HashMap::new();
        for belief in beliefs {
            // Users can choose neither the id, which ties the document to them, nor `_id`, which never changes.
            if belief.path == id_field || belief.path.first() == Some("_id") {
                continue;
            }
            let place = *places.entry(&belief.path).or_insert(paths.len());
            match paths.get_mut(place) {
                Some((_, known)) => known.push(belief),
                None => paths.push((belief.path.clone(), vec![belief])),
            }
        }
        Self { id_field, paths }
    }

    pub(super) fn lint(&self, search: Search, report: &mut Report) {
        let schema = search.policy.schema.as_ref();
        let id = Bson::from("u1");
        let by_object_id = schema.is_some_and(|schema| !schema.takes(self.id_field.segments(), &id));
        let search = if by_object_id { search.with_object_ids() } else { search };
        let policy = Arc::clone(&search.policy);
        let changed = |(path, beliefs): &'_ (FieldPath, Vec<&Belief<'_>>)| {
            let mut found = changes(&search, &self.id_field, path, beliefs);
            found.extend(nested_changes(&search, &self.id_field, path, beliefs));
            found
        };
        let tried: Vec<(&FieldPath, Vec<Change>)> = self.paths.iter().map(|both| (&both.0, changed(both))).collect();
        let harmless = |role: &&Role| never(Some(&role.apply_when)) || writing(role) == Extent::Nothing;
        let roles = plain_first(policy.roles.iter().filter(|role| !harmless(role)));
        for (place, role) in roles.iter().enumerate() {
            if !search.is_whole() {
                return cut_short(roles.get(place..).unwrap_or_default(), report);
            }
            self.role(&search, role, &tried, report);
        }
    }

    fn role(&self, search: &Search, role: &Role, tried: &[(&FieldPath, Vec<Change>)], report: &mut Report) {
        let mut own: Option<Example<'_>> = None;
        let mut others: Option<Example<'_>> = None;
        for (path, changes) in tried {
            let least = own.as_ref().map(|shown| shown.draft.privilege);
            if least != Some(Privilege::None)
                && let Some(shown) = self.attempt(search, role, path, changes, &OWN)
                && least.is_none_or(|least| shown.draft.privilege < least)
            {
                own = Some(shown);
            }
            let least = others.as_ref().map(|shown| shown.draft.privilege);
            if least != Some(Privilege::None)
                && let Some(shown) = self.attempt(search, role, path, changes, &OTHERS)
                && least.is_none_or(|least| shown.draft.privilege < least)
            {
                others = Some(shown);
            }
        }
        match (own, others) {
            (Some(shown), others)
                if shown.draft.privilege == Privilege::None
                    || (shown.draft.privilege == Privilege::CustomData && others.is_none()) =>
            {
                self.writable(role, &shown, report);
            }
            // Of two users without any privilege, each can promote the other.
            (_, Some(shown)) if shown.draft.privilege == Privilege::None => self.writable(role, &shown, report),
            (None, None) => self.open(search, role, report),
            (own, others) => {
                // If privileged users can change the documents of others but not their own, that is intended.
                if let Some(shown) = others.filter(|shown| self.reaches_own(search, role, shown)).or(own) {
                    granted(role, &shown, report);
                }
            }
        }
    }

    /// Whether a user who can change another user's document in this way can also change their own.
    fn reaches_own(&self, search: &Search, role: &Role, shown: &Example<'_>) -> bool {
        let path = if shown.path.is_root() { &shown.written } else { shown.path };
        let value = |document| get(document, path.segments()).cloned();
        let before = (shown.draft.act == Act::Update).then_some(&shown.draft.stored).and_then(value);
        let before_then = value(&shown.draft.new);
        let change = Change { before: before_then, after: before, written: None, makes: false, ends: false };
        ids(search, &self.id_field).iter().any(|id| {
            let draft = self.draft(search, Way::Change, path, &change, id);
            let drafts = search.permit(draft.into_iter().collect(), role, &[&shown.written]);
            search.find(drafts, role, |_| true).is_some()
        })
    }

    fn writable(&self, role: &Role, shown: &Example<'_>, report: &mut Report) {
        let Some(rule) = place(role, shown.draft.act, &shown.written) else { return };
        let how = match shown.written == self.id_field && *shown.path != self.id_field {
            true => format!("can choose which custom data is theirs: they can write `{}`", self.id_field),
            false if shown.draft.custom != Custom::Own && shown.written != self.id_field => {
                "can write the custom data of others, so that two of them can promote each other".to_owned()
            }
            false => "can write their own custom data".to_owned(),
        };
        let message = format!(
            "users of role `{}` {how}, and rules trust {} ({}, and a rule asks {})",
            role.name,
            read_as(shown.path),
            example(&shown.draft),
            shown.belief.test.text
        );
        report.add(
            CUSTOM_DATA_WRITABLE,
            rule.expr.span,
            message,
            closing(role, &Closing { act: shown.draft.act, read: shown.path, written: &shown.written }),
        );
    }

    /// An example in which a user of the role makes one of the changes and gains from it.
    fn attempt<'s>(
        &'s self,
        search: &Search,
        role: &Role,
        path: &'s FieldPath,
        changes: &[Change],
        ways: &[Way],
    ) -> Option<Example<'s>> {
        let mut best: Option<Example<'s>> = None;
        let written = if path.is_root() { some_field(role) } else { path.clone() };
        for way in ways {
            for change in changes.iter().filter(|change| way.serves(change)) {
                let decides = match way {
                    Way::Claim | Way::Leave | Way::Delete => &self.id_field,
                    _ => change.written.as_ref().unwrap_or(&written),
                };
                if place(role, way.act(), decides).is_none() {
                    continue;
                }
                for id in ids(search, &self.id_field) {
                    let Some(draft) = self.draft(search, *way, &written, change, &id) else { continue };
                    let drafts = search.permit(vec![draft], role, &[decides]);
                    let gained = |draft: &Draft| self.gained(draft, *way, path, &id);
                    let Some(draft) = search.find(drafts, role, |draft| gained(draft).is_some()) else { continue };
                    let Some(belief) = gained(&draft) else { continue };
                    let mut draft = draft;
                    if *way == Way::ChangeOthers && mentions(&draft.stored, &id) {
                        // The document contains the user's ID: someone may have granted them this right.
                        draft.privilege = Privilege::Granted;
                    }
                    let privilege = draft.privilege;
                    if best.as_ref().is_none_or(|best| privilege < best.draft.privilege) {
                        best = Some(Example { draft, path, written: decides.clone(), belief });
                    }
                    if privilege == Privilege::None {
                        return best;
                    }
                }
            }
        }
        best
    }

    fn draft(&self, search: &Search, way: Way, path: &FieldPath, change: &Change, id: &Bson) -> Option<Draft> {
        let mut draft = search.draft(way.act());
        let others = another(id);
        let (before, after) = match way {
            Way::Change | Way::Delete | Way::Insert => (id, id),
            Way::Claim => (&others, id),
            Way::Leave => (id, &others),
            Way::ChangeOthers | Way::InsertOthers => (&others, &others),
        };
        draft.custom = match way {
            Way::Change | Way::Leave | Way::Delete | Way::Insert => Custom::Own,
            Way::Claim => Custom::Apart(None),
            Way::ChangeOthers | Way::InsertOthers => {
                let mut own = bson::doc! { "_id": 2 };
                set(&mut own, self.id_field.segments(), Some(id.clone()));
                Custom::Apart(Some(own))
            }
        };
        let (old, new) = match way {
            Way::Claim => (&change.after, &change.after),
            Way::Leave => (&change.before, &change.before),
            _ => (&change.before, &change.after),
        };
        if let Some(schema) = &search.policy.schema {
            for length in 1..path.segments().len() {
                let above = path.segments().get(..length).unwrap_or_default();
                if schema.type_names_at(above) == Some("array") {
                    for document in [&mut draft.stored, &mut draft.new] {
                        if get(document, above).and_then(Bson::as_array).is_none_or(Vec::is_empty) {
                            set(document, above, Some(vec![Bson::from(Document::new())].into()));
                        }
                    }
                }
            }
        }
        let written = draft.pin_stored(&self.id_field, Some(before.clone()))
            && draft.pin_new(&self.id_field, Some(after.clone()))
            && draft.pin_stored(path, old.clone())
            && draft.pin_new(path, new.clone());
        written.then_some(draft)
    }

    /// The belief by which the user of an example gains.
    fn gained<'s>(&'s self, draft: &Draft, way: Way, path: &FieldPath, id: &Bson) -> Option<&'s Belief<'s>> {
        let others = matches!(way, Way::ChangeOthers | Way::InsertOthers);
        let whose = if others { another(id) } else { id.clone() };
        let own = |document: &'_ Document| get(document, self.id_field.segments()) == Some(&whose);
        let before = (draft.act != Act::Insert).then_some(&draft.stored).filter(|document| own(document));
        let after = (draft.act != Act::Delete).then_some(&draft.new).filter(|document| own(document));
        let (_, beliefs) = self.paths.iter().find(|(known, _)| known == path)?;
        beliefs.iter().copied().find(|belief| belief.rewards(&belief.judge(before), &belief.judge(after)))
    }

    /// Reports that users can write fields of their own document that no rule reads.
    fn open(&self, search: &Search, role: &Role, report: &mut Report) {
        let whole = self.paths.iter().filter(|(path, _)| path.is_root());
        if whole.flat_map(|(_, beliefs)| beliefs).any(|belief| !belief.is_settled()) {
            return;
        }
        let is_free = |path: &FieldPath| {
            let related = |other: &FieldPath| {
                let (a, b) = (names(path), names(other));
                a.starts_with(&b) || b.starts_with(&a)
            };
            path.first() != Some("_id")
                && !related(&self.id_field)
                && !self.paths.iter().any(|(other, _)| !other.is_root() && related(other))
        };
        for path in fields(role, search.policy.schema.as_ref()).into_iter().filter(is_free) {
            let Some(rule) = place(role, Act::Update, &path) else { continue };
            let schema = search.policy.schema.as_ref();
            let value =
                samples().into_iter().find(|value| schema.is_none_or(|schema| schema.takes(path.segments(), value)));
            if value.is_none() {
                continue;
            }
            let change = Change { before: None, after: value, written: None, makes: false, ends: false };
            for id in ids(search, &self.id_field) {
                let Some(draft) = self.draft(search, Way::Change, &path, &change, &id) else { continue };
                let drafts = search.permit(vec![draft], role, &[&path]);
                if let Some(draft) = search.find(drafts, role, |draft| draft.privilege == Privilege::None) {
                    let message = format!(
                        "users of role `{}` can write `{path}` of their own custom data, which no rule reads ({})",
                        role.name,
                        example(&draft)
                    );
                    return report.add(
                        CUSTOM_DATA_OPEN,
                        rule.expr.span,
                        message,
                        "make sure that no function trusts these values",
                    );
                }
            }
        }
    }
}

impl Way {
    const fn act(self) -> Act {
        match self {
            Self::Change | Self::Claim | Self::Leave | Self::ChangeOthers => Act::Update,
            Self::Insert | Self::InsertOthers => Act::Insert,
            Self::Delete => Act::Delete,
        }
    }

    const fn serves(self, change: &Change) -> bool {
        match self {
            Self::Change | Self::ChangeOthers => !change.ends,
            Self::Insert | Self::Claim | Self::InsertOthers => change.makes,
            Self::Leave | Self::Delete => change.ends,
        }
    }
}

fn granted(role: &Role, shown: &Example<'_>, report: &mut Report) {
    let Some(rule) = place(role, shown.draft.act, &shown.written) else { return };
    let whom = if shown.draft.custom == Custom::Own { "themselves" } else { "anybody" };
    let message = format!(
        "users of role `{}` can write custom data, and rules trust {}: they can promote {whom} ({})",
        role.name,
        read_as(shown.path),
        example(&shown.draft)
    );
    let help = "make sure that only administrators have the role, and that it does not let anyone become one";
    report.add(CUSTOM_DATA_GRANTED, rule.expr.span, message, help);
}

fn read_as(path: &FieldPath) -> String {
    if path.is_root() { "the custom data as a whole".to_owned() } else { format!("`%%user.custom_data.{path}`") }
}

/// The rule by which a role permits writing a field, or deleting.
fn place<'r>(role: &'r Role, act: Act, path: &FieldPath) -> Option<&'r Rule> {
    if never(if act == Act::Insert { role.insert.as_ref() } else { None }) {
        return None;
    }
    if act == Act::Delete && never(role.delete.as_ref()) {
        return None;
    }
    match writing_of(role, path.segments()) {
        Writing::By(rule) => Some(rule),
        Writing::Never => None,
    }
}

/// Whether a value occurs anywhere in a document.
fn mentions(document: &Document, value: &Bson) -> bool {
    fn holds(found: &Bson, value: &Bson) -> bool {
        match found {
            Bson::Array(elements) => elements.iter().any(|element| holds(element, value)),
            Bson::Document(document) => mentions(document, value),
            found => found == value,
        }
    }
    document.values().any(|found| holds(found, value))
}

/// The names of the fields on a path, without array indexes, for which field rules have no level.
fn names(path: &FieldPath) -> Vec<&str> {
    path.segments().iter().filter(|segment| segment.index().is_none()).map(Segment::name).collect()
}

/// The forms in which a user's id may occur in the documents.
fn ids(search: &Search, field: &FieldPath) -> Vec<Bson> {
    let id = search.id();
    let forms = [Some(Bson::from(id)), ObjectId::parse_str(id).ok().map(Bson::ObjectId)];
    let schema = search.policy.schema.as_ref();
    forms.into_iter().flatten().filter(|id| schema.is_none_or(|schema| schema.takes(field.segments(), id))).collect()
}
