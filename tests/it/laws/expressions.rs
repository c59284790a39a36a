//! Conditions: binding, printing and reordering do not change their meaning.

use bson::{Bson, doc};
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind, trace};
use portcullis::predicate::{Scope, lower};
use portcullis::{User, expr, json};
use portcullis_testkit::naive::generate;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{context, documents, expressions, read, scalar, truth};

/// The conditions in reverse order, at every level.
fn reversed(json: &Json) -> Json {
    match json {
        Json::Object(fields) if !fields.keys().any(|key| key.starts_with('$') && key.len() > 9) => {
            Json::Object(fields.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bound_and_traced_evaluation_agree(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let context = context(&file, case, given, &[]);
            let bound = truth(&predicate, given, &context);
            let traced = trace(&predicate, documents(given), &context, &Errors::default());
            prop_assert_eq!(bound, traced.truth, "{}", expr.value);
        }
    }

    #[test]
    fn settling_only_turns_unknown_into_false(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let context = context(&file, case, given, &[]);
            let errors = Errors::default();
            let evaluation = Evaluation::new(documents(given), &context, &errors);
            let (exact, settled) =
                (evaluation.truth(&bind(&predicate, &context)), evaluation.truth(&bind(&predicate, &context).settle()));
            let allowed = settled == exact || (exact, settled) == (Truth::Unknown, Truth::False);
            prop_assert!(allowed, "{exact} became {settled}: {}", expr.value);
        }
    }

    #[test]
    fn printing_then_parsing_gives_the_same_expression(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, ..) in expressions(&file) {
            let printed = expr.value.to_string();
            let again = expr::parse_str(&printed).unwrap();
            prop_assert_eq!(&again.value.to_string(), &printed);
            // NaN does not equal itself.
            prop_assert!(again.value == expr.value || printed.contains("NaN"), "{}", printed);
        }
    }

    #[test]
    fn the_order_of_conditions_never_changes_a_result(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, scope, predicate, given, case) in expressions(&file) {
            let turned = expr::parse_str(&reversed(&expr.value.to_json()).to_string()).unwrap();
            let turned = lower(&turned, scope).unwrap();
            let context = context(&file, case, given, &[]);
            prop_assert_eq!(truth(&predicate, given, &context), truth(&turned, given, &context), "{}", expr.value);
        }
    }

    #[test]
    fn an_unknown_condition_never_grants(file in generate::file()) {
        let Some(file) = read(&file) else { return Ok(()) };
        for (expr, _, predicate, given, case) in expressions(&file) {
            let supplied = truth(&predicate, given, &context(&file, case, given, &[]));
            for part in ["user", "values", "environment", "request", "args", "partition"] {
                let withheld = truth(&predicate, given, &context(&file, case, given, &[part]));
                // An outcome that is known without a part of the context remains the same if that part is supplied.
                let kept = !matches!(withheld, Truth::True | Truth::False) || withheld == supplied;
                prop_assert!(kept, "{withheld} without the {part}, {supplied} with it: {}", expr.value);
            }
        }
    }

    #[test]
    fn a_long_list_equals_a_disjunction_of_its_elements(
        list in proptest::collection::vec(scalar(), 0..40),
        asked in scalar(),
        in_array in any::<bool>(),
    ) {
        let document = if in_array { doc! { "a": [asked] } } else { doc! { "a": asked } };
        let elements = list.iter().map(json::from_bson);
        let one_by_one: Vec<Json> = elements.clone().map(|element| json!({ "a": { "$eq": element } })).collect();
        let one_by_one = if list.is_empty() { json!(false) } else { json!({ "%or": one_by_one }) };
        let user = User::new("u").with_custom_data(doc! { "list": list.clone() });
        let held = |expression: Json| {
            let expr = expr::parse_str(&expression.to_string()).unwrap();
            let context = Context::new().with_user(user.clone());
            let documents = Documents { root: Some((&document).into()), ..Documents::default() };
            Evaluation::new(documents, &context, &Errors::default())
                .truth(&bind(&lower(&expr, Scope::Role).unwrap(), &context))
        };
        let literal = held(json!({ "a": { "$in": elements.collect::<Vec<_>>() } }));
        prop_assert_eq!(literal, held(one_by_one));
        // In an array from the context, an element that may not be compared with anything is Unknown.
        let of_context = held(json!({ "a": { "$in": "%%user.custom_data.list" } }));
        prop_assert!(of_context == literal || list.contains(&Bson::Null) && of_context == Truth::Unknown);
    }
}
