//! A template that is printed and read again is the same template; what it resolves to is the same by every way out, and is
//! not read again.
#![no_main]

use bson::doc;
use libfuzzer_sys::fuzz_target;
use portcullis::template::{Failure, Reason, Unresolved};
use portcullis::{Context, Escape, Missing, Template, User};

/// Failures without their positions in the source text, which a template read from BSON does not have.
fn without_places<T>(resolved: Result<T, Unresolved>) -> Result<T, Vec<(String, String, Reason)>> {
    let parts =
        |failure: &Failure| (failure.pointer().to_owned(), failure.asked().to_owned(), failure.reason().clone());
    resolved.map_err(|unresolved| unresolved.as_slice().iter().map(parts).collect())
}

fuzz_target!(|text: &str| {
    for (escape, _) in Escape::ALL {
        if let Ok(template) = Template::text(text, escape) {
            let _ = template.to_text(&Context::new().without_now());
        }
    }
    let Ok(template) = Template::parse(text) else { return };
    let again = Template::from_bson(&template.to_bson());
    let Ok(again) = again else { panic!("{} is refused", template.to_bson()) };
    let expansions = |template: &Template| -> Vec<_> {
        template.expansions().into_iter().map(|one| (one.expansion, one.pointer, one.has_default)).collect()
    };
    assert_eq!(expansions(&template), expansions(&again));

    let mut user = User::new("u1").with_custom_data(doc! { "n": 1, "list": ["a", { "b": 2 }], "text": "%%user.id" });
    user.data = doc! { "name": "%(%%user.id)", "empty": "" };
    let context = Context::new().without_now().with_user(user).with_values(doc! { "v": { "$gt": "" } });
    for (missing, _) in Missing::ALL {
        let resolved = template.resolve_with(&context, missing);
        assert_eq!(without_places(resolved.clone()), without_places(again.resolve_with(&context, missing)));
        if missing == Missing::Keep
            && let Ok(Some(kept)) = &resolved
        {
            let kept = Template::from_bson(kept).expect("what is kept is a template");
            assert_eq!(kept.resolve(&context).ok(), template.resolve(&context).ok());
        }
    }
    let mut bytes = Vec::new();
    if let Ok(resolved) = template.resolve(&context)
        && template.write_raw(&context, &mut bytes).is_ok()
    {
        let raw = bson::Document::from_reader(bytes.as_slice()).expect("BSON was written");
        assert_eq!(
            bson::serialize_to_vec(&raw).ok(),
            resolved.as_document().and_then(|one| bson::serialize_to_vec(one).ok())
        );
    }
});
