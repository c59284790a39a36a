//! Laws of authentication: how paths to claims are written, and what tokens cannot make of their users.
#![allow(clippy::unwrap_used, reason = "in a test, what was checked before and is not so should end the test")]

use bson::oid::ObjectId;
use bson::{Bson, Document, bson, doc};
use portcullis::auth::{
    Assembly, Choices, CustomDataConfig, CustomDataError, LARGE_CUSTOM_DATA, MAX_CUSTOM_DATA, MetadataPath, Provider,
    VerifiedClaims, Warning, assemble, union_of_identities,
};
use portcullis::store::Account;
use portcullis::{CustomData, UserType};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Keys with a meaning, and some without.
const KEYS: [&str; 18] = [
    "sub",
    "typ",
    "user_data",
    "portcullis",
    "type",
    "data",
    "identities",
    "id",
    "provider_type",
    "_id",
    "user_id",
    "email",
    "a.b",
    "https://hr.example.com/role",
    "profile",
    "exp",
    "",
    "$oid",
];

/// Texts with a meaning, and some without.
const TEXTS: [&str; 9] =
    ["access", "refresh", "normal", "server", "system", "65a0000000000000000000a1", "ada", "", "é\u{10000}"];

fn a_value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        4 => select(&TEXTS[..]).prop_map(Bson::from),
        1 => any::<i64>().prop_map(Bson::from),
        1 => any::<f64>().prop_map(Bson::from),
        1 => any::<bool>().prop_map(Bson::from),
        1 => any::<u8>().prop_map(|byte| Bson::ObjectId(ObjectId::from_bytes([byte; 12]))),
        1 => (0_usize..6000).prop_map(|length| Bson::String("x".repeat(length))),
        1 => select(vec![Bson::Null, Bson::Undefined, Bson::MinKey, Bson::DateTime(bson::DateTime::MAX)]),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec((select(&KEYS[..]), inner.clone()), 0..6).prop_map(|fields| Bson::Document(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
            vec(inner, 0..4).prop_map(Bson::Array),
        ]
    })
}

fn a_document() -> impl Strategy<Value = Document> {
    vec((select(&KEYS[..]), a_value()), 0..8)
        .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The claims of a valid access token, some of which are replaced by arbitrary values.
fn claims() -> impl Strategy<Value = Document> {
    let mostly = || prop_oneof![4 => a_document().prop_map(Bson::Document), 1 => a_value()];
    (a_document(), any::<bool>(), select(&TEXTS[..]), mostly(), mostly()).prop_map(
        |(document, near, kind, data, identities)| {
            let mut claims = doc! {};
            if near {
                claims.insert("sub", "65a0000000000000000000a1");
                claims.insert("typ", "access");
                claims.insert("portcullis", doc! { "type": kind, "data": data, "identities": [identities] });
            }
            claims.extend(document);
            claims
        },
    )
}

fn provider() -> Provider {
    let text = r#"{
        "type": "custom-token",
        "metadata_fields": [
            { "name": "email" },
            { "name": "https://hr\\.example\\.com/role", "field_name": "role" },
            { "name": "profile.email", "field_name": "second" },
            { "name": "portcullis.data", "field_name": "third" }
        ]
    }"#;
    Provider::compile(&portcullis::json::parse(text).unwrap()).unwrap()
}

fn config(field: &str) -> CustomDataConfig {
    let text =
        format!(r#"{{ "enabled": true, "database_name": "d", "collection_name": "c", "user_id_field": "{field}" }}"#);
    CustomDataConfig::compile(&portcullis::json::parse(&text).unwrap()).unwrap()
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(prop_oneof![r"[a-z.\\]{1,5}", r"[^\x00]{1,5}"], 1..5)
}

#[test]
fn each_refusal_has_its_own_error() {
    let ours = || doc! { "typ": "access", "sub": "u1", "portcullis": {} };
    let with = |name: &str, value: Bson| {
        let mut claims = ours();
        claims.insert(name, value);
        claims
    };
    let without = |name: &str| {
        let mut claims = ours();
        claims.remove(name);
        claims
    };
    let give = |claims, error: &str| {
        let found = assemble(&VerifiedClaims::trusted(claims), &Assembly::default()).unwrap_err();
        assert_eq!(found.to_string(), error);
    };
    give(without("sub"), "the token has no `sub` claim (user ID)");
    give(with("sub", bson!("")), "the claim `sub` must not be empty");
    give(with("sub", bson!(7)), "the claim `sub` must be a string, not of type `int`");
    give(without("typ"), "the token has no `typ` claim: it is not an access token, and no provider was named for it");
    give(with("typ", Bson::Null), "the claim `typ` must be a string, not of type `null`");
    give(with("typ", bson!("refresh")), "expected an access token, found a refresh token");
    give(with("typ", bson!("id")), "expected an access token, found a token of type `id`");
    give(without("portcullis"), "the access token has no `portcullis` claim, which describes the user");
    give(with("portcullis", bson!("x")), "the claim `portcullis` must be a document, not of type `string`");
    give(with("user_data", bson!([])), "the claim `user_data` must be a document, not of type `array`");
    let give = |portcullis: Bson, error: &str| give(with("portcullis", portcullis), error);
    give(bson!({ "type": "system" }), "a token cannot claim the user type \"system\"");
    give(bson!({ "type": "admin" }), "the claim `portcullis.type` must be \"normal\" or \"server\", not `admin`");
    give(bson!({ "type": 1 }), "the claim `portcullis.type` must be a string, not of type `int`");
    give(bson!({ "data": [] }), "the claim `portcullis.data` must be a document, not of type `array`");
    give(bson!({ "identities": {} }), "the claim `portcullis.identities` must be an array, not of type `object`");
    give(bson!({ "identities": [1] }), "the claim `portcullis.identities.*` must be a document, not of type `int`");
    give(
        bson!({ "identities": [{ "data": 1 }] }),
        "the claim `portcullis.identities.*.data` must be a document, not of type `int`",
    );
}

#[test]
fn a_provider_refuses_invalid_claims() {
    let give = |provider: &str, claims, error: &str| {
        let provider = Provider::compile(&portcullis::json::parse(provider).unwrap()).unwrap();
        let assembly = Assembly { provider: Some(&provider), custom_data: None };
        let found = assemble(&VerifiedClaims::trusted(claims), &assembly).unwrap_err();
        assert_eq!(found.to_string(), error);
    };
    let token = r#"{ "type": "custom-token", "metadata_fields": [{ "name": "mail", "required": true }] }"#;
    give(token, doc! { "mail": "m" }, "the token has no `sub` claim (user ID)");
    give(token, doc! { "sub": "", "mail": "m" }, "the claim `sub` must not be empty");
    give(token, doc! { "sub": "s" }, "the token lacks the required claim `mail`");
    give(token, doc! { "sub": "s", "mail": null }, "the token lacks the required claim `mail`");
    let long = "é".repeat(4097);
    give(token, doc! { "sub": "s", "mail": &long }, "the claim `mail` has 4097 characters; at most 4096 are accepted");
    // The brackets and quotes in `["` and `"]` count, because the length of a value that is not a string is that of its
    // JSON.
    let long = "é".repeat(4093);
    give(
        token,
        doc! { "sub": "s", "mail": [&long] },
        "the claim `mail` has 4097 characters; at most 4096 are accepted",
    );
    let disabled = r#"{ "type": "custom-token", "name": "intranet", "disabled": true }"#;
    give(disabled, doc! { "sub": "s" }, "the provider `intranet` is disabled");
    let other = r#"{ "type": "api-key" }"#;
    give(other, doc! { "sub": "s" }, "a provider of type `api-key` does not accept third-party tokens");
}

#[test]
fn the_size_of_custom_data_is_measured_in_bson_bytes() {
    let sized = |bytes: usize| {
        let empty = doc! { "user_id": "ada", "text": "" };
        let text = "x".repeat(bytes - empty.to_vec().unwrap().len());
        [doc! { "user_id": "ada", "text": text }]
    };
    let select = |bytes| config("user_id").select("ada", &sized(bytes)).map(|selection| selection.warnings);
    assert_eq!(select(LARGE_CUSTOM_DATA), Ok(vec![]));
    let bytes = LARGE_CUSTOM_DATA + 1;
    assert_eq!(select(bytes), Ok(vec![Warning::CustomDataLarge { bytes }]));
    assert!(select(MAX_CUSTOM_DATA).is_ok());
    let bytes = MAX_CUSTOM_DATA + 1;
    assert_eq!(select(bytes), Err(CustomDataError::TooLarge { bytes }));
}

#[test]
fn the_data_of_an_imported_user_goes_to_the_first_identity_unless_one_has_its_own() {
    let said = |second: Document| {
        let first = doc! { "id": "a", "provider_type": "custom-token" };
        let user = doc! { "_id": "u1", "data": { "team": "red" }, "identities": [first, second] };
        let account = Account::from_export(user, bson::DateTime::now()).unwrap().account;
        account.identities.into_iter().map(|identity| identity.data).collect::<Vec<_>>()
    };
    assert_eq!(said(doc! { "id": "b", "provider_type": "api-key" }), [doc! { "team": "red" }, doc! {}]);
    let second = doc! { "id": "b", "provider_type": "api-key", "provider_data": { "n": 1 } };
    assert_eq!(said(second), [doc! {}, doc! { "n": 1 }]);
}

#[test]
fn object_ids_in_another_spelling_are_different_ids() {
    let documents = [doc! { "user_id": ObjectId::parse_str("65a0000000000000000000a1").unwrap() }];
    assert!(config("user_id").select("65a0000000000000000000a1", &documents).unwrap().document.is_some());
    assert!(config("user_id").select("65A0000000000000000000A1", &documents).unwrap().document.is_none());
}

fn oid(last: u8) -> Bson {
    let mut bytes = [0; 12];
    bytes[11] = last;
    Bson::ObjectId(ObjectId::from_bytes(bytes))
}

proptest! {
    #[test]
    fn printing_then_parsing_gives_the_same_metadata_path(names in names()) {
        let path = MetadataPath::from_names(names).unwrap();
        prop_assert_eq!(MetadataPath::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn parsing_then_printing_gives_the_same_text(text in prop_oneof![r"[ab.\\]{0,8}", ".*"]) {
        if let Ok(path) = MetadataPath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn a_metadata_path_finds_the_value_under_its_names(names in names()) {
        let claims = names.iter().rev().fold(bson!(7), |value, name| bson!({ name: value }));
        let path = MetadataPath::from_names(names).unwrap();
        prop_assert_eq!(path.look_up(claims.as_document().unwrap()), Some(&bson!(7)));
    }

    #[test]
    fn no_input_makes_the_assembler_panic_or_return_the_system_user(
        claims in claims(),
        documents in vec(a_document(), 0..5),
        third_party: bool,
        field in select(vec!["user_id", "_id", "data.id", "portcullis.data.0"]),
    ) {
        let (provider, config) = (provider(), config(field));
        let claims = VerifiedClaims::trusted(claims);
        for custom_data in [None, Some((&config, &documents[..]))] {
            let assembly = Assembly { provider: third_party.then_some(&provider), custom_data };
            match assemble(&claims, &assembly) {
                Ok(assembled) => {
                    prop_assert_ne!(assembled.user.kind, UserType::System);
                    prop_assert_eq!(Some(assembled.user.id.as_str()), claims.document().get_str("sub").ok());
                    prop_assert!(!assembled.user.id.is_empty());
                }
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }

    #[test]
    fn portcullis_claims_are_ignored_in_third_party_tokens(ours in a_document(), typ in a_value(), data in a_value()) {
        let text = r#"{ "type": "custom-token", "metadata_fields": [{ "name": "email" }] }"#;
        let provider = Provider::compile(&portcullis::json::parse(text).unwrap()).unwrap();
        let assembly = Assembly { provider: Some(&provider), ..Assembly::default() };
        let plain = doc! { "sub": "third|7", "email": "ada@example.com" };
        let mut claims = plain.clone();
        claims.extend(doc! { "portcullis": ours, "typ": typ, "user_data": data });
        prop_assert_eq!(
            assemble(&VerifiedClaims::trusted(claims), &assembly),
            assemble(&VerifiedClaims::trusted(plain), &assembly)
        );
    }

    #[test]
    fn an_array_never_names_a_user(mut documents in vec(a_document(), 0..6), id in select(&TEXTS[..])) {
        for document in &mut documents {
            let held = document.remove("user_id").unwrap_or(bson!(id));
            document.insert("user_id", vec![held, bson!(id)]);
        }
        prop_assert_eq!(config("user_id").select(id, &documents).unwrap().document, None);
    }

    #[test]
    fn the_selected_document_is_among_the_given_ones_and_names_the_user(
        documents in vec((a_document(), select(vec![bson!("65a0000000000000000000a1"),
            Bson::ObjectId(ObjectId::parse_str("65a0000000000000000000a1").unwrap()), bson!(1)])), 0..6),
    ) {
        let id = "65a0000000000000000000a1";
        let documents: Vec<Document> = documents.into_iter().map(|(mut document, user_id)| {
            document.insert("user_id", user_id);
            document.remove("_id");
            document
        }).collect();
        let named = |wanted: fn(&Bson) -> bool| documents.iter().find(|d| wanted(d.get("user_id").unwrap()));
        let expected = named(|value| value.as_str() == Some("65a0000000000000000000a1"))
            .or_else(|| named(|value| value.as_object_id().is_some()));
        let selected = config("user_id").select(id, &documents).unwrap();
        prop_assert_eq!(selected.document.as_ref(), expected);
    }

    #[test]
    fn the_documents_that_count_are_the_selected_ones(
        documents in vec((
            select(vec![bson!("65a0000000000000000000a1"), bson!("ada"), bson!(["ada"]), bson!(1),
                Bson::ObjectId(ObjectId::parse_str("65a0000000000000000000a1").unwrap())]),
            select(vec![None, Some(bson!(1)), Some(oid(1)), Some(oid(2)), Some(oid(3))]),
        ), 0..8),
    ) {
        let documents: Vec<Document> = documents.into_iter().enumerate().map(|(number, (user_id, id))| {
            let mut document = doc! { "user_id": user_id, "number": i32::try_from(number).unwrap() };
            document.extend(id.map(|id| ("_id".to_owned(), id)));
            document
        }).collect();
        let config = config("user_id");
        let mut choices = Choices::new(config.source().unwrap());
        documents.iter().for_each(|document| choices.add(document));
        let counted: Vec<i32> = documents.iter().enumerate()
            .filter(|(number, document)| choices.counts(*number, document))
            .map(|(_, document)| document.get_i32("number").unwrap())
            .collect();
        let (mut expected, mut several) = (Vec::new(), Vec::new());
        for id in ["65a0000000000000000000a1", "ada"] {
            let selection = config.select(id, &documents).unwrap();
            expected.extend(selection.document.map(|document| document.get_i32("number").unwrap()));
            several.extend((!selection.warnings.is_empty()).then_some(id));
        }
        expected.sort_unstable();
        prop_assert_eq!(counted, expected);
        prop_assert_eq!(choices.several(), several);
        prop_assert_eq!(choices.documents(), documents.len());
    }

    #[test]
    fn the_union_of_identities_does_not_depend_on_their_order(data in vec(a_document(), 0..4)) {
        let forth: Vec<Bson> = data.iter().map(|data| bson!({ "id": "i", "data": data.clone() })).collect();
        let back: Vec<Bson> = forth.iter().rev().cloned().collect();
        let (forth, back) = (union_of_identities(&forth), union_of_identities(&back));
        prop_assert_eq!(forth.len(), back.len());
        for (name, value) in &forth {
            let other = back.get(name).unwrap();
            prop_assert!(portcullis::value::equal(value.into(), other.into()).unwrap());
        }
    }

    #[test]
    fn looked_up_custom_data_replaces_that_of_the_token(documents in vec(a_document(), 0..4)) {
        let claims = doc! { "typ": "access", "sub": "ada", "portcullis": {}, "user_data": { "promoted": true } };
        let config = config("user_id");
        let assembly = Assembly { provider: None, custom_data: Some((&config, &documents)) };
        let user = assemble(&VerifiedClaims::trusted(claims), &assembly).unwrap().user;
        let found = config.select("ada", &documents).unwrap().document;
        prop_assert_eq!(user.custom_data, found.map_or(CustomData::Absent, CustomData::Loaded));
    }
}
