use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use bson::{Bson, Document};

use super::draft::{Act, Draft, Moment};
use super::solve::{At, Solver};
use super::values::{is_convertible, of_type};
use crate::access::{Guard, Reason};
use crate::expr::Conversion;
use crate::lint::extent::{always, never, top_level};
use crate::lint::shape::Polarity;
use crate::path::{FieldPath, Segment};
use crate::policy::{FieldRule, Policy, Role, Rule};
use crate::predicate::Predicate;
use crate::schema::Schema;
use crate::value::Type;

/// Searches for examples under the rules of one collection.
pub(in crate::lint) struct Search {
    pub(in crate::lint) policy: Arc<Policy>,
    id: &'static str,
    /// The number of steps that the search may still take.
    steps: Cell<usize>,
    /// The guards used last, by context.
    guards: RefCell<Vec<(String, Rc<Guard>)>>,
}

/// The guard's decision on an example.
#[derive(Debug)]
pub(in crate::lint) struct Verdict {
    /// The reason for a denial; `None` if the operation is allowed.
    pub(in crate::lint) reason: Option<Reason>,
    /// The role that made the decision.
    pub(in crate::lint) role: Option<Box<str>>,
}

/// The number of steps that the search may take for one collection. They take at most a few seconds.
const MAX_STEPS: usize = 60_000;
/// The maximum number of earlier roles that a draft is adapted to avoid.
const MAX_DETOURS: usize = 3;
const MAX_GUARDS: usize = 4;

impl Search {
    pub(in crate::lint) fn new(policy: Policy) -> Self {
        let conditions = || {
            let roles = policy.roles.iter().flat_map(Role::rules).map(|(_, rule)| rule);
            let filters = policy.filters.iter().flat_map(|filter| &filter.query);
            roles.chain(filters).map(|rule| &rule.predicate).chain(policy.schema.iter().flat_map(Schema::validates))
        };
        let converts = |kind| conditions().any(|predicate| is_convertible(predicate, kind));
        let id = if converts(Conversion::StringToUuid) || converts(Conversion::UuidToString) {
            "01234567-89ab-cdef-0123-456789abcde1"
        } else if converts(Conversion::StringToOid) || converts(Conversion::OidToString) {
            "64b000000000000000000001"
        } else {
            "u1"
        };
        Self { policy: Arc::new(policy), id, steps: Cell::new(MAX_STEPS), guards: RefCell::default() }
    }

    /// Searches with user ids that have the form of ObjectIds.
    pub(in crate::lint) fn with_object_ids(mut self) -> Self {
        if self.id == "u1" {
            self.id = "64b000000000000000000001";
        }
        self
    }

    /// The id of the user in the examples.
    pub(in crate::lint) const fn id(&self) -> &'static str {
        self.id
    }

    /// Whether the search has not run out of steps.
    pub(in crate::lint) const fn is_whole(&self) -> bool {
        self.steps.get() > 0
    }

    pub(in crate::lint) fn solver(&self) -> Solver<'_> {
        Solver { schema: self.policy.schema.as_ref(), steps: &self.steps }
    }

    fn spend(&self, steps: usize) -> bool {
        let left = self.steps.get().saturating_sub(steps);
        self.steps.set(left);
        left > 0
    }

    /// A draft with a document that has only what the schema requires.
    pub(in crate::lint) fn draft(&self, act: Act) -> Draft {
        let mut document = Document::new();
        let id = FieldPath::parse("_id").unwrap_or_default();
        let schema = self.policy.schema.as_ref();
        let takes = |value: &Bson| schema.is_none_or(|schema| schema.takes(id.segments(), value));
        let kinds = [Type::Int, Type::ObjectId, Type::String, Type::BinData, Type::Long, Type::Object];
        let value = kinds.into_iter().filter_map(of_type).find(takes).unwrap_or(Bson::Int32(1));
        document.insert("_id", value);
        for (key, value) in schema.map(Schema::sample).unwrap_or_default() {
            if key != "_id" {
                document.insert(key, value);
            }
        }
        Draft::new(act, self.id, &document)
    }

    fn meet(&self, drafts: Vec<Draft>, rule: Option<&Rule>, moment: Moment, field: Option<&FieldPath>) -> Vec<Draft> {
        match rule {
            Some(rule) => self.meet_predicate(drafts, &rule.predicate, moment, field),
            None => drafts,
        }
    }

    fn meet_predicate(
        &self,
        drafts: Vec<Draft>,
        predicate: &Predicate,
        moment: Moment,
        field: Option<&FieldPath>,
    ) -> Vec<Draft> {
        self.solver().meet(drafts, predicate, Polarity::Asserted, At { moment, field })
    }

    /// Adapts drafts so that a role applies to them, unless an earlier one does.
    pub(in crate::lint) fn choose(&self, drafts: Vec<Draft>, role: &Role) -> Vec<Draft> {
        let mut drafts = self.meet(drafts, Some(&role.apply_when), Moment::Chosen, None);
        for filter in &self.policy.filters {
            if !never(Some(&filter.apply_when))
                && let Some(query) = &filter.query
            {
                let (inserts, others): (Vec<_>, Vec<_>) =
                    drafts.into_iter().partition(|draft| draft.act == Act::Insert);
                drafts = inserts;
                drafts.extend(self.meet(others, Some(query), Moment::Chosen, None));
            }
        }
        drafts
    }

    /// Adapts drafts so that these fields change, which the role probably permits.
    pub(in crate::lint) fn permit(&self, drafts: Vec<Draft>, role: &Role, changed: &[&FieldPath]) -> Vec<Draft> {
        // Conditions on the new document are met first, because the stored one can be adapted to it.
        let half = role.document_filters.as_ref().and_then(|halves| halves.write.as_ref());
        let mut drafts = self.meet(drafts, half, Moment::Written, None);
        if role.write.is_some() {
            drafts = self.meet(drafts, role.write.as_ref(), Moment::Written, None);
        } else {
            drafts = drafts.into_iter().flat_map(|draft| self.permit_fields(draft, role, changed)).collect();
        }
        drafts = drafts
            .into_iter()
            .flat_map(|draft| {
                let flag = match draft.act {
                    Act::Insert => role.insert.as_ref(),
                    Act::Delete => role.delete.as_ref(),
                    Act::Update | Act::Read => None,
                };
                self.meet(vec![draft], flag, Moment::Written, None)
            })
            .collect();
        for (path, validate) in self.policy.schema.iter().flat_map(Schema::validates_of_properties) {
            let (unasked, asked): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|draft| {
                let nowhere = |document| super::place::get(document, path.segments()).is_none();
                draft.act == Act::Delete || (nowhere(&draft.new) && nowhere(&draft.stored))
            });
            drafts = unasked;
            drafts.extend(self.meet_predicate(asked, validate, Moment::Written, Some(&path)));
        }
        let mut drafts = self.choose(drafts, role);
        drafts = self.meet(drafts, half, Moment::Chosen, None);
        drafts.sort_by_key(|draft| draft.privilege);
        drafts
    }

    fn permit_fields(&self, draft: Draft, role: &Role, changed: &[&FieldPath]) -> Vec<Draft> {
        let whole = match draft.act {
            Act::Insert => Some(&draft.new),
            Act::Delete => Some(&draft.stored),
            Act::Update | Act::Read => None,
        };
        let keys: Vec<FieldPath> =
            whole.into_iter().flat_map(Document::keys).filter_map(|key| FieldPath::parse(key).ok()).collect();
        let asked: Vec<&FieldPath> = changed.iter().copied().chain(&keys).collect();
        let mut drafts = vec![draft];
        for path in asked {
            if let Some((entry, rule)) = entry(role, path.segments()) {
                drafts = self.meet(drafts, Some(rule), Moment::Written, Some(&entry));
            }
        }
        drafts
    }

    /// The guard's decision.
    pub(in crate::lint) fn decide(&self, draft: &Draft) -> Option<Verdict> {
        let guard = self.guard(draft)?;
        let decision = match draft.act {
            Act::Insert => guard.insert(&draft.new),
            Act::Update => guard.update(&draft.stored, &draft.new),
            Act::Delete => guard.delete(&draft.stored),
            Act::Read => {
                let decision = guard.read(&draft.stored);
                return Some(Verdict { reason: decision.reason().cloned(), role: decision.role().map(Into::into) });
            }
        };
        Some(Verdict { reason: decision.reason().cloned(), role: decision.role().map(Into::into) })
    }

    /// The guard for the user of a draft; `None` if the search has run out of steps.
    pub(in crate::lint) fn guard(&self, draft: &Draft) -> Option<Rc<Guard>> {
        let key = draft.context_key();
        let roles = self.policy.roles.len();
        let known = self.guards.borrow().iter().find(|(known, _)| *known == key).map(|(_, guard)| Rc::clone(guard));
        if let Some(guard) = known {
            return self.spend(1 + roles / 64).then_some(guard);
        }
        if !self.spend(1 + roles / 4) {
            return None;
        }
        let guard = Rc::new(Guard::new(Some(Arc::clone(&self.policy)), draft.context()));
        let mut guards = self.guards.borrow_mut();
        if guards.len() >= MAX_GUARDS {
            guards.remove(0);
        }
        guards.push((key, Rc::clone(&guard)));
        Some(guard)
    }

    /// The first draft that a role permits and for which `shows` returns a result. Drafts to which an earlier role
    /// applies are adapted to avoid it.
    pub(in crate::lint) fn find(
        &self,
        drafts: Vec<Draft>,
        role: &Role,
        shows: impl Fn(&Draft) -> bool,
    ) -> Option<Draft> {
        for mut draft in drafts {
            for _ in 0..=MAX_DETOURS {
                let Some(verdict) = self.decide(&draft) else { break };
                let chosen = verdict.role.as_deref() == Some(&*role.name);
                if chosen && verdict.reason.is_none() && shows(&draft) {
                    return Some(draft);
                }
                let earlier = self.policy.roles.iter().take_while(|other| other.span != role.span);
                let Some(before) = earlier.into_iter().find(|other| Some(&*other.name) == verdict.role.as_deref())
                else {
                    break;
                };
                if chosen || always(Some(&before.apply_when)) {
                    break;
                }
                let at = At { moment: Moment::Chosen, field: None };
                let around = self.solver().meet(vec![draft], &before.apply_when.predicate, Polarity::Denied, at);
                let Some(next) = around.into_iter().next() else { break };
                draft = next;
            }
        }
        None
    }
}

impl Verdict {
    pub(in crate::lint) const fn is_allowed(&self) -> bool {
        self.reason.is_none()
    }
}

/// The field rule that decides whether a path may be written, with its path and condition. Rules for whole documents
/// are disregarded.
fn entry<'r>(role: &'r Role, path: &[Segment]) -> Option<(FieldPath, &'r Rule)> {
    let (first, rest) = path.split_first()?;
    let mut field: &FieldRule = match role.fields.iter().find(|field| &*field.name == first.name()) {
        Some(field) => field,
        None => {
            let rule = top_level(role).find(|field| field.name.is_empty())?.write.as_ref()?;
            return Some((FieldPath::from_segments(path.get(..1)?), rule));
        }
    };
    let mut length = 1;
    let mut rest = rest.iter();
    loop {
        if let Some(rule) = &field.write {
            return Some((FieldPath::from_segments(path.get(..length)?), rule));
        }
        let next = rest.next()?;
        match field.fields.iter().flatten().find(|inner| &*inner.name == next.name()) {
            Some(inner) => field = inner,
            // The field rules for documents in an array have no level for the indexes.
            None => _ = next.index()?,
        }
        length += 1;
    }
}
