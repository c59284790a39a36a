//! Portcullis decides which users may read and write which MongoDB documents, and which fields of them, by the rules of
//! MongoDB Atlas App Services. It also resolves `%%user` and other expansions in templates.
//!
//! # A decision
//!
//! Compile a rules file once, bind it to the context of each request, and ask about documents:
//!
//! ```
//! use portcullis::{Context, Policy, User};
//!
//! let policy = Policy::parse(r#"{"roles": [{
//!     "name": "Manager", "apply_when": {"team": "%%user.custom_data.team"}, "read": true, "write": false
//! }]}"#)?;
//! let user = User::new("u1").with_custom_data(bson::doc! { "team": "red" });
//! let guard = policy.guard(Context::new().with_user(user));
//!
//! let (red, blue) = (bson::doc! { "_id": 1, "team": "red" }, bson::doc! { "_id": 2, "team": "blue" });
//! assert!(guard.read(&red).is_allowed());
//! let decision = guard.read(&blue);
//! assert_eq!(decision.reason().map(|reason| reason.to_string()).as_deref(), Some("no role applies"));
//! # Ok::<(), portcullis::RulesError>(())
//! ```
//!
//! [`Guard`] also decides on [inserts](Guard::insert), [updates](Guard::update), [deletes](Guard::delete) and
//! [searches](Guard::search), redacts raw BSON [without allocating](Guard::read_into), [explains](Guard::explain) its
//! decisions, and provides a MongoDB filter for [the documents](Guard::plan) that may be read.
//!
//! # An application
//!
//! [`App`] reads an application directory as exported from App Services and provides the guard of each collection:
//!
//! ```
//! use portcullis::{App, Context, User};
//!
//! let app = App::load("fixtures/apps/employees")?;
//! let guard = app.guard("hr.employees", Context::new().with_user(User::new("u1")))?;
//! assert!(!guard.read(&bson::doc! { "_id": 1 }).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A template
//!
//! ```
//! use portcullis::{Context, Template, User};
//!
//! let template = Template::parse(r#"{"owner": "%%user.id", "subject": "Hello %(%%user.data.name, \"you\")"}"#)?;
//! let context = Context::new().with_user(User::new("u1"));
//! assert_eq!(template.resolve(&context)?, bson::bson!({ "owner": "u1", "subject": "Hello you" }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What does not resolve does not grant
//!
//! A condition is [`True`](Truth::True), [`False`](Truth::False), [`Unknown`](Truth::Unknown) if something cannot be
//! resolved, or an [`Error`](Truth::Error) if something fails. Only `True` grants, and negating `Unknown` or an `Error`
//! does not change it. A part of the context that the host did not supply leads to an `Error` that names it.
//!
//! # Where things are
//!
//! | module | holds |
//! | --- | --- |
//! | [`access`] | decisions, their reasons, explanations, plans |
//! | [`app`] | application directories |
//! | [`policy`] | rules files, compiled |
//! | [`template`] | templates |
//! | [`guarded`] | collections behind a guard: find, aggregate, count, distinct, watch, writes |
//! | [`store`] | traits of the stores that a host provides; the package `portcullis-store` implements them |
//! | [`auth`], `login` | users from claims and custom data; tokens and sessions (feature `jwt`) |
//! | [`testfile`] | tests of rules |
//! | [`lint`](App::check) | findings about rules that load but are probably not meant |
//! | [`text`] | findings shown to people |
//!
//! The modules that make up the engine and the server, such as `expr`, `eval` and `trigger`, are public only with the
//! feature `unstable`, and may change in any release. What hosts need of them is exported here.

#![cfg_attr(
    not(feature = "unstable"),
    allow(
        dead_code,
        unused_imports,
        unreachable_pub,
        unfulfilled_lint_expectations,
        rustdoc::private_intra_doc_links,
        clippy::enum_variant_names,
        reason = "the modules of the feature `unstable` are private without it"
    )
)]

pub mod access;
#[cfg(not(feature = "unstable"))]
mod aggregation;
#[cfg(feature = "unstable")]
pub mod aggregation;
pub mod app;
pub mod auth;
mod byte_search;
mod calendar;
mod clock;
#[cfg(not(feature = "unstable"))]
mod endpoint;
#[cfg(feature = "unstable")]
pub mod endpoint;
#[cfg(not(feature = "unstable"))]
mod eval;
#[cfg(feature = "unstable")]
pub mod eval;
#[cfg(not(feature = "unstable"))]
mod expr;
#[cfg(feature = "unstable")]
pub mod expr;
mod future;
pub mod guarded;
pub mod json;
#[cfg(not(feature = "unstable"))]
mod lint;
#[cfg(feature = "unstable")]
pub mod lint;
#[cfg(feature = "jwt")]
pub mod login;
#[cfg(not(feature = "unstable"))]
mod mongo_query;
#[cfg(feature = "unstable")]
pub mod mongo_query;
#[cfg(not(feature = "unstable"))]
mod path;
#[cfg(feature = "unstable")]
pub mod path;
pub mod policy;
#[cfg(not(feature = "unstable"))]
mod predicate;
#[cfg(feature = "unstable")]
pub mod predicate;
#[cfg(not(feature = "unstable"))]
mod projection;
#[cfg(feature = "unstable")]
pub mod projection;
#[cfg(not(feature = "unstable"))]
mod query_plan;
#[cfg(feature = "unstable")]
pub mod query_plan;
#[cfg(not(feature = "unstable"))]
mod question;
#[cfg(feature = "unstable")]
pub mod question;
#[cfg(not(feature = "unstable"))]
mod schema;
#[cfg(feature = "unstable")]
pub mod schema;
pub mod store;
pub mod template;
pub mod testfile;
pub mod text;
#[cfg(not(feature = "unstable"))]
mod trigger;
#[cfg(feature = "unstable")]
pub mod trigger;
#[cfg(not(feature = "unstable"))]
mod update;
#[cfg(feature = "unstable")]
pub mod update;
mod user;
#[cfg(not(feature = "unstable"))]
mod value;
#[cfg(feature = "unstable")]
pub mod value;

pub use access::{Decision, Explanation, Guard, Operation, Reason, Visible};
pub use app::{App, LoadOptions};
/// The BSON library, whose types are part of this API.
pub use bson;
pub use clock::{Clock, SystemClock};
pub use eval::{
    Closures, Context, ContextPart, Documents, Environment, EvalError, FunctionError, Functions, PendingCall, Request,
    RequestError, Trace, TraceNode, Truth,
};
pub use expr::{Expansion, ExprErrorKind};
pub use future::BoxFuture;
pub use guarded::GuardedCollection;
pub use mongo_query::FindError;
pub use path::{FieldPath, PathError};
pub use policy::{Policy, RulesError};
pub use predicate::LowerErrorKind;
pub use projection::ProjectionError;
pub use query_plan::{Plan, Remaining};
pub use schema::Failure as SchemaFailure;
pub use template::{Escape, Missing, Template};
pub use update::UpdateError;
pub use user::{CustomData, User, UserError, UserType};
pub use value::{ArrayRef, DocumentRef, Malformed, Prepared, ValueRef};

/// Runs the examples of the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/architecture.md")]
struct Architecture;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/benchmarks.md")]
struct Benchmarks;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/collections.md")]
struct Collections;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/decisions.md")]
struct Decisions;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/language.md")]
struct Language;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/login.md")]
struct LoginPage;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/templates.md")]
struct Templates;

/// Runs the examples of this page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/testing-rules.md")]
struct TestingRules;
