//! The Data API: its actions, response formats and errors.

use portcullis_server::{Options, RateLimits};
use serde_json::{Value, json};

use crate::shop::{ACTIONS, Changes, ENDPOINT, SHOP, Shop, token};

const EMAIL: &str = "ken@example.com";
const KEN: [(&str, &str); 2] = [("email", EMAIL), ("password", "password")];

#[tokio::test]
async fn every_action_answers_as_documented() {
    let shop = Shop::new().await;
    let (ken, _) = shop.somebody(EMAIL).await;
    let act = async |action: &str, options: Value| {
        let answer = shop.act(&KEN, action, "orders", options.clone()).await;
        assert_eq!(answer.status, 200, "{action} {options}: {answer:?}");
        answer.json()
    };
    let order = |id: i32, what: &str| json!({ "_id": id, "customer": ken, "what": what });
    assert_eq!(act("insertOne", json!({ "document": order(1, "tea") })).await, json!({ "insertedId": 1 }));
    let documents = json!([order(2, "milk"), order(3, "salt")]);
    assert_eq!(act("insertMany", json!({ "documents": documents })).await, json!({ "insertedIds": [2, 3] }));
    assert_eq!(
        act("findOne", json!({ "filter": { "_id": 2 }, "projection": { "what": 1 } })).await,
        json!({ "document": { "_id": 2, "what": "milk" } })
    );
    assert_eq!(act("findOne", json!({ "filter": { "_id": 9 } })).await, json!({ "document": null }));
    let options = json!({ "filter": {}, "projection": { "_id": 1 }, "sort": { "_id": -1 }, "skip": 1, "limit": 1 });
    assert_eq!(act("find", options).await, json!({ "documents": [{ "_id": 2 }] }));
    let pipeline = json!([{ "$group": { "_id": null, "n": { "$sum": 1 } } }]);
    assert_eq!(
        act("aggregate", json!({ "pipeline": pipeline })).await,
        json!({ "documents": [{ "_id": null, "n": 3 }] })
    );
    let set = json!({ "filter": { "_id": 1 }, "update": { "$set": { "what": "coffee" } } });
    assert_eq!(act("updateOne", set).await, json!({ "matchedCount": 1, "modifiedCount": 1 }));
    let set = json!({ "filter": { "_id": { "$gte": 2 } }, "update": { "$set": { "n": 1 } } });
    assert_eq!(act("updateMany", set).await, json!({ "matchedCount": 2, "modifiedCount": 2 }));
    let upsert = json!({ "filter": { "_id": 4 }, "update": { "$set": { "customer": ken } }, "upsert": true });
    assert_eq!(act("updateOne", upsert).await, json!({ "matchedCount": 0, "modifiedCount": 0, "upsertedId": 4 }));
    for (price, expected) in [
        ("1.5", json!({ "matchedCount": 0, "modifiedCount": 0, "upsertedId": 1 })),
        ("2.5", json!({ "matchedCount": 1, "modifiedCount": 1 })),
    ] {
        let replacement = json!({ "price": { "$numberDouble": price } });
        let options = json!({ "filter": { "_id": 1 }, "replacement": replacement, "upsert": true });
        assert_eq!(shop.act(&KEN, "replaceOne", "priced", options).await.good(), expected);
    }
    assert_eq!(act("deleteOne", json!({ "filter": { "_id": 4 } })).await, json!({ "deletedCount": 1 }));
    assert_eq!(act("deleteMany", json!({ "filter": {} })).await, json!({ "deletedCount": 3 }));
}

#[tokio::test]
async fn responses_have_the_requested_format() {
    let shop = Shop::new().await;
    let (ken, _) = shop.somebody(EMAIL).await;
    let values = json!({
        "_id": { "$oid": "0123456789abcdef01234567" },
        "customer": ken,
        "date": { "$date": { "$numberLong": "1577836800500" } },
        "late": { "$date": { "$numberLong": "999999999999999" } },
        "decimal": { "$numberDecimal": "1.50" },
        "binary": { "$binary": { "base64": "AQI=", "subType": "80" } },
        "regex": { "$regularExpression": { "pattern": "^a", "options": "i" } },
        "timestamp": { "$timestamp": { "t": 5, "i": 6 } },
        "min": { "$minKey": 1 },
        "int": { "$numberInt": "7" },
        "long": { "$numberLong": "9007199254740993" },
        "double": { "$numberDouble": "1.5" },
        "nan": { "$numberDouble": "NaN" },
        "list": [null, true, { "$maxKey": 1 }],
    });
    shop.act(&KEN, "insertOne", "orders", json!({ "document": values })).await.good();
    let plain = json!({
        "_id": "0123456789abcdef01234567",
        "customer": ken,
        "date": "2020-01-01T00:00:00.500Z",
        "late": 999_999_999_999_999_i64,
        "decimal": "1.50",
        "binary": { "Subtype": 128, "Data": "AQI=" },
        "regex": { "Pattern": "^a", "Options": "i" },
        "timestamp": { "T": 5, "I": 6 },
        "min": {},
        "int": 7,
        "long": 9_007_199_254_740_993_i64,
        "double": 1.5,
        "nan": "NaN",
        "list": [null, true, {}],
    });
    let asked = async |shop: &Shop, accept: Option<&str>| {
        let mut headers = KEN.to_vec();
        headers.extend(accept.map(|accept| ("Accept", accept)));
        let answer = shop.act(&headers, "findOne", "orders", json!({})).await;
        (answer.kind().to_owned(), answer.good()["document"].clone())
    };
    let json_form = ("application/json".to_owned(), plain);
    let ejson_form = ("application/ejson".to_owned(), values);
    for accept in [None, Some("*/*"), Some("application/json"), Some("application/ejson;q=0.1, application/json")] {
        assert_eq!(asked(&shop, accept).await, json_form, "{accept:?}");
    }
    for accept in ["application/ejson", "text/html, Application/EJSON", "application/json;q=0, application/ejson"] {
        assert_eq!(asked(&shop, Some(accept)).await, ejson_form, "{accept}");
    }
    let shop = Shop::with(Changes::data_api(&json!({ "return_type": "EJSON" }))).await;
    shop.somebody(EMAIL).await;
    assert_eq!(asked(&shop, None).await, ("application/ejson".to_owned(), Value::Null));
    assert_eq!(asked(&shop, Some("application/json")).await, ("application/json".to_owned(), Value::Null));
}

#[tokio::test]
async fn rules_and_schemas_apply() {
    let shop = Shop::new().await;
    let (ken, _) = shop.somebody(EMAIL).await;
    let (eve, token) = shop.somebody("eve@example.com").await;
    let bearer = format!("Bearer {token}");
    let as_eve = [("authorization", bearer.as_str())];
    shop.act(&KEN, "insertOne", "orders", json!({ "document": { "_id": 1, "customer": ken } })).await.good();
    assert_eq!(shop.act(&as_eve, "find", "orders", json!({})).await.good(), json!({ "documents": [] }));
    let refused = shop.act(&as_eve, "insertOne", "orders", json!({ "document": { "_id": 2, "customer": ken } })).await;
    let text = |text: &str| (400, "NoMatchingRuleFound".to_owned(), text.to_owned());
    assert_eq!(refused.failure(), text("insert not permitted"));
    assert_eq!(refused.kind(), "application/json");
    let own = json!({ "document": { "_id": 2, "customer": eve, "margin": 3 } });
    assert_eq!(shop.act(&as_eve, "insertOne", "orders", own).await.failure(), text("insert not permitted"));
    let closed = shop.act(&KEN, "find", "nothing", json!({})).await;
    let message = "no rule exists for namespace 'shop.nothing'";
    assert_eq!(closed.failure(), (403, "NoMatchingRuleFound".to_owned(), message.to_owned()));
    assert_eq!(shop.act(&KEN, "find", "people", json!({})).await.good(), json!({ "documents": [] }));
    let wrong = shop.act(&KEN, "insertOne", "priced", json!({ "document": { "_id": 1, "price": "much" } })).await;
    assert_eq!(wrong.failure(), (400, "SchemaValidationFailedWrite".to_owned(), "insert not permitted".to_owned()));
    shop.act(&KEN, "insertOne", "priced", json!({ "document": { "_id": 1, "price": { "$numberDouble": "1" } } }))
        .await
        .good();
    let wrong = json!({ "filter": { "_id": 1 }, "update": { "$unset": { "price": 1 } } });
    let wrong = shop.act(&KEN, "updateOne", "priced", wrong).await.failure();
    assert_eq!(wrong, (400, "SchemaValidationFailedWrite".to_owned(), "update not permitted".to_owned()));
}

/// Two shops that differ only in what eve may not read give her the same answers, whatever she requests.
#[tokio::test]
async fn hidden_fields_are_not_revealed() {
    let mut told: Vec<Vec<(u16, Value)>> = Vec::new();
    for margin in [1, 1000] {
        let shop = Shop::new().await;
        shop.somebody(EMAIL).await;
        let eve = [("email", "eve@example.com"), ("password", "password")];
        shop.somebody("eve@example.com").await;
        // Ken's ID differs between the shops, and only hidden fields contain it.
        let ken = shop.act(&KEN, "find", "orders", json!({})).await.good();
        assert_eq!(ken, json!({ "documents": [] }));
        let (id, _) = shop.log_in(EMAIL).await;
        for order in 0..margin.min(3) {
            let document = json!({ "_id": order, "customer": id, "what": "x".repeat(usize::try_from(order).unwrap()) });
            shop.act(&KEN, "insertOne", "orders", json!({ "document": document })).await.good();
        }
        let mut answers = Vec::new();
        for (action, options) in [
            ("find", json!({ "filter": { "what": "x" }, "sort": { "what": 1 } })),
            ("findOne", json!({ "filter": { "_id": 1 } })),
            ("aggregate", json!({ "pipeline": [{ "$group": { "_id": null, "n": { "$sum": 1 } } }] })),
            (
                "aggregate",
                json!({ "pipeline": [{ "$project": { "x": { "$divide": [1, { "$strLenCP": "$what" }] } } }] }),
            ),
            ("updateOne", json!({ "filter": { "_id": 1 }, "update": { "$set": { "what": "y" } } })),
            ("updateMany", json!({ "filter": { "what": "x" }, "update": { "$inc": { "what": 1 } } })),
            ("replaceOne", json!({ "filter": { "_id": 1 }, "replacement": { "what": "y" } })),
            ("deleteOne", json!({ "filter": { "_id": 1 } })),
            ("deleteMany", json!({ "filter": { "what": { "$gt": "" } } })),
            ("find", json!({ "filter": { "$where": "this.what" } })),
        ] {
            let answer = shop.act(&eve, action, "orders", options).await;
            let mut body = answer.json();
            // The link contains the request ID.
            body.as_object_mut().unwrap().remove("link");
            answers.push((answer.status, body));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn invalid_requests_get_documented_errors() {
    let shop = Shop::new().await;
    let (ken, _) = shop.somebody(EMAIL).await;
    shop.act(&KEN, "insertOne", "orders", json!({ "document": { "_id": 1, "customer": ken } })).await.good();
    let bad = |code: &str, text: &str| (400, code.to_owned(), text.to_owned());
    for (action, options, expected) in [
        ("deleteMany", json!({}), bad("MissingParameter", "missing required parameter 'filter'")),
        ("deleteMany", json!({ "filter": null }), bad("InvalidParameter", "'filter' must not be null")),
        ("deleteMany", json!({ "filter": [] }), bad("InvalidParameter", "'filter' must be a document")),
        ("deleteMany", json!({ "query": {} }), bad("InvalidParameter", "'deleteMany' takes no 'query'")),
        ("find", json!({ "filtr": {} }), bad("InvalidParameter", "'find' takes no 'filtr'")),
        ("insertOne", json!({}), bad("MissingParameter", "missing required parameter 'document'")),
        ("insertMany", json!({ "documents": [] }), bad("InvalidParameter", "must provide at least one element")),
        ("updateOne", json!({ "filter": {} }), bad("MissingParameter", "missing required parameter 'update'")),
        ("find", json!({ "collection": 1 }), bad("MissingParameter", "missing required parameter 'collection'")),
        ("find", json!({ "database": "" }), bad("MissingParameter", "missing required parameter 'database'")),
        ("find", json!({ "dataSource": "else" }), bad("InvalidParameter", "no data source 'else'")),
        (
            "replaceOne",
            json!({ "filter": {}, "replacement": { "$set": { "a": 1 } } }),
            bad("InvalidParameter", "the replace operation document must not contain atomic operators"),
        ),
    ] {
        assert_eq!(shop.act(&KEN, action, "orders", options.clone()).await.failure(), expected, "{action} {options}");
    }
    assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.good()["documents"].as_array().unwrap().len(), 1);
    for body in ["", "[]", "1", "{", "{\"a\": 1, \"a\": 2}"] {
        let answer = shop.ask("POST", &format!("{ACTIONS}/find"), &KEN, body).await;
        assert_eq!((answer.status, answer.failure().1.as_str()), (400, "BadRequest"), "{body}");
    }
    for (method, path, status) in [
        ("GET", format!("{ACTIONS}/find"), 405),
        ("PUT", format!("{ACTIONS}/find"), 405),
        ("POST", format!("{ACTIONS}/watch"), 404),
        ("POST", format!("{ACTIONS}/bulkWrite"), 404),
        ("POST", ACTIONS.replace("v1", "beta") + "/find", 404),
        ("POST", ACTIONS.replace("shop-abcde", "nobody") + "/find", 404),
    ] {
        assert_eq!(shop.ask(method, &path, &KEN, "{}").await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn users_can_authenticate_in_several_ways() {
    let shop = Shop::new().await;
    let (ken, access) = shop.somebody(EMAIL).await;
    let key = shop.keys[0].as_str();
    let bearer = format!("Bearer {access}");
    let jwt = token(&json!({ "sub": "jo" }));
    let body = json!({ "token": jwt }).to_string();
    let path = "/api/client/v2.0/app/shop-abcde/auth/providers/custom-token/login";
    let jo = shop.ask("POST", path, &[], &body).await.good()["user_id"].as_str().unwrap().to_owned();
    let who = async |headers: &[(&str, &str)]| {
        let id = json!({ "pipeline": [{ "$group": { "_id": null, "n": { "$sum": 1 } } }] });
        shop.act(headers, "aggregate", "orders", id).await
    };
    for customer in [&ken, &jo] {
        let headers: &[(&str, &str)] = if *customer == ken { &KEN } else { &[("jwtTokenString", &jwt)] };
        shop.act(headers, "insertOne", "orders", json!({ "document": { "customer": customer } })).await.good();
    }
    for (headers, found) in [
        (vec![("Authorization", bearer.as_str())], 1),
        (KEN.to_vec(), 1),
        (vec![("jwtTokenString", jwt.as_str())], 1),
        (vec![("apiKey", key)], 0),
        (vec![("api-key", key)], 0),
        // An access token takes precedence over all other credentials.
        (vec![("Authorization", bearer.as_str()), ("apiKey", "wrong")], 1),
    ] {
        let documents = who(&headers).await.good()["documents"].clone();
        let count = documents[0]["n"].as_i64().unwrap_or(0);
        assert_eq!(count, found, "{headers:?}");
    }
    let refused = (401, "InvalidSession".to_owned(), "invalid session: error finding user for endpoint".to_owned());
    let forged = format!("{}x", &jwt[..jwt.len() - 1]);
    let newcomer = token(&json!({ "sub": "new" }));
    for headers in [
        vec![("Authorization", "Bearer x")],
        vec![("Authorization", "Bearer ")],
        vec![("Authorization", "Basic a2VuOnBhc3N3b3Jk")],
        vec![("Authorization", "Bearer x"), KEN[0], KEN[1]],
        vec![("email", EMAIL), ("password", "wrong password")],
        vec![("email", "nobody@example.com"), ("password", "password")],
        vec![("email", EMAIL), ("password", "")],
        vec![("apiKey", &key[..60])],
        vec![("apiKey", "")],
        vec![("jwtTokenString", forged.as_str())],
        vec![("jwtTokenString", newcomer.as_str())],
        vec![("jwtTokenString", access.as_str())],
        vec![("Authorization", &format!("Bearer {jwt}"))],
    ] {
        assert_eq!(who(&headers).await.failure(), refused, "{headers:?}");
    }
    let none = (400, "InvalidParameter".to_owned(), "no authentication methods were specified".to_owned());
    assert_eq!(who(&[]).await.failure(), none);
    let half = "must specify some form of authentication (either email+password, api-key, or jwt) in the request header or body";
    assert_eq!(who(&KEN[..1]).await.failure(), (400, "MissingParameter".to_owned(), half.to_owned()));
    for headers in [
        vec![("apiKey", key), KEN[0], KEN[1]],
        vec![("apiKey", key), ("api-key", "x")],
        vec![("jwtTokenString", jwt.as_str()), ("jwtTokenString", newcomer.as_str())],
        vec![("Authorization", bearer.as_str()), ("Authorization", "Bearer x")],
    ] {
        let (status, code, _) = who(&headers).await.failure();
        assert_eq!((status, code.as_str()), (400, "InvalidParameter"), "{headers:?}");
    }
}

#[tokio::test]
async fn new_users_are_created_only_where_configured() {
    let newcomer = token(&json!({ "sub": "new", "team": "red" }));
    let ways = [vec![("jwtTokenString", newcomer.as_str())], KEN.to_vec()];
    for creates in [false, true] {
        let shop = Shop::with(Changes::data_api(&json!({ "create_user_on_auth": creates }))).await;
        // The user is registered but has never logged in.
        shop.register(EMAIL).await;
        for headers in &ways {
            for _ in 0..2 {
                let status = shop.act(headers, "find", "orders", json!({})).await.status;
                assert_eq!(status, if creates { 200 } else { 401 }, "{headers:?}");
            }
        }
        let wrong = [("email", EMAIL), ("password", "wrong password")];
        assert_eq!(shop.act(&wrong, "find", "orders", json!({})).await.status, 401);
    }
}

#[tokio::test]
async fn disabled_and_deleted_users_are_refused() {
    let shop = Shop::new().await;
    let (_, access) = shop.somebody(EMAIL).await;
    let bearer = format!("Bearer {access}");
    assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.status, 200);
    let gone = shop.ask("DELETE", "/api/client/v2.0/auth/delete", &[("Authorization", &bearer)], "").await;
    assert_eq!(gone.status, 204);
    for headers in [vec![("Authorization", bearer.as_str())], KEN.to_vec()] {
        assert_eq!(shop.act(&headers, "find", "orders", json!({})).await.status, 401, "{headers:?}");
    }
}

#[tokio::test]
async fn rules_see_the_request() {
    let shop = Shop::new().await;
    shop.somebody(EMAIL).await;
    let inside = [KEN[0], KEN[1], ("X-Office", "yes")];
    let document = json!({ "document": { "_id": 1 } });
    assert_eq!(shop.act(&KEN, "insertOne", "office", document.clone()).await.status, 400);
    shop.act(&inside, "insertOne", "office", document).await.good();
    assert_eq!(shop.act(&KEN, "find", "office", json!({})).await.good(), json!({ "documents": [] }));
    assert_eq!(shop.act(&inside, "find", "office", json!({})).await.good(), json!({ "documents": [{ "_id": 1 }] }));
}

#[tokio::test]
async fn can_evaluate_is_checked_before_the_action() {
    let condition = json!({
        "%%request.requestHeaders.x-office": "yes",
        "%%request.rawQueryString": { "$in": ["", "?a=1"] },
        "%%request.action": { "$ne": "deleteMany" },
    });
    let shop = Shop::with(Changes::data_api(&json!({ "can_evaluate": condition }))).await;
    shop.somebody(EMAIL).await;
    let inside = [KEN[0], KEN[1], ("x-office", "yes")];
    let refused = |action: &str| {
        (400, "FunctionExecutionError".to_owned(), format!("rule not matched for function \"{action}\""))
    };
    assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.failure(), refused("find"));
    shop.act(&inside, "find", "orders", json!({})).await.good();
    let everything = json!({ "filter": {} });
    assert_eq!(shop.act(&inside, "deleteMany", "orders", everything).await.failure(), refused("deleteMany"));
    let path = |query: &str| format!("{ACTIONS}/find{query}");
    let body = json!({ "dataSource": "mongodb-atlas", "database": "shop", "collection": "orders" }).to_string();
    assert_eq!(shop.ask("POST", &path("?secret=x&a=1"), &inside, &body).await.status, 200);
    assert_eq!(shop.ask("POST", &path("?%73ecret=x&a=1"), &inside, &body).await.status, 200);
    assert_eq!(shop.ask("POST", &path("?a=2"), &inside, &body).await.status, 400);
    for condition in [
        json!({ "%%request.remoteIPAddress": { "$ne": "127.0.0.1" } }),
        // Reading custom data that was not fetched is an Error.
        json!({ "%%user.custom_data.blocked": { "$exists": false } }),
    ] {
        let settings = json!({ "can_evaluate": condition, "fetch_custom_user_data": false });
        let shop = Shop::with(Changes::data_api(&settings)).await;
        shop.somebody(EMAIL).await;
        assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.failure(), refused("find"), "{condition}");
    }
}

#[tokio::test]
async fn custom_data_is_available_only_where_it_is_fetched() {
    for fetched in [true, false] {
        let shop = Shop::with(Changes::data_api(&json!({ "fetch_custom_user_data": fetched }))).await;
        let (_, access) = shop.somebody(EMAIL).await;
        let bearer = format!("Bearer {access}");
        for headers in [KEN.to_vec(), vec![("Authorization", bearer.as_str())]] {
            let answer = shop.act(&headers, "find", "perks", json!({})).await;
            // Reading custom data that was not fetched is an Error, so that the rule denies.
            match fetched {
                true => assert_eq!(answer.good(), json!({ "documents": [] })),
                false => {
                    let text = "the rules need custom data of the user, which is not fetched for this request";
                    let expected = (403, "NoMatchingRuleFound".to_owned(), text.to_owned());
                    assert_eq!(answer.failure(), expected);
                }
            }
        }
    }
}

#[tokio::test]
async fn actions_can_run_as_the_system_or_as_a_user() {
    let shop = Shop::with(Changes::data_api(&json!({ "run_as_system": true }))).await;
    shop.act(&[], "insertOne", "people", json!({ "document": { "_id": 1, "user_id": "u" } })).await.good();
    let found = shop.act(&[], "find", "people", json!({})).await.good();
    assert_eq!(found, json!({ "documents": [{ "_id": 1, "user_id": "u" }] }));
    shop.act(&[], "insertOne", "anything", json!({ "document": { "_id": 1 } })).await.good();
    for id in ["0123456789abcdef01234567", "system"] {
        let shop = Shop::with(Changes::data_api(&json!({ "run_as_user_id": id }))).await;
        shop.somebody(EMAIL).await;
        let refused = (401, "InvalidSession".to_owned(), "invalid session: error finding user for endpoint".to_owned());
        assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.failure(), refused);
    }
}

#[tokio::test]
async fn password_attempts_are_limited() {
    let limited = Options { rate_limits: Some(RateLimits::default()), ..Options::default() };
    let shop = Shop::open(Changes::default(), limited).await;
    shop.somebody(EMAIL).await;
    for _ in 0..30 {
        assert_eq!(shop.act(&KEN, "find", "orders", json!({})).await.status, 200, "whoever knows it is not guessing");
    }
    let wrong = [KEN[0], ("password", "a wrong password")];
    let mut refused = Vec::new();
    for _ in 0..20 {
        refused.push(shop.act(&wrong, "find", "orders", json!({})).await);
    }
    let statuses: Vec<u16> = refused.iter().map(|answer| answer.status).collect();
    let tried = statuses.iter().filter(|status| **status == 401).count();
    assert!((1..=10).contains(&tried), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20 - tried);
    assert!(refused.last().unwrap().headers.contains_key("retry-after"));
    // Endpoints share the limit, and the user is not locked out.
    let path = format!("{ENDPOINT}/orders");
    assert_eq!(shop.ask("GET", &path, &wrong, "").await.status, 429);
    assert_eq!(shop.ask("GET", &path, &KEN, "").await.status, 200);
}

#[tokio::test]
async fn a_script_chooses_the_user_to_run_as() {
    let refused = (401, "InvalidSession".to_owned(), "invalid session: error finding user for endpoint".to_owned());
    let scripts = [
        // Depends on the request only: a script has no arguments.
        ("exports = (...parts) => context.request.requestHeaders['X-Asks'][0] + parts.join();", "ken", Some(1)),
        ("exports = async () => { await null; return { runAsSystem: true }; };", "ken", Some(2)),
        (
            "exports = () => context.runningAsSystem() && context.user.type === 'system' && { runAsSystem: true };",
            "",
            Some(2),
        ),
        ("exports = () => 'nobody';", "ken", None),
        ("exports = () => '';", "ken", None),
        ("exports = () => ({ runAsSystemUser: true });", "ken", None),
        ("exports = () => ({ runAsSystem: 1 });", "ken", None),
        ("exports = () => ({ runAsSystem: true, id: 'x' });", "ken", None),
        ("exports = () => { throw new Error('secret'); };", "ken", None),
        ("exports = () => new Promise(() => {});", "ken", None),
        ("exports = () => {", "ken", None),
        ("exports = 1;", "ken", None),
    ];
    for (script, asks, expected) in scripts {
        let settings = json!({ "run_as_user_id_script_source": script });
        let shop = Shop::with(Changes::data_api(&settings)).await;
        let is_broken = script == "exports = () => {";
        assert_eq!(shop.served.contains(&"the Data API".to_owned()), !is_broken, "{script}");
        let mut reasons = shop.refused.iter().filter(|(name, _)| name == "the Data API").map(|(_, reason)| reason);
        let starts = |reason: &String| reason.starts_with("`run_as_user_id_script_source` does not load: SyntaxError");
        assert_eq!(reasons.next().is_some_and(starts), is_broken, "{script}");
        let call = async |bearer: &str, body: Value| {
            let bearer = format!("Bearer {bearer}");
            shop.ask("POST", &format!("{SHOP}/functions/call"), &[("authorization", &bearer)], &body.to_string()).await
        };
        let (ken, bearer) = shop.somebody(EMAIL).await;
        let (eve, other) = shop.somebody("eve@example.com").await;
        for (customer, own) in [(&ken, &bearer), (&eve, &other)] {
            let order = json!({ "database": "shop", "collection": "orders", "document": { "customer": customer } });
            let body = json!({ "name": "insertOne", "service": "mongodb-atlas", "arguments": [order] });
            call(own, body).await.good();
        }
        let asks = if asks == "ken" { ken.as_str() } else { asks };
        let answer = shop.act(&[("X-Asks", asks)], "find", "orders", json!({})).await;
        match expected {
            Some(count) => {
                let found = answer.good()["documents"].as_array().unwrap().len();
                assert_eq!(found, count, "{script}");
            }
            None => assert_eq!(answer.failure(), refused, "{script}"),
        }
        // Clients cannot call the script as a function.
        let script_call = call(&bearer, json!({ "name": "data-api:run_as", "arguments": [] })).await;
        assert_eq!(script_call.failure().1, "FunctionNotFound", "{script}");
    }
}
