//! Laws that hold for all rules, users and documents: random tests, each named after the law that it checks.

mod documents;
mod expressions;
mod grants;
mod texts;

use std::path::Path;
use std::sync::Arc;

use bson::raw::CString;
use bson::{Bson, Document, RawBson, RawDocumentBuf, doc};
use portcullis::Guard;
use portcullis::eval::{Context, Documents, Errors, Evaluation, Truth, bind};
use portcullis::expr::{self, Expr};
use portcullis::policy::{RulesFile, compile};
use portcullis::predicate::{Predicate, Scope, lower};
use portcullis::testfile::{Case, GivenDocuments, Kind, TestFile};
use portcullis::text::Spanned;
use portcullis::value::ValueRef;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::agreement::with_expectation;

/// A generated file as parsed by the engine; `None` if it is rejected.
fn read(file: &Json) -> Option<TestFile> {
    let mut file = file.clone();
    let cases = file["cases"].as_array()?.iter().map(with_expectation).collect();
    file["cases"] = Json::Array(cases);
    TestFile::parse("generated.json", file.to_string().as_bytes(), Path::new(".")).ok()
}

/// The valid expressions in a file, each with the documents that it refers to.
fn expressions(file: &TestFile) -> Vec<(Spanned<Expr>, Scope, Predicate, &GivenDocuments, &Case)> {
    let cases = file.cases.iter().filter_map(|case| {
        let Kind::Expression { expression, scope, documents } = &case.kind else { return None };
        let expr = expr::parse(expression).ok()?;
        let predicate = lower(&expr, *scope).ok()?;
        Some((expr, *scope, predicate, &**documents, case))
    });
    cases.collect()
}

fn documents(given: &GivenDocuments) -> Documents<'_> {
    Documents {
        root: given.root.as_ref().map(ValueRef::from),
        prev_root: given.prev_root.as_ref().map(ValueRef::from),
        this: given.this.as_ref().map(ValueRef::from),
        prev: given.prev.as_ref().map(ValueRef::from),
    }
}

/// The context of a case, without the parts that are withheld.
fn context(file: &TestFile, case: &Case, given: &GivenDocuments, withheld: &[&str]) -> Context {
    let mut context = Context::new().with_functions(Arc::clone(&file.host()));
    let part = |name: &str| !withheld.contains(&name);
    if let (true, Some(user)) = (part("user"), &case.user) {
        context = context.with_user(user.clone());
    }
    if let (true, Some(values)) = (part("values"), case.given.values.as_ref().or(file.given.values.as_ref())) {
        context = context.with_values(values.clone());
    }
    let environment = case.given.environment.as_ref().or(file.given.environment.as_ref());
    if let (true, Some(environment)) = (part("environment"), environment) {
        context = context.with_environment(environment.clone());
    }
    if let (true, Some(request)) = (part("request"), case.given.request.as_ref().or(file.given.request.as_ref())) {
        context = context.with_request(request.clone());
    }
    if let (true, Some(args)) = (part("args"), &given.args) {
        context = context.with_args(args.clone());
    }
    if let (true, Some(partition)) = (part("partition"), &given.partition) {
        context = context.with_partition(partition.clone());
    }
    context
}

fn truth(predicate: &Predicate, given: &GivenDocuments, context: &Context) -> Truth {
    let errors = Errors::default();
    Evaluation::new(documents(given), context, &errors).truth(&bind(predicate, context))
}

/// For each case, the guard that decides and the documents it decides about.
fn guards(file: &TestFile) -> Vec<(Guard, Document, Document)> {
    let nothing = GivenDocuments::default();
    let cases = file.cases.iter().filter_map(|case| {
        let (before, after) = match &case.kind {
            Kind::Read(one) | Kind::Search(one) | Kind::Insert(one) | Kind::Delete(one) => (one.clone(), one.clone()),
            Kind::Update(before, after) => (before.clone(), after.clone()),
            _ => return None,
        };
        let rules = compile(case.rules.as_ref().or(file.rules.as_ref())?).ok()?;
        let context = context(file, case, &nothing, &[]);
        Some((Guard::new(RulesFile::effective(Some(&rules), None), context), before, after))
    });
    cases.collect()
}

fn visible(guard: &Guard, document: &Document) -> Option<Document> {
    guard.read(document).allowed().map(|visible| visible.to_document().unwrap())
}

/// The document as BSON in which every key of every document occurs a second time, with null as its value.
fn doubled(document: &Document) -> Option<RawDocumentBuf> {
    fn value(of: &Bson) -> Option<RawBson> {
        match of {
            Bson::Document(inside) => doubled(inside).map(RawBson::Document),
            Bson::Array(inside) => {
                Some(RawBson::Array(inside.iter().map(value).collect::<Option<Vec<_>>>()?.into_iter().collect()))
            }
            other => RawBson::try_from(other.clone()).ok(),
        }
    }
    let mut bytes = RawDocumentBuf::new();
    for (key, field) in document {
        bytes.append(CString::try_from(key.as_str()).ok()?, value(field)?);
    }
    for key in document.keys() {
        bytes.append(CString::try_from(key.as_str()).ok()?, RawBson::Null);
    }
    Some(bytes)
}

/// Values among which some are equal although they are written differently.
fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        (0..20_i32).prop_map(Bson::Int32),
        (0..20_i64).prop_map(Bson::Int64),
        (0..40_i32).prop_map(|half| Bson::Double(f64::from(half) / 2.0)),
        (0..20_i32).prop_map(|number| Bson::Decimal128(format!("{number}.0").parse().unwrap())),
        Just(Bson::Double(f64::NAN)),
        Just(Bson::Null),
        "[ab]{1,2}".prop_map(Bson::String),
        "[ab]{1,2}".prop_map(Bson::Symbol),
        any::<bool>().prop_map(Bson::Boolean),
        (0..3_u8).prop_map(|byte| Bson::ObjectId(bson::oid::ObjectId::from_bytes([byte; 12]))),
        (0..3_i64).prop_map(|millis| Bson::DateTime(bson::DateTime::from_millis(millis))),
        (0..3_u8).prop_map(|byte| doc! { "b": i32::from(byte) }.into()),
    ]
}
