//! `cedar-policy`: (a) is a policy for `is_authorized`. Its decisions do not tell which of several roles applies, so
//! (b) and (c) are expressions of the same language for `eval_expression`.

use std::str::FromStr;

use bson::{RawBsonRef, RawDocument};
use cedar_policy::{
    Authorizer, Context, Decision as Decided, Entities, EntityUid, EvalResult, Expression, PolicySet, Request,
    RestrictedExpression, eval_expression,
};

use super::{Contender, NAMED, Wanted, everything, only_bson};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, Tier, user};
use crate::documents::Documents;
use crate::fields::{Fields, Text};

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender {
        engine: "cedar-policy",
        variant: None,
        prepared_bytes: 6_000,
        runs: everything,
        race: |decision, tier, documents, stopwatch| race(decision, tier, Wanted::Whole, documents, stopwatch),
    };
    let named = Contender {
        variant: Some(NAMED),
        runs: only_bson,
        race: |decision, tier, documents, stopwatch| {
            race(decision, tier, Wanted::of(decision), documents, stopwatch);
        },
        ..plain
    };
    vec![plain, named]
}

fn rule(decision: Decision) -> String {
    user::fill_in(match decision {
        Decision::A => {
            r#"permit(principal, action, resource) when {
                (context.owner == "%ID%" && ["editor", "admin"].contains("%ROLE%")) || context.members.contains("%ID%")
            };"#
        }
        Decision::B => {
            r#"
            if "%ROLE%" == "admin" && context.site == "%SITE%" then (if context.status != "gone" then 1 else 0)
            else if "%ROLE%" == "inspector" && context.status == "gone" then (if context.age >= 18 then 3 else 2)
            else if context.owner == "%ID%" && ["editor", "admin"].contains("%ROLE%")
                then (if ["active", "pending"].contains(context.status) then 5 else 4)
            else if "%ROLE%" == "editor" && context.team == "%TEAM%" && context.site == "%SITE%"
                then (if context.status == "active" then 7 else 6)
            else if context.members.contains("%ID%") && "%ROLE%" == "editor"
                then (if ["active", "pending"].contains(context.status) then 9 else 8)
            else if context.site == "%SITE%" && %GRADE% >= 3 then (if context.age >= 40 then 11 else 10)
            else if %TEAMS%.contains(context.team) && %GRADE% >= 3
                then (if context.status == "active" then 13 else 12)
            else if context.age >= 55 && ["editor", "viewer"].contains("%ROLE%")
                then (if context.status == "gone" then 15 else 14)
            else 16"#
        }
        Decision::C => {
            r#"
            if context.before.owner == "%ID%" && ["editor", "admin"].contains("%ROLE%")
                then (if context.before.owner == context.after.owner && context.before.site == context.after.site
                    then 1 else 0)
            else if context.before.members.contains("%ID%")
                then (if context.before.owner == context.after.owner && context.before.site == context.after.site
                    then 3 else 2)
            else 16"#
        }
    })
}

type Member = (String, RestrictedExpression);

fn value(bson: RawBsonRef<'_>) -> RestrictedExpression {
    match bson {
        RawBsonRef::String(text) => RestrictedExpression::new_string(text.to_owned()),
        RawBsonRef::Int32(number) => RestrictedExpression::new_long(number.into()),
        // Cedar has no floating-point numbers, and none of the rules uses one.
        RawBsonRef::Double(number) => RestrictedExpression::new_string(number.to_string()),
        RawBsonRef::ObjectId(id) => RestrictedExpression::new_string(id.to_hex()),
        RawBsonRef::Document(document) => record(members(document, Wanted::Whole)),
        RawBsonRef::Array(array) => {
            RestrictedExpression::new_set(array.into_iter().map(|element| value(element.expect("BSON"))))
        }
        other => panic!("no document has {other:?}"),
    }
}

fn members(document: &RawDocument, wanted: Wanted) -> Vec<Member> {
    let mut members = Vec::with_capacity(12);
    wanted.each(document, |key, bson| members.push((key.to_owned(), value(bson))));
    members
}

/// The fields that the rule names, from an application's struct.
fn named(fields: &Fields<'_>, names: &[&str]) -> Vec<Member> {
    let text = |text: &Text<'_>| RestrictedExpression::new_string(str::to_owned(text));
    let value = |name| match name {
        "owner" => text(&fields.owner),
        "team" => text(&fields.team),
        "site" => text(&fields.site),
        "status" => text(&fields.status),
        "age" => RestrictedExpression::new_long(fields.age.into()),
        _ => RestrictedExpression::new_set(fields.members.iter().map(text)),
    };
    names.iter().map(|name| ((*name).to_owned(), value(*name))).collect()
}

fn record(members: Vec<Member>) -> RestrictedExpression {
    RestrictedExpression::new_record(members).expect("each name once")
}

fn pair(before: Vec<Member>, after: Vec<Member>) -> Vec<Member> {
    vec![("before".to_owned(), record(before)), ("after".to_owned(), record(after))]
}

enum Rule {
    Policies(PolicySet),
    Expression(Expression),
}

/// A compiled rule with everything that does not depend on a document.
struct Compiled {
    authorizer: Authorizer,
    rule: Rule,
    entities: Entities,
    user: EntityUid,
    read: EntityUid,
    document: EntityUid,
}

impl Compiled {
    fn new(decision: Decision) -> Self {
        let text = rule(decision);
        let uid = |text: &str| EntityUid::from_str(text).expect("an entity");
        Self {
            authorizer: Authorizer::new(),
            rule: match decision {
                Decision::A => Rule::Policies(text.parse().expect("policies")),
                Decision::B | Decision::C => Rule::Expression(text.parse().expect("an expression")),
            },
            entities: Entities::empty(),
            user: uid(&user::fill_in(r#"User::"%ID%""#)),
            read: uid(r#"Action::"read""#),
            document: uid(r#"Document::"employee""#),
        }
    }

    fn request(&self, members: Vec<Member>) -> Request {
        let context = Context::from_pairs(members).expect("each name once");
        let [user, read, document] = [&self.user, &self.read, &self.document].map(EntityUid::clone);
        Request::new(user, read, document, context, None).expect("a request")
    }

    fn decide(&self, request: &Request) -> Answer {
        match &self.rule {
            Rule::Policies(policies) => {
                let response = self.authorizer.is_authorized(request, policies, &self.entities);
                (response.decision() == Decided::Allow).into()
            }
            Rule::Expression(expression) => match eval_expression(request, &self.entities, expression) {
                Ok(EvalResult::Long(answer)) => answer.try_into().expect("an answer"),
                other => panic!("{other:?} is no answer"),
            },
        }
    }
}

fn race(decision: Decision, tier: Tier, wanted: Wanted, documents: &Documents, stopwatch: &mut Stopwatch) {
    let compiled = Compiled::new(decision);
    let n = documents.len();
    let after = wanted.after();
    let converted = |at, wanted, after| {
        compiled.request(match decision {
            Decision::A | Decision::B => members(documents.bson(at), wanted),
            Decision::C => pair(members(documents.bson(at), wanted), members(documents.bson_after(at), after)),
        })
    };
    match tier {
        Tier::Prepared => {
            let prepared: Vec<Request> = (0..n).map(|at| converted(at, Wanted::Whole, Wanted::Whole)).collect();
            stopwatch.measure(n, |at| compiled.decide(&prepared[at]));
        }
        Tier::Bson => stopwatch.measure(n, |at| compiled.decide(&converted(at, wanted, after))),
        Tier::Json => stopwatch.measure(n, |at| {
            let before = named(&Fields::parse(documents.json(at)), decision.fields());
            compiled.decide(&compiled.request(match decision {
                Decision::A | Decision::B => before,
                Decision::C => pair(before, named(&Fields::parse(documents.json_after(at)), Decision::FIELDS_AFTER)),
            }))
        }),
    }
}
