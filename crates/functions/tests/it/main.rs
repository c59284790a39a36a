//! Functions, run over the embedded store under the rules of an application.

mod backend;
mod cases;
mod escapes;
mod http;
mod library;
mod limits;
mod rights;
mod styles;
mod values;
mod world;
