//! Portcullis decides, per user, who may read and write which MongoDB document and which field of it, by the rules of
//! MongoDB Atlas App Services.
//!
//! A rule goes through the modules in this order:
//!
//! 1. [`json`] reads the text, with the place of everything;
//! 2. [`policy`] takes a rules file apart, with [`schema`] for its schema, and hands each expression to
//! 3. [`expr`], which reads it as written, and [`predicate`], which says what it means where it stands;
//! 4. [`eval`] binds it to the [`Context`](eval::Context) of a request, above all to the [`User`](user::User), and leaves a
//!    [`Residual`](eval::Residual) that is asked of documents, decoded or raw ([`value`], [`path`]);
//! 5. [`access`] puts these together: a [`Guard`](access::Guard) decides, with a [`Reason`](access::Reason), or says with
//!    [`query`] which documents it would let through, as a filter for MongoDB.
//!
//! [`template`] resolves expansions to values, in JSON, BSON and text.
//!
//! [`guarded`] lets a user at the collections of a [`store`](store::documents) through a guard.
//!
//! [`find`] and [`update`] read what clients of MongoDB send, as BSON, and do in memory what a server does with it.
//!
//! [`auth`] assembles users from claims and custom data, [`store`] keeps users, sessions, custom data and documents, [`app`] reads whole application directories, `lint` finds
//! rules that load but are probably not meant, [`testfile`] runs rule tests. [`text`] shows findings to people.
//!
//! Only what is [`True`](eval::Truth::True) grants. What cannot be resolved is [`Unknown`](eval::Truth::Unknown), what fails
//! is an [`Error`](eval::Truth::Error), and the negation of either is the same again.

pub mod access;
pub mod app;
pub mod auth;
pub mod eval;
pub mod expr;
pub mod find;
pub mod guarded;
pub mod json;
pub mod lint;
#[cfg(feature = "jwt")]
pub mod login;
pub mod path;
pub mod policy;
pub mod predicate;
pub mod query;
pub mod schema;
pub mod store;
pub mod template;
pub mod testfile;
pub mod text;
pub mod update;
pub mod user;
pub mod value;
mod words;

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/architecture.md")]
struct Architecture;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/benchmarks.md")]
struct Benchmarks;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/collections.md")]
struct Collections;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/decisions.md")]
struct Decisions;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/language.md")]
struct Language;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/login.md")]
struct LoginPage;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/templates.md")]
struct Templates;

/// The examples of the documentation run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/testing-rules.md")]
struct TestingRules;
