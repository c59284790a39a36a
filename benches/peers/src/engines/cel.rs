//! `cel`: a program whose variables are resolved on demand by a `VariableResolver`. Nothing is converted beforehand:
//! strings are borrowed from the bytes or from an application's struct, and `in` searches the raw array.

use bson::{RawArray, RawBsonRef};
use cel::common::traits::Container;
use cel::common::types::{CelInt, CelList, CelString, LIST_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Program, Value};

use super::{Contender, everything};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, Tier, user};
use crate::documents::Documents;
use crate::fields::Fields;

pub(super) fn contenders() -> Vec<Contender> {
    vec![Contender { engine: "cel", variant: None, prepared_bytes: 1_000, runs: everything, race }]
}

fn rule(decision: Decision) -> String {
    user::fill_in(match decision {
        Decision::A => r#"(owner == "%ID%" && "%ROLE%" in ["editor", "admin"]) || "%ID%" in members"#,
        Decision::B => {
            r#"
            "%ROLE%" == "admin" && site == "%SITE%" ? (status != "gone" ? 1 : 0) :
            "%ROLE%" == "inspector" && status == "gone" ? (age >= 18 ? 3 : 2) :
            owner == "%ID%" && "%ROLE%" in ["editor", "admin"] ? (status in ["active", "pending"] ? 5 : 4) :
            "%ROLE%" == "editor" && team == "%TEAM%" && site == "%SITE%" ? (status == "active" ? 7 : 6) :
            "%ID%" in members && "%ROLE%" == "editor" ? (status in ["active", "pending"] ? 9 : 8) :
            site == "%SITE%" && %GRADE% >= 3 ? (age >= 40 ? 11 : 10) :
            team in %TEAMS% && %GRADE% >= 3 ? (status == "active" ? 13 : 12) :
            age >= 55 && "%ROLE%" in ["editor", "viewer"] ? (status == "gone" ? 15 : 14) :
            16"#
        }
        // Names with dots are first looked up as a whole, so the resolver handles `before.owner` in one step.
        Decision::C => {
            r#"
            before.owner == "%ID%" && "%ROLE%" in ["editor", "admin"]
                ? (before.owner == after.owner && before.site == after.site ? 1 : 0) :
            "%ID%" in before.members
                ? (before.owner == after.owner && before.site == after.site ? 3 : 2) :
            16"#
        }
    })
}

/// A document whose fields are resolved by name.
trait Document: Send + Sync {
    fn field<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>>;
}

/// Resolves the names in a rule.
struct Names<D> {
    before: D,
    after: Option<D>,
}

impl<D: Document> VariableResolver for Names<D> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        match (&self.after, name.split_once('.')) {
            (None, None) => self.before.field(name),
            (Some(_), Some(("before", field))) => self.before.field(field),
            (Some(after), Some(("after", field))) => after.field(field),
            _ => None,
        }
    }
}

/// A document in the engine's own values, which the program borrows.
struct Prepared {
    owner: CelString<'static>,
    team: CelString<'static>,
    site: CelString<'static>,
    status: CelString<'static>,
    age: CelInt,
    members: CelList<'static>,
    /// Fields that no rule uses, which are present in the prepared documents of every engine.
    _others: Vec<Box<dyn Val>>,
}

impl Prepared {
    fn new(document: &bson::RawDocument) -> Self {
        let text = |key| CelString::from(document.get_str(key).expect("a string").to_owned());
        let members = document.get_array("members").expect("an array").into_iter();
        let members = members.map(|member| match member {
            Ok(RawBsonRef::String(member)) => Box::new(CelString::from(member.to_owned())) as Box<dyn Val>,
            other => panic!("no member is {other:?}"),
        });
        Self {
            owner: text("owner"),
            team: text("team"),
            site: text("site"),
            status: text("status"),
            age: i64::from(document.get_i32("age").expect("a number")).into(),
            members: members.collect::<Vec<_>>().into(),
            _others: ["name", "email", "notes"].map(|key| Box::new(text(key)) as Box<dyn Val>).into(),
        }
    }
}

impl Document for &Prepared {
    fn field<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        Some(CowVal::Borrowed(match name {
            "owner" => &self.owner,
            "team" => &self.team,
            "site" => &self.site,
            "status" => &self.status,
            "age" => &self.age,
            "members" => &self.members,
            _ => return None,
        }))
    }
}

impl Document for &bson::RawDocument {
    fn field<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        Some(match self.get(name).ok()?? {
            RawBsonRef::String(text) => CowVal::owned(CelString::from(text)),
            RawBsonRef::Int32(number) => CowVal::owned(CelInt::from(i64::from(number))),
            RawBsonRef::Array(elements) => CowVal::owned(Strings(elements)),
            _ => return None,
        })
    }
}

impl Document for Fields<'_> {
    fn field<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| CowVal::owned(CelString::from(text));
        Some(match name {
            "owner" => text(&self.owner),
            "team" => text(&self.team),
            "site" => text(&self.site),
            "status" => text(&self.status),
            "age" => CowVal::owned(CelInt::from(i64::from(self.age))),
            "members" => CowVal::owned(Strings(self)),
            _ => return None,
        })
    }
}

/// A list of strings, searched in place.
#[derive(Debug)]
struct Strings<L>(L);

/// Whether a list contains a string.
trait Has: std::fmt::Debug + Copy + Send + Sync {
    fn has(self, string: &str) -> bool;
}

impl Has for &RawArray {
    fn has(self, string: &str) -> bool {
        self.into_iter().any(|element| matches!(element, Ok(RawBsonRef::String(element)) if element == string))
    }
}

impl Has for &Fields<'_> {
    fn has(self, string: &str) -> bool {
        self.members.iter().any(|member| **member == *string)
    }
}

impl<L: Has> Val for Strings<L> {
    fn get_type(&self) -> &Type {
        &LIST_TYPE
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self(self.0))
    }
}

impl<L: Has> Container for Strings<L> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString<'_>>().is_some_and(|string| self.0.has(string)))
    }
}

/// Evaluates the program in a new inner scope of the context that has the functions.
fn decide(program: &Program, context: &Context<'_, '_>, names: &impl VariableResolver) -> Answer {
    let mut scope = context.new_inner_scope();
    scope.set_variable_resolver(names);
    match program.execute(&scope).expect("an answer") {
        Value::Bool(holds) => holds.into(),
        Value::Int(answer) => answer.try_into().expect("an answer"),
        other => panic!("{other:?} is no answer"),
    }
}

fn race(decision: Decision, tier: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let program = Program::compile(&rule(decision)).expect("a rule");
    let context = Context::default();
    let n = documents.len();
    let changes = decision == Decision::C;
    match tier {
        Tier::Prepared => {
            let before: Vec<_> = (0..n).map(|at| Prepared::new(documents.bson(at))).collect();
            let after: Vec<_> =
                (0..if changes { n } else { 0 }).map(|at| Prepared::new(documents.bson_after(at))).collect();
            stopwatch.measure(n, |at| {
                decide(&program, &context, &Names { before: &before[at], after: changes.then(|| &after[at]) })
            });
        }
        Tier::Bson => stopwatch.measure(n, |at| {
            let names = Names { before: documents.bson(at), after: changes.then(|| documents.bson_after(at)) };
            decide(&program, &context, &names)
        }),
        Tier::Json => stopwatch.measure(n, |at| {
            let parsed = Fields::parse;
            let names =
                Names { before: parsed(documents.json(at)), after: changes.then(|| parsed(documents.json_after(at))) };
            decide(&program, &context, &names)
        }),
    }
}
