//! Templates: JSON, BSON or text with `%%user` expansions in it, resolved to values that keep their types.
//!
//! ```
//! use portcullis::Template;
//! use portcullis::{Context, User};
//!
//! let template = Template::parse(
//!     r#"{"owner": {"%stringToOid": "%%user.id"},
//!         "teams": "%%user.custom_data.teams",
//!         "by": "created by %(%%user.data.name, \"somebody\")"}"#,
//! )
//! .unwrap();
//! let user = User::new("65a0000000000000000000a1").with_custom_data(bson::doc! { "teams": ["red", 7] });
//! let context = Context::new().with_user(user);
//! assert_eq!(
//!     template.to_json(&context).unwrap(),
//!     r#"{"owner":{"$oid":"65a0000000000000000000a1"},"teams":["red",7],"by":"created by somebody"}"#,
//! );
//!
//! // Parts that do not resolve are an error that names all of them, never null.
//! let error = template.resolve(&Context::new()).unwrap_err();
//! assert_eq!(error.as_slice().len(), 2);
//! assert_eq!(error.as_slice()[1].pointer(), "/teams");
//! ```
//!
//! | in a template | resolves to |
//! | --- | --- |
//! | `"%%user.custom_data.age"`: a string that consists of one expansion | its value, with its BSON type |
//! | `"hello %(%%user.data.name)"`: `%(…)` inside a string or a key | its text |
//! | `"%(%%user.data.name, \"you\")"` | the text of the first alternative that resolves; the last may be a literal |
//! | `{"%stringToOid": t}`, `%oidToString`, `%stringToUuid`, `%uuidToString` | the converted value; for an array, each element is converted |
//! | `{"%default": [t, …]}` | the first alternative that resolves |
//! | `{"%function": {"name": "f", "arguments": [t, …]}}` | the result of the call |
//! | `{"%literal": v}` | `v`, in which nothing is interpreted |
//! | anything else | itself |
//!
//! Inserted values are never interpreted: a user whose name is `%%user.id` simply has that name.

mod ask;
mod configuration;
mod error;
mod escape;
mod form;
mod inputs;
mod layout;
mod layouts;
mod list;
mod literal;
mod parse;
mod partial_resolution;
mod print;
mod resolve;
mod sink;
mod straight;
#[expect(clippy::module_inception, reason = "the type that the room is named after")]
mod template;
mod text;
mod unresolved;
mod value_text;

pub use error::{TemplateError, TemplateErrorKind, TemplateErrors};
pub use escape::{Escape, Refused};
pub use inputs::Inputs;
pub use list::Asked;
pub use template::{Missing, Template};
pub use unresolved::{Failure, Reason, Unresolved};

#[cfg(not(feature = "unstable"))]
pub(crate) use configuration::{SubstitutionError, SubstitutionErrorKind, Substitutions, expand};
#[cfg(feature = "unstable")]
pub use configuration::{SubstitutionError, SubstitutionErrorKind, Substitutions, expand};
