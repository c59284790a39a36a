//! An expression that is printed and read again is the same expression, and means the same in every scope.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::expr;
use portcullis::predicate::{Predicate, Scope, TestKind, lower};

fuzz_target!(|text: &str| {
    let Ok(expr) = expr::parse_str(text) else { return };
    let printed = expr.to_string();
    let again = match expr::parse_str(&printed) {
        Ok(again) => again,
        Err(errors) => panic!("printed as {printed}, which is refused: {errors:?}"),
    };
    // NaN is no more equal to itself here than anywhere.
    assert!(again == expr || printed.contains("NaN"), "{printed} is {again:?}, was {expr:?}");
    assert_eq!(again.to_string(), printed);
    for (scope, _) in Scope::ALL {
        let meant = lower(&expr, scope).map(|predicate| outline(&predicate));
        let meant_again = lower(&again, scope).map(|predicate| outline(&predicate));
        match (meant, meant_again) {
            (Ok(meant), Ok(again)) => assert_eq!(meant, again),
            (Err(errors), Err(again)) => {
                let texts = |errors: Vec<_>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
                assert_eq!(texts(errors), texts(again));
            }
            (meant, again) => panic!("in scope {scope:?} {printed} is {again:?}, was {meant:?}"),
        }
    }
});

/// A predicate without places in the text.
fn outline(predicate: &Predicate) -> String {
    let list = |parts: &[Predicate]| parts.iter().map(outline).collect::<Vec<_>>().join(", ");
    match predicate {
        Predicate::Constant(value) => value.to_string(),
        Predicate::All(parts) => format!("all({})", list(parts)),
        Predicate::Any(parts) => format!("any({})", list(parts)),
        Predicate::Not(inner) => format!("not({})", outline(inner)),
        Predicate::Test(test) => match &test.check {
            TestKind::ElemMatch(elements, inner) => format!("{:?} {elements:?}({})", test.left, outline(inner)),
            check => format!("{:?} {check:?} `{}`", test.left, test.text),
        },
    }
}
