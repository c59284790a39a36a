//! Determines what rules believe about custom data, and which values are to a user's advantage.

use bson::{Bson, Document};

use super::element_match::{ElementMatch, is_literal};
use super::extent::{Extent, reading, writing};
use super::shape::{Polarity, View, custom_data_field, references, rights, view};
use super::witness::{Act, Draft, get};
use crate::eval::Truth;
use crate::path::FieldPath;
use crate::policy::{Policy, Role, Rule};
use crate::predicate::{ContextRoot, Left, Predicate, Reference, Test, TestKind};
use crate::schema::Schema;

/// How users benefit from the outcome of a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Gain {
    /// They gain access if it holds.
    enter: bool,
    /// They lose access if it holds.
    leave: bool,
}

const GRANTS: Gain = Gain { enter: true, leave: false };
const RESTRICTS: Gain = Gain { enter: false, leave: true };

/// A test of custom data in some rule.
pub(super) struct Belief<'p> {
    /// The path in the custom data; empty if the test reads all of it.
    pub(super) path: FieldPath,
    /// The test.
    pub(super) test: &'p Test,
    predicate: &'p Predicate,
    polarity: Polarity,
    gain: Gain,
    /// Whether the outcome depends on nothing but the custom data. Otherwise, any change may be to the user's advantage.
    is_settled: bool,
    /// The elements that it admits, if it is an `$elemMatch` that does not depend on the custom data alone.
    elements: Option<ElementMatch>,
}

/// Collects the beliefs of rules.
#[derive(Default)]
pub(super) struct Beliefs<'p> {
    pub(super) found: Vec<Belief<'p>>,
    seen: std::collections::HashSet<(String, bool, bool, bool, FieldPath)>,
}

impl<'p> Beliefs<'p> {
    /// Adds the beliefs of the rules of a collection.
    pub(super) fn of_policy(&mut self, policy: &'p Policy) {
        // The most that later roles grant, which a user may obtain by avoiding a role.
        let mut later = (Extent::Nothing, Extent::Nothing);
        let mut roles: Vec<(&Role, bool)> = Vec::new();
        for role in policy.roles.iter().rev() {
            let own = (reading(role), writing(role));
            roles.push((role, later.0 > own.0 || later.1 > own.1));
            later = (later.0.max(own.0), later.1.max(own.1));
        }
        for (role, leave) in roles.into_iter().rev() {
            let enter = reading(role) > Extent::Nothing || writing(role) > Extent::Nothing;
            self.of_predicate(&role.apply_when.predicate, Gain { enter, leave });
            for (_, rule) in role.rules().into_iter().skip(1) {
                self.of_predicate(&rule.predicate, GRANTS);
            }
        }
        for filter in &policy.filters {
            self.of_predicate(&filter.apply_when.predicate, RESTRICTS);
            filter.query.iter().for_each(|query| self.of_predicate(&query.predicate, GRANTS));
        }
        policy.schema.iter().flat_map(Schema::validates).for_each(|predicate| self.of_predicate(predicate, GRANTS));
    }

    /// Adds the beliefs of a rule that grants something by itself, such as a `can_evaluate`.
    pub(super) fn of_rule(&mut self, rule: &'p Rule) {
        self.of_predicate(&rule.predicate, GRANTS);
    }

    fn of_predicate(&mut self, predicate: &'p Predicate, gain: Gain) {
        self.walk(predicate, Polarity::Asserted, gain);
    }

    fn walk(&mut self, predicate: &'p Predicate, polarity: Polarity, gain: Gain) {
        match predicate {
            Predicate::Not(inner) => self.walk(inner, polarity.flipped(), gain),
            Predicate::Test(test) => self.test(predicate, test, polarity, gain),
            _ => match view(predicate, polarity) {
                View::All(parts, polarity) | View::Any(parts, polarity) => {
                    parts.iter().for_each(|part| self.walk(part, polarity, gain));
                }
                View::Constant | View::Test(..) => {}
            },
        }
    }

    fn test(&mut self, predicate: &'p Predicate, test: &'p Test, polarity: Polarity, gain: Gain) {
        let mut add = |path: FieldPath, is_settled: bool, elements: Option<ElementMatch>| {
            let key = (test.text.to_string(), polarity == Polarity::Asserted, gain.enter, gain.leave, path.clone());
            if self.seen.insert(key) {
                self.found.push(Belief { path, test, predicate, polarity, gain, is_settled, elements });
            }
        };
        if let Left::Context(reference) = &test.left
            && let Some(path) = of_custom_data(reference)
        {
            let is_settled = is_literal(test);
            add(path, is_settled, if is_settled { None } else { ElementMatch::of(test) });
        }
        let mut operands = rights(test);
        let mut inner = Vec::new();
        if let TestKind::ElemMatch(_, elements) = &test.check {
            elements.each_test(&mut |test| inner.extend(rights(test)));
        }
        operands.extend(inner);
        operands.into_iter().flat_map(references).filter_map(of_custom_data).for_each(|path| add(path, false, None));
    }
}

/// The path of a reference within the custom data; empty if it refers to all of it. `None` for other references.
pub(super) fn of_custom_data(reference: &Reference) -> Option<FieldPath> {
    match custom_data_field(reference) {
        Some(_) => Some(reference.path.rest()),
        // A reference to the whole user, as a function argument.
        None if reference.root == ContextRoot::User && reference.path.is_root() => Some(FieldPath::root()),
        None => None,
    }
}

impl Belief<'_> {
    /// Evaluates the test on custom data.
    pub(super) fn judge(&self, custom_data: Option<&Document>) -> Judgement {
        if self.is_settled {
            let mut draft = Draft::new(Act::Read, "u", &Document::new());
            draft.custom = super::witness::Custom::Apart(custom_data.cloned());
            return Judgement::Truth(draft.truth(self.predicate, super::witness::Moment::Chosen, None));
        }
        if let Some(elements) = &self.elements {
            return Judgement::Elements(elements.admitted(&self.path, custom_data));
        }
        match (self.path.is_root(), custom_data) {
            (true, document) => Judgement::Value(document.cloned().map(Bson::Document)),
            (false, Some(document)) => Judgement::Value(get(document, self.path.segments()).cloned()),
            (false, None) => Judgement::Value(None),
        }
    }

    /// Whether users gain if the outcome changes from `before` to `after`.
    pub(super) fn rewards(&self, before: &Judgement, after: &Judgement) -> bool {
        let (enter, leave) = (self.gain.enter, self.gain.leave);
        match (before, after) {
            (Judgement::Truth(before), Judgement::Truth(after)) => {
                let target = if self.polarity == Polarity::Asserted { Truth::True } else { Truth::False };
                let (was, is) = (*before == target, *after == target);
                (enter && !was && is) || (leave && was && !is)
            }
            (Judgement::Value(before), Judgement::Value(after)) => {
                before != after && (leave || (enter && after.as_ref().is_some_and(is_usable)))
            }
            (Judgement::Elements(before), Judgement::Elements(after)) => {
                let more = |from: &[Bson], to: &[Bson]| to.iter().any(|element| !from.contains(element));
                let (entered, left) = match self.polarity {
                    Polarity::Asserted => (more(before, after), more(after, before)),
                    Polarity::Denied => (more(after, before), more(before, after)),
                };
                (enter && entered) || (leave && left)
            }
            _ => false,
        }
    }

    /// Whether the outcome depends on nothing but the custom data.
    pub(super) const fn is_settled(&self) -> bool {
        self.is_settled
    }
}

/// The outcome of a test on custom data.
pub(super) enum Judgement {
    Truth(Truth),
    Value(Option<Bson>),
    /// For each element that may match, the part that is compared with other values.
    Elements(Vec<Bson>),
}

/// Whether a value of the custom data can match anything.
fn is_usable(value: &Bson) -> bool {
    match value {
        Bson::Null => false,
        Bson::Array(elements) => !elements.is_empty(),
        Bson::Document(document) => !document.is_empty(),
        _ => true,
    }
}
